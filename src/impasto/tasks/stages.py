"""A network's segments as stages: what each starts from, cut into tiles, and what of it is whose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from impasto.encoders import Encoder, Segment, segments
from impasto.errors import UsageError
from impasto.losses import IMAGE, Part
from impasto.synthesis import Allocate, Tile, in_memory, tiles

Size = tuple[int, int]


@dataclass(frozen=True)
class Stage:
    """A segment at one size of picture: the grid that it starts from, and the side of its tiles there (0: one tile)."""

    segment: Segment
    size: Size
    grid: Size
    side: int
    encoder: Encoder

    @property
    def whole(self) -> bool:
        """Whether it is one tile."""
        return self.side == 0 or self.side >= max(self.grid)

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
        end, kept = self.segment.end, None
        if end:
            kept = empty_like(x, self.encoder.layers[end].channels, self.encoder.grid(end, self.size), allocate)
        for tile in self.tiles():
            with torch.no_grad():
                found = self.see(tile.window(x))
                visit(tile, found)
                if kept is not None and end:
                    own, part = self.own(tile, end, found[end])
                    part.of(kept).copy_(own)
        return kept

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
        whole = torch.zeros_like(ctx.like, device=gradient.device)
        whole[..., ctx.rows, ctx.columns] = gradient
        return whole, None, None


def stages(encoder: Encoder, layers: Sequence[str] | frozenset[str], size: Size, sides: Sequence[int]) -> list[Stage]:
    """The stages for these layers of a picture of `size`; `sides` has a number for each, the last one for all more.

    Raises UsageError for tiles of a network that sees pictures as endless: a window is none.
    """
    if encoder.endless and any(sides):
        raise UsageError("a picture that repeats without end has no tiles; take --tile 0")
    found, grid = [], size
    for k, segment in enumerate(segments(encoder, layers)):
        found.append(Stage(segment, size, grid, sides[min(k, len(sides) - 1)], encoder))
        if segment.end:
            grid = encoder.grid(segment.end, size)
    return found


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
    return allocate((1, *grid, channels), like.dtype, like.device).permute(0, 3, 1, 2)
