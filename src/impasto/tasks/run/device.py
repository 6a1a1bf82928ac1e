"""Where a run computes, by which network, in which numbers."""

from __future__ import annotations

from dataclasses import replace

import torch

from impasto import encoders
from impasto.encoders import Encoder
from impasto.encoders.compiled import compile_network
from impasto.encoders.precision import has_bfloat16
from impasto.encoders.weights import find
from impasto.errors import UsageError
from impasto.settings.synthesis import StylizeSettings, SynthesisSettings


def device_of(settings: SynthesisSettings) -> torch.device:
    """The device asked for; `auto` takes a GPU where there is one."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if settings.device == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if not present[settings.device]:
        allowed = ", ".join(["auto", *(name for name, there in present.items() if there)])
        raise UsageError(f"there is no {settings.device} device here; allowed: {allowed}")
    return torch.device(settings.device)


def precision_of(settings: SynthesisSettings, device: torch.device) -> torch.dtype:
    """The type of the network's numbers: `auto` takes bfloat16 on GPUs that have it: pictures come out as good, but for
    very long runs (docs/precision.md)."""
    name = settings.precision
    if name == "auto":
        name = "bfloat16" if has_bfloat16(device) else "float32"
    found: torch.dtype = getattr(torch, name)
    return found


def load_encoder(settings: SynthesisSettings) -> Encoder:
    """The network of the settings, on their device."""
    device = device_of(settings)
    dtype = precision_of(settings, device)
    encoder = encoders.load(
        settings.network, weights=settings.weights, pooling=settings.pooling, device=device, dtype=dtype
    )
    return compile_network(encoder) if settings.compile else encoder


def may_polish(settings: SynthesisSettings) -> bool:
    """Whether VGG-19 would make the last steps if it had weights: of `stylize` by `lite` in the quality "fine"."""
    lite = settings.network == "lite" and settings.weights is None
    return lite and isinstance(settings, StylizeSettings) and settings.quality == "fine"


def polishes(settings: SynthesisSettings) -> bool:
    """Whether VGG-19 makes the last steps: it may, and its weights are on this machine."""
    return may_polish(settings) and find("vgg19") is not None


def polisher(settings: SynthesisSettings) -> Encoder | None:
    """VGG-19 for the last steps, or None."""
    return load_encoder(replace(settings, network="vgg19")) if polishes(settings) else None
