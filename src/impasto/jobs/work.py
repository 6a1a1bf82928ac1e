"""The share of finished work of a run, and the time left. Imports no torch: a bar is on the screen before torch is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.synthesis import Step

Plan = Sequence[tuple[tuple[int, int], int]]
"""Sizes (height, width) and numbers of steps, from the first scale to the last."""


class Work:
    """The share of finished work. A step counts as much as it has pixels: a larger size takes longer."""

    def __init__(self, plan: Plan) -> None:
        self.costs = [size[0] * size[1] for size, steps in plan for _ in range(steps)]

    def share(self, step: Step) -> float:
        """Return the share of finished work after `step`, from 0 to 1."""
        if step.index >= step.total or len(self.costs) != step.total:
            return step.index / step.total if step.total else 1.0
        return sum(self.costs[: step.index]) / sum(self.costs)

    def left(self, step: Step) -> float:
        """Return the seconds left, at the pace so far."""
        share = self.share(step)
        return step.seconds * (1 - share) / share if share else 0.0
