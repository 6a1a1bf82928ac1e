"""What the synthesis tasks share: their common settings, their inputs, their schedule of sizes, and terms of the objective."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto import encoders, image
from impasto.encoders import Encoder
from impasto.errors import UsageError
from impasto.losses import IMAGE, Objective, Term, distance, energy, gram, out_of_range, relative, total_variation
from impasto.synthesis import OPTIMIZERS, Evaluate, Scale, Step, generator, noise, synthesise
from impasto.tasks.settings import Settings, option

Source = image.Source
Size = tuple[int, int]

QUALITIES = ("draft", "standard", "fine")
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, kw_only=True)
class SynthesisSettings(Settings):
    """Settings of every task that optimises a picture."""

    size: int = option(512, "longer side of the result in pixels; 0 keeps the picture's own", minimum=0)
    quality: str = option("standard", "how long to work: the steps at each size", choices=QUALITIES)
    steps: int | None = option(None, "steps at the full size (from --quality if not given)", minimum=0)
    scales: int | None = option(None, "number of sizes, each half the next (from --quality if not given)", minimum=1, maximum=8)
    seed: int = option(0, "seed of everything random", minimum=0, maximum=2**63 - 1)
    network: str = option("lite", "the network that looks", choices=encoders.NETWORKS)
    weights: str | None = option(None, "a file with the network's weights (.pth or .safetensors)")
    pooling: str = option("max", "how the network halves its maps", choices=("max", "average"))
    optimizer: str = option("lbfgs", "how the picture is changed", choices=tuple(OPTIMIZERS))
    tv_weight: float | None = option(None, "weight of total variation, which smooths", minimum=0)
    range_weight: float = option(10.0, "weight that holds pixels in [0, 1]", minimum=0)
    device: str = option("auto", "where to compute", choices=DEVICES)


def device_of(settings: SynthesisSettings) -> torch.device:
    """The device asked for; `auto` takes a GPU where there is one."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if settings.device == "auto":
        return torch.device("cuda" if present["cuda"] else "mps" if present["mps"] else "cpu")
    if not present[settings.device]:
        raise UsageError(f"there is no {settings.device} device here; allowed: auto, {', '.join(d for d in present if present[d])}")
    return torch.device(settings.device)


def load_encoder(settings: SynthesisSettings) -> Encoder:
    """The network of the settings, on their device."""
    return encoders.load(settings.network, weights=settings.weights, pooling=settings.pooling, device=device_of(settings))
