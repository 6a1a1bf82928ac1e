"""The student: a narrow VGG-19 with batch norms to train by and a linear head on every activation."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrize

from impasto.encoders.vgg import MEAN, STD
from teachers import Thin, every_position

# As wide as the teacher's live features need: of its 16..128 channels a stage, many are always zero.
WIDTHS = ((16, 16), (32, 32), (64, 48, 48, 48), (80, 80, 64, 112), (112,))
NAMES = [f"{s}_{i}" for s, stage in enumerate(WIDTHS, 1) for i in range(1, len(stage) + 1)]
LAYERS = [f"relu{n}" for n in NAMES]
KEPT = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"]
"""The layers whose heads are shipped; the others only guide the training (hints, Romero et al. 2015)."""


class Flat(nn.Module):
    """A convolution's weight as a matrix (out, in * 9), which Muon wants, optionally in whitened input coordinates."""

    def __init__(self, shape: torch.Size, whiten: Tensor | None = None) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("whiten", whiten)

    def forward(self, matrix: Tensor) -> Tensor:
        return (matrix if self.whiten is None else matrix @ self.whiten).reshape(self.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        flat = weight.flatten(1)
        return flat if self.whiten is None else flat @ torch.linalg.inv(self.whiten)


class Student(nn.Module):
    """`student(x)` is every activation; `student.guesses(x)` what its heads make of them.

    Batch norms condition the training and are folded into the convolutions at export. A head works on targets of unit
    variance; `units` restores the teacher's scale.
    """

    def __init__(self, goals: Mapping[str, Tensor], images: Tensor) -> None:
        super().__init__()
        self.convs, self.norms, self.heads = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        self.units: dict[str, Tensor] = {}
        channels = 3
        for name, width in zip(NAMES, [w for stage in WIDTHS for w in stage], strict=True):
            goal = goals[f"relu{name}"]
            border = "reflect" if name == "1_1" else "zeros"  # as in impasto/encoders/lite.py
            self.convs[f"conv{name}"] = nn.Conv2d(channels, width, 3, padding=1, padding_mode=border)
            self.norms[f"conv{name}"] = nn.BatchNorm2d(width, momentum=0.02)
            self.heads[f"relu{name}"] = nn.Linear(width, goal.shape[1])
            self.units[f"relu{name}"] = goal.var((0, 2, 3)).mean().sqrt()
            channels = width
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self._flatten(images)
        self._solve_heads(goals, images)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = (x - self.mean) / self.std
        found = {}
        for name in NAMES:
            if name.endswith("_1") and name != "1_1":
                x = F.max_pool2d(x, 2)
            x = found[f"relu{name}"] = F.relu(self.norms[f"conv{name}"](self.convs[f"conv{name}"](x)))
        return found

    def guesses(self, x: Tensor, thin: Thin = every_position) -> dict[str, Tensor]:
        return {n: self._head(n, thin(n, f)) for n, f in self(x).items()}

    def space(self, layer: str) -> Tensor:
        """What `Lite.metric` will be: the head in as few dimensions as it has inputs."""
        head, unit = self.heads[layer], self.units[layer]
        affine = torch.cat([head.weight, head.bias[:, None]], 1).detach() * unit
        return torch.linalg.qr(affine, mode="r").R

    def export(self, path: Path, about: Mapping[str, object]) -> None:
        """Write the network that `impasto.encoders.lite` reads: batch norms folded, six heads kept."""
        tensors: dict[str, Tensor] = {}
        for n, conv in self.convs.items():
            norm = self.norms[n]
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            tensors[f"{n}.weight"] = (conv.weight * gain.view(-1, 1, 1, 1)).detach()
            tensors[f"{n}.bias"] = ((conv.bias - norm.running_mean) * gain + norm.bias).detach()
        for n in KEPT:
            tensors[f"head.{n}.weight"] = (self.heads[n].weight * self.units[n]).detach()
            tensors[f"head.{n}.bias"] = (self.heads[n].bias * self.units[n]).detach()
        save_file(
            {k: v.contiguous() for k, v in tensors.items()}, str(path), {k: json.dumps(v) for k, v in about.items()}
        )

    def _head(self, layer: str, features: Tensor) -> Tensor:
        head = self.heads[layer]
        return F.conv2d(features, head.weight[..., None, None], head.bias) * self.units[layer]

    @torch.no_grad()
    def _flatten(self, images: Tensor) -> None:
        """Weights as matrices; the first convolution's in the whitened space of 3x3 colour patches."""
        patches = F.unfold((images - self.mean) / self.std, 3).transpose(1, 2).reshape(-1, 27)
        value, vector = torch.linalg.eigh(torch.cov(patches.T).double())
        whiten = (vector @ torch.diag((value + 1e-4 * value.mean()).rsqrt()) @ vector.T).float()
        for n, conv in self.convs.items():
            first = n == "conv1_1"
            if first:
                start = torch.randn(conv.weight.shape[0], 27) / math.sqrt(27)
                conv.weight.copy_((start @ whiten).view_as(conv.weight))
            flat = Flat(conv.weight.shape, whiten if first else None)
            parametrize.register_parametrization(conv, "weight", flat)

    @torch.no_grad()
    def _solve_heads(self, goals: Mapping[str, Tensor], images: Tensor) -> None:
        """Start every head from least squares on the untrained features: random ones would drown the signal."""
        for n, f in self(images).items():
            inputs = f.transpose(0, 1).flatten(1).double()
            inputs = torch.cat([inputs, torch.ones_like(inputs[:1])])
            targets = (goals[n] / self.units[n]).transpose(0, 1).flatten(1).double()
            moment = inputs @ inputs.T / inputs.shape[1]
            moment += 1e-3 * moment.diagonal().mean() * torch.eye(len(moment), dtype=moment.dtype)
            solved = torch.linalg.solve(moment, inputs @ targets.T / inputs.shape[1]).T
            self.heads[n].weight.copy_(solved[:, :-1])
            self.heads[n].bias.copy_(solved[:, -1])
