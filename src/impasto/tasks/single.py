"""The way of tasks that have one model: a photo's features, or the texture of a painting or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from impasto.encoders import Encoder
from impasto.losses import Term
from impasto.settings.synthesis import ReconstructSettings, TextureSettings
from impasto.synthesis import Evaluate
from impasto.tasks.alterations import alterations
from impasto.tasks.common import Size, check_room, dice_of, room_of, starting_point
from impasto.tasks.evaluator import evaluation
from impasto.tasks.inputs import opener
from impasto.tasks.job import Job
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import Layers
from impasto.tasks.objective.terms import prior_terms
from impasto.tasks.tiling.team import Team

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
