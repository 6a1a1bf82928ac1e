"""The type of number in which a network computes: bfloat16 takes half the memory, and half the time where the
hardware has it.

Weights and activations are in that type. What is not a weight stays as it is: the pictures' mean and deviation, the
matrices of distances, and pictures. bfloat16 has the range of float32 and 8 bits of precision; float16 has 11 bits, but
only down to 6e-5. The gradients by the features of a picture of 512 pixels lie below that (see docs/precision.md):
float16 would need its losses scaled, and no setting offers it.
"""

from __future__ import annotations

import torch
from torch import nn

HALVES = (torch.bfloat16, torch.float16)
"""Types of 16 bits."""


def convert(network: nn.Module, dtype: torch.dtype) -> None:
    """Bring the weights to `dtype`, and of wider types all that goes with them too: a constant of 8 bits would shift
    all pictures."""
    if dtype not in HALVES:
        network.to(dtype=dtype)
        return
    for parameter in network.parameters():
        parameter.data = parameter.data.to(dtype)


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 faster than float32: CUDA from compute capability 8 (Ampere) on.

    `torch.cuda.is_bf16_supported` also says yes where it is emulated.
    """
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
