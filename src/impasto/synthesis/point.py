"""A point of the search: where it is, how good it is there, and which way is down."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

Memory = dict[str, Any]
"""What an optimiser goes on from: tensors, numbers, texts and lists of numbers by name."""


@dataclass(frozen=True)
class Point:
    """Parameters of a canvas, the loss of their picture, its named parts, and the gradient in the parameters' shape.

    The loss is not a number, either, where the gradient holds one that is not finite.
    """

    parameters: Tensor
    loss: float
    terms: Mapping[str, float]
    gradient: Tensor

    @property
    def finite(self) -> bool:
        """Whether the loss and the whole gradient are numbers."""
        return math.isfinite(self.loss)


def numbers(values: Sequence[Tensor]) -> list[float]:
    """The values of scalars, in one transfer from each device that they are on: a GPU has nothing to do while one is
    asked for."""
    found: dict[int, float] = {}
    for device in dict.fromkeys(value.device for value in values):
        here = {k: value.detach() for k, value in enumerate(values) if value.device == device}
        found |= zip(here, torch.stack(list(here.values())).tolist(), strict=True)
    return [found[k] for k in range(len(values))]


class Measure(Protocol):
    """Evaluates parameters, and knows how long a move is to the eye."""

    def __call__(self, parameters: Tensor) -> Point:
        """The point at `parameters`; its own parameters are the ones that count, where values had to be clamped."""
        ...

    def length(self, move: Tensor) -> float:
        """Root mean square of the change of the picture that this change of the parameters makes."""
        ...
