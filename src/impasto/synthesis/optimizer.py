"""Optimisers of one tensor, each with one evaluation of the objective a step.

An optimiser is told the gradient at the present point and answers with the move to make. It holds no parameters and
calls nothing, so that the loop stays the only place that evaluates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor


class Optimizer(Protocol):
    """`move(gradient)` is to be added to the point at which `gradient` was taken."""

    clamps: bool
    """Whether the loop may force values back into [0, 1] after a move (it would spoil curvature pairs)."""

    def move(self, gradient: Tensor) -> Tensor:
        """The next change, in the shape of the gradient."""
        ...

    def arrived(self, point: Tensor) -> None:
        """Told after each move where it led (after clamping)."""
        ...

    def average(self) -> Tensor | None:
        """A running average of the points, where the method makes a better result of it than the last point; or
        None."""
        ...


class LBFGS:
    """Limited-memory BFGS (Liu and Nocedal 1989) in the vector-free form (Chen et al. 2014).

    The direction lies in the span of the last `memory` steps s, gradient changes y, and the gradient. The two-loop
    recursion runs on the small matrix of their inner products; of the long vectors it takes two products with the
    stacked history a step, where the textbook form runs 4 `memory` separate kernels. `memory` costs `2 * memory`
    images. The first move has an l1 norm of at most `rate`, as in torch.optim.LBFGS; later ones are `rate` times the
    quasi-Newton step, without a line search. Instead no move is longer than `reach` (root mean square, in the units of
    the picture): far from the goal, from noise for instance, the first curvature pairs promise steps that leave the
    range of pictures altogether.
    """

    clamps = False

    def __init__(self, memory: int = 20, rate: float = 1.0, reach: float = 0.1) -> None:
        self.memory, self.rate, self.reach = memory, rate, reach
        self._history = torch.empty(0)  # rows: s_0 .. s_m-1, y_0 .. y_m-1, in a ring
        self._products = torch.zeros(0)  # inner products of the rows, float64
        self._order: list[int] = []  # slots of the ring, oldest first
        self._gradient: Tensor | None = None
        self._move: Tensor | None = None

    def move(self, gradient: Tensor) -> Tensor:
        """Minus the inverse-Hessian estimate times the gradient."""
        flat = gradient.flatten()
        if self._gradient is None or self._move is None:
            self._history = flat.new_zeros(2 * self.memory, flat.numel())
            self._products = torch.zeros(2 * self.memory, 2 * self.memory, dtype=torch.float64)
            move = flat * (-min(1.0, 1.0 / max(float(flat.abs().sum()), 1e-30)) * self.rate)
        else:
            self._remember(self._move, flat - self._gradient)
            move = self._direction(flat) * self.rate
            length = float(move.square().mean().sqrt())
            if length > self.reach:
                move *= self.reach / length
        self._gradient, self._move = flat.clone(), move
        return move.view_as(gradient)

    def arrived(self, point: Tensor) -> None:
        """Nothing to learn: moves are taken as they are."""

    def average(self) -> Tensor | None:
        """None: the best point visited is the result."""
        return None

    def _remember(self, s: Tensor, y: Tensor) -> None:
        """Keep a pair if its curvature is positive, in place of the oldest when the ring is full."""
        if float(s @ y) <= 1e-10 * float(y @ y):
            return
        full = len(self._order) == self.memory
        slot = self._order.pop(0) if full else len(self._order)
        self._order.append(slot)
        rows = (slot, self.memory + slot)
        for row, vector in zip(rows, (s, y), strict=True):
            self._history[row] = vector
        fresh = (self._history @ self._history[list(rows)].T).double().cpu()
        for column, row in enumerate(rows):
            self._products[row] = self._products[:, row] = fresh[:, column]

    def _direction(self, gradient: Tensor) -> Tensor:
        """The two loops on coefficients: `-(H g)` as a combination of the history's rows and the gradient."""
        b, m = self._products, self.memory
        with_gradient = (self._history @ gradient).double().cpu()
        rows = torch.zeros(2 * m, dtype=torch.float64)
        gain = -1.0  # coefficient of the gradient itself

        def dot(row: int) -> float:
            return float(b[row] @ rows) + gain * float(with_gradient[row])

        alphas: dict[int, float] = {}
        for slot in reversed(self._order):
            alphas[slot] = dot(slot) / float(b[slot, m + slot])
            rows[m + slot] -= alphas[slot]
        if self._order:
            last = self._order[-1]
            scale = float(b[last, m + last] / b[m + last, m + last])
            rows *= scale
            gain *= scale
        for slot in self._order:
            beta = dot(m + slot) / float(b[slot, m + slot])
            rows[slot] += alphas[slot] - beta
        return torch.addmv(gradient * gain, self._history.T, rows.to(self._history))


class Adam:
    """Adam (Kingma and Ba 2015) with a bias-corrected average of the iterates (Polyak averaging, as Crowson's
    style-transfer-pytorch): rate 0.02 and betas (0.9, 0.99) suit pixels in [0, 1].
    """

    clamps = True

    def __init__(self, rate: float = 0.02, betas: tuple[float, float] = (0.9, 0.99), keep: float = 0.99) -> None:
        self.rate, self.betas, self.keep = rate, betas, keep
        self._steps = 0
        self._mean = self._square = self._average = torch.zeros(())

    def move(self, gradient: Tensor) -> Tensor:
        """Minus the rate times the mean gradient over the root of the mean squared one."""
        first, second = self.betas
        if self._steps == 0:
            self._mean, self._square = torch.zeros_like(gradient), torch.zeros_like(gradient)
            self._average = torch.zeros_like(gradient)
        self._steps += 1
        self._mean.lerp_(gradient, 1 - first)
        self._square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        mean = self._mean / (1 - first**self._steps)
        return mean.div_((self._square / (1 - second**self._steps)).sqrt_().add_(1e-12)).mul_(-self.rate)

    def arrived(self, point: Tensor) -> None:
        """Add the point to the average."""
        self._average.lerp_(point, 1 - self.keep)

    def average(self) -> Tensor | None:
        """The average so far, corrected for its start at zero."""
        return self._average / (1 - self.keep**self._steps) if self._steps else None


OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {"lbfgs": LBFGS, "adam": Adam}
