"""Run a sweep: every cell in a process of its own, several at a time, one after the other where memory is short.

Finished cells are lines of `results.jsonl`: a sweep that was killed goes on with those that are missing. A cell that
fails leaves its error there and stops nothing; a later run of the sweep tries it again.
"""

from __future__ import annotations

import multiprocessing
import os
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
"""Cells whose settings are alike in these take as much memory."""

OWN = 1024
"""The side that a picture of its own size is taken to have."""


@dataclass(frozen=True)
class Progress:
    """One more cell is finished: `record`, the `done`-th of `total`; `known` tells that it was there already."""

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
        if last[frozenset(record.place.items())] is not record:  # its files are again as they were
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
    """What the page of the sweep has to know about it."""
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
    """The cells with `lite` in place of networks whose weights are not here, and a notice of each of these."""
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
    """How many cells at a time fit the cores and the free memory."""
    most = min(_cores(), len(cells))
    if most < 2:
        return 1
    largest = max(_needs(cells))
    return int(max(1.0, min(most, free_memory(torch.device("cpu")) / largest)))


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _needs(cells: Sequence[Cell]) -> Iterator[float]:
    """Bytes that processes for the cells take at most, whatever is free, in a square of their size: each kind once.

    What a cell's settings get wrong is told where it is made.
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
    """Records of all cells; of those that are the same work under several labels only one is computed."""
    alike: dict[str, list[Cell]] = {}
    for cell in cells:
        alike.setdefault(cell.work, []).append(cell)
    first = [same[0] for same in alike.values()]
    for cell, record in _parallel(first, folder, workers):
        for other in alike[cell.work]:
            shared = None if other is cell else cell.key
            yield replace(record, key=other.key, index=other.index, place=dict(other.place), shared=shared)


def _parallel(cells: Sequence[Cell], folder: Path, workers: int) -> Iterator[tuple[Cell, Record]]:
    """Each cell in a fresh process: its peak memory is its own, and whatever kills it kills nothing else."""
    context: Any = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
    if hasattr(os, "fork"):
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
    """Take the first cell, but none whose network another one may be training just now; it would be trained twice."""
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
    with suppress(OSError):  # whoever waited for it may have been killed
        theirs.send(record)
        theirs.close()


def _attempt(run: Callable[[], Record], failed: Callable[[str], Record]) -> Record:
    try:
        return run()
    except ImpastoError as error:
        return failed(str(error))
    except Exception as error:  # whatever it is, the other cells go on
        return failed(f"{type(error).__name__}: {error}".splitlines()[0])
