"""The main job: a photograph, painted the way of a painting (Gatys, Ecker and Bethge 2016)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from impasto.image import Source, load, match_colors, resize
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
from impasto.tasks.options import StylizeSettings
from impasto.tasks.terms import content_terms, evaluation, parse_layers, prior_terms, style_terms

BALANCE = 50.0
"""The style weight beside a content weight of 1 at strength 0.5."""


def weights_of(settings: StylizeSettings) -> tuple[float, float]:
    """Weights of content and style: those given, or from the strength `s`, in the ratio `BALANCE * (s / (1 - s))^2`.

    The losses are normalised (`tasks/terms.py`), so that a strength means the same for every network and size. At 0 the
    style has no weight, at 1 the content has none.
    """
    s = settings.strength
    content = min(1.0, ((1 - s) / s) ** 2) if s > 0 else 1.0
    style = BALANCE * min(1.0, (s / (1 - s)) ** 2) if s < 1 else BALANCE
    return (
        content if settings.content_weight is None else settings.content_weight,
        style if settings.style_weight is None else settings.style_weight,
    )


def stylize_steps(content: Source, style: Source, settings: StylizeSettings | None = None) -> Iterator[Step]:
    """The run behind `stylize`, step by step; `step.image()` is the best picture so far.

    `content` and `style` are files, `sample:` names, tensors `(3, H, W)` in [0, 1], arrays or PIL images.
    """
    settings = settings or StylizeSettings()
    photo, painting = load(content), load(style)
    encoder = load_encoder(settings)
    device = device_of(settings)
    content_layers = parse_layers(encoder, settings.content_layers, encoder.default_content)
    style_layers = parse_layers(encoder, settings.style_layers, encoder.default_style)
    content_weight, style_weight = weights_of(settings)
    full = full_size(settings, photo)
    check_room(encoder, [*content_layers, *style_layers], full, "result")

    def painting_size(size: Size) -> Size:
        height, width = painting.pixels.shape[-2:]
        scale = settings.style_scale * max(size) / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    check_room(encoder, list(style_layers), painting_size(full), "painting")

    def at(pixels: Tensor, size: Size) -> Tensor:
        return resize(pixels, size).clamp(0, 1).to(device)

    def prepare(size: Size) -> Evaluate:
        model, manner = at(photo.pixels, size), at(painting.pixels, painting_size(size))
        terms = content_terms(encoder, model, content_layers, content_weight)
        terms += style_terms(encoder, manner, style_layers, style_weight)
        # Variation is held down in proportion to the style, which is what stirs it up: without style the photo stays as
        # it is.
        terms += prior_terms(settings, [model, manner], share=style_weight / BALANCE)
        return evaluation(encoder, terms)

    def recolored() -> Tensor:
        # Without style the photo stays as it is, and nothing would bring its colours back.
        share = min(1.0, 2 * settings.strength) if style_weight else 0.0
        return torch.lerp(photo.pixels, match_colors(photo.pixels, painting.pixels), share)

    starts = {"recolored": recolored, "photo": lambda: photo.pixels, "painting": lambda: painting.pixels}
    start = starting_point(settings.init, starts, full, settings.seed)
    yield from run(settings, start, full, prepare)


def stylize(content: Source, style: Source, settings: StylizeSettings | None = None) -> Tensor:
    """The photo `content` painted the way of `style`: `(1, 3, H, W)` in [0, 1]."""
    return last(stylize_steps(content, style, settings))
