"""An objective evaluated tile by tile: the same value and gradient as at once, in a fraction of the memory.

Galerne et al. 2024, "Scaling Painting Style Transfer", in two passes: additive statistics of all tiles are summed up;
then every tile is seen again, with the slopes of the losses by their statistics given. Exact, to rounding. They cut the
picture once, with a border as wide as the deepest layer sees. Here the network is cut as well (see
`encoders/segments.py`): each segment has tiles of its own with narrow borders, and reads what the segment before left.
Segments whose activations fit in memory are one tile, whose graph is kept from the first pass to the second, so that
nothing in them is computed twice; of others as many tiles keep theirs as there is room for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import Allocate, in_memory
from impasto.image.tiles import Tile
from impasto.losses import IMAGE, Additive, Objective, Term
from impasto.tasks.tiling.known_gradient import known
from impasto.tasks.tiling.stages import Stage, empty_like, moved
from impasto.tasks.tiling.team import Team


def adds_up(term: Term) -> bool:
    """Whether a term can be had in tiles: those of the picture itself always can, if not part by part."""
    return term.layer == IMAGE or _in_parts(term)


def _in_parts(term: Term) -> bool:
    return isinstance(term.loss, Additive) and not term.normalize


class TiledObjective:
    """An objective of pictures `(1, C, H, W)`, C 1 or 3, of one size: `(total, parts)`, as `Objective` has them.

    Gradients flow to the picture only, and only once. `allocate` makes the memory of what is as large. Of a `team` each
    member sees its share of the tiles; a stage of one tile is seen by all. Raises UsageError for terms that do not add
    up.
    """

    def __init__(
        self, objective: Objective, stages: Sequence[Stage], allocate: Allocate = in_memory, team: Team | None = None
    ) -> None:
        self.objective, self.stages, self.allocate, self.team = objective, tuple(stages), allocate, team or Team()
        if not self.stages:
            raise UsageError("without any layer of a network there is nothing to see in tiles")
        self.terms: list[list[int]] = [[] for _ in self.stages]
        self.others: list[int] = []
        for number, term in enumerate(objective.terms):
            if not adds_up(term):
                raise UsageError(f"the term {term} looks at the whole picture at once, which takes --tile 0")
            if not _in_parts(term):
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
        total = torch.stack([run.values[number] for number in sorted(run.values)]).sum()
        return known(picture, total, run.gradient), parts


class _Seen(NamedTuple):
    """A tile as it was seen, with the graph: what it shows, its features, and what it adds to the sum of each term."""

    tile: Tile
    leaf: Tensor
    found: Mapping[str, Tensor]
    sums: Mapping[int, Tensor]


class _Evaluation:
    """One evaluation: `values` by the number of the term, and the `gradient` by the picture."""

    def __init__(self, plan: TiledObjective, picture: Tensor) -> None:
        self.plan, self.inputs = plan, [picture]
        self.sums: dict[int, Tensor] = {}
        self.slopes: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self.graphs: dict[int, list[_Seen]] = {}
        for k in range(len(plan.stages)):
            end = self._forward(k)
            if end is not None:
                self.inputs.append(end)
        self._finish()
        gradient: Tensor | None = None
        for k in reversed(range(len(plan.stages))):
            gradient = self._backward(k, gradient)
        assert gradient is not None
        self.gradient = moved(gradient, picture.device)
        for number in plan.others:
            self._whole(number, picture)
        self.values = {number: moved(value, picture.device) for number, value in self.values.items()}

    def _forward(self, k: int) -> Tensor | None:
        """What the stage adds to the sums, and its end, for the next one to begin from; the graphs of its last tiles
        are left for the way back."""
        stage, x = self.plan.stages[k], self.inputs[k]
        if stage.whole:
            return self._at_once(k)
        # Tiles that are seen again have time until then for losses that are sums.
        early, numbers = [n for n in self.plan.terms[k] if self._loss(n).finish], self.plan.terms[k]
        if not (early or stage.kept or stage.segment.end):
            return None
        end, self.graphs[k] = self._room(stage, x), []
        for number, tile in self._own(stage):
            if number < stage.first_kept:
                with torch.no_grad():
                    found: Mapping[str, Tensor] = stage.see(stage.window(tile, x))
                    added: Mapping[int, Tensor] = {n: self._added(stage, tile, n, found) for n in early}
            else:
                seen = self._see(stage, tile, x, numbers)
                self.graphs[k].append(seen)
                found, added = seen.found, seen.sums
            for n, one in added.items():
                self._add(n, one.detach())
            with torch.no_grad():
                stage.keep(tile, found, end)
        return self._together(k, numbers if stage.kept else early, end)

    def _at_once(self, k: int) -> Tensor | None:
        """The same of a stage that is one tile, by every member of the team."""
        stage = self.plan.stages[k]
        seen = self._see(stage, next(stage.tiles()), self.inputs[k], self.plan.terms[k])
        self.graphs[k] = [seen]
        for number, added in seen.sums.items():
            self._add(number, added.detach())
        return seen.found[stage.segment.end].detach() if stage.segment.end else None

    def _own(self, stage: Stage) -> Iterator[tuple[int, Tile]]:
        """The tiles that are ours to see, with their numbers."""
        return self.plan.team.share(enumerate(stage.tiles()))

    def _room(self, stage: Stage, x: Tensor) -> Tensor | None:
        """Room for the stage's end; where others fill in parts of it, these are zero here."""
        end = stage.room(x, self.plan.allocate)
        return end if end is None or self.plan.team.alone else end.zero_()

    def _together(self, k: int, numbers: Sequence[int], end: Tensor | None) -> Tensor | None:
        """Sums and end over all members of the team."""
        stage, team = self.plan.stages[k], self.plan.team
        if team.alone:
            return end
        if not self.sums.keys() >= set(numbers):  # no tile is ours: the first one tells of what shape sums are
            tile = next(stage.tiles())
            with torch.no_grad():
                found = stage.see(stage.window(tile, self.inputs[k]))
                for number in numbers:
                    self._add(number, torch.zeros_like(self._added(stage, tile, number, found)))
        for number in numbers:
            self.sums[number] = team.sum_(self.sums[number].clone())  # it may belong to a graph that is kept
        return None if end is None else team.sum_(end)

    def _see(self, stage: Stage, tile: Tile, x: Tensor, numbers: Sequence[int]) -> _Seen:
        with torch.enable_grad():
            leaf = stage.window(tile, x).detach().requires_grad_()
            found = stage.see(leaf)
            return _Seen(tile, leaf, found, {n: self._added(stage, tile, n, found) for n in numbers})

    def _loss(self, number: int) -> Additive:
        loss = self.plan.objective.terms[number].loss
        assert isinstance(loss, Additive)
        return loss

    def _added(self, stage: Stage, tile: Tile, number: int, found: Mapping[str, Tensor]) -> Tensor:
        """What a tile adds to the sum of a term."""
        term, loss = self.plan.objective.terms[number], self._loss(number)
        return loss.add(*stage.own(tile, term.layer, found[term.layer], loss.margin))

    def _add(self, number: int, added: Tensor) -> None:
        self.sums[number] = self.sums[number] + added if number in self.sums else added

    def _finish(self) -> None:
        """The losses that the sums come to, and their slopes."""
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
        """The gradient by what the stage begins from, given that by its end."""
        stage, x = self.plan.stages[k], self.inputs.pop() if k else self.inputs[0]
        if stage.whole:
            (seen,) = self.graphs.pop(k)
            return self._slope(stage, seen, gradient)
        result = self._zeros(x, last=k == 0)
        for seen in self._again(k, x):
            seen.tile.window(result).add_(moved(self._slope(stage, seen, gradient), result.device))
        return self.plan.team.sum_(result)

    def _again(self, k: int, x: Tensor) -> Iterator[_Seen]:
        """Our tiles of a stage with their graphs: those that were kept, and new ones, which find the losses that are
        sums."""
        stage, numbers, kept = self.plan.stages[k], self.plan.terms[k], self.graphs.pop(k, [])
        while kept:
            yield kept.pop()
        if not stage.first_kept:
            return
        sums = {n: torch.zeros((), dtype=x.dtype, device=stage.device) for n in numbers if not self._loss(n).finish}
        for number, tile in self._own(stage):
            if number >= stage.first_kept:
                break
            seen = self._see(stage, tile, x, numbers)
            sums = {n: before + seen.sums[n].detach() for n, before in sums.items()}
            yield seen
        for n, found in sums.items():
            value = self.plan.objective.terms[n].weight * self.plan.team.sum_(found)
            self.values[n] = self.values[n] + value if n in self.values else value

    def _zeros(self, x: Tensor, *, last: bool) -> Tensor:
        """Room for a gradient, in the layout of what it is the gradient of."""
        if last:
            return self.plan.allocate(tuple(x.shape), x.dtype, x.device).zero_()
        return empty_like(x, x.shape[1], (x.shape[-2], x.shape[-1]), self.plan.allocate).zero_()

    def _slope(self, stage: Stage, seen: _Seen, gradient: Tensor | None) -> Tensor:
        """The gradient by the leaf of one tile."""
        outputs, slopes = [], []
        for number, total in seen.sums.items():
            outputs.append(total)
            weight = self.plan.objective.terms[number].weight
            slopes.append(self.slopes[number] if number in self.slopes else torch.full_like(total, weight))
        if gradient is not None and stage.segment.end:
            own, part = stage.own(seen.tile, stage.segment.end, seen.found[stage.segment.end])
            outputs.append(own)
            slopes.append(moved(part.of(gradient), own.device).to(own.dtype))
        return torch.autograd.grad(outputs, seen.leaf, slopes)[0]

    def _whole(self, number: int, picture: Tensor) -> None:
        """A term of the picture itself that does not add up."""
        with torch.enable_grad():
            leaf = picture.detach().requires_grad_()
            value = self.plan.objective.terms[number](leaf.expand(-1, 3, -1, -1))
            self.gradient += torch.autograd.grad(value, leaf)[0]
        self.values[number] = value.detach()
