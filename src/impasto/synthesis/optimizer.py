"""What the loop asks of an optimiser, and the table of them.

An optimiser moves one tensor of parameters. It is handed the point it stands on and a way to measure others, and
answers with the point it moved to. It keeps what it learned from the gradients, never the parameters.
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
    """One way to go down."""

    clamps: bool
    """Whether pixels may be forced back into [0, 1] after a move (it would spoil curvature pairs)."""

    def step(self, point: Point, measure: Measure) -> Point:
        """Move from `point`; `measure` may be called more than once. The answer is a point that `measure` made, or
        `point` itself where no better one was found."""
        ...

    def average(self) -> Tensor | None:
        """A running average of the parameters, where the method makes a better result of it than the last point; or
        None."""
        ...

    def slower(self) -> Optimizer:
        """The same method, with all forgotten, at a quarter of the rate."""
        ...

    def carry_over(self, old: object, size: tuple[int, int]) -> None:
        """Take over what `old`, the optimiser of the scale before, learned of pixels, as far as it is of use at
        `size`."""
        ...

    def state(self) -> Memory:
        """A copy of everything that the next step depends on."""
        ...

    def restore(self, state: Memory) -> None:
        """Become what `state()` was taken of: the steps that follow are the same to the bit."""
        ...


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "lbfgs": LBFGS,
    "lbfgs-wolfe": partial(LBFGS, line_search="wolfe"),
    "adam": Adam,
    "adam-carried": partial(Adam, carry=True),
    "rmsprop": RMSprop,
}
