"""The student: a narrow VGG-19 with a linear head on every activation."""

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

# A linear head of rank w leaves at least what w principal components of the features leave: 0.02 of the variance
# of relu1_1 at 16 channels, 0.05 of relu2_1 at 64, 0.06 of relu3_1 at 128, 0.08 of relu4_1 and 0.14 of relu4_2 at 160,
# 0.15 of relu5_1 at 256. Layers without a shipped head are as narrow as they may be.
WIDTHS = ((16, 32), (64, 48), (128, 48, 48, 64), (160, 160, 96, 112), (256,))
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
    """`student(x)` is every activation; `student.guesses(x)` the teacher's features that its heads predict.

    `widths`: the teacher's channels, by layer. `whiten`: a matrix (27, 27) for the patches of the first convolution.
    Heads predict features of unit variance; `unit_NAME` is the teacher's standard deviation, which restores them.
    """

    def __init__(self, widths: Mapping[str, int], whiten: Tensor | None = None) -> None:
        super().__init__()
        self.convs, self.heads = nn.ModuleDict(), nn.ModuleDict()
        channels = 3
        for name, width in zip(NAMES, [w for stage in WIDTHS for w in stage], strict=True):
            border = "reflect" if name == "1_1" else "zeros"  # as in impasto/encoders/lite.py
            conv = self.convs[f"conv{name}"] = nn.Conv2d(channels, width, 3, padding=1, padding_mode=border)
            flat = Flat(conv.weight.shape, torch.eye(27) if name == "1_1" and whiten is None else None)
            if name == "1_1" and whiten is not None:
                flat = Flat(conv.weight.shape, whiten)
            parametrize.register_parametrization(conv, "weight", flat)
            self.heads[f"relu{name}"] = nn.Linear(width, widths[f"relu{name}"])
            self.register_buffer(f"unit_relu{name}", torch.ones(()))
            channels = width
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = {}
        x = self.normalised(x)
        for name in NAMES:
            x = found[f"relu{name}"] = F.relu(self.convs[f"conv{name}"](self.entering(name, x)))
        return found

    def normalised(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std

    def entering(self, name: str, x: Tensor) -> Tensor:
        """What convolution `name` sees of the features before it."""
        return F.max_pool2d(x, 2) if name.endswith("_1") and name != "1_1" else x

    def guesses(self, x: Tensor, thin: Thin = every_position) -> dict[str, Tensor]:
        return {n: self._head(n, thin(n, f)) for n, f in self(x).items()}

    def unit(self, layer: str) -> Tensor:
        return self.get_buffer(f"unit_{layer}")

    def space(self, layer: str) -> Tensor:
        """What `Lite.metric` will be: the head in as few dimensions as it has inputs."""
        head = self.heads[layer]
        affine = torch.cat([head.weight, head.bias[:, None]], 1).detach() * self.unit(layer)
        return torch.linalg.qr(affine, mode="r").R

    def export(self, path: Path, about: Mapping[str, object], dtype: torch.dtype = torch.float32) -> None:
        """Write the network that `impasto.encoders.lite` reads: the convolutions and six heads."""
        tensors: dict[str, Tensor] = {}
        for n, conv in self.convs.items():
            tensors[f"{n}.weight"], tensors[f"{n}.bias"] = conv.weight, conv.bias
        for n in KEPT:
            tensors[f"head.{n}.weight"] = self.heads[n].weight * self.unit(n)
            tensors[f"head.{n}.bias"] = self.heads[n].bias * self.unit(n)
        stored = {k: v.detach().to(dtype).contiguous() for k, v in tensors.items()}
        save_file(stored, str(path), {k: json.dumps(v) for k, v in about.items()})

    def _head(self, layer: str, features: Tensor) -> Tensor:
        head = self.heads[layer]
        return F.conv2d(features, head.weight[..., None, None], head.bias) * self.unit(layer)


def whitening(images: Tensor) -> Tensor:
    """The symmetric matrix `(27, 27)` that whitens 3x3 colour patches of normalised `images`."""
    patches = F.unfold(images, 3).transpose(1, 2).reshape(-1, 27)
    value, vector = torch.linalg.eigh(torch.cov(patches.T).double())
    return (vector @ torch.diag((value + 1e-4 * value.mean()).rsqrt()) @ vector.T).float() / math.sqrt(27)
