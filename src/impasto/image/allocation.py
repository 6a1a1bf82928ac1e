"""Memory for what is as large as a picture; in files where the memory there is does not suffice."""

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


def mapped(folder: str | Path) -> Allocate:
    """Makes tensors of files in `folder`, which have no name any more and are gone with the tensor, or the process.

    The system keeps in memory what is in use, and writes the rest to the disk when it needs the room. Tensors of other
    devices are ordinary ones. Raises ImpastoError where the folder cannot be written.
    """

    def allocate(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> torch.Tensor:
        if device.type != "cpu":
            return torch.empty(shape, dtype=kind, device=device)
        count = math.prod(shape)
        try:
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".impasto-", suffix=".map") as file:
                _reserve(file.fileno(), count * kind.itemsize)
                return torch.from_file(file.name, shared=True, size=count, dtype=kind).view(shape)
        except (OSError, RuntimeError) as error:
            raise ImpastoError(f"no room for {count * kind.itemsize / 1e9:.1f} GB in '{folder}': {error}") from error

    return allocate


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


def _reserve(file: int, size: int) -> None:
    """Make the file so long, and its blocks its own: where the disk is full, to write into a hole of it kills the
    process."""
    if hasattr(os, "posix_fallocate") and size:
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)
