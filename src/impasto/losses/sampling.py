"""Random draws for losses that read some of all positions, or project on some directions.

A draw depends on the seed and the number of the step alone. So a run that continues from a checkpoint has the same
draws as an uninterrupted one, and all evaluations within a step (a line search) are of one function.
"""

from __future__ import annotations

import torch
from torch import Tensor


class RandomDraws:
    """The random draws of one evaluation of an objective; `set_step` starts those of the next.

    `fresh`: new draws every step, for optimisers that use gradients alone (Adam, RMSprop); otherwise the same draws in
    all steps, for optimisers that compare gradients of successive steps (L-BFGS).
    """

    def __init__(self, seed: int = 0, fresh: bool = False) -> None:
        self.seed, self.fresh, self.step = seed, fresh, 0
        self._generator = torch.Generator("cpu")
        self.set_step(0)

    def set_step(self, step: int) -> None:
        """Start the draws of `step`."""
        self.step = step
        self._generator.manual_seed((self.seed * 1_000_003 + (step if self.fresh else 0)) % 2**63)

    def branch(self, number: int) -> RandomDraws:
        """Return other draws for the same step, the same at every call, for a second use of draws within a step."""
        other = RandomDraws(self.seed * 31 + number + 1, self.fresh)
        other.set_step(self.step)
        return other

    def positions(self, total: int, count: int, shares: Tensor | None = None) -> Tensor:
        """Return `count` indices out of `total`, int64, with equal chances or in proportion to `shares` `(total,)`.

        Without shares and with `count >= total` they are all indices, in order; other draws are independent and may
        repeat.
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
        """Return `count` directions `(channels, count)`, uniform on the unit sphere, float64 on the CPU."""
        drawn = torch.randn(channels, count, generator=self._generator, dtype=torch.float64)
        return torch.nn.functional.normalize(drawn, dim=0)
