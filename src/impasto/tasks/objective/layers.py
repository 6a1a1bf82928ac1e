"""Layers and their weights, parsed from text, and the smallest image for a set of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from impasto.encoders import Encoder
from impasto.errors import UsageError
from impasto.settings.base import parse_weight
from impasto.settings.synthesis import USUAL

COUNTED = "conv_"
"""Prefix of the name of a layer for which the text has a number alone."""

DEEP = 8
"""Stride, in pixels, from which on a layer responds to objects, and style terms use matched parts.

With matched parts at stride 4, too, a run takes twice the time, and the result looks the same."""

Layers = Mapping[str, float]
"""Weights by canonical layer name."""


def default_layers(encoder: Encoder) -> tuple[str, ...]:
    """Return the encoder's style layers up to a stride of `DEEP`, as texts with weights: half the stride, at most 2.

    Strokes get more weight than grain. Deeper layers would transfer objects of the style image.
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
    """Return the weights of layers in a text such as `relu1_1,relu2_1=0.5`; those of `default` for None and `usual`.

    `conv_1-5` is a range of consecutive layers. A number alone stands for `conv_k`: `conv_2,4,8`. Raises UsageError
    for an unknown layer (with the nearest name), a weight that is not a number of at least 0, and a text without a
    weight above 0.

    >>> from impasto import encoders
    >>> parse_layers(encoders.load("lite"), "conv_1-2,relu2_1=0.5", ())
    {'conv1_1': 1.0, 'conv1_2': 1.0, 'relu2_1': 0.5}
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
    """Return the names of a range such as `conv_1-5`; any other name alone."""
    first, dash, last = name.partition("-")
    stem, _, start = first.rpartition("_")
    if not dash or not start.isdigit() or not last.isdigit():
        return [name]
    if int(last) < int(start):
        raise UsageError(f"the range of layers '{name}' runs backwards")
    return [f"{stem}_{k}" for k in range(int(start), int(last) + 1)]
