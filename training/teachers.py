"""The teachers: larger encoders, as functions from images to features at the student's layers."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from impasto import encoders

Thin = Callable[[str, Tensor], Tensor]
Teacher = Callable[[Tensor, Thin], dict[str, Tensor]]
STAGES = {1: 2, 2: 2, 3: 4, 4: 4, 5: 1}
"""VGG-19's convolutions a stage, as far as relu5_1."""


def every_position(_: str, features: Tensor) -> Tensor:
    """Features at every position."""
    return features


def some_positions() -> Thin:
    """A sixteenth of stage 1's positions and a quarter of stage 2's, on a random grid: neighbours say much the same."""
    steps = {"1": 4, "2": 2}
    offsets = {stage: (random.randrange(k), random.randrange(k)) for stage, k in steps.items()}

    def thin(layer: str, features: Tensor) -> Tensor:
        stage = layer.removeprefix("relu")[0]
        if stage not in steps:
            return features
        (top, left), k = offsets[stage], steps[stage]
        return features[:, :, top::k, left::k]

    return thin


def load_teacher(path: Path) -> Teacher:
    """Whatever the file holds: a collaboratively distilled VGG-19, or VGG-19 itself as torchvision publishes it."""
    if path.suffix == ".safetensors":
        with safe_open(str(path), "pt") as file:
            if "conv11_aux.weight" in file.keys():  # noqa: SIM118 (a file is not a dict)
                return _collaborative(path)
    return _vgg19(path)


def _collaborative(path: Path) -> Teacher:
    """Wang et al. 2020: a narrow VGG-19 whose `aux` heads give VGG-19's values before the ReLU."""
    w = load_file(str(path))

    @torch.no_grad()
    def teacher(x: Tensor, thin: Thin = every_position) -> dict[str, Tensor]:
        x = F.conv2d(x, w["conv0.weight"], w["conv0.bias"])
        found = {}
        for stage, count in STAGES.items():
            x = F.max_pool2d(x, 2) if stage > 1 else x
            for i in range(1, count + 1):
                n = f"{stage}{i}"
                x = F.relu(F.conv2d(F.pad(x, (1,) * 4, mode="reflect"), w[f"conv{n}.weight"], w[f"conv{n}.bias"]))
                f = thin(f"relu{stage}_{i}", x)
                if f"conv{n}_aux.weight" in w:
                    f = F.conv2d(f, w[f"conv{n}_aux.weight"], w[f"conv{n}_aux.bias"])
                found[f"relu{stage}_{i}"] = f
        return found

    return teacher


def _vgg19(path: Path) -> Teacher:
    """VGG-19's own activations (after the ReLU)."""
    network = encoders.load("vgg19", weights=path)
    layers = [f"relu{stage}_{i}" for stage, count in STAGES.items() for i in range(1, count + 1)]

    @torch.no_grad()
    def teacher(x: Tensor, thin: Thin = every_position) -> dict[str, Tensor]:
        return {n: thin(n, f) for n, f in network(x, layers).items()}

    return teacher
