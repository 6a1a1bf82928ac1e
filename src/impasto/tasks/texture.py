"""A new picture with a painting's texture and nothing of its arrangement (Gatys, Ecker and Bethge 2015)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from impasto.losses import Term
from impasto.settings.synthesis import TextureSettings
from impasto.synthesis import State, Step
from impasto.tasks.objective.areas import Area, Manner, manners
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import Layers, parse_layers
from impasto.tasks.objective.parse_losses import layers_of, style_losses
from impasto.tasks.objective.regions import Style, mixture
from impasto.tasks.objective.scaling import area_at, painting_size
from impasto.tasks.objective.style import style_terms
from impasto.tasks.run.build import single_job
from impasto.tasks.run.device import load_encoder
from impasto.tasks.run.inputs import painting_opener
from impasto.tasks.run.run import Job
from impasto.tasks.run.schedule import Size, asked_size, check_room, full_size
from impasto.tasks.run.start import last
from impasto.tasks.tiling.team import Team


def example_side(settings: TextureSettings, example: Manner, full: Size) -> int:
    """Longer side of the example beside a result of size `full`: the same, or, where the result has a width or height
    of its own, the example's, never enlarged."""
    own = max(example.pixels.shape[-2:])
    if settings.width is None and settings.height is None:
        return max(full)
    return min(own, settings.size or own)


def texture_job(style: Style, settings: TextureSettings | None = None, *, team: Team | None = None) -> Job:
    """The run behind `texture`, ready to begin.

    `style` may be several paintings with their shares, `[(painting, share), ...]`.
    """
    settings = settings or TextureSettings()
    encoder = looking = load_encoder(settings)
    if settings.tileable:
        looking = load_encoder(settings)
        looking.tile()  # at the result alone: the examples end where they end
    examples = manners(mixture(style, settings.mix), read=painting_opener(settings, settings.longer_side()))
    losses = style_losses(settings.style_loss)
    chosen = parse_layers(encoder, settings.layers, encoder.default_style)
    layers = layers_of(encoder, losses, chosen)
    own = (examples[0].pixels.shape[-2], examples[0].pixels.shape[-1])
    full = full_size(settings, own)
    side, area = example_side(settings, examples[0], full), Area("picture", examples)
    for example in examples:
        check_room(encoder, layers, painting_size(example, (side, side), settings.style_scale), "example")

    def model(context: Context, size: Size, _: Layers, device: torch.device) -> tuple[list[Term], list[Tensor]]:
        beside = max(1, round(side * max(size) / max(full)))
        here = area_at(area, (beside, beside), settings, device)
        seen = replace(context, encoder=encoder)
        return style_terms(seen, [here], chosen, 1.0, losses), [manner.pixels for manner in here.manners]

    return single_job(
        settings,
        looking,
        layers,
        full,
        model,
        {"painting": lambda: examples[0].pixels},
        stochastic=any(part.loss.stochastic for part in losses),
        team=team,
        asked=asked_size(settings, own),
        painting=own,
    )


def texture_steps(
    style: Style, settings: TextureSettings | None = None, *, resume: State | None = None, team: Team | None = None
) -> Iterator[Step]:
    """The run behind `texture`, step by step; `step.image()` is the best picture so far."""
    yield from texture_job(style, settings, team=team).steps(resume)


def texture(style: Style, settings: TextureSettings | None = None) -> Tensor:
    """A new picture with the texture of `style`: `(1, 3, H, W)` in [0, 1]."""
    return last(texture_steps(style, settings))
