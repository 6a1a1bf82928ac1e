"""One cell of a sweep: its picture, its measurements and its files, made in a separate process."""

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
from impasto.jobs.contents import Contents
from impasto.jobs.kinds import KINDS, OnePassSettings, as_run
from impasto.jobs.results import FAILED, Record
from impasto.jobs.spec import Cell
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
"""Longer side of the paintings beside a sweep, in pixels."""


def run(cell: Cell, folder: Path, threads: int) -> Record:
    """Make the picture of `cell` in `folder`/cells; return its record."""
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
    if cell.task in TASKS:  # tasks of the command line
        metadata = recipe(cell.task, cell.inputs, settings, writing={"threads": threads})
    write(folder / name, picture, metadata=metadata)
    style, content = _measured(cell.inputs, as_run(settings), picture)
    loss, terms = _of_picture(step)
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
        apart=one_pass.apart(cell, settings, folder, picture) if isinstance(settings, OnePassSettings) else None,
    )


def _steps(cell: Cell, settings: Any, folder: Path) -> Iterator[Step]:
    if isinstance(settings, OnePassSettings):
        return one_pass.one_pass_steps(cell, settings, folder)
    return STEPS[cell.task](*cell.inputs.values(), settings)


def failed(cell: Cell, error: str) -> Record:
    """Return the record of a failed cell."""
    return _record(cell, status=FAILED, error=error)


def _record(cell: Cell, **found: Any) -> Record:
    place, inputs, settings = dict(cell.place), dict(cell.inputs), dict(cell.settings)
    network = KINDS[cell.task].settings.from_mapping(settings).network
    return Record(cell.key, cell.index, place, cell.task, inputs, settings, network=network, **found)


def _of_picture(step: Step) -> tuple[float | None, dict[str, float]]:
    """Return loss and terms of the final picture, which need not be those of the last step.

    None for a picture that was only resized, or painted in one pass: its loss at that size is unknown.
    """
    state = step.state()
    if state.scale != step.scale:
        return None, {}
    best = state.descent["best"]
    return float(best["loss"]), dict(best["terms"])


Distances = dict[str, float]


def _measured(inputs: Mapping[str, str], settings: SynthesisSettings, picture: Tensor) -> tuple[Distances, Distances]:
    """Return distances to paintings and photo by layer, in the cell's own network at its default layers."""
    judging = replace(settings, device="cpu", precision="float32", compile=False)
    encoder, size = load_encoder(judging), (picture.shape[-2], picture.shape[-1])
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
    """Return the areas and their paintings; paintings have the picture's size and are not rotated, in every cell."""
    if isinstance(settings, StylizeSettings):
        photo = load(inputs["content"])
        found = visible_areas(read_areas(inputs["style"], settings, (), photo.size), photo.alpha)
    else:
        found = [Area("picture", read_style_images(style_shares(inputs["style"], settings.mix)))]
    alike = replace(settings, style_scale=1.0, rotations=None)
    return [area_at_size(area, size, alike, torch.device("cpu")) for area in found]


def _paintings(inputs: Mapping[str, str], settings: SynthesisSettings, folder: Path) -> dict[str, str]:
    """Write all paintings of the cell, of mixtures and regions too, each once; return them by name."""
    if not isinstance(settings, PaintingSettings):
        return {}
    sources = [source for source, _ in style_shares(inputs["style"], settings.mix)]
    if isinstance(settings, StylizeSettings):
        sources += [parse_region(text).style for text in settings.region]
    return {str(source): _small(str(source), folder) for source in sources}


def _small(source: str, folder: Path) -> str:
    name = f"cells/painting-{_named('', source, {'side': THUMBNAIL})}.png"
    if not (folder / name).exists():
        write(folder / name, reduced(load(source), THUMBNAIL).pixels)
    return name


def _original(cell: Cell, settings: Any, folder: Path, step: Step) -> str:
    """Write the original of the picture at its size: the photo as the network gets it, or the painting of a texture.
    Cells that share it write it once."""
    source, photo = cell.inputs.get("content") or cell.inputs["style"], None
    about: dict[str, Any] = {"size": list(step.size)}
    if isinstance(settings, OnePassSettings):
        photo, about = one_pass.shown(cell, settings), about | {"contrast": settings.contrast, "light": settings.light}
    name = f"cells/original-{_named(cell.task, source, about)}.png"
    if not (folder / name).exists():
        write(folder / name, resized(load(source), step.size).pixels if photo is None else photo)
    return name


def _named(task: str, source: str, about: Mapping[str, Any]) -> str:
    """Return the name of a picture that cells share: a hash of its pixels."""
    return Cell(0, {}, task, {"of": source}, about, contents=Contents().of(source)).work
