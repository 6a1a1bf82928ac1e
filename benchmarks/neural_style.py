"""neural-style, the program that made the method popular (Johnson 2015), in our own words and with its own settings.

VGG-19 as Caffe has it: blue, green, red from 0 to 255 without their means. Content at relu4_2 (weight 5), style at
relu1_1 to relu5_1 (weight 100, Gram matrices over the number of their features' elements), both mean squared errors;
squared differences of neighbouring pixels (1e-3). From small noise, 1000 iterations of L-BFGS with a history of 100
and a step of 1, at one size, without bounds on the pixels. Random weights: the time of a step does not depend on them.
"""

from __future__ import annotations

import time
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.textbook import CONTENT, STYLE, ContentLoss, StyleLoss, network

PUBLISHED = 1000
"""Its own number of iterations."""

CONTENT_WEIGHT, STYLE_WEIGHT, TV_WEIGHT = 5.0, 100.0, 1e-3
CAFFE = (103.939, 116.779, 123.68)
"""The means of blue, green, red."""


def prepared(image: Tensor) -> Tensor:
    """`image`, RGB in [0, 1], as Caffe's networks want it."""
    return image[:, [2, 1, 0]] * 255 - torch.tensor(CAFFE).view(1, 3, 1, 1)


def finished(x: Tensor) -> Tensor:
    """The way back, clamped."""
    return ((x + torch.tensor(CAFFE).view(1, 3, 1, 1)) / 255)[:, [2, 1, 0]].clamp(0, 1)


def total_variation(x: Tensor) -> Tensor:
    """Half the squared differences of each pixel, but for the last row and column, to those right of it and below."""
    inner = x[..., :-1, :-1]
    return ((x[..., :-1, 1:] - inner).square().sum() + (x[..., 1:, :-1] - inner).square().sum()) / 2


def build(content: Tensor, style: Tensor) -> tuple[nn.Sequential, list[tuple[float, ContentLoss | StyleLoss]]]:
    """The network with its losses in line, and these with their weights."""
    model = nn.Sequential()
    losses: list[tuple[float, ContentLoss | StyleLoss]] = []
    for name, layer in network():
        model.append(layer)
        with torch.no_grad():
            content, style = layer(content), layer(style)
        if name == f"relu{CONTENT}":
            losses.append((CONTENT_WEIGHT, ContentLoss(content)))
            model.append(losses[-1][1])
        if name.removeprefix("relu") in STYLE:
            losses.append((STYLE_WEIGHT, StyleLoss(style)))
            model.append(losses[-1][1])
    return model.eval().requires_grad_(False), losses


def run(
    content: Tensor, style: Tensor, iterations: int = PUBLISHED, init: str = "random", seed: int = 0
) -> tuple[Tensor, list[float]]:
    """The picture, and the seconds of each iteration. `init`: "random", or "image" for the photo."""
    start = prepared(content)
    model, losses = build(start, prepared(style))
    torch.manual_seed(seed)
    x = (torch.randn_like(start) * 1e-3 if init == "random" else start.clone()).requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=iterations, tolerance_grad=-1, tolerance_change=-1, history_size=100)
    ends = [time.perf_counter()]

    def closure() -> Tensor:
        optimizer.zero_grad()
        model(x)
        loss = TV_WEIGHT * total_variation(x) + sum(weight * module.loss for weight, module in losses)
        loss.backward()
        ends.append(time.perf_counter())
        return loss

    optimizer.step(closure)
    return finished(x.detach()), [b - a for a, b in pairwise(ends)]
