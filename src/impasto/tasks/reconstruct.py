"""A picture from nothing but its features (Mahendran and Vedaldi 2015; Gatys et al. 2016, figure 1, content)."""

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
from impasto.tasks.options import ReconstructSettings
from impasto.tasks.terms import content_terms, evaluation, parse_layers, prior_terms


def reconstruct_steps(content: Source, settings: ReconstructSettings | None = None) -> Iterator[Step]:
    """The run behind `reconstruct`, step by step; `step.image()` is the best picture so far."""
    settings = settings or ReconstructSettings()
    photo = load(content)
    encoder, device = load_encoder(settings), device_of(settings)
    layers = parse_layers(encoder, settings.layers, encoder.default_content)
    full = full_size(settings, photo)
    check_room(encoder, layers, full, "result")

    def prepare(size: Size) -> Evaluate:
        target = resize(photo.pixels, size).clamp(0, 1).to(device)
        terms = content_terms(encoder, target, layers, 1.0)
        return evaluation(encoder, terms + prior_terms(settings, [target]))

    start = starting_point(settings.init, {"photo": lambda: photo.pixels}, full, settings.seed)
    yield from run(settings, start, full, prepare)


def reconstruct(content: Source, settings: ReconstructSettings | None = None) -> Tensor:
    """The picture that the features of `content` remember: `(1, 3, H, W)` in [0, 1]."""
    return last(reconstruct_steps(content, settings))
