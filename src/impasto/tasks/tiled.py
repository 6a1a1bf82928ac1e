"""An objective evaluated tile by tile: the same value and gradient as at once, in a fraction of the memory.

Galerne et al. 2024, "Scaling Painting Style Transfer", in two passes: additive statistics of all tiles are summed up;
then every tile is seen again, with the slopes of the losses by their statistics given. Exact, to rounding. They cut the
picture once, with a border as wide as the deepest layer sees. Here the network is cut as well (see
`encoders/segments.py`): each segment has tiles of its own with narrow borders, and reads what the segment before left.
Segments whose activations fit in memory are one tile, whose graph is kept from the first pass to the second, so that
nothing in them is computed twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from impasto.encoders import Encoder, Segment, segments
from impasto.errors import UsageError
from impasto.losses import IMAGE, Additive, Objective, Part, Term
from impasto.synthesis import Tile, tiles

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
        return features[..., top : top + part.height + margin, left : left + part.width + margin], part

    def forward(self, x: Tensor, visit: Callable[[Tile, Mapping[str, Tensor]], None]) -> Tensor | None:
        """Show the features of every tile to `visit`, without gradient; the segment's end, for the next stage."""
        end = self.segment.end
        kept = _empty(x, self.encoder.layers[end].channels, self.encoder.grid(end, self.size)) if end else None
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


def stages(encoder: Encoder, layers: Sequence[str] | frozenset[str], size: Size, sides: Sequence[int]) -> list[Stage]:
    """The stages for these layers of a picture of `size`; `sides` has a number for each, the last one for all more."""
    found, grid = [], size
    for k, segment in enumerate(segments(encoder, layers)):
        found.append(Stage(segment, size, grid, sides[min(k, len(sides) - 1)], encoder))
        if segment.end:
            grid = encoder.grid(segment.end, size)
    return found


def show(stages: Sequence[Stage], picture: Tensor, visit: Callable[[str, Tensor, Part], None]) -> None:
    """Show all layers of a picture `(1, 3, H, W)` to `visit`, part by part, without gradient."""
    x: Tensor | None = picture
    for stage in stages:

        def parts(tile: Tile, found: Mapping[str, Tensor], stage: Stage = stage) -> None:
            for layer in stage.segment.layers:
                visit(layer, *stage.own(tile, layer, found[layer]))

        assert x is not None
        x = stage.forward(x, parts)


class TiledObjective:
    """An objective of pictures `(1, C, H, W)`, C 1 or 3, of one size: `(total, parts)`, as `Objective` has them.

    Gradients flow to the picture only, and only once. Raises UsageError for terms that do not add up.
    """

    def __init__(self, objective: Objective, stages: Sequence[Stage]) -> None:
        self.objective, self.stages = objective, tuple(stages)
        for term in objective.terms:
            if term.layer != IMAGE and (term.normalize or not isinstance(term.loss, Additive)):
                raise UsageError(f"the term {term} looks at the whole picture at once, which takes --tile 0")
        additive = [term for term in objective.terms if isinstance(term.loss, Additive)]
        self.others = [term for term in objective.terms if not isinstance(term.loss, Additive)]
        self.terms = [
            [t for t in additive if t.layer in stage.segment.layers or (t.layer == IMAGE and k == 0)]
            for k, stage in enumerate(self.stages)
        ]

    def __call__(self, picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted total (a scalar) and the weighted, detached sum of each term's name."""
        run = _Evaluation(self, picture.detach())
        parts: dict[str, Tensor] = {}
        for term in self.objective.terms:
            parts[term.name] = parts.get(term.name, 0) + run.values[id(term)]
        total = torch.stack(list(run.values.values())).sum()
        loss: Tensor = _Known.apply(picture, total, run.gradient)  # type: ignore[no-untyped-call]
        return loss, parts


class _Evaluation:
    """One evaluation: `values` by the identity of the term, and the `gradient` by the picture."""

    def __init__(self, plan: TiledObjective, picture: Tensor) -> None:
        self.plan, self.inputs = plan, [picture]
        self.sums: dict[int, Tensor] = {}
        self.slopes: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self.graphs: dict[int, tuple[Tensor, dict[str, Tensor]]] = {}
        for k in range(len(plan.stages)):
            self._forward(k)
        self._finish()
        gradient: Tensor | None = None
        for k in reversed(range(len(plan.stages))):
            gradient = self._backward(k, gradient)
        assert gradient is not None
        self.gradient = gradient
        for term in plan.others:
            self._whole(term, picture)

    def _forward(self, k: int) -> None:
        """What the stage adds to the sums, and its end, for the next one to begin from."""
        stage, terms, x = self.plan.stages[k], self.plan.terms[k], self.inputs[k]
        if stage.whole:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                found = stage.see(leaf)
                self.graphs[k] = leaf, found
                for term in terms:
                    self._add(stage, next(stage.tiles()), term, found)
            if stage.segment.end:
                self.inputs.append(found[stage.segment.end].detach())
            return
        summed = [term for term in terms if _additive(term).finish]
        if not summed and stage.segment.end is None:
            return

        def visit(tile: Tile, found: Mapping[str, Tensor]) -> None:
            for term in summed:
                self._add(stage, tile, term, found)

        end = stage.forward(x, visit)
        if end is not None:
            self.inputs.append(end)

    def _add(self, stage: Stage, tile: Tile, term: Term, found: Mapping[str, Tensor]) -> None:
        own, part = stage.own(tile, term.layer, found[term.layer], _additive(term).margin)
        added = _additive(term).add(own, part)
        self.sums[id(term)] = self.sums[id(term)] + added if id(term) in self.sums else added

    def _finish(self) -> None:
        """The losses that the sums come to, and their slopes."""
        for term in (term for terms in self.plan.terms for term in terms):
            loss, found = _additive(term), self.sums.get(id(term))
            if loss.finish and found is not None:
                with torch.enable_grad():
                    total = found.detach().requires_grad_()
                    value = term.weight * loss.finish(total)
                    (slope,) = torch.autograd.grad(value, total)
                self.values[id(term)], self.slopes[id(term)] = value.detach(), slope
            elif found is not None:
                self.values[id(term)] = term.weight * found.detach()

    def _backward(self, k: int, gradient: Tensor | None) -> Tensor:
        """The gradient by what the stage begins from, given that by its end."""
        stage, x = self.plan.stages[k], self.inputs.pop() if k else self.inputs[0]
        if stage.whole:
            leaf, found = self.graphs.pop(k)
            sums = {id(term): self.sums.pop(id(term)) for term in self.plan.terms[k]}
            return self._slope(k, next(stage.tiles()), leaf, found, sums, gradient)
        result = torch.zeros_like(x)
        for tile in stage.tiles():
            with torch.enable_grad():
                leaf = tile.window(x).detach().requires_grad_()
                found = stage.see(leaf)
                sums = {}
                for term in self.plan.terms[k]:
                    own, part = stage.own(tile, term.layer, found[term.layer], _additive(term).margin)
                    sums[id(term)] = _additive(term).add(own, part)
                    if not _additive(term).finish:
                        value = term.weight * sums[id(term)].detach()
                        self.values[id(term)] = self.values.get(id(term), 0) + value
                tile.window(result).add_(self._slope(k, tile, leaf, found, sums, gradient))
        return result

    def _slope(  # noqa: PLR0917 (all that a tile's gradient is made of)
        self,
        k: int,
        tile: Tile,
        leaf: Tensor,
        found: Mapping[str, Tensor],
        sums: Mapping[int, Tensor],
        gradient: Tensor | None,
    ) -> Tensor:
        """The gradient by the leaf of one tile."""
        stage = self.plan.stages[k]
        outputs, slopes = [], []
        for term in self.plan.terms[k]:
            outputs.append(sums[id(term)])
            slopes.append(self.slopes.get(id(term), torch.full_like(sums[id(term)], term.weight)))
        if gradient is not None and stage.segment.end:
            own, part = stage.own(tile, stage.segment.end, found[stage.segment.end])
            outputs.append(own)
            slopes.append(part.of(gradient))
        return torch.autograd.grad(outputs, leaf, slopes)[0]

    def _whole(self, term: Term, picture: Tensor) -> None:
        """A term of the picture itself that does not add up."""
        with torch.enable_grad():
            leaf = picture.detach().requires_grad_()
            value = term(leaf.expand(-1, 3, -1, -1))
            self.gradient += torch.autograd.grad(value, leaf)[0]
        self.values[id(term)] = value.detach()


class _Known(torch.autograd.Function):
    """A value whose gradient is known already."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.gradient = gradient
        return value.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        gradient, ctx.gradient = ctx.gradient, None
        return gradient.mul_(slope), None, None


def _additive(term: Term) -> Additive:
    assert isinstance(term.loss, Additive)
    return term.loss


def _empty(like: Tensor, channels: int, grid: Size) -> Tensor:
    return torch.empty((1, channels, *grid), dtype=like.dtype, device=like.device, memory_format=torch.channels_last)
