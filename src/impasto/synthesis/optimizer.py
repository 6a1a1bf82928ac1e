"""A point of the search: parameters, loss and gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

Memory = dict[str, Any]
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
        """Whether the loss and the whole gradient are finite."""
        return math.isfinite(self.loss)


def numbers(values: Sequence[Tensor]) -> list[float]:
    """Return the values of scalars, with one transfer from each device: a GPU is idle during a transfer."""
    found: dict[int, float] = {}
    for device in dict.fromkeys(value.device for value in values):
        here = {k: value.detach() for k, value in enumerate(values) if value.device == device}
        found |= zip(here, torch.stack(list(here.values())).tolist(), strict=True)
    return [found[k] for k in range(len(values))]


class Measure(Protocol):
    """Evaluates parameters, and measures steps by the change of the image."""

    def __call__(self, parameters: Tensor) -> Point:
        """Return the point at `parameters`; the point has the clamped parameters, if they are clamped."""
        ...

    def length(self, move: Tensor) -> float:
        """Return the root mean square of the change of the image for a change of the parameters."""
        ...


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
