"""A run that is ready to begin: what it will do, what it will take, and its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from impasto.errors import ImpastoError
from impasto.image import Size, resize, resize_wrapped
from impasto.settings.synthesis import SynthesisSettings
from impasto.synthesis import CANVASES, OPTIMIZERS, WRAPPED, Evaluate, Optimizer, Scale, State, Step, synthesise
from impasto.tasks.run.evaluator import Evaluator
from impasto.tasks.run.memory_plan import Arrangement, Room
from impasto.tasks.run.schedule import dice_of, optimizer_of, schedule
from impasto.tasks.scene.reading import endless
from impasto.tasks.tiling.memory import give_back

TILED = 1.3
"""How much longer a pixel takes in tiles: part of the network is seen twice, and borders more than once."""


Prepare = Callable[[Size], Evaluate]
"""Makes the objective of one size."""


@dataclass(frozen=True)
class Planned:
    """One size of a run: its (height, width), its steps, how they are computed, and against which objective."""

    size: Size
    steps: int
    arrangement: Arrangement
    room: Room
    prepare: Prepare


@dataclass(frozen=True)
class Polish:
    """The last `steps` of a run, at its full size, by another network, whose memory is `room`."""

    steps: int
    prepare: Prepare
    room: Room


@dataclass(frozen=True)
class Job:
    """A run that is ready to begin, over the schedule of its settings up to `full` size.

    `start` makes the first picture `(1, C, H, W)`, `prepare` the objective of one size; `room` is the memory there is.
    `stochastic`: the objective draws from dice, so that where the draws are fresh its values cannot be compared between
    steps. `finish` is what becomes of a step before it is handed out. `polish`: what comes after the schedule.
    `notices`: what differs from the request, one line each.
    """

    settings: SynthesisSettings
    full: Size
    start: Callable[[], Tensor]
    prepare: Prepare
    room: Room
    stochastic: bool = False
    finish: Callable[[Step], Step] = lambda step: step
    polish: Polish | None = None
    notices: tuple[str, ...] = ()

    def plan(self) -> list[Planned]:
        """The sizes, coarse to fine. Raises UsageError where one does not fit into memory."""
        steps = schedule(self.settings, self.full, self.room.encoder.smallest(self.room.layers))
        found = [Planned(size, count, self.room.at(size), self.room, self.prepare) for size, count in steps]
        last = self.polish
        if last:
            found.append(Planned(self.full, last.steps, last.room.at(self.full), last.room, last.prepare))
        return found

    @property
    def peak(self) -> float:
        """Bytes that the process will have at most."""
        return max(planned.arrangement.peak for planned in self.plan())

    def seconds(self, pace: float, polish: float = 0.0) -> float:
        """How long the steps will take, at a `pace` in seconds for a pixel and an evaluation (see `pace.measure`), and
        those of the polish at one of their own."""
        total = 0.0
        for planned in self.plan():
            each = pace if planned.room is self.room else polish
            factor = 1.0 if planned.arrangement.whole else TILED
            total += each * factor * planned.steps * planned.size[0] * planned.size[1]
        return total

    def steps(self, resume: State | None = None) -> Iterator[Step]:
        """Optimise; `resume`, the state of a step of the same job, goes on from there."""
        settings = self.settings
        noisy = self.stochastic and dice_of(settings, self.stochastic).fresh
        prepared: list[Evaluate] = []
        scales = [
            Scale(p.size, p.steps, partial(self._prepared, p, prepared), self._optimizer(p), noisy) for p in self.plan()
        ]
        plain = resize_wrapped if endless(settings) else resize
        sizes = [scale.size for scale in scales]
        home = self.room.home(sizes[max(resume.scale - 1, 0)] if resume and resume.scale <= len(sizes) else sizes[0])
        start, canvas = self.start().to(home), (WRAPPED if endless(settings) else CANVASES)[settings.canvas]
        if not self.room.team.alone:
            start = self.room.team.agree_(start.clone())

        def resample(picture: Tensor, size: Size) -> Tensor:
            return plain(picture.to(self.room.home(size)), size)

        for step in synthesise(start, scales, resample, canvas=canvas, resume=resume):
            yield self.finish(_noticed(step, prepared))

    def _prepared(self, planned: Planned, kept: list[Evaluate]) -> Evaluate:
        """The objective of one size, `kept` in place of another's; where memory is short, what the sizes before took
        goes back to the system."""
        kept.clear()
        if not planned.arrangement.whole:
            give_back()
        kept.append(planned.prepare(planned.size))
        return kept[0]

    def _optimizer(self, planned: Planned) -> Callable[[], Optimizer]:
        name = optimizer_of(self.settings, self.stochastic)
        if planned.arrangement.away and name == "adam-carried":
            name = "adam"  # its moments are on the device
        make = OPTIMIZERS[name]
        if self.settings.rate is not None:
            make = partial(make, rate=self.settings.rate)
        if planned.arrangement.half:
            allocate = planned.room.allocate(planned.size)
            make = partial(make, memory=planned.arrangement.pairs, precision="half", allocate=allocate)
        return make


def _noticed(step: Step, prepared: Sequence[Evaluate]) -> Step:
    """The step with what its objective has to tell."""
    told = [evaluate.told() for evaluate in prepared if isinstance(evaluate, Evaluator)]
    notices = [notice for notice in (step.notice, *told) if notice]
    return replace(step, notice="; ".join(notices)) if notices else step


def last(steps: Iterable[Step]) -> Tensor:
    """Run all steps and return the image of the last one."""
    step = None
    for step in steps:  # noqa: B007 (only the last one counts)
        pass
    if step is None:
        raise ImpastoError("the run made no step")
    return step.image()
