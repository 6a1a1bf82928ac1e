"""The loop that trains a network: a loss, Adam, a running average of the weights, a checkpoint; one record a step.

Whatever is random in a step depends on the seed and the step alone, so that a run that was killed goes on to the same
bits, on the same machine with as many threads. Several processes share each batch: gradients and losses are summed,
so that they do what one process would, to rounding; but batch norms, whose moments are those of each one's own part.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from impasto.errors import ImpastoError, UsageError
from impasto.settings.train import TrainSettings
from impasto.synthesis import State, load_state, save_state
from impasto.tasks.tiling.process_group import ProcessGroup

BETAS = (0.9, 0.99)

EPSILON = 1e-6
"""Gradients below this are rounding, such as those of biases that a norm undoes, and make no whole steps."""

FALL = 0.2
"""The part of a run over which the rate of "trapezoid" falls (Hägele et al. 2024)."""


class Lesson(Protocol):
    """What is to be learnt, and by whom."""

    @property
    def network(self) -> nn.Module:
        """The network, on its device. What of it requires no gradient stays as it is."""

    def loss(self, step: int, places: range) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the losses of the pictures at these places of the step's batch, and of its parts by name."""

    def sheet(self, network: nn.Module) -> Tensor:
        """Pictures to judge a network by, `(1, 3, H, W)` in [0, 1]; always the same."""

    def save(self, network: nn.Module, path: Path, step: int) -> None:
        """Write a network, to be used."""

    def rates(self) -> Mapping[str, float]:
        """Beginnings of the names of parameters whose rate is another one, and how many times as high."""

    def pop_notice(self) -> str:
        """What a person should know that was not told before."""


@dataclass(frozen=True)
class TrainStep:
    """One step of a training, as every watcher sees it.

    `index` of `total` steps (from 1); `loss`, the mean over the batch, and its `terms`, before the step; `rate`, the
    step's length; `seconds` of work so far, and about how many are `left`; `notice`, a line to show a person, mostly
    empty; `sheet()` makes the pictures to judge the network by, as its running average is after this step.
    """

    index: int
    total: int
    loss: float
    terms: Mapping[str, float]
    rate: float
    seconds: float
    left: float
    notice: str
    sheet: Callable[[], Tensor] = field(repr=False)


def _constant(share: float) -> float:
    return 1.0


def _cosine(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))


def _trapezoid(share: float) -> float:
    return min(1.0, (1 - share) / FALL)


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": _constant, "cosine": _cosine, "trapezoid": _trapezoid}
"""The rate's share of its greatest, from the share of the run that is done."""


def checkpoint_of(out: str | Path) -> Path:
    """The file beside `out` in which the state of a run is while it lasts."""
    return Path(out).with_name(f"{Path(out).name}.checkpoint")


def train(
    lesson: Lesson,
    settings: TrainSettings,
    fingerprint: str,
    *,
    out: Path,
    resume: Path | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[TrainStep]:
    """Train the lesson's network; every so many steps, and at the end, the running average of it is written to `out`.

    The state of the run is kept beside it, also at the end, so that it may go on longer. It goes on from there, or from
    the file `resume`; `fingerprint` tells whether that is of the same run. Raises UsageError where it is not,
    ImpastoError for a loss that is not finite.
    """
    group = group or ProcessGroup()
    run = _Run(lesson, settings, group)
    kept = checkpoint_of(out)
    if resume or kept.exists():
        run.resume(load_state(resume or kept, fingerprint, _remedy(resume), disposable=resume is None))
    group.check_same(f"{fingerprint} after {run.done}", torch.device("cpu"))
    yield from run.steps(lambda state: save_state(kept, state, fingerprint), out)


def _remedy(resume: Path | None) -> str:
    """What to do about a state of another run: the file `resume`, or the one beside the output."""
    if resume is None:
        return "choose another --output"
    hint = f", such as '{near}'" if (near := checkpoint_of(resume)).exists() else ""
    return f"give --resume a state of the same run{hint}"


class _Run:
    """Where a training stands."""

    def __init__(self, lesson: Lesson, settings: TrainSettings, group: ProcessGroup) -> None:
        if group.size > settings.batch:
            raise UsageError(f"a batch of {settings.batch} leaves nothing to do for some of {group.size} processes")
        self.lesson, self.settings, self.group = lesson, settings, group
        self.network = lesson.network
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.named = {name: p for name, p in self.network.named_parameters() if p.requires_grad}
        times = {name: self._times(name) for name in self.named}
        groups = [
            {"params": [p for name, p in self.named.items() if times[name] == each], "lr": 0.0, "times": each}
            for each in sorted({*times.values()})
        ]
        self.optimizer = torch.optim.Adam(groups, betas=BETAS, eps=EPSILON)
        self.done, self.spent, self.began, self.since = 0, 0.0, time.perf_counter(), 0

    def steps(self, keep: Callable[[State], None], out: Path) -> Iterator[TrainStep]:
        """The steps from here on; the first process keeps the state, and writes the network."""
        self.began, self.since = time.perf_counter(), self.done
        writes, total = self.group.rank == 0, self.settings.total
        if self.done > total:
            raise UsageError(
                f"the run has made {self.done} steps already, and --steps is {total}; more than {self.done} go on"
            )
        while self.done < total:
            loss, terms = self._step()
            if writes and (self.done % self.settings.checkpoint_every == 0 or self.done == total):
                keep(self.state())
                self.lesson.save(self.average, out, self.done)
            yield self._record(loss, terms)

    def _step(self) -> tuple[float, dict[str, float]]:
        settings = self.settings
        self.network.train()
        places = range(self.group.rank, settings.batch, self.group.size)
        total, parts = self.lesson.loss(self.done + 1, places)
        found = torch.autograd.grad(total / settings.batch, list(self.named.values()))
        numbers = torch.stack([total.detach(), *parts.values()]) / settings.batch
        gradients, numbers = self._summed(list(found), numbers)
        loss, *values = numbers.tolist()
        if not math.isfinite(loss):
            raise ImpastoError(f"the loss is not finite at step {self.done + 1}; take a smaller --rate")
        for parameter, gradient in zip(self.named.values(), self._shortened(gradients), strict=True):
            parameter.grad = gradient
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(self.done + 1) * group["times"]
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.done += 1
        self._follow()
        return loss, dict(zip(parts, values, strict=True))

    def _summed(self, gradients: list[Tensor], numbers: Tensor) -> tuple[list[Tensor], Tensor]:
        """The sums over all processes, in one message."""
        if self.group.single:
            return gradients, numbers
        sent = self.group.all_reduce_(
            torch.cat([*(gradient.reshape(-1) for gradient in gradients), numbers.to(gradients[0])])
        )
        pieces = torch.split(sent, [*(gradient.numel() for gradient in gradients), len(numbers)])
        return [piece.view_as(own) for piece, own in zip(pieces[:-1], gradients, strict=True)], pieces[-1]

    def _shortened(self, gradients: list[Tensor]) -> list[Tensor]:
        """Not longer, all together, than `clip`."""
        if self.settings.clip is None:
            return gradients
        length = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in gradients]))
        share = self.settings.clip / length.clamp(min=self.settings.clip)
        return [each * share for each in gradients]

    def _times(self, name: str) -> float:
        return next((times for start, times in self.lesson.rates().items() if name.startswith(start)), 1.0)

    def _rate(self, step: int) -> float:
        settings = self.settings
        share = SCHEDULES[settings.schedule]((step - 1) / settings.total)
        return settings.rate * min(share, step / max(1, settings.warmup))

    @torch.no_grad()
    def _follow(self) -> None:
        """Bring the average a little nearer; it is no average of the first steps, which were far off."""
        share = 1 - min(self.settings.ema, (1 + self.done) / (10 + self.done))
        theirs = dict(self.network.named_parameters())
        averages: list[Tensor] = [p for name, p in self.average.named_parameters() if name in self.named]
        torch._foreach_lerp_(averages, [theirs[name] for name in self.named], share)
        for ours, buffer in zip(self.average.buffers(), self.network.buffers(), strict=True):
            ours.copy_(buffer)

    def state(self) -> State:
        """Everything to go on from."""
        moments = {
            kind: {name: self.optimizer.state[p][kind] for name, p in self.named.items()}
            for kind in ("exp_avg", "exp_avg_sq")
        }
        weights = {"network": self.network.state_dict(), "average": self.average.state_dict()}
        return State(1, self.done, self.done, self._seconds(), {**weights, **moments})

    def resume(self, state: State) -> None:
        """Stand where the run stood whose state this is."""
        parts: Mapping[str, Any] = state.descent
        self.network.load_state_dict(parts["network"])
        self.average.load_state_dict(parts["average"])
        for name, parameter in self.named.items():
            here: dict[str, Tensor] = {"step": torch.tensor(float(state.done))}
            for kind in ("exp_avg", "exp_avg_sq"):  # in the layout of the parameter, as Adam would have them
                here[kind] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                here[kind].copy_(parts[kind][name])
            self.optimizer.state[parameter] = here
        self.done, self.spent = state.done, state.seconds

    def _seconds(self) -> float:
        return self.spent + time.perf_counter() - self.began

    def _record(self, loss: float, terms: Mapping[str, float]) -> TrainStep:
        pace = (time.perf_counter() - self.began) / (self.done - self.since)
        left = pace * (self.settings.total - self.done)
        rate, notice = self._rate(self.done), self.lesson.pop_notice()

        def sheet() -> Tensor:
            with torch.inference_mode():
                return self.lesson.sheet(self.average)

        return TrainStep(self.done, self.settings.total, loss, terms, rate, self._seconds(), left, notice, sheet)
