"""Stages: the segments of a network at one size of the image, with the tiles of each.

Tensors as large as the image stay on the image's device, which may differ from the network's. The window of each tile
is copied to the network's device, and its features are copied back. (Not run on a GPU so far: tests count the
transfers.)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from impasto.encoders import Encoder, Segment, segments
from impasto.errors import UsageError
from impasto.image import Allocate, Size, in_memory
from impasto.image.tiles import Tile, tiles
from impasto.losses import IMAGE, Part


@dataclass(frozen=True)
class Stage:
    """A segment at one size of the image.

    size: the size of the image. grid: the size of the segment's input.
    side: the side of the tiles on the grid; 0 for one tile.
    kept_graphs: number of trailing tiles whose graph is kept for the backward pass; other tiles are computed twice.
    """

    segment: Segment
    size: Size
    grid: Size
    side: int
    encoder: Encoder
    kept_graphs: int = 0

    @cached_property
    def first_kept(self) -> int:
        """The index of the first tile whose graph is kept."""
        return max(0, sum(1 for _ in self.tiles()) - self.kept_graphs) if self.kept_graphs else sys.maxsize

    @property
    def whole(self) -> bool:
        """Whether the stage is one tile."""
        return self.side == 0 or self.side >= max(self.grid)

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return network_device(self.encoder)

    def window(self, tile: Tile, x: Tensor) -> Tensor:
        """Return the tile's window of the input `x`, on the device of the network."""
        return to_device(tile.window(x), self.device)

    def tiles(self) -> Iterator[Tile]:
        """Return all tiles."""
        return tiles(self.grid, 0 if self.whole else self.side, self.segment.step, self.segment.halo)

    def part(self, tile: Tile, layer: str) -> Part:
        """Return the part of a layer's grid that the tile covers, without its halo."""
        ratio = self.segment.ratios.get(layer, 1)
        grid = self.grid if layer == IMAGE else self.encoder.grid(layer, self.size)
        ends = [
            (span.start // ratio, full if span.stop == length else span.stop // ratio)
            for span, length, full in zip((tile.rows, tile.columns), self.grid, grid, strict=True)
        ]
        (top, bottom), (left, right) = ends
        return Part(top, left, bottom - top, right - left, grid)

    def own(self, tile: Tile, layer: str, features: Tensor, margin: int = 0) -> tuple[Tensor, Part]:
        """Return the features of a window without its halo, plus `margin` positions below and to the right, and the
        part of the grid that they cover, without the margin."""
        part, ratio = self.part(tile, layer), self.segment.ratios.get(layer, 1)
        top, left = part.top - tile.rows.first // ratio, part.left - tile.columns.first // ratio
        rows, columns = slice(top, top + part.height + margin), slice(left, left + part.width + margin)
        if not features.requires_grad:
            return features[..., rows, columns], part
        own: Tensor = _Own.apply(features, rows, columns)  # type: ignore[no-untyped-call]
        return own, part

    def forward(
        self, x: Tensor, visit: Callable[[Tile, Mapping[str, Tensor]], None], allocate: Allocate = in_memory
    ) -> Tensor | None:
        """Call `visit` with the features of every tile, without gradient; return the end, the next stage's input."""
        end = self.end_buffer(x, allocate)
        for tile in self.tiles():
            with torch.no_grad():
                features = self.features(self.window(tile, x))
                visit(tile, features)
                self.store(tile, features, end)
        return end

    def end_buffer(self, x: Tensor, allocate: Allocate = in_memory) -> Tensor | None:
        """Return a new tensor for the features at the segment's end, for the input `x`; None for the last segment."""
        if self.segment.end is None:
            return None
        channels, grid = self.encoder.layers[self.segment.end].channels, self.encoder.grid(self.segment.end, self.size)
        return empty_like(x, channels, grid, allocate)

    def store(self, tile: Tile, features: Mapping[str, Tensor], end: Tensor | None) -> None:
        """Copy the tile's part of the segment's end into `end`."""
        if end is not None and self.segment.end:
            own, part = self.own(tile, self.segment.end, features[self.segment.end])
            part.of(end).copy_(own)

    def features(self, window: Tensor) -> dict[str, Tensor]:
        """Return all features of the segment for a window of its input, by layer; the first also has the image."""
        if self.segment.after:
            return self.encoder.features(window, self.segment.wanted, self.segment.after)
        picture = window.expand(-1, 3, -1, -1)
        return {IMAGE: picture, **self.encoder.features(picture, self.segment.wanted)}


class _Own(torch.autograd.Function):
    """A rectangle of features, as a view, whose gradient has their memory layout.

    The gradient of indexing has another layout, whose copies and sums take a fifth of the time of an evaluation.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, rows: slice, columns: slice) -> Tensor:
        ctx.like, ctx.rows, ctx.columns = torch.empty_like(features, device="meta"), rows, columns
        return features[..., rows, columns]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        whole, rows, columns = torch.empty_like(ctx.like, device=gradient.device), ctx.rows, ctx.columns
        whole[..., rows, columns] = gradient
        for beyond in (slice(rows.start), slice(rows.stop, None)):
            whole[..., beyond, :] = 0
        for beyond in (slice(columns.start), slice(columns.stop, None)):
            whole[..., rows, beyond] = 0
        return whole, None, None


def network_device(encoder: Encoder) -> torch.device:
    """Return the device of a network."""
    return next(encoder.parameters()).device


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on the device: the same tensor, if it is on the device."""
    return x if x.device == device else x.to(device)


def stages(encoder: Encoder, layers: Sequence[str] | frozenset[str], size: Size, sides: Sequence[int]) -> list[Stage]:
    """Return the stages for these layers of an image of `size`; `sides` are tile sides, the last for all later stages.

    Raises UsageError for tiles of a network with periodic borders, which a window does not have.
    """
    if encoder.periodic and any(sides):
        raise UsageError("a picture with periodic borders has no tiles; leave --tile or --tileable out")
    result, grid = [], size
    for k, segment in enumerate(segments(encoder, layers)):
        result.append(Stage(segment, size, grid, sides[min(k, len(sides) - 1)], encoder))
        if segment.end:
            grid = encoder.grid(segment.end, size)
    return result


SMALLEST_TILE = 64
"""Least side of a tile, in pixels: a smaller tile is mostly halo."""


def halve_tiles(stage: Stage) -> Stage:
    """Return the stage with tiles of half the side; the same stage if its tiles cannot be smaller."""
    step, most = stage.segment.step, max(stage.grid) if stage.whole else stage.side
    side = max(most // (2 * step), -(-_least(stage) // step)) * step
    return replace(stage, side=side, kept_graphs=0) if side < most else stage


def _least(stage: Stage) -> int:
    """Return the side of the smallest tiles on the grid of the stage."""
    after = stage.segment.after
    return max(1, SMALLEST_TILE // stage.encoder.layers[after].stride) if after else SMALLEST_TILE


def keep_graphs(
    stages: Sequence[Stage], budget: float, cost: Callable[[Stage, Tile], float]
) -> tuple[list[Stage], float]:
    """Return the stages with as many kept graphs as the budget allows, and the bytes of these graphs.

    `budget` and `cost` are in bytes. The graphs of the deepest stages come first: they have the most arithmetic for
    each byte.
    """
    result, total = list(stages), 0.0
    for k in reversed(range(len(result)) if budget > 0 else ()):
        costs = [] if result[k].whole else [cost(result[k], tile) for tile in result[k].tiles()]
        count = 0
        while count < len(costs) and total + costs[-1 - count] <= budget:
            total += costs[-1 - count]
            count += 1
        result[k] = replace(result[k], kept_graphs=count)
    return result, total


WORTH = 0.9
"""Largest share of the work of the busiest process for which processes share a stage."""


def share_tiles(stage: Stage, processes: int) -> Stage:
    """Return the stage with tiles for a number of processes; process k has the tiles with index k modulo `processes`.

    The side of the tiles is the one with the least work for the busiest process, and not larger than before. If sharing
    saves little, as for small images and the deepest stages, the stage is returned unchanged.
    """

    def busiest(side: int) -> int:
        loads = [0] * processes
        for k, tile in enumerate(replace(stage, side=side).tiles()):
            loads[k % processes] += (tile.rows.last - tile.rows.first) * (tile.columns.last - tile.columns.first)
        return max(loads)

    longer, step, least = max(stage.grid), stage.segment.step, _least(stage)
    most = longer if stage.whole else stage.side
    sides = {-(-longer // (count * step)) * step for count in range(2, 2 * processes + 1)}
    loads = {side: busiest(side) for side in sorted(sides, reverse=True) if least <= side < most}
    best = min(loads, key=lambda side: loads[side], default=most)
    if best == most or loads[best] > WORTH * busiest(stage.side):
        return stage
    return replace(stage, side=best, kept_graphs=sys.maxsize if stage.whole else 0)


def visit_features(
    stages: Sequence[Stage],
    picture: Tensor,
    visit: Callable[[str, Tensor, Part], None],
    allocate: Allocate = in_memory,
) -> None:
    """Call `visit` with the features of an image `(1, 3, H, W)` at all layers, part by part, without gradient."""
    x: Tensor | None = picture
    for stage in stages:

        def parts(tile: Tile, features: Mapping[str, Tensor], stage: Stage = stage) -> None:
            for layer in stage.segment.layers:
                visit(layer, *stage.own(tile, layer, features[layer]))

        assert x is not None
        x = stage.forward(x, parts, allocate)


def empty_like(like: Tensor, channels: int, grid: Size, allocate: Allocate) -> Tensor:
    """Return a new tensor for features `(1, channels, *grid)`, of the type and device of `like`, channels last."""
    return empty(like.dtype, like.device, channels, grid, allocate)


def empty(kind: torch.dtype, device: torch.device, channels: int, grid: Size, allocate: Allocate) -> Tensor:
    """Return a new tensor for features `(1, channels, *grid)`, channels last."""
    return allocate((1, *grid, channels), kind, device).permute(0, 3, 1, 2)
