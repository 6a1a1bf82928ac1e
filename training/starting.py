"""A start for the student from the teacher's own filters.

In each layer the student imitates a subset of the teacher's channels: those from which the others are best predicted
linearly (greedy; a pivoted Cholesky factorisation of their covariance by the residual's trace). Layer by layer, least
squares give the convolution that predicts the chosen channels' values before the ReLU from the student's own features
below, and in the end the heads. Only means over positions of products are needed, so memory does not grow with data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from student import LAYERS, NAMES, Student

POSITIONS = 6000
"""Positions of a batch that count; more say little new."""

Batches = Callable[[], Iterable[Tensor]]


class Moments:
    """Sums of products, in float64, of inputs with a 1 appended and of targets, over positions."""

    def __init__(self) -> None:
        self.inner: Tensor | float = 0.0
        self.cross: Tensor | float = 0.0
        self.square: Tensor | float = 0.0
        self.total: Tensor | float = 0.0
        self.count = 0

    def add(self, inputs: Tensor, targets: Tensor) -> None:
        """Both `(positions, channels)`."""
        ones = torch.cat([inputs.double(), torch.ones(len(inputs), 1, dtype=torch.float64)], 1)
        goals = targets.double()
        self.inner = self.inner + ones.T @ ones
        self.cross = self.cross + ones.T @ goals
        self.square = self.square + goals.square().sum(0)
        self.total = self.total + goals.sum(0)
        self.count += len(inputs)

    def solve(self, ridge: float = 1e-4) -> tuple[Tensor, Tensor]:
        """Weight `(targets, inputs)` and bias of the least squares."""
        inner, cross = torch.as_tensor(self.inner), torch.as_tensor(self.cross)
        penalty = torch.full((len(inner),), ridge * float(inner.diagonal()[:-1].mean()), dtype=torch.float64)
        penalty[-1] = 0
        solved = torch.linalg.solve(inner + torch.diag(penalty), cross).T
        return solved[:, :-1].float(), solved[:, -1].float()

    def deviation(self) -> Tensor:
        """The standard deviation of the targets, a mean over channels (of variances)."""
        mean, square = torch.as_tensor(self.total) / self.count, torch.as_tensor(self.square) / self.count
        return (square - mean.square()).mean().sqrt().float()


def choose(covariance: Tensor, count: int) -> list[int]:
    """The `count` channels that leave the least of the others unexplained, chosen greedily."""
    left, chosen = covariance.clone(), []
    for _ in range(count):
        gains = left.square().sum(0) / left.diagonal().clamp_min(1e-9 * float(covariance.diagonal().max()))
        gains[chosen] = -1
        best = int(gains.argmax())
        chosen.append(best)
        left = left - torch.outer(left[best], left[best]) / left[best, best].clamp_min(1e-12)
    return chosen


def rows(features: Tensor, places: Tensor) -> Tensor:
    """Features `(B, C, H, W)` at some places, `(places, C)`."""
    return features.float().permute(0, 2, 3, 1).flatten(0, 2)[places]


def places(features: Tensor) -> Tensor:
    count = features.shape[0] * features.shape[2] * features.shape[3]
    return torch.randperm(count)[: min(count, POSITIONS)]


@torch.no_grad()
def start(student: Student, teacher: Callable[[Tensor, list[str]], dict[str, Tensor]], batches: Batches) -> None:
    """Fill the student's weights; `batches()` gives the same pictures each time it is called."""
    spread = {n: Moments() for n in LAYERS}
    for images in batches():
        for n, f in teacher(images, LAYERS).items():
            picked = rows(f, places(f))
            spread[n].add(picked, picked)
    for name in NAMES:
        layer, conv = f"relu{name}", student.convs[f"conv{name}"]
        m = spread[layer]
        mean = torch.as_tensor(m.total) / m.count
        covariance = torch.as_tensor(m.cross)[:-1] / m.count - torch.outer(mean, mean)
        chosen = choose(covariance, conv.out_channels)
        size = (torch.as_tensor(m.square) / m.count).sqrt().float()[chosen]
        fit = Moments()
        for images in batches():
            goal = teacher(images, [f"conv{name}"])[f"conv{name}"]
            x = student.normalised(images)
            for before in NAMES[: NAMES.index(name)]:
                x = F.relu(student.convs[f"conv{before}"](student.entering(before, x)))
            x = student.entering(name, x)
            x = F.pad(x, (1, 1, 1, 1), mode="reflect" if name == "1_1" else "constant")
            where = places(goal)
            patches = F.unfold(x, 3).transpose(1, 2).flatten(0, 1)[where]
            fit.add(patches, rows(goal[:, chosen], where))
        weight, bias = fit.solve()
        conv.weight = (weight / size[:, None]).view_as(conv.weight)
        conv.bias.copy_(bias / size)
        print("started", name, flush=True)
    heads = {n: Moments() for n in LAYERS}
    for images in batches():
        goals, ours = teacher(images, LAYERS), student(images)
        for n in LAYERS:
            where = places(ours[n])
            heads[n].add(rows(ours[n], where), rows(goals[n], where))
    for n in LAYERS:
        unit = heads[n].deviation()
        weight, bias = heads[n].solve()
        student.unit(n).copy_(unit)
        student.heads[n].weight.copy_(weight / unit)
        student.heads[n].bias.copy_(bias / unit)
