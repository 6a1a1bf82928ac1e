"""The computation of one cell of a sweep, in a separate process: picture, measurements and files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import Size, load, reduced, resized, write
from impasto.jobs import one_pass
from impasto.jobs.expansion import Cell, Contents
from impasto.jobs.kinds import KINDS, OnePassSettings, as_run
from impasto.jobs.results import FAILED, Record
from impasto.settings.recipe import TASKS, recipe
from impasto.settings.synthesis import PaintingSettings, StylizeSettings, SynthesisSettings
from impasto.synthesis import Step
from impasto.tasks.compare import areas_distance, content_distance
from impasto.tasks.registry import STEPS
from impasto.tasks.run.device import load_encoder
from impasto.tasks.scene.areas import Area, area_at_size, read_areas, read_style_images, visible_areas
from impasto.tasks.scene.regions import parse_region, style_shares
from impasto.tasks.tiling.memory import reached

THUMBNAIL = 256
"""Longer side of the pictures of paintings on the page, in pixels."""


def run(cell: Cell, folder: Path, threads: int) -> Record:
    """Compute the picture of `cell`, write it to `folder`/cells, and return its record.

    Raises UsageError for inputs and settings that do not suit the task, ImpastoError for files that cannot be written.
    """
    torch.set_num_threads(threads)
    settings = KINDS[cell.task].settings.from_mapping(cell.settings)
    began, losses, scales, step = time.perf_counter(), list[tuple[int, float]](), list[int](), None
    for step in _steps(cell, settings, folder):
        if step.scale > 1 + len(scales) and losses and step.index > losses[-1][0]:
            scales.append(step.index)
        losses.append((step.index, step.loss))
    if step is None:
        raise RuntimeError("the run made no step")
    picture = step.image()
    seconds = time.perf_counter() - began
    name = f"cells/{cell.key}.png"
    metadata = None
    if cell.task in TASKS:  # the other tasks have no recipe
        metadata = recipe(cell.task, cell.inputs, settings, writing={"threads": threads})
    write(folder / name, picture, metadata=metadata)
    style, content = _distances(cell.inputs, as_run(settings), picture)
    loss, terms = _picture_loss(step)
    return _record(
        cell,
        picture=name,
        original=_original(cell, settings, folder, step),
        paintings=_paintings(cell.inputs, as_run(settings), folder),
        width=step.size[1],
        height=step.size[0],
        steps=step.index,
        seconds=round(seconds, 3),
        peak_mb=round(reached() / 1e6, 1),
        losses=losses,
        scales=scales,
        loss=loss,
        terms=terms,
        style=style,
        content=content,
        apart=one_pass.difference_to_unchanged(cell, settings, folder, picture)
        if isinstance(settings, OnePassSettings)
        else None,
    )


def _steps(cell: Cell, settings: Any, folder: Path) -> Iterator[Step]:
    """Return the steps of the task of the cell."""
    if isinstance(settings, OnePassSettings):
        return one_pass.one_pass_steps(cell, settings, folder)
    return STEPS[cell.task](*cell.inputs.values(), settings)


def failed(cell: Cell, error: str) -> Record:
    """Return the record of a failed cell."""
    return _record(cell, status=FAILED, error=error)


def _record(cell: Cell, **results: Any) -> Record:
    """Return the record of the cell with these results."""
    place, inputs, settings = dict(cell.place), dict(cell.inputs), dict(cell.settings)
    network = KINDS[cell.task].settings.from_mapping(settings).network
    return Record(cell.key, cell.index, place, cell.task, inputs, settings, network=network, **results)


def _picture_loss(step: Step) -> tuple[float | None, dict[str, float]]:
    """Return the loss and the terms of the final picture, which may be those of an earlier step.

    The loss is None for a picture that was only resized or is from one pass: its loss at this size is unknown.
    """
    state = step.state()
    if state.scale != step.scale:
        return None, {}
    best = state.descent["best"]
    return float(best["loss"]), dict(best["terms"])


Distances = dict[str, float]


def _distances(inputs: Mapping[str, str], settings: SynthesisSettings, picture: Tensor) -> tuple[Distances, Distances]:
    """Return the distances to paintings and to the photo by layer, with the network of the cell at default layers."""
    measuring = replace(settings, device="cpu", precision="float32", compile=False)
    encoder, size = load_encoder(measuring), (picture.shape[-2], picture.shape[-1])
    style, content = Distances(), Distances()
    if min(size) < encoder.smallest((*encoder.default_style, *encoder.default_content)):
        return style, content
    if isinstance(settings, PaintingSettings):
        with suppress(UsageError):  # an area may be too small for these layers
            style = areas_distance(encoder, picture, _areas(inputs, settings, size), encoder.default_style)
    if "content" in inputs:
        photo = resized(load(inputs["content"]), size)
        content = content_distance(encoder, picture, photo.pixels, encoder.default_content, mask=photo.alpha)
    return style, content


def _areas(inputs: Mapping[str, str], settings: PaintingSettings, size: Size) -> list[Area]:
    """Return the areas with their paintings at the size of the picture, without rotations, whatever the settings."""
    if isinstance(settings, StylizeSettings):
        photo = load(inputs["content"])
        areas = visible_areas(read_areas(inputs["style"], settings, (), photo.size), photo.alpha)
    else:
        areas = [Area("picture", read_style_images(style_shares(inputs["style"], settings.mix)))]
    plain = replace(settings, style_scale=1.0, rotations=None)
    return [area_at_size(area, size, plain, torch.device("cpu")) for area in areas]


def _paintings(inputs: Mapping[str, str], settings: SynthesisSettings, folder: Path) -> dict[str, str]:
    """Write the paintings of the cell, also of mixtures and regions, each once; return their paths by name."""
    if not isinstance(settings, PaintingSettings):
        return {}
    sources = [source for source, _ in style_shares(inputs["style"], settings.mix)]
    if isinstance(settings, StylizeSettings):
        sources += [parse_region(text).style for text in settings.region]
    return {str(source): _write_painting(str(source), folder) for source in sources}


def _write_painting(source: str, folder: Path) -> str:
    """Write a small copy of a painting, unless it exists; return its path in the folder."""
    name = f"cells/painting-{_shared_name('', source, {'side': THUMBNAIL})}.png"
    if not (folder / name).exists():
        write(folder / name, reduced(load(source), THUMBNAIL).pixels)
    return name


def _original(cell: Cell, settings: Any, folder: Path, step: Step) -> str:
    """Write the original at the size of the picture, unless it exists; return its path in the folder.

    The original is the input of the network, or the painting of a texture. Cells may share it.
    """
    source, photo = cell.inputs.get("content") or cell.inputs["style"], None
    facts: dict[str, Any] = {"size": list(step.size)}
    if isinstance(settings, OnePassSettings):
        photo = one_pass.network_input(cell, settings)
        facts |= {"contrast": settings.contrast, "light": settings.light}
    name = f"cells/original-{_shared_name(cell.task, source, facts)}.png"
    if not (folder / name).exists():
        write(folder / name, resized(load(source), step.size).pixels if photo is None else photo)
    return name


def _shared_name(task: str, source: str, facts: Mapping[str, Any]) -> str:
    """Return the name of a picture that cells share: a hash of its file and of the facts."""
    return Cell(0, {}, task, {"of": source}, facts, contents=Contents().of(source)).work
