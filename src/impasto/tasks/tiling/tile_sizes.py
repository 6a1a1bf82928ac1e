"""Tile sizes: which segments of a network read a picture whole, and how large the tiles of the others are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.encoders import Encoder, Segment, segments
from impasto.image import Size
from impasto.tasks.tiling.memory import activations
from impasto.tasks.tiling.stages import SMALLEST_TILE, Stage
from impasto.tasks.tiling.stages import stages as stages_of

SLACK = 2.05
"""Memory of a backward pass over that of its activations: gradients, and free blocks too small to use; measured."""

TILE_BYTES = 256e6
"""Activations of a tile, in bytes: large enough that halos cost little, small enough for the caches to help."""

SURE = 8000.0
"""Activations of any network here, in bytes for each pixel, at most."""


@dataclass(frozen=True)
class TileSizes:
    """The rule for tile sizes: a memory `budget` in bytes for the activations of one evaluation, or a given side."""

    budget: float
    tile: int | None = None

    def __call__(self, encoder: Encoder, layers: frozenset[str], size: Size) -> Sequence[int]:
        """Return the sides of the tiles of each segment for a picture of `size`, as `stages.stages` takes them.

        The deepest segments stay whole first: they have the most arithmetic for each byte.
        """
        if self.tile is not None and self.tile >= max(size):
            return (0,)
        if self.tile is None and size[0] * size[1] * SURE <= self.budget:
            return (0,)
        found = segments(encoder, layers)
        strides = [encoder.layers[segment.after].stride if segment.after else 1 for segment in found]
        if self.tile is not None:
            return [self.tile and _whole_steps(self.tile / stride, s) for s, stride in zip(found, strides, strict=True)]
        costs, whole = [SLACK * activations(encoder, segment) for segment in found], segment_bytes(encoder, found, size)
        if sum(whole) <= self.budget:
            return (0,)
        left, sides = self.budget - TILE_BYTES, [0] * len(found)
        for k in reversed(range(len(found))):
            if k and whole[k] <= left:
                left -= whole[k]
            else:
                side = (min(TILE_BYTES, max(self.budget / 2, 1)) / costs[k]) ** 0.5 - 2 * found[k].halo
                sides[k] = _whole_steps(max(side, SMALLEST_TILE / strides[k]), found[k])
        return sides

    def stages(self, encoder: Encoder, layers: frozenset[str], size: Size) -> list[Stage]:
        """Return the segments of a network with their tiles."""
        return stages_of(encoder, layers, size, self(encoder, layers, size))

    def bytes_needed(self, encoder: Encoder, layers: frozenset[str], size: Size) -> float:
        """Return the bytes of an evaluation's activations: of all whole segments, and of the largest tile."""
        found, sides = segments(encoder, layers), self(encoder, layers, size)
        whole, largest = 0.0, 0.0
        for k, (stage, need) in enumerate(zip(found, segment_bytes(encoder, found, size), strict=True)):
            side = sides[min(k, len(sides) - 1)]
            grid = encoder.grid(stage.after, size) if stage.after else size
            tile = SLACK * activations(encoder, stage) * (side + 2 * stage.halo) ** 2
            if 0 < side < max(grid):
                largest = max(largest, min(tile, need))
            else:
                whole += need
        return whole + largest


def segment_bytes(encoder: Encoder, found: Sequence[Segment], size: Size) -> list[float]:
    """Return the bytes of all activations of each segment; plans and tile sizes compare the same digits."""
    strides = [encoder.layers[segment.after].stride if segment.after else 1 for segment in found]
    areas = [size[0] * size[1] / stride**2 for stride in strides]
    return [SLACK * activations(encoder, segment) * area for segment, area in zip(found, areas, strict=True)]


def _whole_steps(side: float, segment: Segment) -> int:
    return max(1, int(side) // segment.step) * segment.step
