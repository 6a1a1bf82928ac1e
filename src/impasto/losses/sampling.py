"""Random draws for losses that sample positions or directions.

A draw depends only on the seed and the number of the step. So a run that continues from a checkpoint has the same draws
as an uninterrupted run, and all evaluations of one step, as in a line search, are of the same function.
"""

from __future__ import annotations

import torch
from torch import Tensor


class RandomDraws:
    """The random draws of the evaluations of an objective; `set_step` starts the draws of a step.

    seed: the seed of all draws.
    fresh: whether each step has new draws, for optimisers that use only gradients (Adam, RMSprop). Otherwise all steps
        have the same draws, for optimisers that compare gradients of successive steps (L-BFGS).

    >>> RandomDraws().positions(total=3, count=5)
    tensor([0, 1, 2])
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
        """Return other draws for the same step, which depend on `number` and are the same at every call.

        A second use of draws within a step needs its own branch.
        """
        other = RandomDraws(self.seed * 31 + number + 1, self.fresh)
        other.set_step(self.step)
        return other

    def positions(self, total: int, count: int, shares: Tensor | None = None) -> Tensor:
        """Return `count` indices below `total`, int64, with equal probability or in proportion to `shares` `(total,)`.

        Without shares and with `count >= total`, the result is all indices in order. Other draws are independent, with
        replacement.
        """
        if shares is not None:
            # By the inverse of the cumulative sum, because torch.multinomial allows at most 2^24 categories.
            ends = shares.detach().cpu().double().cumsum(0)
            where = torch.rand(count, generator=self._generator, dtype=torch.float64) * ends[-1]
            indices: Tensor = torch.searchsorted(ends, where, right=True).clamp(max=total - 1)
            return indices.to(shares.device)
        if count >= total:
            return torch.arange(total)
        uniform: Tensor = torch.randint(total, (count,), generator=self._generator)
        return uniform

    def directions(self, channels: int, count: int) -> Tensor:
        """Return `count` random unit vectors as columns `(channels, count)`, float64 on the CPU."""
        normal = torch.randn(channels, count, generator=self._generator, dtype=torch.float64)
        return torch.nn.functional.normalize(normal, dim=0)
