"""A network's segments as stages: what each starts from, cut into tiles, and what of it is whose.

What is as large as the picture lives where the picture does, which need not be where the network computes: a tile's
window is moved there, and what comes of it is moved back. (Not run on a GPU so far: tests count what is moved.)
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
    """A segment at one size of picture: the grid that it starts from, and the side of its tiles there (0: one tile).

    `kept`: there is room for the graphs of so many of its tiles, the last ones, that these are seen once, and not again
    for the way back.
    """

    segment: Segment
    size: Size
    grid: Size
    side: int
    encoder: Encoder
    kept: int = 0

    @cached_property
    def first_kept(self) -> int:
        """The number of the first tile whose graph is kept."""
        return max(0, sum(1 for _ in self.tiles()) - self.kept) if self.kept else sys.maxsize

    @property
    def whole(self) -> bool:
        """Whether it is one tile."""
        return self.side == 0 or self.side >= max(self.grid)

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return computing(self.encoder)

    def window(self, tile: Tile, x: Tensor) -> Tensor:
        """What a tile sees of what the stage starts from, where the network computes."""
        return moved(tile.window(x), self.device)

    def tiles(self) -> Iterator[Tile]:
        """Its tiles."""
        return tiles(self.grid, 0 if self.whole else self.side, self.segment.step, self.segment.halo)

    def part(self, tile: Tile, layer: str) -> Part:
        """What of a layer's grid is the tile's own."""
        ratio = self.segment.ratios.get(layer, 1)
        grid = self.grid if layer == IMAGE else self.encoder.grid(layer, self.size)
        ends = [
            (span.start // ratio, full if span.stop == length else span.stop // ratio)
            for span, length, full in zip((tile.rows, tile.columns), self.grid, grid, strict=True)
        ]
        (top, bottom), (left, right) = ends
        return Part(top, left, bottom - top, right - left, grid)

    def own(self, tile: Tile, layer: str, features: Tensor, margin: int = 0) -> tuple[Tensor, Part]:
        """Of a window's features those of the tile's own positions, and `margin` more below and to the right."""
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
        """Show the features of every tile to `visit`, without gradient; the segment's end, for the next stage."""
        end = self.room(x, allocate)
        for tile in self.tiles():
            with torch.no_grad():
                found = self.see(self.window(tile, x))
                visit(tile, found)
                self.keep(tile, found, end)
        return end

    def room(self, x: Tensor, allocate: Allocate = in_memory) -> Tensor | None:
        """Room for the segment's end, where it has one, for it starts from `x`."""
        if self.segment.end is None:
            return None
        channels, grid = self.encoder.layers[self.segment.end].channels, self.encoder.grid(self.segment.end, self.size)
        return empty_like(x, channels, grid, allocate)

    def keep(self, tile: Tile, found: Mapping[str, Tensor], end: Tensor | None) -> None:
        """Copy the tile's own part of the segment's end to where it belongs."""
        if end is not None and self.segment.end:
            own, part = self.own(tile, self.segment.end, found[self.segment.end])
            part.of(end).copy_(own)

    def see(self, window: Tensor) -> dict[str, Tensor]:
        """All features of the segment, of a window on what it starts from; the picture itself is one of them."""
        if self.segment.after:
            return self.encoder.features(window, self.segment.wanted, self.segment.after)
        picture = window.expand(-1, 3, -1, -1)
        return {IMAGE: picture, **self.encoder.features(picture, self.segment.wanted)}


class _Own(torch.autograd.Function):
    """A rectangle of features, as a view. Its gradient keeps their layout, which that of an index does not: copied into
    another one, and added up there, it cost a fifth of an evaluation."""

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


def computing(encoder: Encoder) -> torch.device:
    """Where a network computes."""
    return next(encoder.parameters()).device


def moved(x: Tensor, device: torch.device) -> Tensor:
    """The tensor on another device, or itself."""
    return x if x.device == device else x.to(device)


def stages(encoder: Encoder, layers: Sequence[str] | frozenset[str], size: Size, sides: Sequence[int]) -> list[Stage]:
    """The stages for these layers of a picture of `size`; `sides` has a number for each, the last one for all more.

    Raises UsageError for tiles of a network that sees pictures as endless: a window is none.
    """
    if encoder.endless and any(sides):
        raise UsageError("a picture that repeats without end has no tiles; leave --tile or --tileable out")
    found, grid = [], size
    for k, segment in enumerate(segments(encoder, layers)):
        found.append(Stage(segment, size, grid, sides[min(k, len(sides) - 1)], encoder))
        if segment.end:
            grid = encoder.grid(segment.end, size)
    return found


LEAST = 64
"""No tile is shorter, in pixels: its borders would outweigh it."""


def halved(stage: Stage) -> Stage:
    """The stage in tiles of half the side, or half its grid where it was whole; itself where they cannot be smaller."""
    step, most = stage.segment.step, max(stage.grid) if stage.whole else stage.side
    side = max(most // (2 * step), -(-_least(stage) // step)) * step
    return replace(stage, side=side, kept=0) if side < most else stage


def _least(stage: Stage) -> int:
    """The side of the smallest tiles."""
    after = stage.segment.after
    return max(1, LEAST // stage.encoder.layers[after].stride) if after else LEAST


def keeping(found: Sequence[Stage], room: float, cost: Callable[[Stage, Tile], float]) -> tuple[list[Stage], float]:
    """The stages with as many graphs kept as their `cost` in bytes leaves `room` for, and what these take: of the
    deepest ones first, which have the most arithmetic for each byte."""
    kept, taken = list(found), 0.0
    for k in reversed(range(len(kept)) if room > 0 else ()):
        costs = [] if kept[k].whole else [cost(kept[k], tile) for tile in kept[k].tiles()]
        count = 0
        while count < len(costs) and taken + costs[-1 - count] <= room:
            taken += costs[-1 - count]
            count += 1
        kept[k] = replace(kept[k], kept=count)
    return kept, taken


WORTH = 0.9
"""Tiles are shared where the busiest process then has no more than this share of the work."""


def shared(stage: Stage, members: int) -> Stage:
    """The stage in tiles that so many processes share, tile k being that of process k modulo `members`: no larger ones
    than it has, of the side that leaves the busiest of them the least to see. Where that saves next to nothing, as for
    small pictures and the deepest stages, the stage stays what it is."""

    def busiest(side: int) -> int:
        loads = [0] * members
        for k, tile in enumerate(replace(stage, side=side).tiles()):
            loads[k % members] += (tile.rows.last - tile.rows.first) * (tile.columns.last - tile.columns.first)
        return max(loads)

    longer, step, least = max(stage.grid), stage.segment.step, _least(stage)
    most = longer if stage.whole else stage.side
    sides = {-(-longer // (count * step)) * step for count in range(2, 2 * members + 1)}
    loads = {side: busiest(side) for side in sorted(sides, reverse=True) if least <= side < most}
    best = min(loads, key=lambda side: loads[side], default=most)
    if best == most or loads[best] > WORTH * busiest(stage.side):
        return stage
    return replace(stage, side=best, kept=sys.maxsize if stage.whole else 0)


def show(
    stages: Sequence[Stage],
    picture: Tensor,
    visit: Callable[[str, Tensor, Part], None],
    allocate: Allocate = in_memory,
) -> None:
    """Show all layers of a picture `(1, 3, H, W)` to `visit`, part by part, without gradient."""
    x: Tensor | None = picture
    for stage in stages:

        def parts(tile: Tile, found: Mapping[str, Tensor], stage: Stage = stage) -> None:
            for layer in stage.segment.layers:
                visit(layer, *stage.own(tile, layer, found[layer]))

        assert x is not None
        x = stage.forward(x, parts, allocate)


def empty_like(like: Tensor, channels: int, grid: Size, allocate: Allocate) -> Tensor:
    """Room for features `(1, channels, *grid)` of the type and on the device of others, in the channels-last layout."""
    return empty(like.dtype, like.device, channels, grid, allocate)


def empty(kind: torch.dtype, device: torch.device, channels: int, grid: Size, allocate: Allocate) -> Tensor:
    """The same, of any type and on any device."""
    return allocate((1, *grid, channels), kind, device).permute(0, 3, 1, 2)
