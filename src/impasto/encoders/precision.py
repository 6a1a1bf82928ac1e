"""The number type of a network: bfloat16 takes half the memory, and half the time on hardware that has it.

Weights and activations have this type. Mean and deviation of pictures, matrices of distances, and pictures keep theirs.
bfloat16 has the range of float32 and 8 bits of precision. float16 has 11 bits, but only down to 6e-5, and the gradients
by the features of a picture of 512 pixels are smaller (see docs/precision.md): it would need scaled losses, and no
setting offers it.
"""

from __future__ import annotations

import torch
from torch import nn

HALVES = (torch.bfloat16, torch.float16)
"""Types of 16 bits."""


def convert(network: nn.Module, dtype: torch.dtype) -> None:
    """Convert the weights to `dtype`; to a wider type also the constants, which would shift all pictures if they had 8
    bits."""
    if dtype not in HALVES:
        network.to(dtype=dtype)
        return
    for parameter in network.parameters():
        parameter.data = parameter.data.to(dtype)


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 faster than float32: CUDA from compute capability 8 (Ampere) on.

    `torch.cuda.is_bf16_supported` also returns True where bfloat16 is emulated.
    """
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
