"""The training loop: a loss, Adam, an exponential moving average of the weights, and checkpoints.

The random numbers of a step depend on the seed and the step alone, so a run that continues from a checkpoint gets the
same bits, on the same machine with the same number of threads. Several processes share each batch and sum gradients and
losses, so their result is that of one process up to rounding, except with batch norms, whose statistics are those of
each process.
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
"""Adam's decays of the moments."""

EPSILON = 1e-6
"""Adam's epsilon: smaller gradients are rounding errors, such as those of biases before a norm."""

FALL = 0.2
"""Share of a run over which the learning rate of "trapezoid" falls (Hägele et al. 2024)."""


class Training(Protocol):
    """A network and its loss, for `train`."""

    @property
    def network(self) -> nn.Module:
        """The network, on its device; parameters without gradient are not trained."""

    def loss(self, step: int, places: range) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of the losses of the pictures at `places` of the step's batch, and its parts by name."""

    def sheet(self, network: nn.Module) -> Tensor:
        """Return pictures by the network, `(1, 3, H, W)` in [0, 1], to judge its quality; the inputs are constant."""

    def save(self, network: nn.Module, path: Path, step: int) -> None:
        """Write a network to a file, for `apply`."""

    def rates(self) -> Mapping[str, float]:
        """Return the factors of learning rates by prefixes of names of parameters."""

    def pop_notice(self) -> str:
        """Return the notices for the user, once."""


@dataclass(frozen=True)
class TrainStep:
    """One step of a training.

    index: from 1 to `total`.
    loss, terms: the mean loss of the batch before the step, and its parts.
    rate: the learning rate.
    seconds, left: the time of all steps so far, and an estimate of the remaining time.
    notice: a line for the user, or an empty text.
    sheet: makes pictures with the averaged weights after this step, to judge the quality of the network.
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
"""Functions from the share of a run so far, in [0, 1], to the factor of the learning rate."""


def checkpoint_of(out: str | Path) -> Path:
    """Return the file of a run's checkpoint, beside `out`.

    >>> checkpoint_of("flow.safetensors").name
    'flow.safetensors.checkpoint'
    """
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
    """Train the network, and yield a `TrainStep` after each step.

    At every checkpoint, and at the end, the network with averaged weights is written to `out`. The checkpoint stays
    beside `out`, so that a run can continue with more steps. A run continues from this checkpoint, or from the file
    `resume`. Raises UsageError for the checkpoint of another `fingerprint` and for a batch that is smaller than the
    group, ImpastoError for a loss that is not finite.
    """
    group = group or ProcessGroup()
    run = _Run(training, settings, group)
    checkpoint = checkpoint_of(out)
    if resume or checkpoint.exists():
        run.resume(load_state(resume or checkpoint, fingerprint, _remedy(resume), disposable=resume is None))
    group.check_same(f"{fingerprint} after {run.done}", torch.device("cpu"))
    yield from run.steps(lambda state: save_state(checkpoint, state, fingerprint), out)


def _remedy(resume: Path | None) -> str:
    """Return the remedy for a checkpoint of another run, which is the file `resume` or the one beside the output."""
    if resume is None:
        return "choose another --output"
    hint = f", such as '{near}'" if (near := checkpoint_of(resume)).exists() else ""
    return f"give --resume a state of the same run{hint}"


class _Run:
    """The state of a training: network, average, optimizer, and time."""

    def __init__(self, training: Training, settings: TrainSettings, group: ProcessGroup) -> None:
        if group.size > settings.batch:
            raise UsageError(f"a batch of {settings.batch} leaves nothing to do for some of {group.size} processes")
        self.training, self.settings, self.group = training, settings, group
        self.network = training.network
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.named = {name: p for name, p in self.network.named_parameters() if p.requires_grad}
        factors = {name: self._factor(name) for name in self.named}
        groups = [
            {"params": [p for name, p in self.named.items() if factors[name] == factor], "lr": 0.0, "factor": factor}
            for factor in sorted({*factors.values()})
        ]
        self.optimizer = torch.optim.Adam(groups, betas=BETAS, eps=EPSILON)
        self.done, self.spent, self.began, self.since = 0, 0.0, time.perf_counter(), 0

    def steps(self, checkpoint: Callable[[State], None], out: Path) -> Iterator[TrainStep]:
        """Run the remaining steps; rank 0 writes checkpoints and the network."""
        self.began, self.since = time.perf_counter(), self.done
        writes, total = self.group.rank == 0, self.settings.total
        if self.done > total:
            raise UsageError(
                f"the run has made {self.done} steps already, and --steps is {total}; more than {self.done} go on"
            )
        while self.done < total:
            loss, terms = self._step()
            if writes and (self.done % self.settings.checkpoint_every == 0 or self.done == total):
                checkpoint(self.state())
                self.training.save(self.average, out, self.done)
            yield self._record(loss, terms)

    def _step(self) -> tuple[float, dict[str, float]]:
        settings = self.settings
        self.network.train()
        places = range(self.group.rank, settings.batch, self.group.size)
        total, parts = self.training.loss(self.done + 1, places)
        own_gradients = torch.autograd.grad(total / settings.batch, list(self.named.values()))
        numbers = torch.stack([total.detach(), *parts.values()]) / settings.batch
        gradients, numbers = self._summed(list(own_gradients), numbers)
        loss, *values = numbers.tolist()
        if not math.isfinite(loss):
            raise ImpastoError(f"the loss is not finite at step {self.done + 1}; take a smaller --rate")
        for parameter, gradient in zip(self.named.values(), self._clipped(gradients), strict=True):
            parameter.grad = gradient
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(self.done + 1) * group["factor"]
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.done += 1
        self._update_average()
        return loss, dict(zip(parts, values, strict=True))

    def _summed(self, gradients: list[Tensor], numbers: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the sums over all processes, by one message."""
        if self.group.single:
            return gradients, numbers
        message = self.group.all_reduce_(
            torch.cat([*(gradient.reshape(-1) for gradient in gradients), numbers.to(gradients[0])])
        )
        pieces = torch.split(message, [*(gradient.numel() for gradient in gradients), len(numbers)])
        return [piece.view_as(own) for piece, own in zip(pieces[:-1], gradients, strict=True)], pieces[-1]

    def _clipped(self, gradients: list[Tensor]) -> list[Tensor]:
        """Return the gradients, clipped so that the norm of all together is at most `clip`."""
        if self.settings.clip is None:
            return gradients
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in gradients]))
        factor = self.settings.clip / norm.clamp(min=self.settings.clip)
        return [each * factor for each in gradients]

    def _factor(self, name: str) -> float:
        """Return the factor of the learning rate of a parameter."""
        return next((factor for start, factor in self.training.rates().items() if name.startswith(start)), 1.0)

    def _rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        settings = self.settings
        share = SCHEDULES[settings.schedule]((step - 1) / settings.total)
        return settings.rate * min(share, step / max(1, settings.warmup))

    @torch.no_grad()
    def _update_average(self) -> None:
        """Update the moving average; its decay is lower over the first steps, whose weights are far from the end."""
        share = 1 - min(self.settings.ema, (1 + self.done) / (10 + self.done))
        theirs = dict(self.network.named_parameters())
        averages: list[Tensor] = [p for name, p in self.average.named_parameters() if name in self.named]
        torch._foreach_lerp_(averages, [theirs[name] for name in self.named], share)
        for ours, buffer in zip(self.average.buffers(), self.network.buffers(), strict=True):
            ours.copy_(buffer)

    def state(self) -> State:
        """Return the state for a checkpoint."""
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
            for kind in ("exp_avg", "exp_avg_sq"):  # in the layout of the parameter, like Adam's own
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
