"""How far to go along a direction: a step that satisfies the strong Wolfe conditions.

Nocedal and Wright, *Numerical Optimization* (2nd ed.), algorithms 3.5 (bracket) and 3.6 (zoom), with the cubic
interpolation of their eq. 3.59.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from impasto.synthesis.optimizer import Point

DECREASE = 1e-4
"""c1: a step must bring this share of the decrease that the slope at its start promises (3.7a)."""

CURVATURE = 0.9
"""c2: where it ends the slope must be at most this share of the one at its start (3.7b)."""

GROWTH = 10.0
"""While the line still goes down steeply, the next trial lies at most this many times as far."""

MARGIN = 0.1
"""A trial within a bracket keeps this share of its width from either end, so that the bracket shrinks."""


ROUNDING = 1e-8
"""A bracket that promises less than this share of the loss is below what the loss can tell apart."""


@dataclass(frozen=True)
class Trial:
    """A step of length `at` along the line: the point there, and the derivative of the loss along the line."""

    at: float
    point: Point
    slope: float

    @property
    def loss(self) -> float:
        """The loss at the point."""
        return self.point.loss


class StrongWolfe:
    """One search along one line. `try_at` evaluates a step length, `start` is the trial at 0, of negative slope.

    `search(first, longest)` begins at `first` and goes no further than `longest`. After `evaluations` trials, or at
    `longest`, it settles for the best trial so far that brings a sufficient decrease; that is `start` if none does. A
    loss that is not a number counts as one that is too high.
    """

    def __init__(self, try_at: Callable[[float], Trial], start: Trial, evaluations: int = 20) -> None:
        self._try_at, self.start, self.left = try_at, start, evaluations

    def search(self, first: float, longest: float = math.inf) -> Trial:
        """Algorithm 3.5: go further until a bracket holds a good step, or one is found."""
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
        """Algorithm 3.6: `low` is the best trial that decreases enough, and a good step lies between the two."""
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
    """Where the cubic with the two trials' values and slopes has its minimum (eq. 3.59); NaN where it has none."""
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
