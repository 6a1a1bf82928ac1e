"""The steps at one scale, with the best image so far and restarts from it after divergence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.synthesis.first_order import Adam
from impasto.synthesis.optimizer import Optimizer, Point, numbers
from impasto.synthesis.parameterization import Parameterization

Evaluate = Callable[[Tensor, int], tuple[Tensor, Mapping[str, Tensor]]]
"""A function from an image `(1, C, H, W)` and the index of the step to the loss, a scalar with gradient, and its parts.

The index counts over the whole run; the start has index 0. Random draws depend only on the index, so all evaluations of
a step are of the same function.
"""

RISE = 10.0
"""A loss of `RISE` times the best one is divergence; a smaller rise may be a step over a bump."""

NEAR = 0.01
"""Share of the first loss below which ratios of losses mean nothing, because the match is nearly perfect."""


class Evaluation:
    """A `Measure` of parameters by an objective of images."""

    def __init__(self, parameterization: Parameterization, evaluate: Evaluate) -> None:
        self.parameterization, self.evaluate = parameterization, evaluate
        self.step, self.clamps = 0, False

    def __call__(self, parameters: Tensor) -> Point:
        """Return the point at `parameters`, which are clamped to [0, 1] if the optimiser `clamps`."""
        parameters = parameters.detach()
        if self.clamps:
            parameters = parameters.clamp(0, 1)
        leaf = parameters.requires_grad_()
        with torch.enable_grad():
            loss, terms = self.evaluate(self.parameterization.decode(leaf), self.step)
            gradient = torch.autograd.grad(loss, leaf)[0] if loss.requires_grad else torch.zeros_like(leaf)
        # One NaN or infinity anywhere makes the sum of the gradient not finite.
        value, slopes, *parts = numbers([loss, gradient.sum(), *terms.values()])
        value = value if math.isfinite(slopes) else math.nan
        return Point(leaf.detach(), value, dict(zip(terms, parts, strict=True)), gradient)

    def length(self, move: Tensor) -> float:
        """Return the root mean square change of the image, which is linear in the parameters."""
        picture = self.parameterization.decode(move)
        return float(torch.linalg.vector_norm(picture)) / math.sqrt(picture.numel())


class Descent:
    """The steps at one scale, from `start`: parameters, or the point of an earlier run.

    `best` is the point of least loss. If the loss is not a number, or `RISE` times the best, the search restarts from
    the best point: first with a quarter of the optimiser's rate, then twice with Adam. After a fourth failure, `step`
    raises ImpastoError. Each restart sets `notice`.

    stochastic: whether the objective has new random draws at every step. Its losses cannot be compared between steps,
        so the best point is the last one, or the average of the points if the optimiser has one, and no rise is
        divergence.

    Raises ImpastoError if the loss of the start is not finite.
    """

    def __init__(
        self, start: Tensor | Point, measure: Evaluation, optimizer: Optimizer, stochastic: bool = False
    ) -> None:
        self.measure, self.optimizer, self.stochastic = measure, optimizer, stochastic
        self.point = self.best = start if isinstance(start, Point) else measure(start)
        self.first = self.point.loss
        self.notice, self._restarts = "", 0
        if not self.point.finite:
            raise ImpastoError(
                "the loss of the starting picture is not a finite number; are the weights of the network sound?"
            )

    def step(self, number: int = 0) -> None:
        """Make one step, with index `number` of the run. Raises ImpastoError after repeated divergence."""
        self.notice, self.measure.step = "", number
        self.measure.clamps = self.optimizer.clamps and self.measure.parameterization.bounded
        point = self.optimizer.step(self.point, self.measure)
        if not point.finite or self._diverged(point):
            self._restart("the loss ran away" if point.finite else "the loss was not a number")
            return
        self.point = point
        if self.stochastic or point.loss < self.best.loss:
            self.best = point

    def finish(self) -> None:
        """Take the average of the points as the best point, if it has a lower loss."""
        average = self.optimizer.average()
        if average is None:
            return
        point = self.measure(average)
        if point.finite and (self.stochastic or point.loss <= self.best.loss):
            self.best = point

    def state(self) -> dict[str, Any]:
        """Return everything that the next step depends on, except for the objective."""
        return {
            "point": dict(vars(self.point)),
            "best": dict(vars(self.best)),
            "first": self.first,
            "rescues": self._restarts,
            "method": type(self.optimizer).__name__,
            "optimizer": self.optimizer.state(),
        }

    @classmethod
    def resumed(
        cls, state: Mapping[str, Any], measure: Evaluation, optimizer: Optimizer, stochastic: bool = False
    ) -> Descent:
        """Return the descent of a `state()`; `optimizer` is a new one of the scale."""
        if state["method"] != type(optimizer).__name__:
            optimizer = Adam()  # restarts use no other optimiser
        optimizer.restore(state["optimizer"])
        descent = cls(Point(**state["point"]), measure, optimizer, stochastic)
        descent.best, descent.first, descent._restarts = Point(**state["best"]), state["first"], state["rescues"]
        return descent

    @property
    def picture(self) -> Tensor:
        """Return the best image so far, `(1, C, H, W)`; values may lie outside [0, 1]."""
        return self.measure.parameterization.decode(self.best.parameters)

    def _diverged(self, point: Point) -> bool:
        # Adam's steps of constant length oscillate around a perfect match, but cannot diverge.
        if self.stochastic or self.optimizer.clamps:
            return False
        return point.loss > RISE * max(self.best.loss, NEAR * self.first)

    def _restart(self, reason: str) -> None:
        self._restarts += 1
        if self._restarts == 1:
            self.optimizer = self.optimizer.slower()
            remedy = "with a quarter of the step"
        elif self._restarts <= 3:
            self.optimizer = Adam(rate=0.02 / 4 ** (self._restarts - 1))
            remedy = "with Adam"
        else:
            raise ImpastoError(f"{reason} again and again; the best picture so far is kept")
        self.notice = f"{reason}; going on from the best picture {remedy}"
        self.point = self.best
