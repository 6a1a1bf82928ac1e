"""RMSprop: steps of about one length in every parameter, after the present gradient alone."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.synthesis.point import Measure, Memory, Point


class RMSprop:
    """RMSprop (Hinton's lecture 6e of *Neural Networks for Machine Learning*, 2012).

    STROTSS (Kolkin et al. 2019) runs it on a Laplacian pyramid at rate 0.002; pixels bear up to ten times as much. The
    running square starts at zero, uncorrected: the first moves are `1 / sqrt(1 - keep)` times, that is ten times, as
    long as the rate.
    """

    clamps = True

    def __init__(self, rate: float = 0.002, keep: float = 0.99) -> None:
        self.rate, self.keep = rate, keep
        self._square = torch.zeros(())

    def step(self, point: Point, measure: Measure) -> Point:
        """Against the gradient over the root of its running mean square."""
        gradient = point.gradient
        if not self._square.ndim:
            self._square = torch.zeros_like(gradient)
        self._square.mul_(self.keep).addcmul_(gradient, gradient, value=1 - self.keep)
        return measure(point.parameters - self.rate * gradient / self._square.sqrt().add_(1e-12))

    def average(self) -> Tensor | None:
        """None: the points themselves are the result."""
        return None

    def slower(self) -> RMSprop:
        """Return a new optimiser with a quarter of the rate."""
        return RMSprop(self.rate / 4, self.keep)

    def carry_over(self, old: object, size: tuple[int, int]) -> None:
        """Nothing: see `Adam`, where it did not pay."""

    def state(self) -> Memory:
        """Return the settings and the running square."""
        return {"rate": self.rate, "keep": self.keep, "square": self._square.clone()}

    def restore(self, state: Memory) -> None:
        """Take over a `state()`."""
        self.rate, self.keep, self._square = state["rate"], state["keep"], state["square"].clone()
