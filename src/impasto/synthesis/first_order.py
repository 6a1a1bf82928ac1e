"""First-order optimisers: Adam and RMSprop, whose steps have about the same length in every parameter."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.image import resize
from impasto.synthesis.optimizer import Measure, OptimizerState, Point


class Adam:
    """Adam (Kingma and Ba 2015) with a bias-corrected average of the iterates.

    The average is Polyak averaging, as in Crowson's style-transfer-pytorch. The default `rate` and `betas` suit pixels
    in [0, 1].

    rate: the length of a step in one parameter.
    betas: the decay of the first and of the second moment.
    keep: the decay of the average.
    carry: whether the next scale starts from the moments of this one, as in Crowson's code. Off by default, because
        the final loss was 1 to 16 % higher with it (80 and 30 steps a scale, sizes 2 and 1.4 times the last). An
        enlarged picture lacks all detail. Its gradients are larger than the moments, so its first steps are longer
        than the rate.
    """

    clamps = True

    def __init__(
        self,
        rate: float = 0.02,
        betas: tuple[float, float] = (0.9, 0.99),
        keep: float = 0.99,
        carry: bool = False,
    ) -> None:
        self.rate, self.betas, self.keep, self.carry = rate, betas, keep, carry
        self._steps = self._averaged = 0
        self._mean = self._square = self._average = torch.zeros(())

    def step(self, point: Point, measure: Measure) -> Point:
        """Return the point after one step, and add its parameters to the average."""
        after = measure(point.parameters + self.move(point.gradient))
        if self._averaged == 0:
            self._average = torch.zeros_like(after.parameters)
        self._averaged += 1
        self._average.lerp_(after.parameters, 1 - self.keep)
        return after

    def move(self, gradient: Tensor) -> Tensor:
        """Return minus the rate times the mean gradient over the root of the mean squared gradient."""
        first, second = self.betas
        if self._steps == 0:
            self._mean, self._square = torch.zeros_like(gradient), torch.zeros_like(gradient)
        self._steps += 1
        self._mean.lerp_(gradient, 1 - first)
        self._square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        mean = self._mean / (1 - first**self._steps)
        return mean.div_((self._square / (1 - second**self._steps)).sqrt_().add_(1e-12)).mul_(-self.rate)

    def average(self) -> Tensor | None:
        """Return the average of the points of this scale so far, corrected for its start at zero."""
        return self._average / (1 - self.keep**self._averaged) if self._averaged else None

    def slower(self) -> Adam:
        """Return a new optimiser with a quarter of the rate."""
        return Adam(self.rate / 4, self.betas, self.keep, self.carry)

    def carry_over(self, old: object, size: tuple[int, int]) -> None:
        """Take over the moments of `old`, if it is an Adam and `carry` is set: the first bicubic, the second bilinear.

        The gradient of a mean over positions shrinks as the area grows, and so do the moments. The average starts
        again, because it is the average of the points of one scale.
        """
        if not (self.carry and isinstance(old, Adam) and old._steps):
            return
        shrinkage = old._mean.shape[-2] * old._mean.shape[-1] / (size[0] * size[1])
        square = F.interpolate(old._square, size=size, mode="bilinear", antialias=True).relu_()
        # The cubic kernel is wider than the linear one. Where the linear one has only gradients of 0, the mean over a
        # root of 0 would be a huge step. No single gradient moves a parameter further than the rate, so this is the
        # bound.
        first, second = (1 - beta**old._steps for beta in old.betas)
        bound = (square / second).sqrt() * first
        self._mean = resize(old._mean, size).clamp(-bound, bound) * shrinkage
        self._square = square * shrinkage**2
        self._steps = old._steps

    def state(self) -> OptimizerState:
        """Return the settings, both moments and the average."""
        tensors = {"mean": self._mean, "square": self._square, "average": self._average}
        copies = {name: tensor.clone() for name, tensor in tensors.items()}
        settings = {"rate": self.rate, "betas": list(self.betas), "keep": self.keep}
        return {**settings, "steps": self._steps, "averaged": self._averaged, **copies}

    def restore(self, state: OptimizerState) -> None:
        """Restore a `state()`."""
        first, second = state["betas"]
        self.rate, self.betas, self.keep = state["rate"], (first, second), state["keep"]
        self._steps, self._averaged = state["steps"], state["averaged"]
        self._mean, self._square, self._average = (state[name].clone() for name in ("mean", "square", "average"))


class RMSprop:
    """RMSprop (Hinton's lecture 6e of *Neural Networks for Machine Learning*, 2012).

    STROTSS (Kolkin et al. 2019) runs it on a Laplacian pyramid at rate 0.002. Pixels allow up to ten times that rate.
    The mean square starts at zero and is not corrected, so the first steps are `1 / sqrt(1 - keep)` times as long as
    the rate: ten times.

    rate: the length of a step in one parameter.
    keep: the decay of the mean square.
    """

    clamps = True

    def __init__(self, rate: float = 0.002, keep: float = 0.99) -> None:
        self.rate, self.keep = rate, keep
        self._square = torch.zeros(())

    def step(self, point: Point, measure: Measure) -> Point:
        """Return the point after a step against the gradient over the root of its running mean square."""
        gradient = point.gradient
        if not self._square.ndim:
            self._square = torch.zeros_like(gradient)
        self._square.mul_(self.keep).addcmul_(gradient, gradient, value=1 - self.keep)
        return measure(point.parameters - self.rate * gradient / self._square.sqrt().add_(1e-12))

    def average(self) -> Tensor | None:
        """Return None: the last point is the result."""
        return None

    def slower(self) -> RMSprop:
        """Return a new optimiser with a quarter of the rate."""
        return RMSprop(self.rate / 4, self.keep)

    def carry_over(self, old: object, size: tuple[int, int]) -> None:
        """Take over nothing; see `carry` of `Adam` for the reason."""

    def state(self) -> OptimizerState:
        """Return the settings and the mean square."""
        return {"rate": self.rate, "keep": self.keep, "square": self._square.clone()}

    def restore(self, state: OptimizerState) -> None:
        """Restore a `state()`."""
        self.rate, self.keep, self._square = state["rate"], state["keep"], state["square"].clone()
