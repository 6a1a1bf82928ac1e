"""One cell of a sweep, in a process of its own: made, measured, written."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.image import fit, load, resize, write
from impasto.jobs.results import FAILED, Record
from impasto.jobs.spec import Cell
from impasto.synthesis import Step
from impasto.tasks.common import load_encoder
from impasto.tasks.compare import content_distance, style_distance
from impasto.tasks.options import SynthesisSettings
from impasto.tasks.recipe import TASKS, recipe, steps_of


def run(cell: Cell, folder: Path, threads: int) -> Record:
    """Make the picture of `cell` in `folder`/cells, with what there is to know about it."""
    torch.set_num_threads(threads)
    settings: SynthesisSettings = TASKS[cell.task].settings.from_mapping(cell.settings)
    began, losses, step = time.perf_counter(), [], None
    for step in steps_of(cell.task)(*cell.inputs.values(), settings):
        losses.append((step.index, step.loss))
    if step is None:
        raise RuntimeError("the run made no step")
    seconds = time.perf_counter() - began
    picture = step.image()
    name = f"cells/{cell.key}.png"
    write(folder / name, picture, metadata=recipe(cell.task, cell.inputs, settings))
    style, content = _measured(cell.inputs, settings, picture)
    return _record(
        cell,
        picture=name,
        original=_original(cell, folder, step),
        width=step.size[1],
        height=step.size[0],
        steps=step.index,
        seconds=round(seconds, 3),
        peak_mb=round(_peak(), 1),
        losses=losses,
        terms=dict(step.terms),
        style=style,
        content=content,
    )


def failed(cell: Cell, error: str) -> Record:
    """The record of a cell that came to nothing."""
    return _record(cell, status=FAILED, error=error)


def _record(cell: Cell, **found: Any) -> Record:
    place, inputs, settings = dict(cell.place), dict(cell.inputs), dict(cell.settings)
    return Record(cell.key, cell.index, place, cell.task, inputs, settings, **found)


Distances = dict[str, float]


def _measured(inputs: Mapping[str, str], settings: SynthesisSettings, picture: Tensor) -> tuple[Distances, Distances]:
    """Distances to painting and photo by layer, as the cell's own network sees them at its default layers."""
    encoder, size = load_encoder(settings).cpu(), (picture.shape[-2], picture.shape[-1])
    style, content = Distances(), Distances()
    if min(size) < encoder.smallest((*encoder.default_style, *encoder.default_content)):
        return style, content
    if "style" in inputs:
        painting = fit(load(inputs["style"]).pixels, max(size)).clamp(0, 1)
        style = style_distance(encoder, picture, painting, encoder.default_style)
    if "content" in inputs:
        photo = resize(load(inputs["content"]).pixels, size).clamp(0, 1)
        content = content_distance(encoder, picture, photo, encoder.default_content)
    return style, content


def _original(cell: Cell, folder: Path, step: Step) -> str:
    """The photo, or the painting of a texture, at the size of the result: written once, whoever comes first."""
    source = cell.inputs.get("content") or cell.inputs["style"]
    name = f"cells/original-{Cell(0, {}, cell.task, {'of': source}, {'size': list(step.size)}).work}.png"
    if not (folder / name).exists():
        write(folder / name, resize(load(source).pixels, step.size).clamp(0, 1))
    return name


def _peak() -> float:
    """The largest memory that this process had, in MB."""
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
