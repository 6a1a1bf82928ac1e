"""The interface of optimisers, and the points that they move between.

An optimiser changes one tensor of parameters. `Optimizer.step` takes the current point and a function that evaluates
other points, and returns the next point. The state of an optimiser depends on gradients, never on parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

OptimizerState = dict[str, Any]
"""The state of an optimiser: tensors, numbers, texts and lists of numbers by name."""


@dataclass(frozen=True)
class Point:
    """Parameters, the loss of their image, its named parts, and the gradient in the shape of the parameters.

    The loss is NaN if the gradient is not finite.
    """

    parameters: Tensor
    loss: float
    terms: Mapping[str, float]
    gradient: Tensor

    @property
    def finite(self) -> bool:
        """Return whether the loss and the whole gradient are finite."""
        return math.isfinite(self.loss)


def numbers(values: Sequence[Tensor]) -> list[float]:
    """Return the values of scalars, with one transfer from each device: a GPU is idle during a transfer.

    >>> numbers([torch.tensor(1.0), torch.tensor(2.0)])
    [1.0, 2.0]
    """
    results: dict[int, float] = {}
    for device in dict.fromkeys(value.device for value in values):
        here = {k: value.detach() for k, value in enumerate(values) if value.device == device}
        results |= zip(here, torch.stack(list(here.values())).tolist(), strict=True)
    return [results[k] for k in range(len(values))]


class Measure(Protocol):
    """A function from parameters to points, with a measure of the length of steps."""

    def __call__(self, parameters: Tensor) -> Point:
        """Return the point at `parameters`. If the parameters are clamped, the point has the clamped ones."""
        ...

    def length(self, move: Tensor) -> float:
        """Return the root mean square change of the image for a change `move` of the parameters."""
        ...


class Optimizer(Protocol):
    """The methods that all optimisers have."""

    clamps: bool
    """Whether pixels may be clamped to [0, 1] after a step. L-BFGS forbids clamping, which spoils curvature pairs."""

    def step(self, point: Point, measure: Measure) -> Point:
        """Return the point after a step from `point`, with one call of `measure` or more.

        The result is a point from `measure`, or `point` itself if no other point is better.
        """
        ...

    def average(self) -> Tensor | None:
        """Return the average of the parameters over steps, or None if the last point is the better result."""
        ...

    def slower(self) -> Optimizer:
        """Return a new optimiser of this kind with a quarter of the rate."""
        ...

    def carry_over(self, old: object, size: tuple[int, int]) -> None:
        """Take over from `old`, the optimiser of the last scale, the state that is useful at `size`."""
        ...

    def state(self) -> OptimizerState:
        """Return a copy of everything that the next step depends on."""
        ...

    def restore(self, state: OptimizerState) -> None:
        """Restore a `state()`. The next steps are then the same to the bit."""
        ...
