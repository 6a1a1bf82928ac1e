"""Run a sweep: every cell in a separate process, several at a time, one after the other if memory is short.

Finished cells are lines of `results.jsonl`: a killed sweep continues with the missing ones. A failed cell leaves its
error there and stops nothing; a later run of the sweep tries it again.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from multiprocessing import connection
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch

from impasto.encoders.weights import PUBLISHED, find
from impasto.errors import ImpastoError
from impasto.jobs.kinds import KINDS, as_run
from impasto.jobs.results import Axis, Plan, Record, append_result, read_results, write_plan
from impasto.jobs.spec import Cell, Sweep, axes, expand
from impasto.process import keep_freed_memory
from impasto.settings.synthesis import SynthesisSettings
from impasto.tasks.run.device import load_encoder
from impasto.tasks.run.memory_plan import MemoryBudget
from impasto.tasks.run.schedule import optimizer_of
from impasto.tasks.tiling.memory import free_memory, parse_memory, resident
from impasto.version import __version__

STAND_IN = "lite"
KIND = attrgetter("network", "weights", "pooling", "size", "optimizer", "memory")
"""Cells with equal values of these settings take the same memory."""

OWN = 1024
"""Assumed side of a picture at its own size."""


@dataclass(frozen=True)
class Progress:
    """A finished cell: `record`, the `done`-th of `total`; `known` if it was finished before this call."""

    record: Record
    done: int
    total: int
    known: bool = False


def run_sweep(sweep: Sweep, folder: str | Path, *, workers: int | None = None) -> Iterator[Progress]:
    """Make all cells of `sweep` in `folder`; yield a `Progress` for each cell that is done.

    `workers` is the number of processes, by default as many as cores and memory allow. Cells that are in the folder
    from an earlier call are not made again. Raises UsageError for settings that are not allowed; a cell that fails is
    reported in its record.

    >>> import impasto
    >>> sweep = impasto.read_sweep("weights")
    >>> for progress in impasto.run_sweep(sweep, "folder"):  # doctest: +SKIP
    ...     print(progress.done, "of", progress.total)
    """
    folder = Path(folder)
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    asked = expand(sweep)
    cells, notices = stand_in(asked)
    absent = {cell.key: was.settings["network"] for was, cell in zip(asked, cells, strict=True) if was is not cell}
    write_plan(folder, plan(sweep, notices))
    records = read_results(folder)
    there = {key: record for key, record in records.items() if record.status == "done"}
    known = [there[cell.key] for cell in cells if cell.key in there]
    last = {frozenset(record.place.items()): record for record in records.values()}
    for record in known:
        if last[frozenset(record.place.items())] is not record:  # its files have their earlier contents again
            append_result(folder, record)
    for done, record in enumerate(known, 1):
        yield Progress(record, done, len(cells), known=True)
    missing = [cell for cell in cells if cell.key not in there]
    done = len(known)
    for record in _distinct(missing, folder, workers or fitting(missing)):
        done += 1
        record = replace(record, instead_of=absent.get(record.key, ""))  # noqa: PLW2901 (the same, and whose place it has)
        append_result(folder, record)
        yield Progress(record, done, len(cells))


def plan(sweep: Sweep, notices: Sequence[str] = ()) -> Plan:
    """Return the facts about the sweep for its page."""
    return Plan(
        title=sweep.title,
        about=sweep.about,
        source=sweep.source,
        task=sweep.task,
        axes=tuple(Axis(name, tuple(labels)) for name, labels in axes(sweep).items()),
        rows=sweep.rows,
        columns=sweep.columns,
        differences=tuple(sweep.differences),
        notices=tuple(notices),
        impasto=__version__,
    )


def stand_in(cells: Sequence[Cell]) -> tuple[list[Cell], list[str]]:
    """Return the cells with `lite` in place of networks without weights, and a notice about each network."""
    found, absent = [], set()
    for cell in cells:
        network = cell.settings.get("network", STAND_IN)
        if network in PUBLISHED and "weights" not in cell.settings and find(network) is None:
            absent.add(network)
            others = {name: value for name, value in cell.settings.items() if name != "network"}
            cell = replace(cell, settings=others)  # noqa: PLW2901 (the same cell, by another network)
        found.append(cell)
    about = "has no weights here: {0} stands in; `impasto weights fetch {1}`, then run the sweep again"
    return found, [f"{name} {about.format(STAND_IN, name)}" for name in sorted(absent)]


def fitting(cells: Sequence[Cell]) -> int:
    """Return the number of cells at a time for which there are cores and free memory."""
    most = min(_cores(), len(cells))
    if most < 2:
        return 1
    largest = max(_needs(cells))
    return int(max(1.0, min(most, free_memory(torch.device("cpu")) / largest)))


def _cores() -> int:
    """Return the number of cores of this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _needs(cells: Sequence[Cell]) -> Iterator[float]:
    """Return the largest memory of a cell's process, in bytes, for a square of its size; each kind is computed once.

    Errors in the settings of a cell are reported when it is made.
    """
    seen: set[tuple[object, ...]] = set()
    for cell in cells:
        with suppress(ImpastoError):
            settings = as_run(KINDS[cell.task].settings.from_mapping(cell.settings))
            kind = KIND(settings)
            if kind not in seen:
                seen.add(kind)
                yield _memory(replace(settings, device="cpu"))
    yield max(1.0, resident())


def _memory(settings: SynthesisSettings) -> float:
    encoder, side = load_encoder(settings), settings.longer_side() or OWN
    layers = frozenset((*encoder.default_style, *encoder.default_content))
    budget = MemoryBudget(
        inf, resident(), encoder, layers, frozenset(encoder.default_content), optimizer_of(settings, False)
    )
    needs = budget.plan((side, side)).peak
    return min(needs, parse_memory(settings.memory)) if settings.memory else needs


def _distinct(cells: Sequence[Cell], folder: Path, workers: int) -> Iterator[Record]:
    """Yield records of all cells; of cells with the same work only one is computed."""
    alike: dict[str, list[Cell]] = {}
    for cell in cells:
        alike.setdefault(cell.work, []).append(cell)
    first = [same[0] for same in alike.values()]
    for cell, record in _parallel(first, folder, workers):
        for other in alike[cell.work]:
            shared = None if other is cell else cell.key
            yield replace(record, key=other.key, index=other.index, place=dict(other.place), shared=shared)


def _parallel(cells: Sequence[Cell], folder: Path, workers: int) -> Iterator[tuple[Cell, Record]]:
    """Run each cell in a fresh process: its peak memory is its own, and a crash stops no other cell."""
    # A fork of a process that has imported torch may crash on macOS: system libraries have started threads.
    forks = sys.platform != "darwin" and "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload(["impasto.jobs.cell"])
    threads = max(1, _cores() // workers)
    waiting, running = list(cells), dict[Any, tuple[Cell, Any, Any]]()
    try:
        while waiting or running:
            while len(running) < workers and (cell := _next(waiting, [busy for busy, _, _ in running.values()])):
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(theirs, cell, folder, threads), daemon=True)
                process.start()
                theirs.close()
                running[ours] = (cell, process, ours)
            for ready in connection.wait(list(running)):
                cell, process, ours = running.pop(ready)
                yield cell, _received(cell, process, ours)
    finally:
        for _, process, _ in running.values():
            process.kill()


def _next(waiting: list[Cell], running: Sequence[Cell]) -> Cell | None:
    """Take the first cell whose network is not being trained now; two cells would train the same network twice."""
    busy = {cell.network for cell in running} - {None}
    found = next((cell for cell in waiting if cell.network not in busy), None)
    if found:
        waiting.remove(found)
    return found


def _received(cell: Cell, process: Any, ours: Any) -> Record:
    try:
        record: Record = ours.recv()
    except EOFError:
        process.join()
        from impasto.jobs.cell import failed  # noqa: PLC0415 (imports torch)

        return failed(cell, f"its process ended with code {process.exitcode}; was there enough memory?")
    process.join()
    return record


def _work(theirs: Any, cell: Cell, folder: Path, threads: int) -> None:
    from impasto.jobs.cell import failed, run  # noqa: PLC0415 (imports torch)

    keep_freed_memory()  # a process of our own
    record = _attempt(lambda: run(cell, folder, threads), lambda error: failed(cell, error))
    with suppress(OSError):  # the parent may have been killed
        theirs.send(record)
        theirs.close()


def _attempt(run: Callable[[], Record], failed: Callable[[str], Record]) -> Record:
    try:
        return run()
    except ImpastoError as error:
        return failed(str(error))
    except Exception as error:  # any error; the other cells continue
        return failed(f"{type(error).__name__}: {error}".splitlines()[0])
