"""Lists on standard output: `impasto presets`, `impasto losses`, `impasto samples`.

A list imports its modules when it is printed: presets do not wait for torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import typer


def show_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with aligned columns; the same in a terminal and in a pipe.

    >>> show_rows([("PSNR", "31.20 dB"), ("SSIM", "0.9412")])
    PSNR  31.20 dB
    SSIM  0.9412
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show_presets() -> None:
    """Print a line for each preset: name, tasks, description."""
    from impasto.settings.presets import PRESETS  # noqa: PLC0415
    from impasto.settings.recipe import TASKS  # noqa: PLC0415

    rows = []
    for name, preset in PRESETS.items():
        tasks = ",".join(task for task in TASKS if getattr(preset, task, None))
        rows.append((name, tasks, preset.about))
    show_rows(rows)


def show_samples() -> None:
    """Print a line for each sample: the name for other commands, the kind, the description."""
    from impasto.image import bundled  # noqa: PLC0415

    show_rows([(f"sample:{name}", sample.kind, sample.about) for name, sample in bundled().items()])


def write_samples(folder: str) -> None:
    """Write all samples to a folder, and print the paths; existing files stay."""
    from impasto.image import write_samples as write  # noqa: PLC0415

    for path in write(folder):
        typer.echo(str(path))


def show_losses() -> None:
    """Print a line for each loss: kind, name with settings, and the first sentence of the description."""
    from impasto.losses import CONTENT_LOSSES, STYLE_LOSSES  # noqa: PLC0415

    rows = [("style", *_about(name, factory)) for name, factory in STYLE_LOSSES.items()]
    show_rows(rows + [("content", *_about(name, factory)) for name, factory in CONTENT_LOSSES.items()])


def _about(name: str, factory: Callable[..., Any]) -> tuple[str, str]:
    settings = [
        f"{p.name}={p.default}" for p in inspect.signature(factory).parameters.values() if p.default is not None
    ]
    first = " ".join((factory.__doc__ or "").split("\n\n")[0].split()).removeprefix("Return the loss of ")
    return f"{name}({', '.join(settings)})" if settings else name, first[:1].upper() + first[1:]
