"""Shift-tolerant LPIPS: a learned perceptual distance of two pictures.

Zhang et al. 2018 (LPIPS) fit non-negative channel weights to people's judgements of which of two distortions is closer.
Ghildyal and Liu 2022 train it again with blurred poolings, so that a shift by a pixel changes little. The network has
the shape of VGG-16; Impasto optimises neither its filters nor its weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

KEY = re.compile(r"net\.slice(\d+)\.(\d+)\.(weight|filt)")
TINY = 1e-10
"""Added to the norm of a feature vector before the division by it."""


class Step(NamedTuple):
    """One step of the network: a convolution with ReLU, or a pooling whose blur filter the file holds."""

    stage: int
    place: int
    kind: str

    @property
    def prefix(self) -> str:
        """What the names of this step's tensors begin with."""
        return f"net.slice{self.stage}.{self.place}."


class ShiftTolerantLpips:
    """The distance with the weights `state`. The file's keys give the order of convolutions and poolings."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = state
        matches = [match for key in state if (match := KEY.fullmatch(key))]
        self.steps = sorted(Step(int(stage), int(place), kind) for stage, place, kind in (m.groups() for m in matches))

    def features(self, image: Tensor) -> list[Tensor]:
        """Return the features after each stage, `(1, C, H', W')`, each position's vector of length 1.

        `image`: `(1, 3, H, W)` in [0, 1].
        """
        x = (2 * image - 1 - self.state["scaling_layer.shift"]) / self.state["scaling_layer.scale"]
        outputs: dict[int, Tensor] = {}
        for step in self.steps:
            x = outputs[step.stage] = self._pool(x, step) if step.kind == "filt" else self._convolve(x, step)
        return [x / (x.square().sum(1, keepdim=True).sqrt() + TINY) for x in outputs.values()]

    def distance(self, a: list[Tensor], b: list[Tensor]) -> float:
        """Return the distance of two pictures from their `features`; 0 for the same picture."""
        weights = (self.state[f"lin{stage}.model.1.weight"] for stage in range(len(a)))
        return sum(float(F.conv2d((x - y).square(), w).mean()) for x, y, w in zip(a, b, weights, strict=True))

    def _convolve(self, x: Tensor, step: Step) -> Tensor:
        weight, bias = (self.state[step.prefix + part] for part in ("weight", "bias"))
        return F.relu(F.conv2d(x, weight, bias, padding=1))

    def _pool(self, x: Tensor, step: Step) -> Tensor:
        """The maximum of 2x2 pixels at every position, then a blur at every other one (Zhang 2019)."""
        blur = self.state[step.prefix + "filt"]
        x = F.pad(F.max_pool2d(x, 2, stride=1), (1, 1, 1, 1), mode="reflect")
        return F.conv2d(x, blur, stride=2, groups=x.shape[1])
