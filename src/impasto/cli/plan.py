"""Estimates of memory and time: `impasto plan`, and the first line of every run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import inf

import torch

from impasto.cli.lists import show_rows
from impasto.cli.options import RunOptions
from impasto.cli.progress import Watcher, clock
from impasto.cli.weights import fetch_weights
from impasto.encoders.weights import home
from impasto.errors import ImpastoError
from impasto.image.atomic import replace_file
from impasto.settings.synthesis import SynthesisSettings
from impasto.tasks.registry import JOBS
from impasto.tasks.run import pace
from impasto.tasks.run.device import device_of
from impasto.tasks.run.memory_plan import REMEMBERED, MemoryBudget
from impasto.tasks.run.run import Job, Planned
from impasto.tasks.tiling.memory import reached
from impasto.version import __version__

FILE = "pace.json"
"""File of the measured pace of this machine, beside the weights."""

START = 1.0
"""Seconds to read, to prepare and to write."""

LEARNED = 3.0
"""Length of a run, in seconds, below which its pace is not measured."""


def seconds(job: Job) -> float:
    """Return the duration of a job by the pace of this machine, measured for each network and number of threads."""
    return START + job.seconds(_pace(job.budget), _pace(job.polish.budget) if job.polish else 0.0)


def show(task: str, inputs: Sequence[str], settings: SynthesisSettings, options: RunOptions, watcher: Watcher) -> None:
    """Print memory and time of a run, size by size. Raises UsageError if it does not fit."""
    if options.threads:
        torch.set_num_threads(options.threads)
    fetch_weights(settings.network, settings.weights, watcher)
    job = JOBS[task](*inputs, settings)
    found = job.plan()
    if options.json:
        watcher.expects(**summary(job))
        return
    rows = [("size", "steps", "network", "tiles", "pairs", "memory"), *(_row(planned) for planned in found)]
    show_rows(rows)
    show_rows([("memory", f"{_peak(job) / 1e9:.2f} GB"), ("time", f"about {clock(seconds(job))}")])


def summary(job: Job) -> Mapping[str, float]:
    """Return the peak in MB and the seconds, for the watcher of a run."""
    return {"peak_mb": round(_peak(job) / 1e6, 1), "seconds": round(seconds(job), 1)}


def _peak(job: Job) -> float:
    """Of the run, or of the reading of large pictures, which is done by now."""
    on_gpu = device_of(job.settings).type != "cpu"
    return job.peak if on_gpu else max(job.peak, reached())


def _row(planned: Planned) -> tuple[str, ...]:
    arranged, (height, width) = planned.memory_plan, planned.size
    sides = arranged.tile_sizes(planned.budget.encoder, planned.budget.layers, planned.size)
    tiles = f"{sides[0]} px" if sides[0] else "inside" if any(sides) else "none"
    pairs = str(arranged.pairs) + ", half precision" * arranged.half + ", in files" * arranged.mapped
    if planned.budget.optimizer in REMEMBERED:
        pairs = "none"
    if arranged.offloaded and not arranged.mapped:
        pairs += ", in the CPU's memory"
    name = planned.budget.encoder.name
    return f"{width}x{height}", str(planned.steps), name, tiles, pairs, f"{arranged.peak / 1e9:.2f} GB"


def remember(job: Job, seconds: float) -> None:
    """Update the pace after a run: the mean of the stored and the measured one.

    Short runs are ignored, because they mostly show the fixed cost of a step, and so are runs of two networks.
    """
    if seconds < LEARNED or job.polish:
        return
    shown = seconds / max(job.seconds(1.0), 1.0)
    known = _known()
    key = _key(job.budget)
    _keep(known | {key: (known.get(key, shown) + shown) / 2})


def _pace(budget: MemoryBudget) -> float:
    known = _known()
    key = _key(budget)
    if key not in known:
        encoder = budget.encoder
        known[key] = pace.measure(encoder, sorted(budget.layers), next(encoder.parameters()).device)
        _keep(known)
    return known[key]


def _key(budget: MemoryBudget) -> str:
    encoder, device = budget.encoder, next(budget.encoder.parameters()).device
    layers, weights = sorted(budget.layers), sum(parameter.numel() for parameter in encoder.parameters())
    key = f"impasto {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads, {device}: "
    key += f"{encoder.name} of {weights}, {','.join(layers)}"  # weights of a file may be fewer under the same name
    return key


def _keep(known: Mapping[str, float]) -> None:
    with suppress(OSError, ImpastoError):  # a folder that cannot be written costs a measurement each time
        home().mkdir(parents=True, exist_ok=True)
        replace_file(home() / FILE, json.dumps(known, indent=1).encode())


def _known() -> dict[str, float]:
    """Return the stored paces; entries that make no sense are ignored."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads((home() / FILE).read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {key: value for key, value in found.items() if isinstance(value, float) and 0 < value < inf}
    return {}
