"""L-BFGS: a quasi-Newton optimiser that estimates the curvature of the loss from the last gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from impasto.errors import choose
from impasto.image import Allocate, in_memory
from impasto.synthesis.half_history import Changes, Halves
from impasto.synthesis.history import History, Matrix, Pair, Rows, Vectors, widest
from impasto.synthesis.linesearch import StrongWolfe, Trial
from impasto.synthesis.optimizer import Measure, OptimizerState, Point

GROWTH = 2.0
"""Growth of the longest allowed step from one step to the next, while there are too few curvature pairs."""


class LBFGS:
    """Limited-memory BFGS (Liu and Nocedal 1989) in the vector-free form (Chen et al. 2014).

    The direction is a linear combination of the gradient, the last `memory` steps s and the last gradient changes y.
    The two-loop recursion runs on the small matrix of their inner products. So a step takes two products with the
    stacked history, where the textbook form runs 4 `memory` separate kernels.

    memory: the number of curvature pairs. The history takes as much memory as `2 * memory` images.
    rate: the first move has an l1 norm of at most `rate`, as in torch.optim.LBFGS. Later moves are `rate` times the
        quasi-Newton step.
    reach: the length of the longest move: root mean square, in the units of the image. Far from the optimum, for
        example from noise, the first curvature pairs give steps that leave [0, 1] by far.
    line_search: None takes each move as it is, with one evaluation a step. "wolfe" uses the move as the first trial of
        a search for the strong Wolfe conditions, with at most 20 evaluations. Its steps are fewer, take longer, and
        never raise the loss. It compares losses, so the objective must be the same function at every step.
    precision: "full" stores the pairs in the dtype of the parameters. "half" stores them in float16, each with a
        scale: half the memory of float32.
    allocate: makes the memory of rows at their first use, and of other tensors of the same length: memory-mapped
        files, for instance. Without it a full history is one matrix, which is faster than rows and differs only by
        rounding.

    Where the curvature is negative from the start, as in shallow layers near noise, no pair can be stored. Each move
    along the gradient is then `GROWTH` times as long as the last one. After the first pair, the longest allowed move
    grows by the same factor, because this pair spans the end of the region and underestimates the curvature behind it.

    Raises UsageError for an unknown `line_search` or `precision`.
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
        self._moves = 0
        self._limit = 0.0  # the length of the longest allowed move beside `reach`; 0 for no limit
        self._forget()

    def step(self, point: Point, measure: Measure) -> Point:
        """Return the point after a step along minus the inverse-Hessian estimate times the gradient."""
        gradient = point.gradient.flatten()
        direction = self._direction(gradient)
        rate = self.rate
        if not self._moves:  # there is no scale yet; a unit l1 norm is a short step for any objective
            rate *= min(1.0, 1.0 / max(float(torch.linalg.vector_norm(gradient, 1)), 1e-30))
        # The first two moves often have no pair, and are as good without a limit.
        normal, self._moves = bool(self._order) or self._moves < 2, self._moves + 1
        if self.line_search:
            return self._search(point, direction.view_as(point.gradient), rate, measure)
        move = direction.mul_(rate) if rate != 1 else direction
        length = measure.length(move.view_as(point.gradient))
        bound = min(self.reach, self._limit or self.reach)
        if length > bound or (self._limit and not normal and length):
            move *= bound / length
            length = bound
        if self.precision == "half":  # the pair is computed from the points, so the next point can reuse the memory
            after = measure(move.view_as(point.gradient).add_(point.parameters))
        else:
            parameters = torch.add(point.parameters, move.view_as(point.gradient), out=self._new(point.parameters))
            after = measure(parameters)
        self._limit = self._next_limit(length if after.loss < point.loss else 0.0, normal)
        self._remember(self._pair(point, after, move))
        return after

    def _next_limit(self, length: float, normal: bool) -> float:
        """Return the limit of the next move, after one of `length` (0 if the loss rose); 0 for no limit.

        normal: whether there is a pair, or the run has just begun. Without a pair, the rate times the gradient may be
        next to no step, because a mean over pixels has small gradients: the larger the image, the smaller.
        """
        if not normal:
            return GROWTH * length
        return GROWTH * self._limit if self._limit < self.reach else 0.0

    def average(self) -> Tensor | None:
        """Return None: the best point is the result."""
        return None

    def slower(self) -> LBFGS:
        """Return a new optimiser with an empty history and a quarter of the rate."""
        rate, precision, allocate = self.rate / 4, self.precision, self.allocate
        return LBFGS(self.memory, rate, self.reach, self.line_search, precision=precision, allocate=allocate)

    def carry_over(self, old: object, size: tuple[int, int]) -> None:
        """Take over nothing: curvature pairs of another size are not exact at this one."""

    def state(self) -> OptimizerState:
        """Return the rate, the limit of the next move, the pairs, and their order in the ring."""
        self._settle()
        order, products = list(self._order), self._products.clone()
        state = {"rate": self.rate, "leash": self._limit, "begun": self._moves, "order": order, "products": products}
        return {**state, **self._history.state(self._rows())}

    def restore(self, state: OptimizerState) -> None:
        """Restore a `state()`."""
        self._forget()
        self.rate, self._limit, self._moves = state["rate"], state["leash"], state["begun"]
        self._order.extend(state["order"])
        self._history.restore(self._rows(), state)
        self._products = state["products"].clone().cpu()

    def _forget(self) -> None:
        """Start again with an empty history."""
        self._history = self._empty()  # rows s_0 .. s_m-1, y_0 .. y_m-1, in a ring
        self._products = torch.zeros(2 * self.memory, 2 * self.memory, dtype=torch.float64)  # of all rows
        self._order.clear()
        self._fresh: int | None = None  # a slot whose products are not computed yet
        self._moves, self._limit = 0, 0.0

    def _new(self, like: Tensor) -> Tensor:
        """Return an uninitialised tensor with the shape, dtype and device of `like`."""
        return (self.allocate or in_memory)(tuple(like.shape), like.dtype, like.device)

    def _empty(self) -> History[Any]:
        if self.precision == "half":
            return Halves(2 * self.memory, self.allocate or in_memory)
        return Matrix(2 * self.memory) if self.allocate is None else Rows(2 * self.memory, self.allocate)

    def _rows(self) -> list[int]:
        """Return the indices of the rows in use."""
        slots = sorted(self._order)
        return [*slots, *(self.memory + slot for slot in slots)]

    def _search(self, point: Point, direction: Tensor, rate: float, measure: Measure) -> Point:
        """Return the point after a line search; `point` itself, with an empty history, if no step lowers the loss."""

        def trial(at: float, point: Point) -> Trial:
            return Trial(at, point, float((point.gradient * direction).sum(dtype=widest(direction.device))))

        start, length = trial(0.0, point), measure.length(direction)
        if not start.slope < 0:  # the gradient is zero, or the slope is a rounding error
            self._forget()
            return point
        search = StrongWolfe(lambda at: trial(at, measure(point.parameters + at * direction)), start)
        end = search.search(rate, self.reach / length if length else float("inf"))
        if end is start:  # not even a short step lowers the loss, so the pairs are wrong
            self._forget()
        else:
            self._remember(self._pair(point, end.point, direction.mul_(end.at).flatten()))
        return end.point

    def _pair(self, before: Point, after: Point, move: Tensor) -> Pair:
        """Return the curvature pair (s, y) of a step; in half precision from the points, without `move`."""
        if self.precision == "half":
            return Changes(before, after)
        gradient = before.gradient.flatten()
        return Vectors(move, torch.sub(after.gradient.flatten(), gradient, out=self._new(gradient)))

    def _remember(self, pair: Pair) -> None:
        """Store a pair if its curvature is positive; it replaces the oldest if the ring is full."""
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
        """Compute the products of the last pair; return the products of all rows with `gradient`, or None.

        Both come in one transfer from a GPU. The result is None without a gradient and for an empty history.
        """
        if self._fresh is None:
            return None if gradient is None or not self._order else self._history.vector_products(gradient)
        slot, self._fresh = self._fresh, None
        rows = (slot, self.memory + slot)
        fresh, with_gradient = self._history.products(rows, gradient)
        for column, row in enumerate(rows):
            self._products[row] = self._products[:, row] = fresh[:, column]
        if self._products[slot, self.memory + slot] > 0:  # the curvature of the pair after rounding
            self._order.append(slot)
        return with_gradient

    def _direction(self, gradient: Tensor) -> Tensor:
        """Return `-(H g)`, by the two-loop recursion on coefficients of the rows and of the gradient."""
        products_with_gradient = self._settle(gradient)
        if products_with_gradient is None or not self._order:
            return torch.neg(gradient, out=self._new(gradient))
        m, products = self.memory, self._products.unbind()
        curvatures: list[float] = self._products.diagonal(m).tolist()  # the inner products of s_i and y_i
        with_gradient: list[float] = products_with_gradient.tolist()
        rows = torch.zeros(2 * m, dtype=torch.float64)
        weights = rows.numpy()  # the same memory; single numbers are ten times as fast in numpy
        gain = -1.0  # the coefficient of the gradient

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
        return self._history.combine(gradient, gain, rows)
