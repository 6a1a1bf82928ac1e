"""An objective evaluated tile by tile: the same value and gradient as at once, in a fraction of the memory.

Galerne et al. 2024, "Scaling Painting Style Transfer", in two passes: additive statistics of all tiles are summed up;
then every tile is seen again, with the slopes of the losses by their statistics given. Exact, to rounding. They cut the
picture once, with a border as wide as the deepest layer sees. Here the network is cut as well (see
`encoders/segments.py`): each segment has tiles of its own with narrow borders, and reads what the segment before left.
Segments whose activations fit in memory are one tile, whose graph is kept from the first pass to the second, so that
nothing in them is computed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.losses import IMAGE, Additive, Objective
from impasto.synthesis import Allocate, Tile, in_memory
from impasto.tasks.stages import Stage, empty_like


class TiledObjective:
    """An objective of pictures `(1, C, H, W)`, C 1 or 3, of one size: `(total, parts)`, as `Objective` has them.

    Gradients flow to the picture only, and only once. `allocate` makes the memory of what is as large. Raises
    UsageError for terms that do not add up.
    """

    def __init__(self, objective: Objective, stages: Sequence[Stage], allocate: Allocate = in_memory) -> None:
        self.objective, self.stages, self.allocate = objective, tuple(stages), allocate
        if not self.stages:
            raise UsageError("without any layer of a network there is nothing to see in tiles")
        self.terms: list[list[int]] = [[] for _ in self.stages]
        self.others: list[int] = []
        for number, term in enumerate(objective.terms):
            adds = isinstance(term.loss, Additive) and not term.normalize
            if term.layer != IMAGE and not adds:
                raise UsageError(f"the term {term} looks at the whole picture at once, which takes --tile 0")
            if not adds:
                self.others.append(number)
                continue
            where = (k for k, stage in enumerate(self.stages) if term.layer in stage.segment.layers)
            self.terms[0 if term.layer == IMAGE else next(where)].append(number)

    def __call__(self, picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted total (a scalar) and the weighted, detached sum of each term's name."""
        run = _Evaluation(self, picture.detach())
        parts: dict[str, Tensor] = {}
        for number, term in enumerate(self.objective.terms):
            parts[term.name] = parts.get(term.name, 0) + run.values[number]
        total = torch.stack(list(run.values.values())).sum()
        loss: Tensor = _Known.apply(picture, total, run.gradient)  # type: ignore[no-untyped-call]
        return loss, parts


class _Evaluation:
    """One evaluation: `values` by the number of the term, and the `gradient` by the picture."""

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
        for number in plan.others:
            self._whole(number, picture)

    def _forward(self, k: int) -> None:
        """What the stage adds to the sums, and its end, for the next one to begin from."""
        stage, numbers, x = self.plan.stages[k], self.plan.terms[k], self.inputs[k]
        if stage.whole:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                found = stage.see(leaf)
                self.graphs[k] = leaf, found
                for number in numbers:
                    self.sums[number] = self._added(stage, next(stage.tiles()), number, found)
            if stage.segment.end:
                self.inputs.append(found[stage.segment.end].detach())
            return
        summed = [number for number in numbers if self._loss(number).finish]
        if not summed and stage.segment.end is None:
            return

        def visit(tile: Tile, found: Mapping[str, Tensor]) -> None:
            for number in summed:
                added = self._added(stage, tile, number, found)
                self.sums[number] = self.sums[number] + added if number in self.sums else added

        end = stage.forward(x, visit, self.plan.allocate)
        if end is not None:
            self.inputs.append(end)

    def _loss(self, number: int) -> Additive:
        loss = self.plan.objective.terms[number].loss
        assert isinstance(loss, Additive)
        return loss

    def _added(self, stage: Stage, tile: Tile, number: int, found: Mapping[str, Tensor]) -> Tensor:
        """What a tile adds to the sum of a term."""
        term, loss = self.plan.objective.terms[number], self._loss(number)
        return loss.add(*stage.own(tile, term.layer, found[term.layer], loss.margin))

    def _finish(self) -> None:
        """The losses that the sums come to, and their slopes."""
        for number, found in sorted(self.sums.items()):
            weight, loss = self.plan.objective.terms[number].weight, self._loss(number)
            if not loss.finish:
                self.values[number] = weight * found.detach()
                continue
            with torch.enable_grad():
                total = found.detach().requires_grad_()
                value = weight * loss.finish(total)
                (self.slopes[number],) = torch.autograd.grad(value, total)
            self.values[number] = value.detach()

    def _backward(self, k: int, gradient: Tensor | None) -> Tensor:
        """The gradient by what the stage begins from, given that by its end."""
        stage, x = self.plan.stages[k], self.inputs.pop() if k else self.inputs[0]
        if stage.whole:
            leaf, found = self.graphs.pop(k)
            sums = {number: self.sums.pop(number) for number in self.plan.terms[k]}
            return self._slope(stage, next(stage.tiles()), leaf, found, sums, gradient)
        result = self._zeros(x, last=k == 0)
        for tile in stage.tiles():
            with torch.enable_grad():
                leaf = tile.window(x).detach().requires_grad_()
                found = stage.see(leaf)
                sums = {number: self._added(stage, tile, number, found) for number in self.plan.terms[k]}
            for number in (number for number in sums if not self._loss(number).finish):
                value = self.plan.objective.terms[number].weight * sums[number].detach()
                self.values[number] = self.values.get(number, 0) + value
            tile.window(result).add_(self._slope(stage, tile, leaf, found, sums, gradient))
        return result

    def _zeros(self, x: Tensor, *, last: bool) -> Tensor:
        """Room for a gradient, in the layout of what it is the gradient of."""
        if last:
            return self.plan.allocate(tuple(x.shape), x.dtype, x.device).zero_()
        return empty_like(x, x.shape[1], (x.shape[-2], x.shape[-1]), self.plan.allocate).zero_()

    def _slope(  # noqa: PLR0917 (all that a tile's gradient is made of)
        self,
        stage: Stage,
        tile: Tile,
        leaf: Tensor,
        found: Mapping[str, Tensor],
        sums: Mapping[int, Tensor],
        gradient: Tensor | None,
    ) -> Tensor:
        """The gradient by the leaf of one tile."""
        outputs, slopes = [], []
        for number, total in sums.items():
            outputs.append(total)
            weight = self.plan.objective.terms[number].weight
            slopes.append(self.slopes[number] if number in self.slopes else torch.full_like(total, weight))
        if gradient is not None and stage.segment.end:
            own, part = stage.own(tile, stage.segment.end, found[stage.segment.end])
            outputs.append(own)
            slopes.append(part.of(gradient))
        return torch.autograd.grad(outputs, leaf, slopes)[0]

    def _whole(self, number: int, picture: Tensor) -> None:
        """A term of the picture itself that does not add up."""
        with torch.enable_grad():
            leaf = picture.detach().requires_grad_()
            value = self.plan.objective.terms[number](leaf.expand(-1, 3, -1, -1))
            self.gradient += torch.autograd.grad(value, leaf)[0]
        self.values[number] = value.detach()


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
