"""Tensors in memory-mapped files: for pictures that are larger than the memory there is."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.image import Allocate


def _reserve(file: int, size: int) -> None:
    """Make the file so long, and its blocks its own: where the disk is full, to write into a hole of it kills the
    process."""
    if hasattr(os, "posix_fallocate") and size:
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)


def mapped(folder: str | Path) -> Allocate:
    """Makes tensors of files in `folder`, which have no name any more and are gone with the tensor, or the process.

    The system keeps in memory what is in use, and writes the rest to the disk when it needs the room. Tensors of other
    devices are ordinary ones. Raises ImpastoError where the folder cannot be written.
    """

    def allocate(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> Tensor:
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
