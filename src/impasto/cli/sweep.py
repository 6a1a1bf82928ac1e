"""`impasto sweep`: a grid of pictures, and the page that shows them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from impasto.cli.failures import Interrupted
from impasto.cli.options import read_settings
from impasto.cli.table import show_rows
from impasto.errors import ImpastoError, UsageError, choose
from impasto.jobs.spec import Sweep, built_in, changed, from_mapping


def show() -> None:
    """A line a built-in sweep: its name, and its title."""
    show_rows([(name, from_mapping(read_settings(str(path)), path.parent).title) for name, path in built_in().items()])


def read(spec: str, contents: Sequence[str], styles: Sequence[str], sets: Sequence[str]) -> tuple[str, Sweep]:
    """The name and the sweep of a file, or of a built-in spec, with other inputs and settings where they are given."""
    given = spec.endswith((".toml", ".json"))
    path = Path(spec) if given else choose(built_in(), spec, "sweep")
    sweep = from_mapping(read_settings(str(path)), path.parent)
    inputs = {name: _one(files) for name, files in (("content", contents), ("style", styles)) if files}
    for name in [name for name in inputs if name not in sweep.inputs]:
        raise UsageError(f"this sweep takes no {name}; its inputs: {', '.join(sweep.inputs) or 'those of its cases'}")
    return path.stem, changed(sweep, inputs, dict(_setting(text) for text in sets))


def run(name: str, sweep: Sweep, output: str | None, workers: int | None, quiet: bool) -> None:
    """Make what is missing of the sweep, tell of every cell, and write the page."""
    from impasto.jobs.contact import write_sheet  # noqa: PLC0415
    from impasto.jobs.report import write_page  # noqa: PLC0415
    from impasto.jobs.sweep import run_sweep  # noqa: PLC0415
    from impasto.jobs.table import write_table  # noqa: PLC0415

    folder, failed, progress = Path(output or f"{name}-sweep"), 0, None
    try:
        for progress in run_sweep(sweep, folder, workers=workers):
            record = progress.record
            failed += record.status != "done"
            if not quiet and not progress.known:
                where = "  ".join(f"{axis} {label}" for axis, label in record.place.items())
                told = record.error if record.status != "done" else f"{record.seconds:.1f} s"
                sys.stderr.write(f"cell {progress.done}/{progress.total}  {where}  {told}\n")
    except KeyboardInterrupt as error:
        done = f"{progress.done} of {progress.total} cells are" if progress else "nothing is"
        raise Interrupted(f"stopped; {done} in {folder}, and the same command goes on from there") from error
    pages = [write(folder) for write in (write_page, write_table, write_sheet)]
    if not quiet:
        sys.stderr.write(f"wrote {', '.join(str(page) for page in pages)}\n")
    if failed:
        raise ImpastoError(f"{failed} of {progress.total if progress else 0} cells failed; the page shows why")


def _one(files: Sequence[str]) -> Any:
    return files[0] if len(files) == 1 else list(files)


def _setting(text: str) -> tuple[str, Any]:
    """`name=value`, the value as JSON where it is that (8, 0.5, true, [1, 2]), else as text."""
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"--set takes NAME=VALUE, not '{text}'")
    try:
        return name.strip().replace("-", "_"), json.loads(value)
    except ValueError:
        return name.strip().replace("-", "_"), value
