"""Terms of an objective: where an encoder, a picture and a loss meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from impasto.encoders import Encoder
from impasto.errors import UsageError
from impasto.losses import (
    IMAGE,
    Objective,
    Term,
    distance,
    energy,
    gram,
    opponent,
    out_of_range,
    relative,
    total_variation,
)
from impasto.synthesis import Evaluate
from impasto.tasks.options import SynthesisSettings

ONE_LEVEL = (1 / 255) ** 2
"""The variation of a picture whose neighbours differ by one level: the least that a flat one is taken to have."""

Layers = Mapping[str, float]
"""Canonical layer names, each with its weight."""


def parse_layers(encoder: Encoder, text: str | None, default: tuple[str, ...]) -> dict[str, float]:
    """Layers and weights from text such as `relu1_1,relu2_1=0.5` or `conv_1-5`; `default` where there is none.

    A range runs over consecutive `conv_k`. Raises UsageError for an unknown layer (with the nearest), a weight that is
    not a number of at least 0, and an empty list.
    """
    weights: dict[str, float] = {}
    for part in (",".join(default) if text is None else text).split(","):
        names, _, value = part.strip().partition("=")
        for name in _range(names.strip()):
            weights[encoder.resolve(name)] = _weight(part.strip(), value)
    if not any(weights.values()):
        raise UsageError(f"'{text}' leaves no layer with a weight above 0")
    return weights


def _range(name: str) -> list[str]:
    first, dash, last = name.partition("-")
    stem, _, start = first.rpartition("_")
    if not dash or not start.isdigit() or not last.isdigit():
        return [name]
    if int(last) < int(start):
        raise UsageError(f"the range of layers '{name}' runs backwards")
    return [f"{stem}_{k}" for k in range(int(start), int(last) + 1)]


def _weight(part: str, value: str) -> float:
    try:
        weight = float(value) if value else 1.0
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise UsageError(f"'{part}' does not end in a weight of at least 0; write for example relu4_2=0.5")
    return weight


@torch.no_grad()
def content_terms(encoder: Encoder, photo: Tensor, layers: Layers, weight: float) -> list[Term]:
    """The photo's features themselves: mean squared distance over their own mean square (1 is as far as nothing).

    Gatys et al. 2016, eq. 1, but normalised, so that the number means the same for every network, layer and size.
    Layers share `weight` in the proportions of their own.
    """
    features = encoder(photo, layers) if weight else {}
    terms = []
    for layer, target in features.items():
        space = encoder.metric(layer)
        size = max(float(energy(target, space)), 1e-12)

        def loss(f: Tensor, target: Tensor = target, space: Tensor | None = space, size: float = size) -> Tensor:
            return distance(f, target, space) / size

        terms.append(Term("content", layer, weight * layers[layer] / sum(layers.values()), loss))
    return terms


@torch.no_grad()
def style_terms(encoder: Encoder, painting: Tensor, layers: Layers, weight: float) -> list[Term]:
    """The painting's Gram matrices: squared distance over their own squared norm (1 is as far as nothing).

    Gatys et al. 2016, eqs. 4 and 5, but normalised, layer by layer. Layers share `weight` in the proportions of their
    own.
    """
    features = encoder(painting, layers) if weight else {}
    terms = []
    for layer, found in features.items():
        space = encoder.metric(layer)
        target = gram(found, space)

        def loss(f: Tensor, target: Tensor = target, space: Tensor | None = space) -> Tensor:
            return relative(gram(f, space), target)

        terms.append(Term("style", layer, weight * layers[layer] / sum(layers.values()), loss))
    return terms


@torch.no_grad()
def prior_terms(settings: SynthesisSettings, pictures: Sequence[Tensor], share: float = 1.0) -> list[Term]:
    """What holds for any picture: no more variation than its models, in light and in colour, and values in [0, 1].

    Total variation counts relative to the richest of `pictures` (the photo and the painting at this size): a weight of
    1 makes as much variation as theirs a loss of 1. So a smooth painting holds speckle down harder than a rough one,
    and a painting rich in colour keeps it. `share` of the settings' weights of variation is taken.
    """
    terms = [Term("range", IMAGE, settings.range_weight, out_of_range)]
    for part, weight in enumerate((settings.tv_weight, settings.tv_chroma_weight)):
        own = max([float(total_variation(opponent(picture)[part])) for picture in pictures] + [ONE_LEVEL])

        def loss(image: Tensor, part: int = part, own: float = own) -> Tensor:
            return total_variation(opponent(image)[part]) / own

        terms.append(Term("tv", IMAGE, weight * share, loss))
    return terms


def evaluation(encoder: Encoder, terms: list[Term]) -> Evaluate:
    """The objective of these terms as a function of the picture alone."""
    objective = Objective(terms)

    def evaluate(picture: Tensor, step: int = 0) -> tuple[Tensor, Mapping[str, Tensor]]:
        return objective(picture, encoder(picture, objective.layers))

    return evaluate
