"""The student, a narrow VGG-19, and the teachers it can learn from."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Callable

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

WIDTHS = ((16, 16), (32, 32), (64, 48, 48, 48), (80, 80, 64, 112), (112,))
NAMES = [f"{s + 1}_{i + 1}" for s, stage in enumerate(WIDTHS) for i in range(len(stage))]
LAYERS = [f"relu{n}" for n in NAMES]
KEPT = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"]
STYLE = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
Thin = Callable[[str, Tensor], Tensor]
Teacher = Callable[[Tensor, Thin], dict[str, Tensor]]


def every_position(_: str, features: Tensor) -> Tensor:
    return features


def some_positions() -> Thin:
    """A sixteenth of the positions of stage 1 and a quarter of stage 2, on a random grid: neighbours say nearly the same."""
    steps = {"1": 4, "2": 2}
    offsets = {stage: (random.randrange(k), random.randrange(k)) for stage, k in steps.items()}

    def thin(layer: str, features: Tensor) -> Tensor:
        stage = layer[4]
        if stage not in steps:
            return features
        (top, left), k = offsets[stage], steps[stage]
        return features[:, :, top::k, left::k]

    return thin
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Student(nn.Module):
    def __init__(self, pooling: str = "max") -> None:
        super().__init__()
        self.convs = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        channels = 3
        for name, width in zip(NAMES, [w for stage in WIDTHS for w in stage]):
            self.convs[f"conv{name}"] = nn.Conv2d(channels, width, 3, padding=1)
            self.norms[f"conv{name}"] = nn.BatchNorm2d(width, momentum=0.02)
            channels = width
        self.pool = {"max": F.max_pool2d, "average": F.avg_pool2d}[pooling]
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def width(self, layer: str) -> int:
        return self.convs[layer.replace("relu", "conv")].out_channels

    def normalise(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.normalise(x)
        out = {}
        for name in NAMES:
            if name.endswith("_1") and name != "1_1":
                x = self.pool(x, 2)
            x = out[f"relu{name}"] = F.relu(self.norms[f"conv{name}"](self.convs[f"conv{name}"](x)))
        return out

    def bind_heads(self, heads: nn.ModuleDict, scale: dict[str, Tensor], wide: dict[str, int]) -> None:
        object.__setattr__(self, "_heads", (heads, scale, wide))

    def head(self, n: str) -> tuple[Tensor, Tensor]:
        heads, scale, wide = self._heads
        unit = scale[n] / math.sqrt(wide[n])
        return heads[n].weight.detach() * unit, heads[n].bias.detach() * unit

    def moments(self, f: Tensor) -> Tensor:
        f = f.flatten(2)[0]
        f = torch.cat([f, f.new_ones(1, f.shape[1])])
        return f @ f.T / f.shape[1]

    def metric(self, n: str) -> Tensor:
        a = torch.cat([self.head(n)[0], self.head(n)[1][:, None]], 1)
        return a.T @ a

    def grams(self, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        f = self(x)
        out = {}
        for n in STYLE:
            m, g = self.metric(n), self.moments(f[n])
            out[n] = (g, ((m @ g) * (m @ g).T).sum())
        return out

    def gram_distance(self, features: dict[str, Tensor], grams: dict[str, tuple[Tensor, Tensor]]) -> Tensor:
        total = 0.0
        for n in STYLE:
            m, (g, size) = self.metric(n), grams[n]
            d = m @ (self.moments(features[n]) - g)
            total = total + (d * d.T).sum() / size / len(STYLE)
        return total

    def export(self, path: Path, report: dict[str, float], step: int) -> None:
        tensors = {}
        for n, conv in self.convs.items():
            norm = self.norms[n]  # folded: the shipped network has none
            gain = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
            tensors[f"{n}.weight"] = conv.weight.detach() * gain.view(-1, 1, 1, 1)
            tensors[f"{n}.bias"] = ((conv.bias - norm.running_mean) * gain + norm.bias).detach()
        for n in KEPT:
            w, b = self.head(n)
            tensors[f"head.{n}.weight"], tensors[f"head.{n}.bias"] = w.clone(), b.clone()
        save_file(tensors, str(path), {"unexplained": json.dumps({n: round(report[n], 4) for n in KEPT}), "steps": str(step)})


def load_teacher(path: Path) -> Teacher:
    """Collaborative Distillation's 16x VGG-19 (Wang et al. 2020), a file with `convN_aux` heads."""
    w = load_file(str(path))

    def features(x: Tensor, thin: Thin = every_position) -> dict[str, Tensor]:
        x = F.conv2d(x, w["conv0.weight"], w["conv0.bias"])
        out = {}
        for name in NAMES:
            n = name.replace("_", "")
            if n[1] == "1" and n != "11":
                x = F.max_pool2d(x, 2)
            x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), w[f"conv{n}.weight"], w[f"conv{n}.bias"]))
            kept = thin(f"relu{name}", x)
            out[f"relu{name}"] = F.conv2d(kept, w[f"conv{n}_aux.weight"], w[f"conv{n}_aux.bias"]) if f"conv{n}_aux.weight" in w else kept
        return out

    return features
