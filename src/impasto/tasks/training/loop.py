"""The training loop: a loss, Adam, an exponential moving average of the weights, a checkpoint; one record for each
step.

The random numbers of a step depend on the seed and the step alone, so a run that was killed continues to the same bits,
on the same machine with the same number of threads. Several processes share each batch and sum gradients and losses, so
they compute what one process would, up to rounding; except for batch norms, whose moments are those of each process.
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
"""Adam's epsilon: smaller gradients are rounding errors, such as those of biases before a norm."""

FALL = 0.2
"""Share of a run over which the rate of "trapezoid" falls (Hägele et al. 2024)."""


class Training(Protocol):
    """A network and its loss, for the loop."""

    @property
    def network(self) -> nn.Module:
        """The network, on its device; parameters without gradient stay."""

    def loss(self, step: int, places: range) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of the losses of the pictures at these places of the step's batch, and its parts by name."""

    def sheet(self, network: nn.Module) -> Tensor:
        """Return pictures to judge a network by, `(1, 3, H, W)` in [0, 1]; the inputs are always the same."""

    def save(self, network: nn.Module, path: Path, step: int) -> None:
        """Write a network for use."""

    def rates(self) -> Mapping[str, float]:
        """Return prefixes of names of parameters, and the factors of their rates."""

    def pop_notice(self) -> str:
        """Return the notices for the user, once."""


@dataclass(frozen=True)
class TrainStep:
    """One step of a training.

    index: from 1 to `total`.
    loss, terms: the mean over the batch and its parts, before the step.
    rate: the learning rate.
    seconds, left: the time of all steps so far, and an estimate of the remaining time.
    notice: a line for the user, mostly empty.
    sheet: makes pictures with the averaged weights after this step, to judge the network by.
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
"""Functions from the finished share of a run to the factor of the learning rate."""


def checkpoint_of(out: str | Path) -> Path:
    """Return the file of a run's checkpoint, beside `out`."""
    return Path(out).with_name(f"{Path(out).name}.checkpoint")


def train(
    training: Training,
    settings: TrainSettings,
    fingerprint: str,
    *,
    out: Path,
    resume: Path | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[TrainStep]:
    """Train the network; at every checkpoint, and at the end, write the averaged network to `out`.

    The checkpoint stays beside `out`, so that a run may be continued with more steps. A run continues from there, or
    from the file `resume`. Raises UsageError for the checkpoint of another `fingerprint`, ImpastoError for a loss that
    is not finite.
    """
    group = group or ProcessGroup()
    run = _Run(training, settings, group)
    checkpoint = checkpoint_of(out)
    if resume or checkpoint.exists():
        run.resume(load_state(resume or checkpoint, fingerprint, _remedy(resume), disposable=resume is None))
    group.check_same(f"{fingerprint} after {run.done}", torch.device("cpu"))
    yield from run.steps(lambda state: save_state(checkpoint, state, fingerprint), out)


def _remedy(resume: Path | None) -> str:
    """Return the advice for a checkpoint of another run: the file `resume`, or the one beside the output."""
    if resume is None:
        return "choose another --output"
    hint = f", such as '{near}'" if (near := checkpoint_of(resume)).exists() else ""
    return f"give --resume a state of the same run{hint}"


class _Run:
    """The state of a training."""

    def __init__(self, training: Training, settings: TrainSettings, group: ProcessGroup) -> None:
        if group.size > settings.batch:
            raise UsageError(f"a batch of {settings.batch} leaves nothing to do for some of {group.size} processes")
        self.training, self.settings, self.group = training, settings, group
        self.network = training.network
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
        """Run the remaining steps; rank 0 saves checkpoints and writes the network."""
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
                self.training.save(self.average, out, self.done)
            yield self._record(loss, terms)

    def _step(self) -> tuple[float, dict[str, float]]:
        settings = self.settings
        self.network.train()
        places = range(self.group.rank, settings.batch, self.group.size)
        total, parts = self.training.loss(self.done + 1, places)
        found = torch.autograd.grad(total / settings.batch, list(self.named.values()))
        numbers = torch.stack([total.detach(), *parts.values()]) / settings.batch
        gradients, numbers = self._summed(list(found), numbers)
        loss, *values = numbers.tolist()
        if not math.isfinite(loss):
            raise ImpastoError(f"the loss is not finite at step {self.done + 1}; take a smaller --rate")
        for parameter, gradient in zip(self.named.values(), self._clipped(gradients), strict=True):
            parameter.grad = gradient
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(self.done + 1) * group["times"]
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.done += 1
        self._update_average()
        return loss, dict(zip(parts, values, strict=True))

    def _summed(self, gradients: list[Tensor], numbers: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the sums over all processes; one message sends all."""
        if self.group.single:
            return gradients, numbers
        sent = self.group.all_reduce_(
            torch.cat([*(gradient.reshape(-1) for gradient in gradients), numbers.to(gradients[0])])
        )
        pieces = torch.split(sent, [*(gradient.numel() for gradient in gradients), len(numbers)])
        return [piece.view_as(own) for piece, own in zip(pieces[:-1], gradients, strict=True)], pieces[-1]

    def _clipped(self, gradients: list[Tensor]) -> list[Tensor]:
        """Return the gradients, clipped to the norm `clip` all together."""
        if self.settings.clip is None:
            return gradients
        length = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in gradients]))
        share = self.settings.clip / length.clamp(min=self.settings.clip)
        return [each * share for each in gradients]

    def _times(self, name: str) -> float:
        return next((times for start, times in self.training.rates().items() if name.startswith(start)), 1.0)

    def _rate(self, step: int) -> float:
        settings = self.settings
        share = SCHEDULES[settings.schedule]((step - 1) / settings.total)
        return settings.rate * min(share, step / max(1, settings.warmup))

    @torch.no_grad()
    def _update_average(self) -> None:
        """Update the moving average; its decay is lower over the first steps, which are far off."""
        share = 1 - min(self.settings.ema, (1 + self.done) / (10 + self.done))
        theirs = dict(self.network.named_parameters())
        averages: list[Tensor] = [p for name, p in self.average.named_parameters() if name in self.named]
        torch._foreach_lerp_(averages, [theirs[name] for name in self.named], share)
        for ours, buffer in zip(self.average.buffers(), self.network.buffers(), strict=True):
            ours.copy_(buffer)

    def state(self) -> State:
        """Return everything that a checkpoint needs."""
        moments = {
            kind: {name: self.optimizer.state[p][kind] for name, p in self.named.items()}
            for kind in ("exp_avg", "exp_avg_sq")
        }
        weights = {"network": self.network.state_dict(), "average": self.average.state_dict()}
        return State(1, self.done, self.done, self._seconds(), {**weights, **moments})

    def resume(self, state: State) -> None:
        """Continue from a checkpoint."""
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
        rate, notice = self._rate(self.done), self.training.pop_notice()

        def sheet() -> Tensor:
            with torch.inference_mode():
                return self.training.sheet(self.average)

        return TrainStep(self.done, self.settings.total, loss, terms, rate, self._seconds(), left, notice, sheet)
