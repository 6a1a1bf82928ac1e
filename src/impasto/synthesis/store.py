"""Tensors in memory-mapped files: for pictures that are larger than the memory there is."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.synthesis.history import Allocate


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
                file.truncate(count * kind.itemsize)
                return torch.from_file(file.name, shared=True, size=count, dtype=kind).view(shape)
        except (OSError, RuntimeError) as error:
            raise ImpastoError(f"no room for {count * kind.itemsize / 1e9:.1f} GB in '{folder}': {error}") from error

    return allocate
