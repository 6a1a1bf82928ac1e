"""The optimisation loop: evaluate, step and report, one scale after another.

The terminal, a notebook, a web page and a log all read the same `Step` records. A caller stops a run by reading no
more records.
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
    """One size of a coarse-to-fine run: (height, width), number of steps, objective and optimiser."""

    size: tuple[int, int]
    steps: int
    prepare: Callable[[], Evaluate]
    """Makes the objective at the start of the scale, so that memory holds the targets of only one scale."""
    optimizer: Callable[[], Optimizer]
    stochastic: bool = False
    """Whether the objective has new random draws at every step, so that losses of steps cannot be compared."""


def _nothing(*_: object) -> NoReturn:
    """Raise ImpastoError: the default of `Step.state`, and the objective of a scale whose steps are done."""
    raise ImpastoError("there is nothing to go on from")


@dataclass(frozen=True)
class Step:
    """One step of a run.

    index: the number of the step over all scales, from 1 to `total`.
    scale: the number of the scale, from 1 to `scales`.
    size: (height, width) of the scale.
    loss, terms: the loss after the step, and its parts by name.
    seconds: the time since the start of the run.
    notice: a line for the user, or an empty text.
    image: returns the best image so far, `(1, C, H, W)` in [0, 1].
    state: returns the state from which a run can continue. Call it before the next step is read; later it raises
        ImpastoError.
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
    """Yield the steps of a run: `start` `(1, C, H, W)` is optimised at each scale in turn.

    Each scale starts from the best image of the last one, resized by `resize`.

    scales: a scale without steps only resizes. If it is the last one, a final `Step` has the image at its size.
    parameterization: makes the parameterization of a size.
    resume: the state of a step of the same run. The run continues after this step, with the same bits on the same
        machine. A finished run yields its last step again. `start` then only determines the device.

    Raises UsageError for the state of another schedule. Raises ImpastoError if the loss is not finite at the start, or
    diverges repeatedly.
    """
    run = _Run(start, scales, resize, parameterization)
    if resume:
        run.resume(resume)
    yield from run.steps()


class _Run:
    """A run in progress: its scale, its number of steps, its image."""

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
        self.number = self.taken = 0  # the number of the scale of `descent`, and of its steps
        self.records = 0

    def resume(self, state: State) -> None:
        """Continue from a state. Raises UsageError for the state of another schedule."""
        self.began -= state.seconds
        if not state.scale:
            return
        before = sum(scale.steps for scale in self.scales[: state.scale - 1])
        fits = state.scale <= len(self.scales) and state.taken <= self.scales[state.scale - 1].steps
        if not fits or before + state.taken != state.done:
            raise UsageError("the state to resume from is of another schedule of sizes and steps")
        self.number, self.taken, self.done = state.scale, state.taken, state.done
        scale = self.scales[state.scale - 1]
        # A finished scale needs no objective.
        evaluate = scale.prepare() if self.taken < scale.steps else _nothing
        measure = Evaluation(self.parameterization(scale.size), evaluate)
        parts = on_device(state.descent, self.picture.device)
        self.descent = Descent.resumed(parts, measure, scale.optimizer(), scale.stochastic)
        self.picture = self.descent.picture

    def steps(self) -> Iterator[Step]:
        """Yield the remaining steps."""
        for number, scale in enumerate(self.scales, 1):
            if number < self.number:
                continue
            if number > self.number:
                self._begin(number, scale)
            if number == self.number and self.taken < scale.steps:
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
        """Start a scale: resize the image, and prepare the steps, if there are any."""
        self.picture = self.resize(self.picture, scale.size)
        if not scale.steps:
            return
        old = self.descent.optimizer if self.descent else None
        self.descent = None  # frees the targets of the last scale before the next ones are computed
        parameterization, optimizer = self.parameterization(scale.size), scale.optimizer()
        if parameterization.bounded:
            optimizer.carry_over(old, scale.size)
        measure = Evaluation(parameterization, scale.prepare())
        measure.step = self.done
        self.descent = Descent(parameterization.encode(self.picture), measure, optimizer, scale.stochastic)
        self.number, self.taken = number, 0

    def _record(self, number: int, notice: str = "") -> Step:
        self.records += 1
        loss, terms = (self.descent.point.loss, self.descent.point.terms) if self.descent else (0.0, {})
        seconds, size, picture = time.perf_counter() - self.began, self.scales[number - 1].size, self.picture

        def state(record: int = self.records) -> State:
            if record != self.records:
                raise ImpastoError("the run has gone on since this step; its state is gone")
            descent = self.descent.state() if self.descent else {}
            return State(self.number, self.taken, self.done, seconds, descent)

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
