"""The way of tasks that have one picture as their model: its features, or its texture."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from impasto.encoders import Encoder
from impasto.image import Source, load, resize
from impasto.losses import Term
from impasto.synthesis import Evaluate, Step
from impasto.tasks.common import Size, check_room, device_of, full_size, load_encoder, run, starting_point
from impasto.tasks.options import ReconstructSettings, TextureSettings
from impasto.tasks.terms import Layers, evaluation, parse_layers, prior_terms

Terms = Callable[[Encoder, Tensor, Layers, float], list[Term]]


def single_steps(
    source: Source,
    settings: ReconstructSettings | TextureSettings,
    name: str,
    default: Callable[[Encoder], tuple[str, ...]],
    terms: Terms,
) -> Iterator[Step]:
    """Optimise a picture against `terms` of the model `source` at the layers of the settings, or the `default` ones.

    `name` is what the model is called as a starting point ("photo", "painting").
    """
    model = load(source)
    encoder, device = load_encoder(settings), device_of(settings)
    layers = parse_layers(encoder, settings.layers, default(encoder))
    full = full_size(settings, model)
    check_room(encoder, layers, full, "result")

    def prepare(size: Size) -> Evaluate:
        target = resize(model.pixels, size).clamp(0, 1).to(device)
        return evaluation(encoder, terms(encoder, target, layers, 1.0) + prior_terms(settings, [target]))

    start = starting_point(settings.init, {name: lambda: model.pixels}, full, settings.seed)
    yield from run(settings, start, full, prepare)
