"""A line search: the length of a step that satisfies the strong Wolfe conditions.

Nocedal and Wright, *Numerical Optimization* (2nd ed.), algorithms 3.5 (bracket) and 3.6 (zoom), with the cubic
interpolation of their eq. 3.59.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from impasto.synthesis.optimizer import Point

DECREASE = 1e-4
"""c1: the least decrease of the loss, relative to the decrease that the slope at the start predicts (eq. 3.7a)."""

CURVATURE = 0.9
"""c2: the largest absolute slope at the end of the step, relative to the slope at the start (eq. 3.7b)."""

GROWTH = 10.0
"""Largest ratio of two successive step lengths, until a bracket is found."""

MARGIN = 0.1
"""Least distance of a trial from both ends of the bracket, relative to its width. So every trial narrows it."""


ROUNDING = 1e-8
"""Smallest predicted decrease within a bracket, relative to the loss. Smaller ones drown in rounding errors."""


@dataclass(frozen=True)
class Trial:
    """A step of length `at` along the line: the point there, and the derivative of the loss along the line."""

    at: float
    point: Point
    slope: float

    @property
    def loss(self) -> float:
        """Return the loss at the point."""
        return self.point.loss


class StrongWolfe:
    """One search along one line.

    try_at: evaluates a step length.
    start: the trial at length 0; its slope must be negative.
    evaluations: the largest number of trials.

    >>> import torch
    >>> def parabola(at):
    ...     point = Point(torch.tensor([at]), (at - 3) ** 2, {}, torch.tensor([2 * (at - 3)]))
    ...     return Trial(at, point, 2 * (at - 3))
    >>> StrongWolfe(parabola, parabola(0.0)).search(first=1.0).at
    1.0
    """

    def __init__(self, try_at: Callable[[float], Trial], start: Trial, evaluations: int = 20) -> None:
        self._try_at, self.start, self.left = try_at, start, evaluations

    def search(self, first: float, longest: float = math.inf) -> Trial:
        """Return a trial that satisfies the strong Wolfe conditions (algorithm 3.5).

        The search starts with a step of length `first`, and no step is longer than `longest`. When no trial is left, or
        at `longest`, the result is the best trial so far with a sufficient decrease, or `start` if there is none. A
        loss of NaN counts as too high.
        """
        before, at = self.start, min(first, longest)
        while self.left:
            trial = self._try(at)
            if not self._decreases(trial) or (before is not self.start and trial.loss >= before.loss):
                return self._zoom(before, trial)
            if self._flat(trial):
                return trial
            if trial.slope >= 0:
                return self._zoom(trial, before)
            if at >= longest:
                return trial
            guess = cubic_minimum(before, trial)
            nearest, furthest = at + 0.01 * (at - before.at), min(GROWTH * at, longest)
            before, at = trial, min(max(guess, nearest), furthest) if guess > at else furthest
        return before

    def _zoom(self, low: Trial, high: Trial) -> Trial:
        """Return a trial between two others that satisfies the conditions (algorithm 3.6).

        `low` is the best trial so far with a sufficient decrease.
        """
        while self.left:
            a, b = sorted((low.at, high.at))
            inset = MARGIN * (b - a)
            if (b - a) * -self.start.slope <= ROUNDING * abs(self.start.loss):
                break
            guess = cubic_minimum(low, high)
            trial = self._try(min(max(guess, a + inset), b - inset) if math.isfinite(guess) else (a + b) / 2)
            if not self._decreases(trial) or trial.loss >= low.loss:
                high = trial
                continue
            if self._flat(trial):
                return trial
            if trial.slope * (high.at - low.at) >= 0:
                high = low
            low = trial
        return low

    def _try(self, at: float) -> Trial:
        self.left -= 1
        return self._try_at(at)

    def _decreases(self, trial: Trial) -> bool:
        return trial.point.finite and trial.loss <= self.start.loss + DECREASE * trial.at * self.start.slope

    def _flat(self, trial: Trial) -> bool:
        return abs(trial.slope) <= -CURVATURE * self.start.slope


def cubic_minimum(a: Trial, b: Trial) -> float:
    """Return the minimum of the cubic with the losses and slopes of two trials (eq. 3.59); NaN if it has none."""
    if a.at > b.at:
        a, b = b, a
    width = b.at - a.at
    bend = a.slope + b.slope - 3 * (b.loss - a.loss) / width
    root = bend * bend - a.slope * b.slope
    if not root >= 0:
        return math.nan
    root = math.sqrt(root)
    below = b.slope - a.slope + 2 * root
    return b.at - width * (b.slope + root - bend) / below if below else math.nan
