"""Layers and their weights, as a person writes them."""

from __future__ import annotations

from collections.abc import Mapping

from impasto.encoders import Encoder
from impasto.errors import UsageError
from impasto.settings.synthesis import USUAL

COUNTED = "conv_"
"""What a bare number counts."""

Layers = Mapping[str, float]
"""Canonical layer names, each with its weight."""


def parse_layers(encoder: Encoder, text: str | None, default: tuple[str, ...]) -> dict[str, float]:
    """Layers and weights from text such as `relu1_1,relu2_1=0.5` or `conv_1-5`; `default` where there is none, and for
    `usual`.

    A range runs over consecutive `conv_k`, and a bare number stands for one: `conv_2,4,8` as a course writes it. Raises
    UsageError for an unknown layer (with the nearest), a weight that is not a number of at least 0, and an empty list.
    """
    weights: dict[str, float] = {}
    for part in default if text is None or text == USUAL else text.split(","):
        names, _, value = part.strip().partition("=")
        for name in _range(COUNTED + names.strip() if names.strip()[:1].isdigit() else names.strip()):
            weights[encoder.resolve(name)] = parse_weight(part.strip(), value, "relu4_2=0.5")
    if not any(weights.values()):
        raise UsageError(f"'{text}' leaves no layer with a weight above 0")
    return weights


def parse_weight(part: str, value: str, example: str) -> float:
    """The weight at the end of `part`, 1 where there is none; `example` is shown where it is no number of at least
    0."""
    try:
        weight = float(value) if value else 1.0
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise UsageError(f"'{part}' does not end in a weight of at least 0; write for example {example}")
    return weight


def _range(name: str) -> list[str]:
    first, dash, last = name.partition("-")
    stem, _, start = first.rpartition("_")
    if not dash or not start.isdigit() or not last.isdigit():
        return [name]
    if int(last) < int(start):
        raise UsageError(f"the range of layers '{name}' runs backwards")
    return [f"{stem}_{k}" for k in range(int(start), int(last) + 1)]
