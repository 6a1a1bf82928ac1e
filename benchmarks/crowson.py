"""Coarse-to-fine style transfer with Adam (Crowson's style-transfer-pytorch, 2020-2022), in our own words.

Sizes grow by sqrt(2) from 128 px; 1000 steps at the first and 500 at each other, of Adam (rate 0.02, betas 0.9 and
0.99) with pixels clamped. The average of the iterates (0.99) is what the next size begins with, and Adam's moments are
enlarged with it. Style: Wasserstein-2 distances of normal distributions with the features' means and covariances;
content: mean squares at relu4_2 (0.015); squared differences of neighbours, diagonal ones too (2). Random weights: the
time of a step does not depend on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.textbook import CONTENT, Normalise, network
from impasto.image import fitted_size, resize

FIRST, LATER = 1000, 500
"""Its own numbers of steps at the first size, and at each other."""

SMALLEST = 128
STYLE = {"1_1": 256.0, "2_1": 64.0, "3_1": 16.0, "4_1": 4.0, "5_1": 1.0}
CONTENT_WEIGHT, TV_WEIGHT = 0.015, 2.0
RATE, BETAS, DECAY = 0.02, (0.9, 0.99), 0.99
ROOT_STEPS, EPSILON = 12, 1e-4


@dataclass
class Stage:
    """One size: its longer side, the number of steps that the program does there, the seconds of those done here."""

    side: int
    published: int
    steps: list[float] = field(default_factory=list)


def sides(largest: int) -> list[int]:
    """The longer sides, from small to large; a picture below the smallest has one size."""
    found = [largest]
    while (side := round(largest / 2 ** (len(found) / 2))) >= SMALLEST:
        found.append(side)
    return found[::-1]


def stages(largest: int) -> list[Stage]:
    return [Stage(side, LATER if i else FIRST) for i, side in enumerate(sides(largest))]


class Root(torch.autograd.Function):
    """The square root of a positive matrix without a decomposition: products of matrices only, both ways.

    Newton's and Schulz's iteration forward, and for the gradient the like for the Lyapunov equation (Lin and Maji 2017,
    "Improved Bilinear Pooling with CNNs").
    """

    @staticmethod
    def forward(ctx, matrix: Tensor) -> Tensor:
        norm, three = matrix.norm(), 3 * torch.eye(len(matrix), dtype=matrix.dtype)
        root, inverse = matrix / norm, three / 3
        for _ in range(ROOT_STEPS):
            factor = (three - inverse @ root) / 2
            root, inverse = root @ factor, factor @ inverse
        root = root * norm.sqrt()
        ctx.save_for_backward(root)
        return root

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (root,) = ctx.saved_tensors
        norm, three = root.norm(), 3 * torch.eye(len(root), dtype=root.dtype)
        sign, solution = root / norm, gradient / norm
        for _ in range(ROOT_STEPS):
            factor = three - sign @ sign
            solution = (solution @ factor - sign.T @ (sign.T @ solution - solution @ sign)) / 2
            sign = sign @ factor / 2
        return solution / 2


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance (with a small multiple of one) of the columns of features (1, C, H, W)."""
    flat = x[0].flatten(1)
    mean = flat.mean(1)
    one = torch.eye(len(mean), dtype=x.dtype)
    return mean, flat @ flat.T / flat.shape[1] - torch.outer(mean, mean) + EPSILON * one


class Wasserstein:
    """The squared distance of features' normal distribution to the painting's, over the number of channels."""

    def __init__(self, features: Tensor) -> None:
        self.mean, self.covariance = moments(features)
        self.root = Root.apply(self.covariance)

    def __call__(self, features: Tensor) -> Tensor:
        mean, covariance = moments(features)
        between = Root.apply(self.root @ covariance @ self.root)
        return (mean - self.mean).square().mean() + (self.covariance + covariance - 2 * between).diagonal().mean()


def total_variation(x: Tensor) -> Tensor:
    """Mean squared differences: those of direct neighbours count two thirds, of diagonal ones a sixth."""
    x = F.pad(x, (1, 1, 1, 1), "replicate")
    straight = (x[..., 1:-1, 2:] - x[..., 1:-1, 1:-1], x[..., 2:, 1:-1] - x[..., 1:-1, 1:-1])
    diagonal = (x[..., 1:, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, 1:])
    return sum(d.square().mean() * 2 / 3 for d in straight) + sum(d.square().mean() / 6 for d in diagonal)


Layers = Sequence[tuple[str, nn.Module]]
Targets = tuple[Tensor, Mapping[str, Wasserstein]]


class Pool(nn.Module):
    """Averages, doubled: they keep about the size that greatest values have."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * F.avg_pool2d(x, 2)


def encoder(pooling: str) -> list[tuple[str, nn.Module]]:
    """VGG-19 to relu5_1, the picture's border repeated before the first convolution."""
    layers = [("normalise", Normalise()), *network()]
    first = nn.Conv2d(3, layers[1][1].out_channels, 3, padding=1, padding_mode="replicate")
    first.load_state_dict(layers[1][1].state_dict())
    layers[1] = (layers[1][0], first)
    if pooling == "average":
        layers = [(name, Pool() if name.startswith("pool") else layer) for name, layer in layers]
    for _, layer in layers:
        layer.requires_grad_(False)
    return layers


def features(layers: Layers, x: Tensor) -> dict[str, Tensor]:
    """What the losses look at, by place ("4_2")."""
    found = {}
    for name, layer in layers:
        x = layer(x)
        if name.startswith("relu") and (place := name.removeprefix("relu")) in {*STYLE, CONTENT}:
            found[place] = x
    return found


class Average:
    """An exponential average of the iterates that does not lean to its start (as Adam's do)."""

    def __init__(self, image: Tensor) -> None:
        self.sum, self.weight = torch.zeros_like(image), 0.0
        self.add(image)

    def add(self, image: Tensor) -> None:
        self.sum.lerp_(image, 1 - DECAY)
        self.weight = DECAY * self.weight + 1 - DECAY

    def value(self) -> Tensor:
        return self.sum / self.weight


def enlarged(x: Tensor, size: Sequence[int], mode: str) -> Tensor:
    return F.interpolate(x, tuple(size), mode=mode, align_corners=False)


def adam(image: Tensor, before: Mapping[str, Tensor] | None) -> torch.optim.Adam:
    """Adam for a picture, with the moments that it had at the size before, enlarged as well."""
    made = torch.optim.Adam([image], lr=RATE, betas=BETAS)
    if before:
        made.state[image] = {
            "step": before["step"].clone(),
            "exp_avg": enlarged(before["exp_avg"], image.shape[-2:], "bicubic"),
            "exp_avg_sq": enlarged(before["exp_avg_sq"], image.shape[-2:], "bilinear").relu_(),
        }
    return made


def fitted(image: Tensor, side: int) -> Tensor:
    return resize(image, fitted_size((image.shape[-2], image.shape[-1]), side)).clamp(0, 1)


@torch.no_grad()
def targets(layers: Layers, content: Tensor, style: Tensor) -> Targets:
    painted = features(layers, style)
    return features(layers, content)[CONTENT], {place: Wasserstein(painted[place]) for place in STYLE}


def objective(layers: Layers, aims: Targets, image: Tensor) -> Tensor:
    (photo, styles), found = aims, features(layers, image)
    total = CONTENT_WEIGHT * F.mse_loss(found[CONTENT], photo) + TV_WEIGHT * total_variation(image)
    return total + sum(STYLE[place] / sum(STYLE.values()) * term(found[place]) for place, term in styles.items())


def optimise(
    image: Tensor, optimizer: torch.optim.Adam, loss: Callable[[Tensor], Tensor], steps: int
) -> tuple[Tensor, list[float]]:
    """So many steps at one size: the average of the iterates, and the seconds of each step."""
    average, seconds = Average(image.detach()), []
    for _ in range(steps):
        began = time.perf_counter()
        optimizer.zero_grad()
        loss(image).backward()
        optimizer.step()
        with torch.no_grad():
            average.add(image.clamp_(0, 1))
        seconds.append(time.perf_counter() - began)
    return average.value(), seconds


def run(
    content: Tensor, style: Tensor, largest: int = 512, limit: int | None = None, pooling: str = "max"
) -> tuple[Tensor, list[Stage]]:
    """The picture, and what its sizes took; at most `limit` steps at each size. Pixels are RGB in [0, 1]."""
    layers, plan = encoder(pooling), stages(largest)
    made, last, optimizer = content, content, None
    for stage in plan:
        photo, painting = fitted(content, stage.side), fitted(style, min(stage.side, max(style.shape[-2:])))
        aims = targets(layers, photo, painting)
        image = photo.clone() if optimizer is None else enlarged(made, photo.shape[-2:], "bicubic").clamp(0, 1)
        image.requires_grad_()
        optimizer = adam(image, optimizer and optimizer.state[last])
        steps = min(stage.published, limit or FIRST)
        made, stage.steps = optimise(image, optimizer, partial(objective, layers, aims), steps)
        last = image
    return made.clamp(0, 1), plan
