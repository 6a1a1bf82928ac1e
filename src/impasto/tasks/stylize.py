"""The main job: a photograph, painted the way of a painting (Gatys, Ecker and Bethge 2016)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from impasto.image import Source, load
from impasto.synthesis import Evaluate, State, Step
from impasto.tasks import coloring
from impasto.tasks.common import (
    Size,
    check_room,
    device_of,
    dice_of,
    full_size,
    last,
    load_encoder,
    run,
    starting_point,
)
from impasto.tasks.layers import parse_layers
from impasto.tasks.options import StylizeSettings
from impasto.tasks.regions import Area, Region, Style, areas, at, manners, mixture, parse_region, segments
from impasto.tasks.scaling import area_at, painting_size
from impasto.tasks.strength import BALANCE, weights_of
from impasto.tasks.terms import (
    Context,
    content_losses,
    content_terms,
    evaluation,
    laplacian_terms,
    layers_of,
    prior_terms,
    style_losses,
    style_terms,
)
from impasto.tasks.weighting import WEIGHTINGS


def stylize_steps(
    content: Source,
    style: Style,
    settings: StylizeSettings | None = None,
    *,
    regions: Sequence[Region] = (),
    resume: State | None = None,
) -> Iterator[Step]:
    """The run behind `stylize`, step by step; `step.image()` is the best picture so far.

    `content` and `style` are files, `sample:` names, tensors `(3, H, W)` in [0, 1], arrays or PIL images; `style` may
    be several of them with their shares. `regions` are added to those of the settings. `resume` is the `state()` of a
    step of the same run, to go on from there.
    """
    settings = settings or StylizeSettings()
    photo = load(content)
    paintings = mixture(style, settings.mix)
    everywhere = manners(paintings)
    wanted = [*regions, *(parse_region(text) for text in settings.region)]
    if settings.segmentation:
        wanted += segments(settings.segmentation, paintings[0][0])
    encoder, device = load_encoder(settings), device_of(settings)
    content_loss, style_loss = content_losses(settings.content_loss), style_losses(settings.style_loss)
    stochastic = any(part.loss.stochastic for part in style_loss) or settings.content_loss != "features"
    content_layers = parse_layers(encoder, settings.content_layers, encoder.default_content)
    style_layers = parse_layers(encoder, settings.style_layers, encoder.default_style)
    content_weight, style_weight = weights_of(settings)
    full = full_size(settings, photo.size)
    looked_at = [layers_of(encoder, content_loss, content_layers), layers_of(encoder, style_loss, style_layers)]
    check_room(encoder, [*looked_at[0], *looked_at[1]], full, "result")
    canvas = areas(everywhere, wanted)
    for manner in (manner for area in canvas for manner in area.manners):
        check_room(encoder, looked_at[1], painting_size(manner, full, settings.style_scale), "painting")
    painted = coloring.prepared(canvas, photo.pixels, settings)

    def prepare(size: Size) -> Evaluate:
        model = coloring.grey(at(photo.pixels, size), settings).expand(-1, 3, -1, -1).to(device)
        here = [area_at(area, size, settings, device) for area in painted]
        context = Context(
            encoder,
            dice_of(settings, stochastic),
            WEIGHTINGS[settings.weighting],
            settings.normalize_gradients,
            settings.propagation,
        )
        terms = style_terms(context, here, style_layers, style_weight, style_loss)
        # A paper's weights count in a paper's losses: what they come to in ours sets the scale of the priors. Variation
        # is held down in proportion to the style, which stirs it up: without style the photo stays as it is.
        own = settings.weighting == "normalized"
        share = (style_weight if own else sum(term.weight for term in terms)) / BALANCE
        contents = content_terms(context, model, content_layers, content_weight, content_loss)
        unit = 1.0 if own else share or sum(term.weight for term in contents)
        models = [model, *(manner.pixels for area in here for manner in area.manners)]
        terms += contents + prior_terms(settings, models, share, unit)
        terms += laplacian_terms(model, settings.laplacian_weight * unit)
        return evaluation(context, terms)

    def recolored() -> Tensor:
        # Without style the photo stays as it is, and nothing would bring its colours back.
        share = min(1.0, 2 * settings.strength) if style_weight else 0.0
        return coloring.recolored(coloring.prepared(canvas, photo.pixels, settings), photo.pixels, share)

    starts = {"recolored": recolored, "photo": lambda: photo.pixels, "painting": lambda: everywhere[0].pixels}
    start = coloring.grey(starting_point(settings.init, starts, full, settings.seed), settings)
    for step in run(settings, start, full, prepare, stochastic=stochastic, resume=resume):
        yield replace(step, image=_finished(step, photo.pixels, canvas, settings))


def _finished(step: Step, photo: Tensor, canvas: Sequence[Area], settings: StylizeSettings) -> Callable[[], Tensor]:
    return lambda: coloring.finished(step.image(), at(photo, step.size), canvas, settings)


def stylize(
    content: Source, style: Style, settings: StylizeSettings | None = None, *, regions: Sequence[Region] = ()
) -> Tensor:
    """The photo `content` painted the way of `style`: `(1, 3, H, W)` in [0, 1]."""
    return last(stylize_steps(content, style, settings, regions=regions))
