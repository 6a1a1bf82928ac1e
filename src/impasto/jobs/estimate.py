"""Estimates of the memory and the time of a run, and the pace of this machine, which runs measure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from math import inf

import torch

from impasto.encoders.weights import home
from impasto.errors import ImpastoError
from impasto.image.atomic import replace_file
from impasto.tasks.run import pace
from impasto.tasks.run.device import device_of
from impasto.tasks.run.memory_plan import MemoryBudget
from impasto.tasks.run.run import Job
from impasto.tasks.tiling.memory import reached
from impasto.version import __version__

FILE = "pace.json"
"""File of the pace of this machine, beside the weights: seconds for a pixel and a step of each network."""

START = 1.0
"""Seconds to read, to prepare and to write."""

MIN_SECONDS = 3.0
"""Length of a run, in seconds, below which the run hardly changes the pace."""

BUSY = 0.5
"""Share of the stored pace below which a measured one shows that the machine was busy before."""


def seconds(job: Job) -> float:
    """Return the duration of a job, in seconds, from the pace of its networks on this machine with as many threads."""
    return START + job.seconds(_pace(job.budget), _pace(job.polish.budget) if job.polish else 0.0)


def summary(job: Job) -> Mapping[str, float]:
    """Return the peak memory in MB and the time in seconds, for a report."""
    return {"peak_mb": round(peak(job) / 1e6, 1), "seconds": round(seconds(job), 1)}


def peak(job: Job) -> float:
    """Return the peak memory in bytes: of the run, or of the reading of the pictures before it."""
    on_gpu = device_of(job.settings).type != "cpu"
    return job.peak if on_gpu else max(job.peak, reached())


def update_pace(job: Job, seconds: float) -> None:
    """Update the stored pace after a run of `seconds`: the mean of the stored and the measured one.

    A measured pace below half of the stored one replaces it, because the machine was busy when the stored one was
    measured. So does a short run's, which for the rest is ignored: it mostly measures the fixed cost of a step. Runs
    of two networks are ignored.
    """
    if job.polish:
        return
    measured = seconds / max(job.seconds(1.0), 1.0)
    paces = _read_paces()
    key = _key(job.budget)
    stored = paces.get(key, measured)
    if measured < stored * BUSY:
        _write_paces(paces | {key: measured})
    elif seconds >= MIN_SECONDS:
        _write_paces(paces | {key: (stored + measured) / 2})


def _pace(budget: MemoryBudget) -> float:
    paces = _read_paces()
    key = _key(budget)
    if key not in paces:
        encoder = budget.encoder
        paces[key] = pace.measure(encoder, sorted(budget.layers), next(encoder.parameters()).device)
        _write_paces(paces)
    return paces[key]


def _key(budget: MemoryBudget) -> str:
    encoder, device = budget.encoder, next(budget.encoder.parameters()).device
    layers, weights = sorted(budget.layers), sum(parameter.numel() for parameter in encoder.parameters())
    key = f"impasto {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads, {device}: "
    key += f"{encoder.name} of {weights}, {','.join(layers)}"  # a file may hold fewer weights under the same name
    return key


def _write_paces(paces: Mapping[str, float]) -> None:
    with suppress(OSError, ImpastoError):  # without a file, each run measures the pace again
        home().mkdir(parents=True, exist_ok=True)
        replace_file(home() / FILE, json.dumps(paces, indent=1).encode())


def _read_paces() -> dict[str, float]:
    """Return the stored paces, in seconds for a pixel and a step; ignores entries that are not positive numbers."""
    with suppress(OSError, ValueError, RecursionError):
        paces = json.loads((home() / FILE).read_text(encoding="utf-8"))
        if isinstance(paces, dict):
            return {key: value for key, value in paces.items() if isinstance(value, float) and 0 < value < inf}
    return {}
