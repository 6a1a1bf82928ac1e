"""A point of the search: where it is, how good it is there, and which way is down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

Memory = dict[str, Any]
"""What an optimiser goes on from: tensors, numbers, texts and lists of numbers by name."""


@dataclass(frozen=True)
class Point:
    """Parameters of a canvas, the loss of their picture, its named parts, and the gradient in the parameters' shape."""

    parameters: Tensor
    loss: float
    terms: Mapping[str, float]
    gradient: Tensor

    @property
    def finite(self) -> bool:
        """Whether the loss and the whole gradient are numbers."""
        # One NaN or infinity anywhere makes the sum of the gradient not finite.
        return math.isfinite(self.loss) and bool(torch.isfinite(self.gradient.sum()))


class Measure(Protocol):
    """Evaluates parameters, and knows how long a move is to the eye."""

    def __call__(self, parameters: Tensor) -> Point:
        """The point at `parameters`; its own parameters are the ones that count, where values had to be clamped."""
        ...

    def length(self, move: Tensor) -> float:
        """Root mean square of the change of the picture that this change of the parameters makes."""
        ...
