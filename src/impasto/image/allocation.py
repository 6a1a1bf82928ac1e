"""Allocation of tensors as large as a picture, in memory or in memory-mapped files."""

from __future__ import annotations

import math
import mmap
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from impasto.errors import ImpastoError

Allocate = Callable[[tuple[int, ...], torch.dtype, torch.device], torch.Tensor]
"""A function that returns an uninitialised tensor of a shape, a dtype and a device."""

LARGE = 1 << 25
"""Least size in bytes of a tensor with pages of its own: a picture of 1700 x 1700."""


def in_memory(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return an uninitialised tensor in ordinary memory of the device: the default `Allocate`.

    On a CPU a large tensor gets pages of its own, which return to the system as soon as the tensor is freed. The C
    library would keep freed blocks for reuse (see `impasto.process`), but other tensors fit them badly: 1.5 of the
    4.1 GB of a run at 4096 x 4096 were such holes. Reusing the pages for the next tensor of the same size was not
    faster, and took 0.9 GB more.

    >>> in_memory((2, 3), torch.float32, torch.device("cpu")).shape
    torch.Size([2, 3])
    """
    size = math.prod(shape) * kind.itemsize
    if device.type != "cpu" or size < LARGE or not hasattr(mmap, "MAP_ANONYMOUS"):
        return torch.empty(shape, dtype=kind, device=device)
    return torch.frombuffer(_pages(size), dtype=kind).view(shape)


def mapped(folder: str | Path) -> Allocate:
    """Return an `Allocate` whose CPU tensors are memory-mapped files in `folder`.

    The files lose their names at once, or on Windows at the end, so that they disappear with the tensor or the process.
    The system keeps pages in use in memory, and writes other pages to the disk when it needs memory. Tensors on other
    devices are not memory-mapped. The returned function raises ImpastoError if the folder is full or cannot be written.
    """

    def allocate(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> torch.Tensor:
        if device.type != "cpu":
            return torch.empty(shape, dtype=kind, device=device)
        size = math.prod(shape) * kind.itemsize
        if not size:
            return torch.empty(shape, dtype=kind)
        try:
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".impasto-", suffix=".map") as file:
                _reserve(file.fileno(), size)
                # Not `torch.from_file`: Windows does not open a temporary file a second time.
                return torch.frombuffer(mmap.mmap(file.fileno(), size), dtype=kind).view(shape)
        except OSError as error:
            raise ImpastoError(f"no room for {size / 1e9:.1f} GB in '{folder}': {error}") from error

    return allocate


def in_range(pixels: torch.Tensor) -> torch.Tensor:
    """Return a copy of `pixels` with values clamped to [0, 1]."""
    return torch.clamp(pixels, 0, 1, out=in_memory(tuple(pixels.shape), pixels.dtype, pixels.device))


def _pages(size: int) -> mmap.mmap:
    """Return new pages of memory; huge pages if possible, which the system creates and clears many times faster."""
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if sys.platform == "linux":
        with suppress(OSError):
            pages.madvise(mmap.MADV_HUGEPAGE)
    return pages


def _reserve(file: int, size: int) -> None:
    """Set the length of a file and reserve its blocks, because a write to a hole on a full disk kills the process."""
    if hasattr(os, "posix_fallocate") and size:
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)
