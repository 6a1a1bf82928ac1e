"""The loop: evaluate, move, report; one scale after another.

Everything that watches a run (terminal, notebook, web page, log) reads the same `Step` records; to stop is to stop
reading.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.synthesis.optimizer import Adam, Optimizer

Evaluate = Callable[[Tensor], tuple[Tensor, Mapping[str, Tensor]]]
"""A picture `(1, 3, H, W)` to its loss (a scalar that gradients flow from) and the named parts of it."""

Resize = Callable[[Tensor, tuple[int, int]], Tensor]

RISE = 10.0
"""A loss this many times the best one is a run that has left the valley, not one that climbs out of a dent."""

NEAR = 0.01
"""A loss below this share of the first one is as good as the best: near a perfect match ratios mean nothing."""


@dataclass(frozen=True)
class Scale:
    """One size of a coarse-to-fine run: how many steps at `(height, width)`, on what, and by which optimiser."""

    size: tuple[int, int]
    steps: int
    prepare: Callable[[], Evaluate]
    """Makes the objective when the scale begins, so that only one scale's targets are held at a time."""
    optimizer: Callable[[], Optimizer]


@dataclass(frozen=True)
class Step:
    """One step of a run, as every watcher sees it.

    `index` of `total` steps over all scales (from 1); `scale` of `scales` (from 1) at `size` (height, width); `loss`
    and its `terms` at the point this step evaluated; `seconds` since the run began; `notice`, a line to show a person,
    mostly empty; `image()` makes the best picture so far, `(1, 3, H, W)` in [0, 1].
    """

    index: int
    total: int
    scale: int
    scales: int
    size: tuple[int, int]
    loss: float
    terms: Mapping[str, float]
    seconds: float
    notice: str
    image: Callable[[], Tensor] = field(repr=False)


@dataclass
class _Point:
    """A picture, its loss and its gradient."""

    image: Tensor
    loss: float
    terms: dict[str, float]
    gradient: Tensor

    @property
    def finite(self) -> bool:
        # One NaN or infinity anywhere makes the sum of the gradient not finite.
        return math.isfinite(self.loss) and bool(torch.isfinite(self.gradient.sum()))


def _measure(image: Tensor, evaluate: Evaluate) -> _Point:
    image = image.detach().requires_grad_()
    with torch.enable_grad():
        loss, terms = evaluate(image)
        gradient = torch.autograd.grad(loss, image)[0] if loss.requires_grad else torch.zeros_like(image)
    parts = {name: float(value.detach()) for name, value in terms.items()}
    return _Point(image.detach(), float(loss.detach()), parts, gradient)


class Descent:
    """The steps at one scale: keeps the picture of least loss, and survives a loss that runs away.

    When the loss is not a number, or is `RISE` times the best, the search restarts from the best picture: first with
    the same method at a quarter of its rate, then with Adam, then it gives up. Each of these is told in `notice`.
    """

    def __init__(self, start: Tensor, evaluate: Evaluate, optimizer: Optimizer) -> None:
        self.evaluate, self.optimizer = evaluate, optimizer
        self.point = self.best = _measure(start, evaluate)
        self.first = self.point.loss
        self.notice, self._rescues = "", 0
        if not self.point.finite:
            raise ImpastoError(
                "the loss of the starting picture is not a finite number; are the weights of the network sound?"
            )

    def step(self) -> None:
        """Move once and evaluate where that led."""
        self.notice = ""
        image = self.point.image + self.optimizer.move(self.point.gradient)
        if self.optimizer.clamps:
            image = image.clamp(0, 1)
        self.optimizer.arrived(image)
        point = _measure(image, self.evaluate)
        if not point.finite or self._ran_away(point):
            self._rescue("the loss ran away" if point.finite else "the loss was not a number")
            return
        self.point = point
        if point.loss < self.best.loss:
            self.best = point

    def finish(self) -> None:
        """Take the average of the points instead of the best of them where it has the lower loss."""
        average = self.optimizer.average()
        if average is None:
            return
        point = _measure(average.clamp(0, 1), self.evaluate)
        if point.finite and point.loss <= self.best.loss:
            self.best = point

    def _ran_away(self, point: _Point) -> bool:
        # A method whose moves are bounded and clamped (Adam) jitters about a perfect match, but cannot run away.
        return not self.optimizer.clamps and point.loss > RISE * max(self.best.loss, NEAR * self.first)

    def _rescue(self, reason: str) -> None:
        self._rescues += 1
        rate = getattr(self.optimizer, "rate", None)
        if self._rescues == 1 and rate is not None:
            self.optimizer = type(self.optimizer)(rate=rate / 4)  # type: ignore[call-arg]
            remedy = "with a quarter of the step"
        elif self._rescues <= 3:
            self.optimizer = Adam(rate=0.02 / 4 ** (self._rescues - 1))
            remedy = "with Adam"
        else:
            raise ImpastoError(f"{reason} again and again; the best picture so far is kept")
        self.notice = f"{reason}; going on from the best picture {remedy}"
        self.point = self.best


def synthesise(start: Tensor, scales: Sequence[Scale], resize: Resize) -> Iterator[Step]:
    """Optimise `start` at each scale in turn; each scale begins with the resized best picture of the one before.

    Yields a `Step` for each evaluation after a move. A scale of no steps only resizes; where that is the last one, a
    final `Step` holds the picture at its size.
    """
    began = time.perf_counter()
    total, done, image = sum(scale.steps for scale in scales), 0, start
    loss, terms, notice = 0.0, dict[str, float](), ""
    for number, scale in enumerate(scales, 1):
        image = resize(image, scale.size)
        descent = Descent(image, scale.prepare(), scale.optimizer()) if scale.steps else None
        for left in reversed(range(max(scale.steps, number == len(scales)))):
            if descent:
                descent.step()
                done += 1
                if not left:
                    descent.finish()
                image, notice = descent.best.image, descent.notice
                loss, terms = descent.point.loss, descent.point.terms
            seconds, picture = time.perf_counter() - began, _clamped(image)
            yield Step(done, total, number, len(scales), scale.size, loss, terms, seconds, notice, picture)


def _clamped(image: Tensor) -> Callable[[], Tensor]:
    return lambda: image.clamp(0, 1)
