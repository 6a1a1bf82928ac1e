"""Random draws for losses that look at some positions, or along some directions, of all.

Nothing here has a history: a draw depends on the seed and the number of the step alone. So a run that is stopped and
taken up again draws what it would have drawn, and all evaluations within one step (a line search) see one function.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Dice:
    """Draws for one evaluation of an objective; `roll` begins the next.

    `fresh`: new draws every step, for optimisers that live on gradients alone (Adam, RMSprop); otherwise the same ones
    for ever, for those that compare gradients of successive steps (L-BFGS).
    """

    def __init__(self, seed: int = 0, fresh: bool = False) -> None:
        self.seed, self.fresh, self.step = seed, fresh, 0
        self._generator = torch.Generator("cpu")
        self.roll(0)

    def roll(self, step: int) -> None:
        """Begin the draws of `step`."""
        self.step = step
        self._generator.manual_seed((self.seed * 1_000_003 + (step if self.fresh else 0)) % 2**63)

    def branch(self, number: int) -> Dice:
        """Other draws for the same step, the same ones at every call: for what is drawn more than once in a step."""
        other = Dice(self.seed * 31 + number + 1, self.fresh)
        other.roll(self.step)
        return other

    def positions(self, total: int, count: int, shares: Tensor | None = None) -> Tensor:
        """`count` numbers of positions out of `total`, int64: each with equal chance, or in proportion to `shares`
        `(total,)`.

        Without shares and with `count >= total` they are all the positions, in order; other draws are independent and
        may repeat.
        """
        if shares is not None:
            # torch.multinomial refuses more than 2^24 categories; the inverse of the cumulative sum does not.
            ends = shares.detach().cpu().double().cumsum(0)
            where = torch.rand(count, generator=self._generator, dtype=torch.float64) * ends[-1]
            found: Tensor = torch.searchsorted(ends, where, right=True).clamp(max=total - 1)
            return found.to(shares.device)
        if count >= total:
            return torch.arange(total)
        anywhere: Tensor = torch.randint(total, (count,), generator=self._generator)
        return anywhere

    def directions(self, channels: int, count: int) -> Tensor:
        """`count` directions `(channels, count)`, uniform on the unit sphere, float64 on the CPU."""
        drawn = torch.randn(channels, count, generator=self._generator, dtype=torch.float64)
        return torch.nn.functional.normalize(drawn, dim=0)
