"""A run: its plan, its memory and time, and its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from impasto.errors import ImpastoError
from impasto.image import Size, resize, resize_wrapped
from impasto.process import give_back
from impasto.settings.synthesis import SynthesisSettings
from impasto.synthesis import (
    OPTIMIZERS,
    PARAMETERIZATIONS,
    PERIODIC_PARAMETERIZATIONS,
    Evaluate,
    Optimizer,
    Scale,
    State,
    Step,
    synthesise,
)
from impasto.tasks.run.evaluator import Evaluator
from impasto.tasks.run.memory_plan import MemoryBudget, MemoryPlan
from impasto.tasks.run.schedule import draws_of, optimizer_of, schedule
from impasto.tasks.scene.reading import is_periodic

TILED = 1.3
"""Time of a pixel in tiles, over its time in a whole image: tiles are partly computed twice, and their halos
overlap."""


Prepare = Callable[[Size], Evaluate]
"""Makes the objective of one size."""


@dataclass(frozen=True)
class Planned:
    """One size of a run: its (height, width), its steps, its memory plan, and the maker of its objective."""

    size: Size
    steps: int
    memory_plan: MemoryPlan
    budget: MemoryBudget
    prepare: Prepare


@dataclass(frozen=True)
class Polish:
    """The last `steps` of a run, at full size, by another network with a memory budget of its own."""

    steps: int
    prepare: Prepare
    budget: MemoryBudget


@dataclass(frozen=True)
class Job:
    """A run that is ready to start, over the schedule of its settings up to `full` size.

    start: makes the first image `(1, C, H, W)`.
    prepare: makes the objective of one size.
    budget: the memory that the run may take.
    stochastic: whether the objective draws at random; with new draws, values of different steps cannot be compared.
    finish: changes each step before the caller gets it.
    polish: the steps after the schedule, by another network.
    notices: differences from the request, one line each.
    """

    settings: SynthesisSettings
    full: Size
    start: Callable[[], Tensor]
    prepare: Prepare
    budget: MemoryBudget
    stochastic: bool = False
    finish: Callable[[Step], Step] = lambda step: step
    polish: Polish | None = None
    notices: tuple[str, ...] = ()

    def plan(self) -> list[Planned]:
        """Return the sizes, coarse to fine. Raises UsageError where one does not fit into memory."""
        steps = schedule(self.settings, self.full, self.budget.encoder.smallest(self.budget.layers))
        found = [Planned(size, count, self.budget.plan(size), self.budget, self.prepare) for size, count in steps]
        last = self.polish
        if last:
            found.append(Planned(self.full, last.steps, last.budget.plan(self.full), last.budget, last.prepare))
        return found

    @property
    def peak(self) -> float:
        """The most bytes that the process will have."""
        return max(planned.memory_plan.peak for planned in self.plan())

    def seconds(self, pace: float, polish: float = 0.0) -> float:
        """Return the time of all steps in seconds.

        `pace` is in seconds for each pixel and evaluation (see `pace.measure`); `polish` is the pace of the polish.
        """
        total = 0.0
        for planned in self.plan():
            each = pace if planned.budget is self.budget else polish
            factor = 1.0 if planned.memory_plan.whole else TILED
            total += each * factor * planned.steps * planned.size[0] * planned.size[1]
        return total

    def steps(self, resume: State | None = None) -> Iterator[Step]:
        """Optimise step by step; `resume` is the state of a step of the same run, which continues after it."""
        settings = self.settings
        noisy = self.stochastic and draws_of(settings, self.stochastic).fresh
        prepared: list[Evaluate] = []
        scales = [
            Scale(p.size, p.steps, partial(self._prepared, p, prepared), self._optimizer(p), noisy) for p in self.plan()
        ]
        plain = resize_wrapped if is_periodic(settings) else resize
        sizes = [scale.size for scale in scales]
        home = self.budget.image_device(
            sizes[max(resume.scale - 1, 0)] if resume and resume.scale <= len(sizes) else sizes[0]
        )
        start, parameterization = (
            self.start().to(home),
            (PERIODIC_PARAMETERIZATIONS if is_periodic(settings) else PARAMETERIZATIONS)[settings.canvas],
        )
        if not self.budget.group.single:
            start = self.budget.group.broadcast_(start.clone())

        def resample(picture: Tensor, size: Size) -> Tensor:
            return plain(picture.to(self.budget.image_device(size)), size)

        for step in synthesise(start, scales, resample, parameterization=parameterization, resume=resume):
            yield self.finish(_noticed(step, prepared))

    def _prepared(self, planned: Planned, current: list[Evaluate]) -> Evaluate:
        """Make the objective of one size, and put it into `current` in place of the one before.

        Where memory is short, freed memory goes back to the system first.
        """
        current.clear()
        if not planned.memory_plan.whole:
            give_back()
        current.append(planned.prepare(planned.size))
        return current[0]

    def _optimizer(self, planned: Planned) -> Callable[[], Optimizer]:
        name = optimizer_of(self.settings, self.stochastic)
        if planned.memory_plan.offloaded and name == "adam-carried":
            name = "adam"  # the moments are on the device
        make = OPTIMIZERS[name]
        if self.settings.rate is not None:
            make = partial(make, rate=self.settings.rate)
        if planned.memory_plan.half:
            allocate = planned.budget.allocate(planned.size)
            make = partial(make, memory=planned.memory_plan.pairs, precision="half", allocate=allocate)
        return make


def _noticed(step: Step, prepared: Sequence[Evaluate]) -> Step:
    """Return the step with the notices of its objective."""
    found = [evaluate.pop_notice() for evaluate in prepared if isinstance(evaluate, Evaluator)]
    notices = [notice for notice in (step.notice, *found) if notice]
    return replace(step, notice="; ".join(notices)) if notices else step


def last(steps: Iterable[Step]) -> Tensor:
    """Run all steps and return the image of the last one."""
    step = None
    for step in steps:  # noqa: B007 (only the last one counts)
        pass
    if step is None:
        raise ImpastoError("the run made no step")
    return step.image()
