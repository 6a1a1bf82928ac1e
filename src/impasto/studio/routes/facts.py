"""Facts: limits, samples, styles, presets and the fields of forms."""

from __future__ import annotations

import torch
from fastapi import APIRouter

from impasto.image import bundled
from impasto.settings.presets import PRESETS
from impasto.settings.recipe import TASKS
from impasto.studio.forms import FORMS, fields_of
from impasto.studio.routes.common import ERRORS, Here
from impasto.studio.schemas import (
    AboutAnswer,
    FieldAnswer,
    Limits,
    PresetAnswer,
    SamplesAnswer,
    StyleAnswer,
)
from impasto.studio.sweeping import can_sweep
from impasto.studio.work import style_titles
from impasto.tasks.tiling.memory import free_memory, parse_memory
from impasto.version import __version__

router = APIRouter(tags=["facts"], responses=ERRORS)


@router.get("/about")
async def about(studio: Here) -> AboutAnswer:
    """Return the version, the device and the limits of this studio."""
    settings = studio.settings
    limits = Limits(
        body_bytes=settings.body_mb * 1_000_000,
        pixels=settings.megapixels * 1_000_000,
        side=settings.side,
        queued_each=settings.queue_each,
        queued_all=settings.queue,
        store_bytes=settings.store_gb * 1e9,
        age_seconds=settings.hours * 3600,
    )
    memory = parse_memory(settings.memory) if settings.memory else free_memory(torch.device("cpu"))
    return AboutAnswer(
        version=__version__,
        device=settings.device,
        memory_bytes=memory if memory < 1e15 else 0.0,
        limits=limits,
        password=studio.has_password,
        sweeps=can_sweep(),
    )


@router.get("/samples")
async def samples() -> SamplesAnswer:
    """Return the names of the bundled photos and paintings."""
    pictures = bundled()
    photos = [name for name, sample in pictures.items() if sample.kind == "photo"]
    return SamplesAnswer(photos=photos, paintings=[name for name in pictures if pictures[name].kind == "painting"])


@router.get("/styles")
async def styles() -> list[StyleAnswer]:
    """Return the styles of one pass."""
    return [StyleAnswer(name=name, title=title) for name, title in style_titles().items()]


@router.get("/forms")
async def forms() -> dict[str, list[FieldAnswer]]:
    """Return the settings of each task as fields of a form."""
    return {task: fields_of(task) for task in FORMS}


@router.get("/presets")
async def presets() -> list[PresetAnswer]:
    """Return the presets: settings of papers and courses by task."""
    return [
        PresetAnswer(
            name=name,
            about=preset.about,
            tasks={task: dict(settings) for task in TASKS if (settings := getattr(preset, task, None))},
        )
        for name, preset in PRESETS.items()
    ]
