"""The steps at one scale: the best picture kept, a loss that runs away survived."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.synthesis.adam import Adam
from impasto.synthesis.optimizer import Optimizer
from impasto.synthesis.parameterization import Parameterization
from impasto.synthesis.point import Point, numbers

Evaluate = Callable[[Tensor, int], tuple[Tensor, Mapping[str, Tensor]]]
"""A picture `(1, C, H, W)` and the number of the step to the picture's loss (a scalar that gradients flow from) and the
named parts of it.

The number counts over the whole run. An objective that draws at random draws by it alone, so that all evaluations of a
step see one function. The start of a run has the number 0.
"""

RISE = 10.0
"""A loss this many times the best one is a run that has left the valley, not one that climbs out of a dent."""

NEAR = 0.01
"""A loss below this share of the first one is as good as the best: near a perfect match ratios mean nothing."""


class Evaluation:
    """Measures parameters of a canvas by an objective of pictures (a `Measure`)."""

    def __init__(self, parameterization: Parameterization, evaluate: Evaluate) -> None:
        self.parameterization, self.evaluate = parameterization, evaluate
        self.step, self.clamps = 0, False

    def __call__(self, parameters: Tensor) -> Point:
        """The point at `parameters`, or at the nearest ones in range where the present method `clamps`."""
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
        """Root mean square of the change of the picture; canvases are linear."""
        picture = self.parameterization.decode(move)
        return float(torch.linalg.vector_norm(picture)) / math.sqrt(picture.numel())


class Descent:
    """The steps at one scale, from `start`: parameters, or the point that an earlier run had come to.

    Keeps the point of least loss as `best`. When the loss is not a number, or is `RISE` times the best, the search
    restarts from the best point: first with the same method at a quarter of its rate, then with Adam, then it gives up.
    Each of these is told in `notice`.

    A `stochastic` objective draws anew at every step, so that its losses are no measure of which point is best: the
    last point counts as the best, or the average of the points where the method has one, and no rise is too much.
    """

    def __init__(
        self, start: Tensor | Point, measure: Evaluation, optimizer: Optimizer, stochastic: bool = False
    ) -> None:
        self.measure, self.optimizer, self.stochastic = measure, optimizer, stochastic
        self.point = self.best = start if isinstance(start, Point) else measure(start)
        self.first = self.point.loss
        self.notice, self._rescues = "", 0
        if not self.point.finite:
            raise ImpastoError(
                "the loss of the starting picture is not a finite number; are the weights of the network sound?"
            )

    def step(self, number: int = 0) -> None:
        """Move once, as step `number` of the run."""
        self.notice, self.measure.step = "", number
        self.measure.clamps = self.optimizer.clamps and self.measure.parameterization.bounded
        point = self.optimizer.step(self.point, self.measure)
        if not point.finite or self._ran_away(point):
            self._rescue("the loss ran away" if point.finite else "the loss was not a number")
            return
        self.point = point
        if self.stochastic or point.loss < self.best.loss:
            self.best = point

    def finish(self) -> None:
        """Take the average of the points instead of the best of them where it has the lower loss."""
        average = self.optimizer.average()
        if average is None:
            return
        point = self.measure(average)
        if point.finite and (self.stochastic or point.loss <= self.best.loss):
            self.best = point

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on, but for the objective."""
        return {
            "point": dict(vars(self.point)),
            "best": dict(vars(self.best)),
            "first": self.first,
            "rescues": self._rescues,
            "method": type(self.optimizer).__name__,
            "optimizer": self.optimizer.state(),
        }

    @classmethod
    def resumed(
        cls, state: Mapping[str, Any], measure: Evaluation, optimizer: Optimizer, stochastic: bool = False
    ) -> Descent:
        """The descent whose `state()` was taken; `optimizer` is a fresh one of the scale."""
        if state["method"] != type(optimizer).__name__:
            optimizer = Adam()  # the only other one that a rescue brings in
        optimizer.restore(state["optimizer"])
        descent = cls(Point(**state["point"]), measure, optimizer, stochastic)
        descent.best, descent.first, descent._rescues = Point(**state["best"]), state["first"], state["rescues"]
        return descent

    @property
    def picture(self) -> Tensor:
        """The best picture so far, as it is: values may lie outside [0, 1]."""
        return self.measure.parameterization.decode(self.best.parameters)

    def _ran_away(self, point: Point) -> bool:
        # A method whose moves are all of one length (Adam) jitters about a perfect match, but cannot run away.
        if self.stochastic or self.optimizer.clamps:
            return False
        return point.loss > RISE * max(self.best.loss, NEAR * self.first)

    def _rescue(self, reason: str) -> None:
        self._rescues += 1
        if self._rescues == 1:
            self.optimizer = self.optimizer.slower()
            remedy = "with a quarter of the step"
        elif self._rescues <= 3:
            self.optimizer = Adam(rate=0.02 / 4 ** (self._rescues - 1))
            remedy = "with Adam"
        else:
            raise ImpastoError(f"{reason} again and again; the best picture so far is kept")
        self.notice = f"{reason}; going on from the best picture {remedy}"
        self.point = self.best
