"""Memory for what is as large as a picture."""

from __future__ import annotations

import math
import mmap
import sys
from collections.abc import Callable
from contextlib import suppress

import torch

Allocate = Callable[[tuple[int, ...], torch.dtype, torch.device], torch.Tensor]
"""Makes a tensor of a shape, a type of number and a device; what it holds does not matter."""

LARGE = 1 << 25
"""Bytes from which a tensor has pages of its own: a picture of 1700 x 1700."""


def in_memory(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> torch.Tensor:
    """Ordinary memory of the device: the plainest `Allocate`.

    What is large has pages of its own on a CPU, which the system has back as soon as the tensor is gone. The C library
    keeps freed blocks where it was told to (see `impasto.process`), and fits others into them badly: of the 4.1 GB that
    a run at 4096 x 4096 had at its end, 1.5 GB were such holes. (To keep pages for the next tensor of their size was no
    faster, and took 0.9 GB more.)
    """
    size = math.prod(shape) * kind.itemsize
    if device.type != "cpu" or size < LARGE or not hasattr(mmap, "MAP_ANONYMOUS"):
        return torch.empty(shape, dtype=kind, device=device)
    return torch.frombuffer(_pages(size), dtype=kind).view(shape)


def in_range(pixels: torch.Tensor) -> torch.Tensor:
    """A copy with values in [0, 1]."""
    return torch.clamp(pixels, 0, 1, out=in_memory(tuple(pixels.shape), pixels.dtype, pixels.device))


def _pages(size: int) -> mmap.mmap:
    """Fresh pages; huge ones where the system has them, of which it makes and clears many times as much a second."""
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if sys.platform == "linux":
        with suppress(OSError):
            pages.madvise(mmap.MADV_HUGEPAGE)
    return pages
