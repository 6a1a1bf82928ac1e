"""How a run is built: its memory, and all of it for the tasks with one model, a photo's features or a texture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from impasto.encoders import Encoder
from impasto.losses import Term
from impasto.settings.synthesis import ReconstructSettings, SynthesisSettings, TextureSettings
from impasto.synthesis import Evaluate
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import Layers
from impasto.tasks.objective.terms import prior_terms
from impasto.tasks.run.alterations import alterations
from impasto.tasks.run.device import device_of
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.run.inputs import opener
from impasto.tasks.run.memory_plan import Room
from impasto.tasks.run.run import Job
from impasto.tasks.run.schedule import Size, check_room, dice_of, endless, optimizer_of, schedule
from impasto.tasks.run.start import starting_point
from impasto.tasks.tiling.memory import limits, outside
from impasto.tasks.tiling.team import Team

MODEST = 1.45e9
"""Bytes for each megapixel that a run with `lite` takes on a CPU beside the process itself, unless it is told how many:
with the process 1.8 GB at 1024x1024. A laptop has other work, too. As a whole such a run took 2.3 GB, and a sixth less
time."""

Model = Callable[[Context, Size, Layers, torch.device], tuple[list[Term], list[Tensor]]]
"""Terms of one size, and the pictures whose variation counts as natural."""


def single_job(  # noqa: PLR0917 (what a task is made of)
    settings: ReconstructSettings | TextureSettings,
    encoder: Encoder,
    layers: Layers,
    full: Size,
    model: Model,
    starts: Mapping[str, Callable[[], Tensor]],
    *,
    stochastic: bool,
    team: Team | None = None,
    asked: Size | None = None,
    painting: Size | None = None,
) -> Job:
    """A picture of size `full`, optimised against the terms of the `model`, at `layers`.

    `asked`: the size that the settings ask for, if that is another one; `painting`: that of the start "painting".
    """
    check_room(encoder, layers, full, "result")

    kept = () if isinstance(settings, TextureSettings) else layers
    room = room_of(settings, encoder, layers, kept, full=full, draws=stochastic)
    room = room.of(team or Team(), asked=settings.memory is not None)

    def prepare(size: Size) -> Evaluate:
        dice, normalize = dice_of(settings, stochastic), settings.normalize_gradients
        context = room.context(Context(encoder, dice, normalize=normalize), size)
        terms, models = model(context, size, layers, room.home(size))
        return evaluation(context, terms + prior_terms(settings, models))

    start = starting_point(settings.init, starts, full, settings.seed, opener(settings, max(full)), asked=asked)
    notices = alterations(
        settings, full, asked, painting if settings.init == "painting" else None, least=encoder.smallest(layers)
    )
    return Job(settings, full, start, prepare, room, stochastic, notices=notices)


def room_of(
    settings: SynthesisSettings,
    encoder: Encoder,
    layers: Iterable[str],
    kept: Iterable[str],
    *,
    full: Size,
    draws: bool,
) -> Room:
    """The memory of a run up to `full` size that looks at `layers`, and keeps the features of `kept`.

    `draws`: it is stochastic.
    """
    total, base = limits(settings, device_of(settings))
    if settings.memory is None and settings.network == "lite" and device_of(settings).type == "cpu":
        total = min(total, base + MODEST * max(1.0, full[0] * full[1] / 2**20))
    return Room(
        total,
        base,
        encoder,
        frozenset(layers),
        frozenset(kept),
        optimizer_of(settings, draws),
        # The network of a picture without end sees no parts of it.
        0 if endless(settings) else settings.tile,
        settings.scratch,
        tuple(schedule(settings, full, encoder.smallest(layers))),
        outside=outside(device_of(settings)),
    )
