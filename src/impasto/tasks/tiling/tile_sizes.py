"""Tile sizes: which segments of a network read an image whole, and the sides of the tiles of other segments."""

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
"""Bytes of the activations of a tile: large enough that halos cost little, small enough for caches."""

SURE = 8000.0
"""Upper bound of the activations of all networks, in bytes for each pixel."""


@dataclass(frozen=True)
class TileSizes:
    """The rule for tile sizes: a `budget` in bytes for the activations of one evaluation, or the side `tile`."""

    budget: float
    tile: int | None = None

    def __call__(self, encoder: Encoder, layers: frozenset[str], size: Size) -> Sequence[int]:
        """Return the sides of the tiles of each segment for an image of `size`, for `stages.stages`.

        Segments become whole from the deepest on, which have the most arithmetic for each byte.
        """
        if self.tile is not None and self.tile >= max(size):
            return (0,)
        if self.tile is None and size[0] * size[1] * SURE <= self.budget:
            return (0,)
        parts = segments(encoder, layers)
        strides = [encoder.layers[segment.after].stride if segment.after else 1 for segment in parts]
        if self.tile is not None:
            return [self.tile and _whole_steps(self.tile / stride, s) for s, stride in zip(parts, strides, strict=True)]
        costs, whole = [SLACK * activations(encoder, segment) for segment in parts], segment_bytes(encoder, parts, size)
        if sum(whole) <= self.budget:
            return (0,)
        left, sides = self.budget - TILE_BYTES, [0] * len(parts)
        for k in reversed(range(len(parts))):
            if k and whole[k] <= left:
                left -= whole[k]
            else:
                side = (min(TILE_BYTES, max(self.budget / 2, 1)) / costs[k]) ** 0.5 - 2 * parts[k].halo
                sides[k] = _whole_steps(max(side, SMALLEST_TILE / strides[k]), parts[k])
        return sides

    def stages(self, encoder: Encoder, layers: frozenset[str], size: Size) -> list[Stage]:
        """Return the stages of a network with tiles by this rule."""
        return stages_of(encoder, layers, size, self(encoder, layers, size))

    def bytes_needed(self, encoder: Encoder, layers: frozenset[str], size: Size) -> float:
        """Return the bytes of the activations of an evaluation: of all whole segments, and of the largest tile."""
        parts, sides = segments(encoder, layers), self(encoder, layers, size)
        whole, largest = 0.0, 0.0
        for k, (segment, need) in enumerate(zip(parts, segment_bytes(encoder, parts, size), strict=True)):
            side = sides[min(k, len(sides) - 1)]
            grid = encoder.grid(segment.after, size) if segment.after else size
            tile = SLACK * activations(encoder, segment) * (side + 2 * segment.halo) ** 2
            if 0 < side < max(grid):
                largest = max(largest, min(tile, need))
            else:
                whole += need
        return whole + largest


def segment_bytes(encoder: Encoder, parts: Sequence[Segment], size: Size) -> list[float]:
    """Return the bytes of all activations of each segment.

    Memory plans and tile sizes both use this function, because they compare exact numbers.
    """
    strides = [encoder.layers[segment.after].stride if segment.after else 1 for segment in parts]
    areas = [size[0] * size[1] / stride**2 for stride in strides]
    return [SLACK * activations(encoder, segment) * area for segment, area in zip(parts, areas, strict=True)]


def _whole_steps(side: float, segment: Segment) -> int:
    """Return the side rounded down to a multiple of the segment's step, at least one step."""
    return max(1, int(side) // segment.step) * segment.step
