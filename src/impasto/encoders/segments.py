"""Segments: a network split where its stride grows, so that the tiles of each segment have narrow halos.

A position of relu5_1 of a VGG has a receptive field of 156 pixels, so a tile of the picture needs a halo of 70 pixels.
If the features at pool2 stay in memory (for `lite` two thirds of the memory of the picture), the segment before pool2
needs a halo of 8 pixels, and the segment after pool2 reads its halo from these features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from impasto.encoders.extractor import Encoder

SMALL = 4
"""Least stride at which a network is split. Features with smaller strides are larger than the picture."""


@dataclass(frozen=True)
class Segment:
    """A stretch of a network between two layers.

    after: the layer of the input; None for the picture.
    layers: the layers whose features are returned.
    end: the layer where the next segment starts; None for the last segment.
    ratios: the strides of `layers` and of `end`, relative to the input.
    halo: the width of the halo of a tile, in positions of the input; a multiple of all ratios.
    """

    after: str | None
    layers: tuple[str, ...]
    end: str | None
    ratios: Mapping[str, int] = field(hash=False)
    halo: int

    @property
    def step(self) -> int:
        """Return the number of which the starts of tiles and windows are multiples, in positions of the input."""
        return max(self.ratios.values())

    @property
    def wanted(self) -> frozenset[str]:
        """Return all layers that the segment computes: `layers` and `end`."""
        return frozenset(self.ratios)


def segments(encoder: Encoder, layers: Iterable[str]) -> list[Segment]:
    """Return the segments of the network up to the deepest of `layers`, which are canonical names.

    Each of the layers belongs to one segment.
    """
    requested, names = set(layers), list(encoder.layers)
    deepest = max((names.index(name) for name in requested), default=-1)
    result: list[Segment] = []
    after, inside = None, []
    for k, name in enumerate(names[: deepest + 1]):
        if name in requested:
            inside.append(name)
        stride, before = encoder.layers[name].stride, encoder.layers[names[k - 1]].stride if k else 1
        if k == deepest or (stride > before and stride >= SMALL):
            result.append(_segment(encoder, after, tuple(inside), None if k == deepest else name))
            after, inside = name, []
    return result


def _segment(encoder: Encoder, after: str | None, layers: tuple[str, ...], end: str | None) -> Segment:
    names = dict.fromkeys([*layers, *([end] if end else [])])
    start = encoder.layers[after] if after else None
    stride, field = (start.stride, start.receptive_field) if start else (1, 1)
    ratios = {name: encoder.layers[name].stride // stride for name in names}
    step = max(ratios.values())
    width = max(encoder.layers[name].receptive_field for name in names) - field
    beyond = -(-width // (2 * stride))
    return Segment(after, layers, end, ratios, -(-beyond // step) * step)
