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
"""Time of a pixel with tiles, over the time without: some tiles are computed twice, and halos overlap."""


Prepare = Callable[[Size], Evaluate]
"""A function that returns the objective of one size."""


@dataclass(frozen=True)
class Planned:
    """One size of a run: its (height, width), its steps, its memory plan, and the function that makes its objective."""

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
    """A run that is ready to start, over the schedule of its settings up to size `full`.

    start: makes the first image `(1, C, H, W)`.
    prepare: makes the objective of one size.
    budget: the memory that the run may take.
    stochastic: whether the objective is stochastic; with new draws, losses of different steps are not comparable.
    finish: maps each step to the step that the caller gets.
    polish: the steps after the schedule, by another network.
    notices: differences between run and settings, one line each.
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
        """Return the sizes, coarse to fine. Raises UsageError for a size that does not fit into memory."""
        steps = schedule(self.settings, self.full, self.budget.encoder.smallest(self.budget.layers))
        sizes = [Planned(size, count, self.budget.plan(size), self.budget, self.prepare) for size, count in steps]
        polish = self.polish
        if polish:
            plan = polish.budget.plan(self.full)
            sizes.append(Planned(self.full, polish.steps, plan, polish.budget, polish.prepare))
        return sizes

    @property
    def peak(self) -> float:
        """The largest memory of the process, in bytes."""
        return max(planned.memory_plan.peak for planned in self.plan())

    def seconds(self, pace: float, polish: float = 0.0) -> float:
        """Return an estimate of the time of all steps, in seconds.

        `pace` is in seconds for each pixel and evaluation (see `pace.measure`); `polish` is the pace of the polish.
        """
        total = 0.0
        for planned in self.plan():
            each = pace if planned.budget is self.budget else polish
            factor = 1.0 if planned.memory_plan.whole else TILED
            total += each * factor * planned.steps * planned.size[0] * planned.size[1]
        return total

    def steps(self, resume: State | None = None) -> Iterator[Step]:
        """Yield each step of the optimisation; `resume` is the state of a step, after which the run continues.

        Raises UsageError for a state of another run, and ImpastoError where the memory of a device is too small.
        """
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
        """Return the objective of one size, which replaces the objective of the size before in `current`.

        With tiles, freed memory is returned to the system first.
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
    popped = [evaluate.pop_notice() for evaluate in prepared if isinstance(evaluate, Evaluator)]
    notices = [notice for notice in (step.notice, *popped) if notice]
    return replace(step, notice="; ".join(notices)) if notices else step


def last(steps: Iterable[Step]) -> Tensor:
    """Run all steps and return the image of the last one. Raises ImpastoError if there is no step."""
    step = None
    for step in steps:  # noqa: B007 (only the last one counts)
        pass
    if step is None:
        raise ImpastoError("the run made no step")
    return step.image()
