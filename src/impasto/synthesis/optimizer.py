"""The interface of optimisers, and the table of all.

An optimiser changes one tensor of parameters. It takes the current point and a function that evaluates others, and
returns the next point. Its state depends on gradients, never on the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from torch import Tensor

from impasto.synthesis.adam import Adam
from impasto.synthesis.lbfgs import LBFGS
from impasto.synthesis.point import Measure, Memory, Point
from impasto.synthesis.rmsprop import RMSprop


class Optimizer(Protocol):
    """An optimiser."""

    clamps: bool
    """Whether pixels may be clamped to [0, 1] after a step; clamping spoils curvature pairs."""

    def step(self, point: Point, measure: Measure) -> Point:
        """Make a step from `point`, with one call of `measure` or more.

        Return a point from `measure`, or `point` itself if none is better.
        """
        ...

    def average(self) -> Tensor | None:
        """Return the average of the parameters over steps, or None if the last point is the better result."""
        ...

    def slower(self) -> Optimizer:
        """Return a new optimiser of this kind with a quarter of the rate."""
        ...

    def carry_over(self, old: object, size: tuple[int, int]) -> None:
        """Take over the state of `old`, the optimiser of the scale before, as far as it is useful at `size`."""
        ...

    def state(self) -> Memory:
        """Return a copy of everything that the next step depends on."""
        ...

    def restore(self, state: Memory) -> None:
        """Restore a `state()`; the next steps are the same to the bit."""
        ...


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "lbfgs": LBFGS,
    "lbfgs-wolfe": partial(LBFGS, line_search="wolfe"),
    "adam": Adam,
    "adam-carried": partial(Adam, carry=True),
    "rmsprop": RMSprop,
}
