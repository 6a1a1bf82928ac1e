"""Limited-memory BFGS: the curvature of the loss from the last gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from impasto.errors import choose
from impasto.image import Allocate, in_memory
from impasto.synthesis.half_history import Changes, Halves
from impasto.synthesis.history import History, Matrix, Pair, Rows, Vectors, widest
from impasto.synthesis.linesearch import StrongWolfe, Trial
from impasto.synthesis.optimizer import Measure, Memory, Point

GROWTH = 2.0
"""Largest growth of the length of a step while there is no curvature pair, or only the first."""


class LBFGS:
    """Limited-memory BFGS (Liu and Nocedal 1989) in the vector-free form (Chen et al. 2014).

    The direction lies in the span of the last `memory` steps s, gradient changes y, and the gradient. The two-loop
    recursion runs on the small matrix of their inner products; of the long vectors it takes two products with the
    stacked history a step, where the textbook form runs 4 `memory` separate kernels. `memory` costs `2 * memory`
    images. The first move has an l1 norm of at most `rate`, as in torch.optim.LBFGS; later ones are `rate` times the
    quasi-Newton step. No move is longer than `reach` (root mean square, in the units of the picture): far from the
    goal, from noise for instance, the first curvature pairs promise steps that leave the range of pictures altogether.
    Where the loss bends down from the start, as that of shallow layers does about noise, there is no pair to keep:
    each move along the gradient is then `GROWTH` times as long as the last, and none that follows is longer, since the
    first pair spans the end of the bend and underrates what comes.

    `line_search`: None takes the move as it is, one evaluation a step; "wolfe" takes it as the first trial of a search
    for a step that satisfies the strong Wolfe conditions, at most 20 evaluations: fewer, dearer steps that never lead
    up. It compares losses, and so needs an objective that is the same function at every step.

    `precision`: "full" keeps the pairs in the parameters' type; "half" in float16 with a scale each, half the memory
    of float32. `allocate` makes the memory of rows, when they are first needed, and of what else is as long as they
    are: memory-mapped files, for instance. A full history without it is one matrix, faster than rows and other than
    them in rounding only.
    """

    clamps = False

    def __init__(
        self,
        memory: int = 20,
        rate: float = 1.0,
        reach: float = 0.1,
        line_search: str | None = None,
        *,
        precision: str = "full",
        allocate: Allocate | None = None,
    ) -> None:
        if line_search is not None:
            choose({"wolfe": None}, line_search, "line search")
        choose({"full": None, "half": None}, precision, "precision")
        self.memory, self.rate, self.reach, self.line_search = memory, rate, reach, line_search
        self.precision, self.allocate = precision, allocate
        self._order: list[int] = []  # slots of the ring, oldest first
        self._begun = 0  # moves made
        self._leash = 0.0  # the length that the next move may have, where it is bounded so
        self._forget()

    def step(self, point: Point, measure: Measure) -> Point:
        """Make a step along minus the inverse-Hessian estimate times the gradient, with or without a line search."""
        gradient = point.gradient.flatten()
        direction = self._direction(gradient)
        rate = self.rate
        if not self._begun:  # only the direction is known; a unit l1 norm is short enough for anything
            rate *= min(1.0, 1.0 / max(float(torch.linalg.vector_norm(gradient, 1)), 1e-30))
        # That two moves find no pair is usual; what comes of it then is as good without a bound.
        known, self._begun = bool(self._order) or self._begun < 2, self._begun + 1
        if self.line_search:
            return self._search(point, direction.view_as(point.gradient), rate, measure)
        move = direction.mul_(rate) if rate != 1 else direction
        length = measure.length(move.view_as(point.gradient))
        bound = min(self.reach, self._leash or self.reach)
        if length > bound or (self._leash and not known and length):
            move *= bound / length
            length = bound
        if self.precision == "half":  # what is kept of the move is rounded anyway: its memory becomes the next point's
            arrived = measure(move.view_as(point.gradient).add_(point.parameters))
        else:
            there = torch.add(point.parameters, move.view_as(point.gradient), out=self._new(point.parameters))
            arrived = measure(there)
        self._leash = self._longer(length if arrived.loss < point.loss else 0.0, known)
        self._remember(self._pair(point, arrived, move))
        return arrived

    def _longer(self, length: float, known: bool) -> float:
        """Return the bound of the length of the next step, after one of `length` (0 if the loss rose); 0 for no bound.

        A mean over pixels has small gradients: the rate times a gradient may be next to no step, and less in a larger
        image.
        """
        if not known:
            return GROWTH * length
        return GROWTH * self._leash if self._leash < self.reach else 0.0

    def average(self) -> Tensor | None:
        """Return None: the best point is the result."""
        return None

    def slower(self) -> LBFGS:
        """Return a new optimiser with an empty history and a quarter of the rate."""
        rate, precision, allocate = self.rate / 4, self.precision, self.allocate
        return LBFGS(self.memory, rate, self.reach, self.line_search, precision=precision, allocate=allocate)

    def carry_over(self, old: object, size: tuple[int, int]) -> None:
        """Take over nothing: curvature pairs of another size are not exact at this one."""

    def state(self) -> Memory:
        """Return the rate, the bound of the next step, the pairs, and their order in the ring."""
        self._settle()
        order, products = list(self._order), self._products.clone()
        state = {"rate": self.rate, "leash": self._leash, "begun": self._begun, "order": order, "products": products}
        return {**state, **self._history.state(self._used())}

    def restore(self, state: Memory) -> None:
        """Restore the pairs of a `state()`."""
        self._forget()
        self.rate, self._leash, self._begun = state["rate"], state["leash"], state["begun"]
        self._order.extend(state["order"])
        self._history.restore(self._used(), state)
        self._products = state["products"].clone().cpu()

    def _forget(self) -> None:
        self._history = self._empty()  # rows: s_0 .. s_m-1, y_0 .. y_m-1, in a ring
        self._products = torch.zeros(2 * self.memory, 2 * self.memory, dtype=torch.float64)  # of the rows
        self._order.clear()
        self._fresh: int | None = None  # a slot whose products are not known yet
        self._begun, self._leash = 0, 0.0

    def _new(self, like: Tensor) -> Tensor:
        """Allocate a tensor of this kind."""
        return (self.allocate or in_memory)(tuple(like.shape), like.dtype, like.device)

    def _empty(self) -> History[Any]:
        if self.precision == "half":
            return Halves(2 * self.memory, self.allocate or in_memory)
        return Matrix(2 * self.memory) if self.allocate is None else Rows(2 * self.memory, self.allocate)

    def _used(self) -> list[int]:
        slots = sorted(self._order)
        return [*slots, *(self.memory + slot for slot in slots)]

    def _search(self, point: Point, direction: Tensor, rate: float, measure: Measure) -> Point:
        def trial(at: float, found: Point) -> Trial:
            return Trial(at, found, float((found.gradient * direction).sum(dtype=widest(direction.device))))

        start, length = trial(0.0, point), measure.length(direction)
        if not start.slope < 0:  # nothing to gain: a gradient of zero, or rounding
            self._forget()
            return point
        search = StrongWolfe(lambda at: trial(at, measure(point.parameters + at * direction)), start)
        found = search.search(rate, self.reach / length if length else float("inf"))
        if found is start:  # not even a short step goes down: the pairs mislead
            self._forget()
        else:
            self._remember(self._pair(point, found.point, direction.mul_(found.at).flatten()))
        return found.point

    def _pair(self, before: Point, after: Point, move: Tensor) -> Pair:
        """Return the curvature pair (s, y) of a step; in half precision its memory is the next point's."""
        if self.precision == "half":
            return Changes(before, after)
        gradient = before.gradient.flatten()
        return Vectors(move, torch.sub(after.gradient.flatten(), gradient, out=self._new(gradient)))

    def _remember(self, pair: Pair) -> None:
        """Keep a pair if its curvature is positive, in place of the oldest when the ring is full."""
        self._settle()
        if not pair.curvature > 1e-10 * pair.square:
            return
        if len(self._order) == self.memory:
            slot = self._order.pop(0)
        else:
            slot = next(slot for slot in range(self.memory) if slot not in self._order)
        self._history.put((slot, self.memory + slot), pair)
        self._fresh = slot

    def _settle(self, gradient: Tensor | None = None) -> Tensor | None:
        """Take note of the products of the pair that came last; returns those of all rows with a gradient, which a GPU
        can tell together with them."""
        if self._fresh is None:
            return None if gradient is None or not self._order else self._history.along(gradient)
        slot, self._fresh = self._fresh, None
        rows = (slot, self.memory + slot)
        fresh, along = self._history.products(rows, gradient)
        for column, row in enumerate(rows):
            self._products[row] = self._products[:, row] = fresh[:, column]
        if self._products[slot, self.memory + slot] > 0:  # what was kept may be rounded
            self._order.append(slot)
        return along

    def _direction(self, gradient: Tensor) -> Tensor:
        """Return `-(H g)` as coefficients of the history's rows and of the gradient, by the two-loop recursion."""
        along = self._settle(gradient)
        if along is None or not self._order:
            return torch.neg(gradient, out=self._new(gradient))
        m, products = self.memory, self._products.unbind()
        curvatures: list[float] = self._products.diagonal(m).tolist()  # s_i y_i
        with_gradient: list[float] = along.tolist()
        rows = torch.zeros(2 * m, dtype=torch.float64)
        weights = rows.numpy()  # the same memory: a number is read and written there ten times as fast
        gain = -1.0  # coefficient of the gradient itself

        def dot(row: int) -> float:
            return float(torch.dot(products[row], rows)) + gain * with_gradient[row]

        alphas: dict[int, float] = {}
        for slot in reversed(self._order):
            alphas[slot] = dot(slot) / curvatures[slot]
            weights[m + slot] -= alphas[slot]
        last = self._order[-1]
        scale = curvatures[last] / float(products[m + last][m + last])
        weights *= scale
        gain *= scale
        for slot in self._order:
            beta = dot(m + slot) / curvatures[slot]
            weights[slot] += alphas[slot] - beta
        return self._history.combined(gradient, gain, rows)
