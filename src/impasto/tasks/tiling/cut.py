"""How pictures of one size are cut: what of a network sees them whole, and how large the tiles are for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.encoders import Encoder, Segment, segments
from impasto.image import Size
from impasto.tasks.tiling.memory import activations
from impasto.tasks.tiling.stages import LEAST, Stage
from impasto.tasks.tiling.stages import stages as cut_stages

SLACK = 2.05
"""What the gradients on the way back take beside the activations, and freed blocks that nothing fits into; measured."""

TILE = 256e6
"""Activations of a tile, in bytes: large enough that borders cost little, small enough for the caches to help."""

SURE = 8000.0
"""No network here has more activations than so many bytes for a pixel."""


@dataclass(frozen=True)
class Cut:
    """How pictures are cut: bytes for the activations of one evaluation, or the side of tiles that was asked for."""

    room: float
    tile: int | None = None

    def __call__(self, encoder: Encoder, layers: frozenset[str], size: Size) -> Sequence[int]:
        """The sides of tiles for these layers of a picture of `size`: see `stages.stages`.

        The deepest segments are kept whole first: they have the most arithmetic for each byte.
        """
        if self.tile is not None and self.tile >= max(size):
            return (0,)
        if self.tile is None and size[0] * size[1] * SURE <= self.room:
            return (0,)
        found = segments(encoder, layers)
        strides = [encoder.layers[segment.after].stride if segment.after else 1 for segment in found]
        if self.tile is not None:
            return [self.tile and _whole_steps(self.tile / stride, s) for s, stride in zip(found, strides, strict=True)]
        costs, whole = [SLACK * activations(encoder, segment) for segment in found], needs_of(encoder, found, size)
        if sum(whole) <= self.room:
            return (0,)
        room, sides = self.room - TILE, [0] * len(found)
        for k in reversed(range(len(found))):
            if k and whole[k] <= room:
                room -= whole[k]
            else:
                side = (min(TILE, max(self.room / 2, 1)) / costs[k]) ** 0.5 - 2 * found[k].halo
                sides[k] = _whole_steps(max(side, LEAST / strides[k]), found[k])
        return sides

    def stages(self, encoder: Encoder, layers: frozenset[str], size: Size) -> list[Stage]:
        """The segments of a network with their tiles."""
        return cut_stages(encoder, layers, size, self(encoder, layers, size))

    def taken(self, encoder: Encoder, layers: frozenset[str], size: Size) -> float:
        """Bytes of the activations of an evaluation: of all segments that are one tile, and of the largest tile."""
        found, sides = segments(encoder, layers), self(encoder, layers, size)
        whole, largest = 0.0, 0.0
        for k, (stage, need) in enumerate(zip(found, needs_of(encoder, found, size), strict=True)):
            side = sides[min(k, len(sides) - 1)]
            grid = encoder.grid(stage.after, size) if stage.after else size
            tile = SLACK * activations(encoder, stage) * (side + 2 * stage.halo) ** 2
            if 0 < side < max(grid):
                largest = max(largest, min(tile, need))
            else:
                whole += need
        return whole + largest


def needs_of(encoder: Encoder, found: Sequence[Segment], size: Size) -> list[float]:
    """Bytes of all activations of each segment: the same digits for the arrangement as for the cut."""
    strides = [encoder.layers[segment.after].stride if segment.after else 1 for segment in found]
    areas = [size[0] * size[1] / stride**2 for stride in strides]
    return [SLACK * activations(encoder, segment) * area for segment, area in zip(found, areas, strict=True)]


def _whole_steps(side: float, segment: Segment) -> int:
    return max(1, int(side) // segment.step) * segment.step
