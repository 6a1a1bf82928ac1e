"""The loop: evaluate, move, report; one scale after another.

Everything that watches a run (terminal, notebook, web page, log) reads the same `Step` records; to stop is to stop
reading.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from torch import Tensor

from impasto.errors import ImpastoError, UsageError
from impasto.image import in_range
from impasto.synthesis.checkpoint import State, on_device
from impasto.synthesis.descent import Descent, Evaluate, Evaluation
from impasto.synthesis.optimizer import Optimizer
from impasto.synthesis.parameterization import Parameterization, Pixels

Resize = Callable[[Tensor, tuple[int, int]], Tensor]


@dataclass(frozen=True)
class Scale:
    """One size of a coarse-to-fine run: how many steps at `(height, width)`, on what, and by which optimiser."""

    size: tuple[int, int]
    steps: int
    prepare: Callable[[], Evaluate]
    """Makes the objective when the scale begins, so that only one scale's targets are held at a time."""
    optimizer: Callable[[], Optimizer]
    stochastic: bool = False
    """Whether the objective draws anew at every step, so that losses of different steps cannot be compared."""


def _nothing(*_: object) -> NoReturn:
    raise ImpastoError("there is nothing to go on from")


@dataclass(frozen=True)
class Step:
    """One step of a run, as every watcher sees it.

    `index` of `total` steps over all scales (from 1); `scale` of `scales` (from 1) at `size` (height, width); `loss`
    and its `terms` at the point this step came to; `seconds` since the run began; `notice`, a line to show a person,
    mostly empty; `image()` makes the best picture so far, `(1, C, H, W)` in [0, 1]; `state()` everything to go on from
    after this step, as long as no later one was asked for.
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
    state: Callable[[], State] = field(repr=False, default=_nothing)


def synthesise(
    start: Tensor,
    scales: Sequence[Scale],
    resize: Resize,
    parameterization: Callable[[tuple[int, int]], Parameterization] = Pixels,
    resume: State | None = None,
) -> Iterator[Step]:
    """Optimise `start` `(1, C, H, W)` at each scale in turn; each begins with the resized best picture of the one
    before.

    `parameterization` makes what is optimised in place of the picture, for a size. Yields a `Step` for each move. A
    scale of no steps only resizes; where that is the last one, a final `Step` holds the picture at its size. `resume`,
    the state of a step of the same run, goes on after that step, to the same steps to the bit on the same machine; a
    run that had ended yields its last step again. `start` then only says which device to work on. Raises UsageError for
    the state of another schedule, ImpastoError for a loss that is not finite from the start or again and again.
    """
    run = _Run(start, scales, resize, parameterization)
    if resume:
        run.resume(resume)
    yield from run.steps()


class _Run:
    """Where a run stands: in which scale, after how many steps, with which picture."""

    def __init__(
        self,
        start: Tensor,
        scales: Sequence[Scale],
        resize: Resize,
        parameterization: Callable[[tuple[int, int]], Parameterization],
    ) -> None:
        self.scales, self.resize, self.parameterization = scales, resize, parameterization
        self.total, self.done, self.began = sum(scale.steps for scale in scales), 0, time.perf_counter()
        self.picture = start
        self.descent: Descent | None = None
        self.descending = self.taken = 0  # the number of the scale of `descent`, and the steps taken there
        self.records = 0

    def resume(self, state: State) -> None:
        """Stand where the run stood whose state this is."""
        self.began -= state.seconds
        if not state.scale:
            return
        before = sum(scale.steps for scale in self.scales[: state.scale - 1])
        fits = state.scale <= len(self.scales) and state.taken <= self.scales[state.scale - 1].steps
        if not fits or before + state.taken != state.done:
            raise UsageError("the state to resume from is of another schedule of sizes and steps")
        self.descending, self.taken, self.done = state.scale, state.taken, state.done
        scale = self.scales[state.scale - 1]
        # The objective of a scale that had ended is not made again.
        evaluate = scale.prepare() if self.taken < scale.steps else _nothing
        measure = Evaluation(self.parameterization(scale.size), evaluate)
        parts = on_device(state.descent, self.picture.device)
        self.descent = Descent.resumed(parts, measure, scale.optimizer(), scale.stochastic)
        self.picture = self.descent.picture

    def steps(self) -> Iterator[Step]:
        """The steps from here on."""
        for number, scale in enumerate(self.scales, 1):
            if number < self.descending:
                continue
            if number > self.descending:
                self._begin(number, scale)
            if number == self.descending and self.taken < scale.steps:
                yield from self._descend(number, scale.steps)
                if number == len(self.scales):
                    return
        if self.scales:
            yield self._record(len(self.scales))

    def _descend(self, number: int, steps: int) -> Iterator[Step]:
        descent = self.descent
        while descent and self.taken < steps:
            self.done, self.taken = self.done + 1, self.taken + 1
            descent.step(self.done)
            if self.taken == steps:
                descent.finish()
            self.picture = descent.picture
            yield self._record(number, descent.notice)

    def _begin(self, number: int, scale: Scale) -> None:
        """Bring the picture to the size of a scale, and where there are steps to take, prepare for them."""
        self.picture = self.resize(self.picture, scale.size)
        if not scale.steps:
            return
        old = self.descent.optimizer if self.descent else None
        self.descent = None  # lets go of its targets before others are made
        parameterization, optimizer = self.parameterization(scale.size), scale.optimizer()
        if parameterization.bounded:
            optimizer.carry_over(old, scale.size)
        measure = Evaluation(parameterization, scale.prepare())
        measure.step = self.done
        self.descent = Descent(parameterization.encode(self.picture), measure, optimizer, scale.stochastic)
        self.descending, self.taken = number, 0

    def _record(self, number: int, notice: str = "") -> Step:
        self.records += 1
        loss, terms = (self.descent.point.loss, self.descent.point.terms) if self.descent else (0.0, {})
        seconds, size, picture = time.perf_counter() - self.began, self.scales[number - 1].size, self.picture

        def state(record: int = self.records) -> State:
            if record != self.records:
                raise ImpastoError("the run has gone on since this step; its state is gone")
            descent = self.descent.state() if self.descent else {}
            return State(self.descending, self.taken, self.done, seconds, descent)

        return Step(
            self.done,
            self.total,
            number,
            len(self.scales),
            size,
            loss,
            terms,
            seconds,
            notice,
            lambda: in_range(picture),
            state,
        )
