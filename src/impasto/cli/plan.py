"""Estimates of memory and time: `impasto plan`."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from impasto.cli.lists import show_rows
from impasto.cli.options import RunOptions
from impasto.cli.progress import Watcher, clock
from impasto.cli.weights import fetch_weights
from impasto.jobs.estimate import peak, seconds, summary
from impasto.settings.synthesis import SynthesisSettings
from impasto.tasks.registry import JOBS
from impasto.tasks.run.memory_plan import REMEMBERED
from impasto.tasks.run.run import Planned


def show(task: str, inputs: Sequence[str], settings: SynthesisSettings, options: RunOptions, watcher: Watcher) -> None:
    """Print memory and time of a run, size by size. Raises UsageError for a run that does not fit into memory."""
    if options.threads:
        torch.set_num_threads(options.threads)
    fetch_weights(settings.network, settings.weights, watcher)
    job = JOBS[task](*inputs, settings)
    sizes = job.plan()
    if options.json:
        watcher.expects(**summary(job))
        return
    rows = [("size", "steps", "network", "tiles", "pairs", "memory"), *(_row(planned) for planned in sizes)]
    show_rows(rows)
    show_rows([("memory", f"{peak(job) / 1e9:.2f} GB"), ("time", f"about {clock(seconds(job))}")])


def _row(planned: Planned) -> tuple[str, ...]:
    memory_plan, (height, width) = planned.memory_plan, planned.size
    sides = memory_plan.tile_sizes(planned.budget.encoder, planned.budget.layers, planned.size)
    tiles = f"{sides[0]} px" if sides[0] else "inside" if any(sides) else "none"
    pairs = str(memory_plan.pairs) + ", half precision" * memory_plan.half + ", in files" * memory_plan.mapped
    if planned.budget.optimizer in REMEMBERED:
        pairs = "none"
    if memory_plan.offloaded and not memory_plan.mapped:
        pairs += ", in the CPU's memory"
    name = planned.budget.encoder.name
    return f"{width}x{height}", str(planned.steps), name, tiles, pairs, f"{memory_plan.peak / 1e9:.2f} GB"
