"""Device, precision and network of a run."""

from __future__ import annotations

from dataclasses import replace

import torch

from impasto import encoders
from impasto.encoders import Encoder
from impasto.encoders.compiled import compile_network
from impasto.encoders.loading import has_bfloat16
from impasto.encoders.weights import find
from impasto.errors import UsageError
from impasto.settings.synthesis import StylizeSettings, SynthesisSettings


def device_of(settings: SynthesisSettings) -> torch.device:
    """Return the device of the settings; `auto` is a GPU where there is one."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if settings.device == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if not present[settings.device]:
        allowed = ", ".join(["auto", *(name for name, there in present.items() if there)])
        raise UsageError(f"there is no {settings.device} device here; allowed: {allowed}")
    return torch.device(settings.device)


def precision_of(settings: SynthesisSettings, device: torch.device) -> torch.dtype:
    """Return the number type of the network; `auto` is bfloat16 on GPUs that have it.

    Pictures are as good in bfloat16, except in very long runs (docs/precision.md).
    """
    name = settings.precision
    if name == "auto":
        name = "bfloat16" if has_bfloat16(device) else "float32"
    found: torch.dtype = getattr(torch, name)
    return found


def load_encoder(settings: SynthesisSettings) -> Encoder:
    """Return the network of the settings, on their device."""
    device = device_of(settings)
    dtype = precision_of(settings, device)
    encoder = encoders.load(
        settings.network, weights=settings.weights, pooling=settings.pooling, device=device, dtype=dtype
    )
    return compile_network(encoder) if settings.compile else encoder


def may_polish(settings: SynthesisSettings) -> bool:
    """Return whether VGG-19 makes the last steps if it has weights: in `stylize` by `lite` with the quality "fine"."""
    lite = settings.network == "lite" and settings.weights is None
    return lite and isinstance(settings, StylizeSettings) and settings.quality == "fine"


def polishes(settings: SynthesisSettings) -> bool:
    """Return whether VGG-19 makes the last steps, with weights on this machine."""
    return may_polish(settings) and find("vgg19") is not None


def polisher(settings: SynthesisSettings) -> Encoder | None:
    """Return VGG-19 for the last steps, or None."""
    return load_encoder(replace(settings, network="vgg19")) if polishes(settings) else None
