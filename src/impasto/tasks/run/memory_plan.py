"""Memory plans: how a run computes each size within its memory budget.

The model is in bytes. The process with its libraries and the loaded pictures are constant. A size with P pixels, where
an image takes 12 P bytes, adds:

- `IMAGES` images: the current point and its gradient, the best point, the step, and temporaries;
- the history of the optimiser: 2 images for each curvature pair of L-BFGS, half of that in half precision; 3 for Adam;
- the content features that are kept as targets;
- the network: all activations of the segments that are one tile; for other segments the activations of one tile, and
  the features at their ends with gradients; and the graphs of further tiles, if memory is left.

Where memory suffices, a size is computed whole and in full precision. Otherwise the network has tiles, and the history
is in half precision and shorter. If this does not fit either, images are in memory-mapped files, except for the images
that one evaluation works on.

On a GPU everything is in the device's memory. If this does not fit with the fewest pairs, images and history are
offloaded to the CPU's memory, with as many pairs as fit, and to files if this memory is too small, too. The device then
holds one tile at a time, and segments that are one tile. (Not run on a GPU so far.)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch

from impasto.encoders import Encoder, Segment, segments
from impasto.errors import UsageError
from impasto.image import Allocate, Size, in_memory, mapped
from impasto.tasks.objective.context import Context
from impasto.tasks.tiling import tile_sizes as sizing
from impasto.tasks.tiling.memory import amount, graph
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.tiling.stages import SMALLEST_TILE, keep_graphs, network_device
from impasto.tasks.tiling.tile_sizes import TileSizes, segment_bytes

FLOAT = 4
"""Bytes of a number in full precision."""

IMAGES = 7
"""Largest number of images in memory during a step of L-BFGS, without the history."""

FEWER = 3
"""Images less than `IMAGES` for pairs in half precision, which need no full-precision vectors; measured."""

THREADS = 80e6
"""Bytes of the worker threads after the first step, and of free blocks too small to use; measured."""

USED_UP = 0.5
"""Kept graphs, in tiles, that are free again at the peak of a tile: the last graphs are used first; measured."""

WORKING = 2
"""Number of images that an evaluation works on: the point and its gradient."""

PAIRS, FEWEST, MAPPED = 20, 5, 8
"""Numbers of curvature pairs of L-BFGS: where memory suffices, the least, and in memory-mapped files."""

REMEMBERED = {"adam": 3, "adam-carried": 3, "rmsprop": 2}
"""Sizes of the states of the other optimisers, in images."""


@dataclass(frozen=True)
class MemoryPlan:
    """The plan for one size.

    tile_sizes: the rule for tile sizes.
    pairs: the number of curvature pairs of L-BFGS; half: whether they are in half precision.
    peak: the largest memory of the process on the device, in bytes.
    whole: whether the network reads the image in one piece.
    mapped: whether images are in memory-mapped files; offloaded: whether they are in the CPU's memory, off the device.
    spare: bytes for the graphs of tiles.
    """

    tile_sizes: TileSizes
    pairs: int
    half: bool
    peak: float
    whole: bool
    mapped: bool = False
    offloaded: bool = False
    spare: float = 0.0


@dataclass(frozen=True)
class MemoryBudget:
    """The memory that a run may take: `total` bytes, of which `base` bytes are already in use.

    layers: all layers that the losses read; target_layers: those whose features are kept as targets.
    tile: the side of tiles in the settings (0: no tiles), or None.
    scratch: the folder of memory-mapped files.
    schedule: the steps at each size.
    host: total and base of the CPU's memory where the network computes on a device with its own memory.
    """

    total: float
    base: float
    encoder: Encoder
    layers: frozenset[str]
    target_layers: frozenset[str]
    optimizer: str = "lbfgs"
    tile: int | None = None
    scratch: str | None = None
    schedule: tuple[tuple[Size, int], ...] = ()
    group: ProcessGroup = field(default_factory=ProcessGroup)
    host: tuple[float, float] | None = None

    def divided(self, group: ProcessGroup, *, fixed: bool) -> MemoryBudget:
        """Return the budget of each process of the group; it is equal for all processes, and so are their plans.

        A `fixed` total, from the settings, is that of each process. Otherwise the free memory is divided among the
        processes, as if all were on one machine. Each process has its own GPU.
        """
        if group.single:
            return self
        device = network_device(self.encoder)

        def common(total: float, base: float, share: int) -> tuple[float, float]:
            return group.minimum(base + (total - base) / share, device), -group.minimum(-base, device)

        total, base = common(self.total, self.base, group.size if device.type == "cpu" and not fixed else 1)
        host = common(*self.host, group.size) if self.host else None
        return replace(self, total=total, base=base, host=host, group=group)

    def plan(self, size: Size) -> MemoryPlan:
        """Return the plan for images of `size`. Raises UsageError for a size that does not fit into the budget."""
        image, stages = 3.0 * FLOAT * size[0] * size[1], segments(self.encoder, self.layers)
        fixed = (
            self.base + THREADS + self.encoder.prepared() + IMAGES * image + self._features(self.target_layers, size)
        )
        most = min(PAIRS, dict(self.schedule).get(size, PAIRS))  # no more pairs than steps
        state = REMEMBERED.get(self.optimizer)
        whole, history = self._activations(stages, size), image * (2 * most if state is None else state)
        untiled = self.tile is not None and (self.tile == 0 or self.tile >= max(size))
        if untiled and self.host and fixed + history + whole > self.total:
            return self._offloaded(stages, size, most, whole)
        if untiled or (self.tile is None and fixed + history + whole <= self.total):
            peak = self._fitting(size, fixed + history + whole)
            return MemoryPlan(TileSizes(self.total - peak + whole, self.tile), most, False, peak, whole=True)
        ends, tile = self._in_tiles(stages, size, whole)
        needs, pairs, half = fixed + ends, most, False
        spare = self.total - needs - tile
        if self.host and spare < image * (min(FEWEST, most) if state is None else state):
            return self._offloaded(stages, size, most, tile)
        if state is None and history > spare / 2:
            half, pairs = True, self._pairs(spare / image, most)
            if not pairs:
                working, sizes = needs - (IMAGES - WORKING) * image, TileSizes(tile, self.tile)
                self._fitting(size, working + tile)
                peak, at_once = working + self._bytes(sizes, size), not self.tile and tile >= whole
                return MemoryPlan(sizes, MAPPED, True, peak, at_once, mapped=True)
            history, needs = pairs * image, needs - FEWER * image
        budget = tile if self.tile else min(self.total - needs - history, whole)
        sizes = TileSizes(budget, self.tile)
        self._fitting(size, needs + history + tile)
        peak = needs + history + self._bytes(sizes, size)
        spare = max(0.0, self.total - peak)
        _, graphs = keep_graphs(sizes.stages(self.encoder, self.layers, size), spare, graph)
        peak += max(0.0, graphs - USED_UP * tile)
        return MemoryPlan(sizes, pairs, half, peak, not self.tile and budget >= whole, spare=spare)

    def _offloaded(self, stages: Sequence[Segment], size: Size, most: int, tile: float) -> MemoryPlan:
        """Return the plan with images, history, targets and ends of segments in the CPU's memory, and tiles on the
        device."""
        image, whole = 3.0 * FLOAT * size[0] * size[1], self._activations(stages, size)
        fixed = self._fitting(size, self.base + THREADS + self.encoder.prepared() + tile) - tile
        budget = tile if self.tile else min(self.total - fixed, whole)
        sizes = TileSizes(budget, self.tile)
        peak, at_once = fixed + self._bytes(sizes, size), not self.tile and budget >= whole
        total, base = self.host or (0.0, 0.0)
        spare = total - base - IMAGES * image - self._features(self.target_layers, size)
        spare -= 2 * self._features((s.end for s in stages if s.end), size)
        state = REMEMBERED.get(self.optimizer)
        if state is not None or 2 * most * image <= spare / 2:
            return MemoryPlan(sizes, most, False, peak, at_once, offloaded=True)
        pairs = self._pairs(spare / image, most)
        return MemoryPlan(sizes, pairs or MAPPED, True, peak, at_once, mapped=not pairs, offloaded=True)

    def _in_tiles(self, stages: Sequence[Segment], size: Size, whole: float) -> tuple[float, float]:
        """Return the bytes of the ends of segments with gradients, and of the activations of a tile.

        If the whole network takes no more than both, there are no ends, and the tile is the whole image.
        """
        ends = 2 * self._features((s.end for s in stages if s.end), size)
        if self.tile:
            window = self.tile + 2 * SMALLEST_TILE
            return ends, min(self._activations(stages, (window, window)), whole)
        return (ends, sizing.TILE_BYTES) if whole > ends + sizing.TILE_BYTES else (0.0, whole)

    def _pairs(self, images: float, most: int) -> int:
        """Return the number of half-precision pairs in the memory of `images` images; 0 if there is too little.

        Pairs take half of the memory; the fewest pairs may take all of it.
        """
        pairs, fewest = min(most, int(images / 2)), min(FEWEST, most)
        return pairs if pairs >= fewest else fewest if images >= fewest else 0

    def _fitting(self, size: Size, needs: float) -> float:
        """Return the bytes of `needs`, or raise UsageError where they exceed the total."""
        if needs > self.total:
            raise UsageError(
                f"a result of {size[1]}x{size[0]} needs about {amount(needs)} of memory, "
                f"and {amount(self.total)} may be taken; ask for a smaller result, or allow more by --memory"
            )
        return needs

    def context(self, context: Context, size: Size) -> Context:
        """Return the context for images of `size`, with the tiles of the plan and the group.

        With `--tile 0` nothing is tiled, and every process computes everything.
        """
        plan = self.plan(size)
        return replace(
            context,
            tile_sizes=plan.tile_sizes,
            allocate=self.allocate(size),
            group=self.group,
            may_tile=self.tile != 0,
            spare=plan.spare,
        )

    def image_device(self, size: Size) -> torch.device:
        """Return the device of images of this size."""
        return torch.device("cpu") if self.plan(size).offloaded else network_device(self.encoder)

    def allocate(self, size: Size) -> Allocate:
        """Return the allocator for tensors as large as an image of this size."""
        return mapped(self.scratch or tempfile.gettempdir()) if self.plan(size).mapped else in_memory

    def _bytes(self, sizes: TileSizes, size: Size) -> float:
        return sizes.bytes_needed(self.encoder, self.layers, size)

    def _features(self, layers: Iterable[str], size: Size) -> float:
        """Return the bytes of the features at these layers."""
        shapes = [(self.encoder.layers[name].channels, self.encoder.grid(name, size)) for name in layers]
        return sum(FLOAT * channels * grid[0] * grid[1] for channels, grid in shapes)

    def _activations(self, stages: Sequence[Segment], size: Size) -> float:
        return sum(segment_bytes(self.encoder, stages, size))
