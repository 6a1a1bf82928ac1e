"""Free memory, and the memory that a network needs, in bytes."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from weakref import WeakKeyDictionary

import torch

from impasto.encoders import Encoder, Segment
from impasto.errors import UsageError
from impasto.image.tiles import Tile
from impasto.process import give_back, machine_memory
from impasto.settings.synthesis import SynthesisSettings
from impasto.tasks.tiling.stages import Stage

MEASURED: WeakKeyDictionary[Encoder, dict[Segment, float]] = WeakKeyDictionary()
"""Results of `activations`."""

UNITS = {"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_memory(text: str) -> float:
    """Return the bytes of an amount such as `4GB`, `1500 MB` or `2GiB`. Raises UsageError for any other text.

    >>> parse_memory("4GB"), parse_memory("2GiB")
    (4000000000.0, 2147483648.0)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2].upper() not in UNITS:
        raise UsageError(f"memory is an amount such as 4GB or 1500MB, not '{text}'")
    return float(match[1]) * UNITS[match[2].upper()]


def amount(size: float) -> str:
    """Return a number of bytes as text.

    >>> amount(1.5e9)
    '1.5 GB'
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def free_memory(device: torch.device) -> float:
    """Return the free bytes of a device; infinity where the system does not report them."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return machine_memory()[1]


def resident() -> float:
    """Return the bytes of this process in memory; 0 where the system does not report them."""
    with suppress(OSError, ValueError, IndexError):
        return float(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0.0


def reached() -> float:
    """Return the peak memory of this process so far, in bytes; 0 where the system does not report it."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
        return float(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    with suppress(ImportError):  # the module is missing on Windows
        import resource  # noqa: PLC0415

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(peak if sys.platform == "darwin" else 1024 * peak)
    return 0.0


SPARE = 0.8
"""Share of the free memory that a run takes by default."""


def limits(settings: SynthesisSettings, device: torch.device) -> tuple[float, float]:
    """Return the memory limit of a run, and the memory already in use, both in bytes.

    The limit is that of the settings, or most of the free memory. Memory that was freed after reading pictures is
    returned to the system first, so it is not in use.
    """
    give_back()
    base = resident() if device.type == "cpu" else 0.0
    return parse_memory(settings.memory) if settings.memory is not None else base + SPARE * free_memory(device), base


def host_limits(device: torch.device) -> tuple[float, float] | None:
    """Return the limit of the CPU's memory and the bytes in use, for a run on a GPU; None for a run on the CPU."""
    if device.type != "cuda":
        return None
    base = resident()
    return base + SPARE * free_memory(torch.device("cpu")), base


def activations(encoder: Encoder, segment: Segment) -> float:
    """Return the bytes that a backward pass through a segment needs for each position of its input.

    The number is measured once, on a small tile.
    """
    by_segment = MEASURED.setdefault(encoder, {})
    if segment not in by_segment:
        by_segment[segment] = _activations(encoder, segment)
    return by_segment[segment]


GRAPH = 1.2
"""Memory of a kept graph over that of its activations: copies of positions, and free blocks too small to use."""


def graph(stage: Stage, tile: Tile) -> float:
    """Return the bytes of the autograd graph of a tile."""
    height, width = (span.last - span.first for span in (tile.rows, tile.columns))
    return GRAPH * activations(stage.encoder, stage.segment) * height * width


def _activations(encoder: Encoder, segment: Segment, side: int = 64) -> float:
    info = encoder.layers[segment.after] if segment.after else None
    parameter = next(encoder.parameters())
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        shape = (1, info.channels if info else 3, side, side)
        x = torch.rand(shape, dtype=parameter.dtype, device=parameter.device, requires_grad=True)
        storages: dict[int, int] = {}

        def count(tensor: torch.Tensor) -> torch.Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            features = encoder.features(x, segment.wanted, segment.after)
        for tensor in features.values():
            count(tensor)
    for own in (*encoder.parameters(), *encoder.buffers()):
        storages.pop(own.untyped_storage().data_ptr(), None)
    return sum(storages.values()) / side**2
