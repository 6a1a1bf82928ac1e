"""The task `one-pass` of a sweep: train a network for a painting, then paint the photo in one pass.

Cells that differ only in the input of the network share the network. It is a file in `networks` in the folder of the
sweep, written atomically, with the losses of its training. The name is a hash of everything that affects the training.
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
from impasto.jobs.expansion import Cell
from impasto.jobs.kinds import OnePassSettings
from impasto.networks import describe, save
from impasto.networks import load as load_network
from impasto.synthesis import State, Step
from impasto.tasks.apply import painter
from impasto.tasks.training.style import train_style_steps

FOLDER = "networks"
"""Folder of the networks, in the folder of the sweep."""

STYLE = "painting"
"""Name of the only style of a network."""

COLOURS = "colours"
"""Name of the colour loss, the only loss of the first steps."""


def one_pass_steps(cell: Cell, settings: OnePassSettings, folder: Path) -> Iterator[Step]:
    """Yield the steps of the training, from its file if it exists; `step.image()` is the result of the network.

    The first steps, which only learn colours, have another loss and are a separate scale. The loss of the result is
    unknown: the losses of steps are those of crops of photos.
    """
    start = time.perf_counter()
    path, photo = network_file(cell, settings, folder), network_input(cell, settings)
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
            seconds=time.perf_counter() - start,
            notice="",
            image=lambda: _result(path, photo),
            state=lambda: State(0, 0, len(losses), 0.0, {}),
        )


def network_file(cell: Cell, settings: OnePassSettings, folder: Path) -> Path:
    """Return the file of the cell's network in the `folder` of the sweep, after its training if there is no file.

    A killed training starts again. If two processes train the same network, the later file replaces the other.
    """
    path = folder / FOLDER / f"{cell.network}.safetensors"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        out, photos = Path(temporary) / path.name, settings.photos or _bundled(Path(temporary) / "photos")
        steps = train_style_steps(photos, {STYLE: cell.inputs["style"]}, settings.training(), out=out)
        losses = [(step.loss, dict(step.terms)) for step in steps]
        save(load_network(out), path, {**describe(out)["provenance"], "losses": losses})
    return path


def network_input(cell: Cell, settings: OnePassSettings) -> Tensor:
    """Return the input of the network, the photo `(1, 3, H, W)` in [0, 1], rounded to 255 levels as in a file."""
    picture = load(cell.inputs["content"])
    photo = resized(picture, fitted_size(picture.size, settings.shown)).pixels
    result = 0.5 + settings.contrast * (photo.clamp(0, 1) - 0.5) + settings.light
    return (result.clamp(0, 1) * 255).round() / 255


def difference_to_unchanged(cell: Cell, settings: OnePassSettings, folder: Path, picture: Tensor) -> float | None:
    """Return the mean absolute difference, in levels of 255, to the network's result for the unchanged photo.

    None if contrast and light do not change the photo.
    """
    plain = replace(settings, contrast=1.0, light=0.0)
    if plain == settings:
        return None
    other = _result(network_file(cell, settings, folder), network_input(cell, plain))
    return 255 * float((picture - other).abs().mean())


def _result(path: Path, photo: Tensor) -> Tensor:
    return painter(load_network(path))(photo)


def _bundled(folder: Path) -> Path:
    """Write the photos of the package as files to a new folder, and return the folder."""
    folder.mkdir()
    for name, sample in bundled().items():
        if sample.kind == "photo":
            write(folder / f"{name}.png", load(f"sample:{name}").pixels)
    return folder
