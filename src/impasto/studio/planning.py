"""Size, time and memory of a run, before it begins."""

from __future__ import annotations

from impasto.errors import UsageError
from impasto.image import fitted_size, load
from impasto.jobs.estimate import peak, seconds
from impasto.networks import tiled
from impasto.settings.editing import ApplySettings
from impasto.settings.synthesis import SynthesisSettings
from impasto.studio.networks import Networks
from impasto.studio.painting import job_of
from impasto.studio.schemas import PlanAnswer, SizeAnswer
from impasto.studio.work import Work
from impasto.tasks.apply import TRANSPORT_TILE_BYTES
from impasto.tasks.tiling.memory import resident

IMAGES = 5
"""Images of a pass in memory beside the tile: photo, margin, result, and copies for writing."""

AT_ONCE = 0.5
"""Seconds to read and to write a picture without steps."""


def plan_of(work: Work, networks: Networks, side: int) -> PlanAnswer:
    """Return the plan of a run; `side` is the longest side of a result, in pixels.

    Raises UsageError for pictures and settings that are not possible, but not for a lack of memory: then `fits` is
    False, and `why` says what to change.
    """
    if isinstance(work.settings, SynthesisSettings):
        return _with_steps(work, side)
    assert work.content is not None
    height, width = load(work.content).size
    if isinstance(work.settings, ApplySettings):
        longer = work.settings.size or max(height, width)
        height, width = fitted_size((height, width), longer)
    pixels, cost = height * width, 0.0
    if isinstance(work.settings, ApplySettings):
        network = networks.painter(work.styles, work.settings, work.regions).network
        cost = min(pixels * tiled.cost(network), 2 * TRANSPORT_TILE_BYTES)  # type: ignore[arg-type]
    why = _too_large(height, width, side)
    return PlanAnswer(
        width=width,
        height=height,
        steps=0,
        seconds=AT_ONCE + networks.pace * pixels,
        peak_bytes=resident() + cost + 12 * IMAGES * pixels,
        fits=why is None,
        why=why,
        sizes=[],
        notices=[],
    )


def _with_steps(work: Work, side: int) -> PlanAnswer:
    job = job_of(work)
    height, width = job.full
    why, sizes, memory, time = _too_large(height, width, side), [], 0.0, 0.0
    try:
        sizes = [
            SizeAnswer(width=planned.size[1], height=planned.size[0], steps=planned.steps) for planned in job.plan()
        ]
        memory, time = peak(job), seconds(job)
    except UsageError as error:
        why = why or str(error)
    return PlanAnswer(
        width=width,
        height=height,
        steps=sum(size.steps for size in sizes),
        seconds=time,
        peak_bytes=memory,
        fits=why is None,
        why=why,
        sizes=sizes,
        notices=list(job.notices),
    )


def _too_large(height: int, width: int, side: int) -> str | None:
    if max(height, width) <= side:
        return None
    return f"{width}x{height} is too large here; this studio makes pictures of at most {side} pixels a side"
