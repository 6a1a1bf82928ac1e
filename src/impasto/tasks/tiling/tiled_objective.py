"""An objective evaluated tile by tile: the value and gradient of a whole evaluation, in a fraction of the memory.

Galerne et al. 2024, "Scaling Painting Style Transfer", use two passes. The first sums the additive statistics of all
tiles. The second computes every tile again, with the derivatives of the losses by their statistics. The result is exact
up to rounding. They tile the picture once, with a halo as wide as the receptive field of the deepest layer. Here the
network is split as well (see `encoders/segments.py`): each segment has tiles of its own with narrow halos, and reads
the features at the end of the segment before. A segment whose activations fit in memory is one tile; its graph is kept
from the first pass to the second, and nothing is computed twice. Other segments keep the graphs of as many tiles as
fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import Allocate, in_memory, size_of
from impasto.image.tiles import Tile
from impasto.losses import IMAGE, Additive, Objective, Term
from impasto.losses.objective import with_gradient
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.tiling.stages import Stage, empty_like, to_device


def is_additive(term: Term) -> bool:
    """Return whether a term can be evaluated with tiles: additive terms, and all terms of the picture itself."""
    return term.layer == IMAGE or _in_parts(term)


def _in_parts(term: Term) -> bool:
    return isinstance(term.loss, Additive) and not term.normalize


class TiledObjective:
    """An objective of pictures `(1, C, H, W)`, C 1 or 3, of one size; returns `(total, parts)` like `Objective`.

    Gradients flow to the picture only, and backward runs once. `allocate` allocates tensors as large as the picture.
    Each process of the `group` computes its share of the tiles; all compute a stage of one tile. Raises UsageError for
    terms that are not additive.
    """

    def __init__(
        self,
        objective: Objective,
        stages: Sequence[Stage],
        allocate: Allocate = in_memory,
        group: ProcessGroup | None = None,
    ) -> None:
        self.objective, self.stages, self.allocate, self.group = (
            objective,
            tuple(stages),
            allocate,
            group or ProcessGroup(),
        )
        if not self.stages:
            raise UsageError("without any layer of a network there is nothing to see in tiles")
        self.terms: list[list[int]] = [[] for _ in self.stages]
        self.others: list[int] = []
        for number, term in enumerate(objective.terms):
            if not is_additive(term):
                raise UsageError(f"the term {term} looks at the whole picture at once, which takes --tile 0")
            if not _in_parts(term):
                self.others.append(number)
                continue
            where = (k for k, stage in enumerate(self.stages) if term.layer in stage.segment.layers)
            self.terms[0 if term.layer == IMAGE else next(where)].append(number)

    def __call__(self, picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted total (a scalar) and the weighted, detached sum of the terms of each name."""
        run = _Evaluation(self, picture.detach())
        parts: dict[str, Tensor] = {}
        for number, term in enumerate(self.objective.terms):
            parts[term.name] = parts.get(term.name, 0) + run.values[number]
        total = torch.stack([run.values[number] for number in sorted(run.values)]).sum()
        return with_gradient(picture, total, run.gradient), parts


class _TileGraph(NamedTuple):
    """The graph of one tile: its window (a leaf), its features, and its contribution to the sum of each term."""

    tile: Tile
    leaf: Tensor
    features: Mapping[str, Tensor]
    sums: Mapping[int, Tensor]


class _Evaluation:
    """One evaluation: `values` by the index of the term, and the `gradient` by the picture."""

    def __init__(self, plan: TiledObjective, picture: Tensor) -> None:
        self.plan, self.inputs = plan, [picture]
        self.sums: dict[int, Tensor] = {}
        self.slopes: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self.graphs: dict[int, list[_TileGraph]] = {}
        for k in range(len(plan.stages)):
            end = self._forward(k)
            if end is not None:
                self.inputs.append(end)
        self._finish()
        gradient: Tensor | None = None
        for k in reversed(range(len(plan.stages))):
            gradient = self._backward(k, gradient)
        assert gradient is not None
        self.gradient = to_device(gradient, picture.device)
        for number in plan.others:
            self._whole(number, picture)
        self.values = {number: to_device(value, picture.device) for number, value in self.values.items()}

    def _forward(self, k: int) -> Tensor | None:
        """Add the stage's tiles to the sums and return the stage's end, the input of the next stage.

        The graphs of its last tiles stay for the backward pass.
        """
        stage, x = self.plan.stages[k], self.inputs[k]
        if stage.whole:
            return self._at_once(k)
        # Losses that are plain sums of tiles can wait for the second pass.
        early, numbers = [n for n in self.plan.terms[k] if self._loss(n).finish], self.plan.terms[k]
        if not (early or stage.kept_graphs or stage.segment.end):
            return None
        end, self.graphs[k] = self._end_buffer(stage, x), []
        for number, tile in self._own(stage):
            if number < stage.first_kept:
                with torch.no_grad():
                    features: Mapping[str, Tensor] = stage.features(stage.window(tile, x))
                    added: Mapping[int, Tensor] = {n: self._added(stage, tile, n, features) for n in early}
            else:
                graph = self._compute(stage, tile, x, numbers)
                self.graphs[k].append(graph)
                features, added = graph.features, graph.sums
            for n, one in added.items():
                self._add(n, one.detach())
            with torch.no_grad():
                stage.store(tile, features, end)
        return self._together(k, numbers if stage.kept_graphs else early, end)

    def _at_once(self, k: int) -> Tensor | None:
        """Do the same for a stage of one tile, in every process."""
        stage = self.plan.stages[k]
        graph = self._compute(stage, next(stage.tiles()), self.inputs[k], self.plan.terms[k])
        self.graphs[k] = [graph]
        for number, added in graph.sums.items():
            self._add(number, added.detach())
        return graph.features[stage.segment.end].detach() if stage.segment.end else None

    def _own(self, stage: Stage) -> Iterator[tuple[int, Tile]]:
        """Return the tiles of this process, with their indices."""
        return self.plan.group.share(enumerate(stage.tiles()))

    def _end_buffer(self, stage: Stage, x: Tensor) -> Tensor | None:
        """Allocate the stage's end; the parts of other processes are zero here."""
        end = stage.end_buffer(x, self.plan.allocate)
        return end if end is None or self.plan.group.single else end.zero_()

    def _together(self, k: int, numbers: Sequence[int], end: Tensor | None) -> Tensor | None:
        """Return the end, and sum the sums, over all processes."""
        stage, group = self.plan.stages[k], self.plan.group
        if group.single:
            return end
        if not self.sums.keys() >= set(numbers):  # without an own tile, the first one gives the shapes
            tile = next(stage.tiles())
            with torch.no_grad():
                found = stage.features(stage.window(tile, self.inputs[k]))
                for number in numbers:
                    self._add(number, torch.zeros_like(self._added(stage, tile, number, found)))
        for number in numbers:
            self.sums[number] = group.all_reduce_(self.sums[number].clone())  # the tensor may belong to a graph
        return None if end is None else group.all_reduce_(end)

    def _compute(self, stage: Stage, tile: Tile, x: Tensor, numbers: Sequence[int]) -> _TileGraph:
        with torch.enable_grad():
            leaf = stage.window(tile, x).detach().requires_grad_()
            found = stage.features(leaf)
            return _TileGraph(tile, leaf, found, {n: self._added(stage, tile, n, found) for n in numbers})

    def _loss(self, number: int) -> Additive:
        loss = self.plan.objective.terms[number].loss
        assert isinstance(loss, Additive)
        return loss

    def _added(self, stage: Stage, tile: Tile, number: int, found: Mapping[str, Tensor]) -> Tensor:
        """Return the contribution of a tile to the sum of a term."""
        term, loss = self.plan.objective.terms[number], self._loss(number)
        return loss.add(*stage.own(tile, term.layer, found[term.layer], loss.margin))

    def _add(self, number: int, added: Tensor) -> None:
        self.sums[number] = self.sums[number] + added if number in self.sums else added

    def _finish(self) -> None:
        """Compute the losses of the sums, and their derivatives."""
        for number, found in sorted(self.sums.items()):
            weight, loss = self.plan.objective.terms[number].weight, self._loss(number)
            if not loss.finish:
                self.values[number] = weight * found
                continue
            with torch.enable_grad():
                total = found.requires_grad_()
                value = weight * loss.finish(total)
                (self.slopes[number],) = torch.autograd.grad(value, total)
            self.values[number] = value.detach()
        self.sums.clear()

    def _backward(self, k: int, gradient: Tensor | None) -> Tensor:
        """Return the gradient by the input of the stage, from the gradient by its end."""
        stage, x = self.plan.stages[k], self.inputs.pop() if k else self.inputs[0]
        if stage.whole:
            (graph,) = self.graphs.pop(k)
            return self._slope(stage, graph, gradient)
        result = self._zeros(x, last=k == 0)
        for graph in self._again(k, x):
            graph.tile.window(result).add_(to_device(self._slope(stage, graph, gradient), result.device))
        return self.plan.group.all_reduce_(result)

    def _again(self, k: int, x: Tensor) -> Iterator[_TileGraph]:
        """Return the tiles of this process with their graphs: the kept ones, then new ones.

        The new ones also give the losses that are plain sums.
        """
        stage, numbers, kept = self.plan.stages[k], self.plan.terms[k], self.graphs.pop(k, [])
        while kept:
            yield kept.pop()
        if not stage.first_kept:
            return
        sums = {n: torch.zeros((), dtype=x.dtype, device=stage.device) for n in numbers if not self._loss(n).finish}
        for number, tile in self._own(stage):
            if number >= stage.first_kept:
                break
            graph = self._compute(stage, tile, x, numbers)
            sums = {n: before + graph.sums[n].detach() for n, before in sums.items()}
            yield graph
        for n, found in sums.items():
            value = self.plan.objective.terms[n].weight * self.plan.group.all_reduce_(found)
            self.values[n] = self.values[n] + value if n in self.values else value

    def _zeros(self, x: Tensor, *, last: bool) -> Tensor:
        """Allocate a zero gradient in the memory layout of `x`."""
        if last:
            return self.plan.allocate(tuple(x.shape), x.dtype, x.device).zero_()
        return empty_like(x, x.shape[1], size_of(x), self.plan.allocate).zero_()

    def _slope(self, stage: Stage, graph: _TileGraph, gradient: Tensor | None) -> Tensor:
        """Return the gradient by the window of one tile."""
        outputs, slopes = [], []
        for number, total in graph.sums.items():
            outputs.append(total)
            weight = self.plan.objective.terms[number].weight
            slopes.append(self.slopes[number] if number in self.slopes else torch.full_like(total, weight))
        if gradient is not None and stage.segment.end:
            own, part = stage.own(graph.tile, stage.segment.end, graph.features[stage.segment.end])
            outputs.append(own)
            slopes.append(to_device(part.of(gradient), own.device).to(own.dtype))
        return torch.autograd.grad(outputs, graph.leaf, slopes)[0]

    def _whole(self, number: int, picture: Tensor) -> None:
        """Evaluate a term of the whole picture that is not additive."""
        with torch.enable_grad():
            leaf = picture.detach().requires_grad_()
            value = self.plan.objective.terms[number](leaf.expand(-1, 3, -1, -1))
            self.gradient += torch.autograd.grad(value, leaf)[0]
        self.values[number] = value.detach()
