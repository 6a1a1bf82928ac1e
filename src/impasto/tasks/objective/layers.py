"""Layers and their weights, parsed from text, and the smallest image that they allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from impasto.encoders import Encoder
from impasto.errors import UsageError
from impasto.settings.base import parse_weight
from impasto.settings.synthesis import USUAL

COUNTED = "conv_"
"""The prefix of a layer that is given as a number."""

DEEP = 8
"""Stride, in pixels, from which a layer responds to objects. With parts at stride 4, too, a run costs twice as much and
looks the same."""

Layers = Mapping[str, float]
"""Weights by canonical layer names."""


def default_layers(encoder: Encoder) -> tuple[str, ...]:
    """Return the encoder's style layers up to a stride of `DEEP`, as text with weights: half the stride, at most 2.

    Strokes count more than grain. Deeper layers bring objects of the style image; the content image has its own.
    """
    strides = {name: encoder.layers[name].stride for name in encoder.default_style}
    return tuple(f"{name}={min(2.0, stride / 2):g}" for name, stride in strides.items() if stride <= DEEP)


def check_size(encoder: Encoder, layers: Iterable[str], size: tuple[int, int], what: str) -> None:
    """Raise UsageError where an image of `size`, called `what` in the message, is too small for the deepest layer."""
    least = encoder.smallest(layers)
    if min(size) < least:
        shape = f"{size[1]}x{size[0]}"
        raise UsageError(
            f"the {what} comes out at {shape} px, but these layers of {encoder.name} need at least {least} px a side"
        )


def parse_layers(encoder: Encoder, text: str | None, default: tuple[str, ...]) -> dict[str, float]:
    """Parse layers and weights such as `relu1_1,relu2_1=0.5` or `conv_1-5`; return `default` for None and `usual`.

    A range runs over consecutive `conv_k`, and a number stands for `conv_k`, too: `conv_2,4,8`. Raises UsageError for
    an unknown layer (with the nearest), a weight that is not a number of at least 0, and an empty list.
    """
    weights: dict[str, float] = {}
    for part in default if text is None or text == USUAL else text.split(","):
        names, _, value = part.strip().partition("=")
        for name in _range(COUNTED + names.strip() if names.strip()[:1].isdigit() else names.strip()):
            weights[encoder.resolve(name)] = parse_weight(part.strip(), value, "relu4_2=0.5")
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
