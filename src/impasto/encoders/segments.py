"""Segments: a network split where its stride grows, so that the tiles of each segment have narrow halos.

A position of relu5_1 of a VGG has a receptive field of 156 pixels: a tile of a picture needs a halo of 70 pixels. With
the features at pool2 kept (for `lite` two thirds of the picture's memory), the segment before needs a halo of 8 pixels,
and the segment after reads its halo from the kept features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from impasto.encoders.extractor import Encoder

SMALL = 4
"""Least stride at which a network is split: features of smaller strides are larger than the picture."""


@dataclass(frozen=True)
class Segment:
    """A stretch of a network between two layers.

    after: the layer of its input; None for the picture.
    layers: the layers whose features are returned.
    end: the layer where the next segment starts; None for the last segment.
    ratios: the stride of each layer, and of the end, relative to the input.
    halo: the width of a tile's border, in positions of the input; a multiple of all ratios.
    """

    after: str | None
    layers: tuple[str, ...]
    end: str | None
    ratios: Mapping[str, int] = field(hash=False)
    halo: int

    @property
    def step(self) -> int:
        """Windows and tiles start at multiples of this."""
        return max(self.ratios.values())

    @property
    def wanted(self) -> frozenset[str]:
        """All layers that the segment computes."""
        return frozenset(self.ratios)


def segments(encoder: Encoder, layers: Iterable[str]) -> list[Segment]:
    """Return the segments of the network up to the deepest of the canonical `layers`, each with its layers."""
    wanted, names = set(layers), list(encoder.layers)
    deepest = max((names.index(name) for name in wanted), default=-1)
    found: list[Segment] = []
    after, inside = None, []
    for k, name in enumerate(names[: deepest + 1]):
        if name in wanted:
            inside.append(name)
        stride, before = encoder.layers[name].stride, encoder.layers[names[k - 1]].stride if k else 1
        if k == deepest or (stride > before and stride >= SMALL):
            found.append(_segment(encoder, after, tuple(inside), None if k == deepest else name))
            after, inside = name, []
    return found


def _segment(encoder: Encoder, after: str | None, layers: tuple[str, ...], end: str | None) -> Segment:
    reached = dict.fromkeys([*layers, *([end] if end else [])])
    start = encoder.layers[after] if after else None
    stride, field = (start.stride, start.receptive_field) if start else (1, 1)
    ratios = {name: encoder.layers[name].stride // stride for name in reached}
    step = max(ratios.values())
    sees = max(encoder.layers[name].receptive_field for name in reached) - field
    beyond = -(-sees // (2 * stride))
    return Segment(after, layers, end, ratios, -(-beyond // step) * step)
