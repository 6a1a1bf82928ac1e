"""A network cut where its stride grows, so that each segment sees only a little beyond the part of a picture at hand.

A position of relu5_1 of a VGG sees 156 pixels a side: a tile of a picture needs a border of 70 pixels to know it. But a
network is a chain. Where all of pool2 is kept (for `lite` two thirds of the picture's own memory), what comes before
it needs a border of 8 pixels, and what comes after reads its border from what is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from impasto.encoders.extractor import Encoder

SMALL = 4
"""No cut at strides below this: the features there are larger than the picture."""


@dataclass(frozen=True)
class Segment:
    """A stretch of a network: from the features `after` (None: the picture) to those of `layers` and of its `end`.

    `end` is where the next segment begins, None in the last one. `ratios`: by which each of the layers and the end
    divides the grid it starts from. `halo`: how far, in positions of that grid, the window has to reach beyond the part
    whose features are wanted; a multiple of all ratios.
    """

    after: str | None
    layers: tuple[str, ...]
    end: str | None
    ratios: Mapping[str, int] = field(hash=False)
    halo: int

    @property
    def step(self) -> int:
        """Windows and parts begin at multiples of this."""
        return max(self.ratios.values())

    @property
    def wanted(self) -> frozenset[str]:
        """All that is to be computed."""
        return frozenset(self.ratios)


def segments(encoder: Encoder, layers: Iterable[str]) -> list[Segment]:
    """The segments of the network as far as the deepest of the canonical `layers`, each with those that lie in it."""
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
