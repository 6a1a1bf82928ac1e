"""A new picture with a painting's texture and nothing of its arrangement (Gatys, Ecker and Bethge 2015)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from impasto.image import Source, load, resize
from impasto.synthesis import Evaluate, Step
from impasto.tasks.common import (
    Size,
    check_room,
    device_of,
    full_size,
    last,
    load_encoder,
    run,
    starting_point,
)
from impasto.tasks.options import TextureSettings
from impasto.tasks.terms import evaluation, parse_layers, prior_terms, style_terms


def texture_steps(style: Source, settings: TextureSettings | None = None) -> Iterator[Step]:
    """The run behind `texture`, step by step; `step.image()` is the best picture so far."""
    settings = settings or TextureSettings()
    painting = load(style)
    encoder, device = load_encoder(settings), device_of(settings)
    layers = parse_layers(encoder, settings.layers, encoder.default_style)
    full = full_size(settings, painting)
    check_room(encoder, layers, full, "result")

    def prepare(size: Size) -> Evaluate:
        target = resize(painting.pixels, size).clamp(0, 1).to(device)
        terms = style_terms(encoder, target, layers, 1.0)
        return evaluation(encoder, terms + prior_terms(settings, [target]))

    start = starting_point(settings.init, {"painting": lambda: painting.pixels}, full, settings.seed)
    yield from run(settings, start, full, prepare)


def texture(style: Source, settings: TextureSettings | None = None) -> Tensor:
    """A new picture with the texture of `style`: `(1, 3, H, W)` in [0, 1]."""
    return last(texture_steps(style, settings))
