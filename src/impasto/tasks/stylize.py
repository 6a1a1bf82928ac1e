"""The main job: a photograph, painted the way of a painting (Gatys, Ecker and Bethge 2016)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

from torch import Tensor

from impasto.encoders import Encoder
from impasto.image import Picture, Source, fitted_size
from impasto.losses import Term
from impasto.settings.synthesis import StylizeSettings
from impasto.synthesis import Evaluate, State, Step
from impasto.tasks.objective import coloring
from impasto.tasks.objective.areas import Area, at, canvas_of, visible
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import parse_layers
from impasto.tasks.objective.matching import SIDE, matched
from impasto.tasks.objective.parse_losses import content_layers as layers_of_content
from impasto.tasks.objective.parse_losses import content_losses, layers_of, style_losses
from impasto.tasks.objective.regions import Region, Style
from impasto.tasks.objective.scaling import areas_at, painting_size
from impasto.tasks.objective.style import default_layers, style_terms
from impasto.tasks.objective.terms import blotch_terms, content_terms, laplacian_terms, prior_terms
from impasto.tasks.objective.weights import BALANCE, WEIGHTINGS, weights_of
from impasto.tasks.run.alterations import alterations
from impasto.tasks.run.build import room_of
from impasto.tasks.run.device import load_encoder, polisher
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.run.inputs import opener, painting_opener, photo_opener
from impasto.tasks.run.memory_plan import Room
from impasto.tasks.run.run import Job, Polish
from impasto.tasks.run.schedule import Size, check_room, dice_of, full_size
from impasto.tasks.run.start import last, starting_point
from impasto.tasks.tiling.team import Team

POLISH = 8
"""Steps of VGG-19 at the end of a fine run: near its own pictures, for a fraction of its time."""


def stylize_job(
    content: Source,
    style: Style,
    settings: StylizeSettings | None = None,
    *,
    regions: Sequence[Region] = (),
    team: Team | None = None,
) -> Job:
    """The run behind `stylize`, ready to begin.

    `content` and `style` are files, `sample:` names, tensors `(3, H, W)` in [0, 1], arrays or PIL images; `style` may
    be several of them with their shares. `regions` are added to those of the settings. `team`: the processes that do
    the same, and share the work (see `tasks/tiling/team.py`).
    """
    settings = settings or StylizeSettings()
    photo = photo_opener(settings)(content)
    photo.check_visible()
    full = full_size(settings, photo.size)
    opened = canvas_of(style, settings, regions, photo.size, painting_opener(settings, max(full)))
    canvas = visible(opened, photo.alpha)
    encoder = load_encoder(settings)
    contents, styles = content_losses(settings.content_loss, painted=True), style_losses(settings.style_loss)
    content_layers = layers_of_content(encoder, contents, settings.content_layers)
    usual = encoder.default_style if settings.style_layers else default_layers(encoder)
    style_layers = parse_layers(encoder, settings.style_layers, usual)
    content_weight, style_weight = weights_of(settings)
    stochastic = any(part.loss.stochastic for part in [*contents, *styles])

    seen = layers_of(encoder, styles, style_layers)
    check_room(encoder, [*layers_of(encoder, contents, content_layers), *seen], full, "result")
    for manner in (manner for area in canvas for manner in area.manners):
        check_room(encoder, seen, painting_size(manner, full, settings.style_scale), "painting")
    painted = coloring.prepared(canvas, photo.pixels, settings)
    kept = layers_of(encoder, contents, content_layers)

    @cache
    def parts() -> list[Area]:
        """The areas in parts that are painted after like parts of their paintings; none without a style."""
        if settings.matching == 1 or not style_weight or settings.propagation != "all":
            return []
        like = coloring.grey(coloring.recolored(painted, photo.pixels, 1.0), settings).expand(-1, 3, -1, -1)
        return matched(
            painted, at(like, fitted_size(full, min(SIDE, max(full))), photo.alpha), encoder, settings.matching
        )

    def room_for(network: Encoder) -> Room:
        room = room_of(settings, network, [*kept, *seen], kept, full=full, draws=stochastic)
        return room.of(team or Team(), asked=settings.memory is not None)

    def prepare(room: Room, size: Size) -> Evaluate:
        model = coloring.grey(at(photo.pixels, size, photo.alpha), settings).expand(-1, 3, -1, -1).to(room.home(size))
        seen_at = areas_at([*painted, *parts()], size, settings, room.home(size))
        here, near = seen_at[: len(painted)], seen_at[len(painted) :]
        context = room.context(_context(room.encoder, settings, stochastic), size)
        style_part = style_terms(context, here, style_layers, style_weight, styles, near)
        grown = content_weight * settings.content_growth ** round(math.log2(max(full) / max(size)))
        content_part = content_terms(context, model, content_layers, grown, contents, areas=here)
        share, unit = _scale(settings, style_weight, style_part, content_part)
        models = [model, *(manner.pixels for area in here for manner in area.manners)]
        priors = prior_terms(settings, models, share, unit) + laplacian_terms(model, settings.laplacian_weight * unit)
        plain = blotch_terms(model, settings.blotch_weight * share)
        return evaluation(context, [*style_part, *content_part, *priors, *plain])

    def recolored() -> Tensor:
        # Without style the photo stays as it is, and nothing would bring its colours back.
        share = min(1.0, 2 * settings.strength) if style_weight else 0.0
        return coloring.recolored(painted, photo.pixels, share)

    painting = opened[-1].manners[0].pixels
    begins = (painting.shape[-2], painting.shape[-1]) if settings.init == "painting" else None
    starts = {"recolored": recolored, "photo": lambda: photo.pixels, "painting": lambda: painting}

    start = starting_point(settings.init, starts, full, settings.seed, opener(settings, max(full)))

    def finish(step: Step) -> Step:
        return replace(step, image=_finished(step, photo, canvas, settings))

    room, finisher = room_for(encoder), polisher(settings)
    polish = None
    if finisher:
        last = room_for(finisher)
        polish = Polish(POLISH, partial(prepare, last), last)
    return Job(
        settings,
        full,
        lambda: coloring.grey(start(), settings),
        partial(prepare, room),
        room,
        stochastic,
        finish,
        polish,
        alterations(settings, full, start=begins, least=encoder.smallest([*kept, *seen])),
    )


def stylize_steps(
    content: Source,
    style: Style,
    settings: StylizeSettings | None = None,
    *,
    regions: Sequence[Region] = (),
    resume: State | None = None,
    team: Team | None = None,
) -> Iterator[Step]:
    """The run behind `stylize`, step by step; `step.image()` is the best picture so far.

    Inputs as for `stylize_job`. `resume` is the `state()` of a step of the same run, to go on from there.
    """
    yield from stylize_job(content, style, settings, regions=regions, team=team).steps(resume)


def _context(encoder: Encoder, settings: StylizeSettings, stochastic: bool) -> Context:
    dice, weighting = dice_of(settings, stochastic), WEIGHTINGS[settings.weighting]
    return Context(encoder, dice, weighting, settings.normalize_gradients, settings.propagation)


def _scale(settings: StylizeSettings, weight: float, style: list[Term], content: list[Term]) -> tuple[float, float]:
    """The share of the settings' variation, and the unit of the other priors, that go with these terms.

    Variation is held down in proportion to the style, which stirs it up: without style the photo stays as it is. A
    paper's weights count in a paper's losses; what they come to in ours sets the scale.
    """
    if settings.weighting == "normalized":
        return weight / BALANCE, 1.0
    share = sum(term.weight for term in style) / BALANCE
    return share, share or sum(term.weight for term in content)


def _finished(step: Step, photo: Picture, canvas: Sequence[Area], settings: StylizeSettings) -> Callable[[], Tensor]:
    return lambda: coloring.finished(step.image(), at(photo.pixels, step.size, photo.alpha), canvas, settings)


def stylize(
    content: Source, style: Style, settings: StylizeSettings | None = None, *, regions: Sequence[Region] = ()
) -> Tensor:
    """The photo `content` painted the way of `style`: `(1, 3, H, W)` in [0, 1]."""
    return last(stylize_steps(content, style, settings, regions=regions))
