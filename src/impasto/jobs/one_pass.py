"""The task `one-pass` of a sweep: train a small network for a painting, then paint the photo in one pass.

Cells that differ only in the input of the network share it: it is in `networks` in the folder of the sweep, under a
name made of everything that it depends on, as one file with the losses of its training, written atomically.
`impasto apply --network FILE` accepts this file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from impasto.image import bundled, fitted_size, load, resized, write
from impasto.jobs.kinds import OnePassSettings
from impasto.jobs.spec import Cell
from impasto.networks import describe, save
from impasto.networks import load as load_network
from impasto.synthesis import State, Step
from impasto.tasks.apply import painter
from impasto.tasks.training.style import train_style_steps

FOLDER = "networks"

STYLE = "painting"
"""Name of the network's only style."""

COLOURS = "colours"
"""Name of the loss of steps that only learn colours."""


def one_pass_steps(cell: Cell, settings: OnePassSettings, folder: Path) -> Iterator[Step]:
    """Yield the steps of the training, from now or from the file; `step.image()` is the photo as the network paints it.

    Initial steps that only learn colours have other losses and are a separate scale. The loss of the picture is
    unknown: losses of steps are those of crops of photos.
    """
    began = time.perf_counter()
    path, photo = trained(cell, settings, folder), shown(cell, settings)
    losses = describe(path)["provenance"]["losses"]
    first = sum(COLOURS in terms for _, terms in losses)
    for index, (loss, terms) in enumerate(losses, 1):
        yield Step(
            index=index,
            total=len(losses),
            scale=1 + (index > first > 0),
            scales=1 + (first > 0),
            size=(photo.shape[-2], photo.shape[-1]),
            loss=loss,
            terms=terms,
            seconds=time.perf_counter() - began,
            notice="",
            image=lambda: _painted(path, photo),
            state=lambda: State(0, 0, len(losses), 0.0, {}),
        )


def trained(cell: Cell, settings: OnePassSettings, folder: Path) -> Path:
    """Return the file of the network of the cell in the `folder` of its sweep; train it first if it is missing.

    A killed training starts anew. Of two processes that train the same network the later file stays.
    """
    path = folder / FOLDER / f"{cell.network}.safetensors"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as made:
        out, photos = Path(made) / path.name, settings.photos or _bundled(Path(made) / "photos")
        steps = train_style_steps(photos, {STYLE: cell.inputs["style"]}, settings.training(), out=out)
        losses = [(step.loss, dict(step.terms)) for step in steps]
        save(load_network(out), path, {**describe(out)["provenance"], "losses": losses})
    return path


def shown(cell: Cell, settings: OnePassSettings) -> Tensor:
    """Return the input of the network, the photo `(1, 3, H, W)`, rounded to 255 levels as in a file."""
    picture = load(cell.inputs["content"])
    photo = resized(picture, fitted_size(picture.size, settings.shown)).pixels
    changed = 0.5 + settings.contrast * (photo.clamp(0, 1) - 0.5) + settings.light
    return (changed.clamp(0, 1) * 255).round() / 255


def apart(cell: Cell, settings: OnePassSettings, folder: Path, picture: Tensor) -> float | None:
    """Return the mean absolute difference, in levels of 255, to the network's picture of the unchanged photo; None for
    that picture itself."""
    plain = replace(settings, contrast=1.0, light=0.0)
    if plain == settings:
        return None
    other = _painted(trained(cell, settings, folder), shown(cell, plain))
    return 255 * float((picture - other).abs().mean())


def _painted(path: Path, photo: Tensor) -> Tensor:
    return painter(load_network(path))(photo)


def _bundled(folder: Path) -> Path:
    """Return a folder with the photos of the package as files."""
    folder.mkdir()
    for name, sample in bundled().items():
        if sample.kind == "photo":
            write(folder / f"{name}.png", load(f"sample:{name}").pixels)
    return folder
