"""The run of a sweep: each cell in a separate process, as many at a time as memory allows.

Finished cells are lines of `results.jsonl`, so a killed sweep continues with the missing cells. The error of a failed
cell is also a line; the other cells continue, and a later run of the sweep tries the failed cell again.
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
from impasto.jobs.expansion import Cell, expand
from impasto.jobs.kinds import KINDS, as_run
from impasto.jobs.results import Axis, Plan, Record, append_result, read_results, write_plan
from impasto.jobs.spec import Sweep, axes
from impasto.process import keep_freed_memory
from impasto.settings.synthesis import SynthesisSettings
from impasto.tasks.run.device import load_encoder
from impasto.tasks.run.memory_plan import MemoryBudget
from impasto.tasks.run.schedule import optimizer_of
from impasto.tasks.tiling.memory import free_memory, parse_memory, resident
from impasto.version import __version__

STAND_IN = "lite"
"""The network in place of networks without weights."""

KIND = attrgetter("network", "weights", "pooling", "size", "optimizer", "memory")
"""Settings that determine the memory of a cell."""

OWN = 1024
"""Side in pixels that is assumed for a picture of its own size, to estimate memory."""


@dataclass(frozen=True)
class Progress:
    """The record of a finished cell, the `done`-th of `total`.

    known: whether the cell was finished before this call.
    """

    record: Record
    done: int
    total: int
    known: bool = False


def run_sweep(sweep: Sweep, folder: str | Path, *, workers: int | None = None) -> Iterator[Progress]:
    """Compute all cells of `sweep` in `folder`; yield a `Progress` for each finished cell.

    `workers` is the number of processes, by default as many as cores and memory allow. Cells that an earlier call
    finished in the same folder are not computed again. Raises UsageError for invalid settings, ImpastoError for files
    that cannot be written. The error of a failed cell is in its record.

    >>> import impasto
    >>> sweep = impasto.read_sweep("weights")
    >>> for progress in impasto.run_sweep(sweep, "folder"):  # doctest: +SKIP
    ...     print(progress.done, "of", progress.total)
    """
    folder = Path(folder)
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    originals = expand(sweep)
    cells, notices = stand_in(originals)
    pairs = zip(originals, cells, strict=True)
    networks = {cell.key: original.settings["network"] for original, cell in pairs if original is not cell}
    write_plan(folder, plan(sweep, notices))
    records = read_results(folder)
    done_before = {key: record for key, record in records.items() if record.status == "done"}
    earlier = [done_before[cell.key] for cell in cells if cell.key in done_before]
    last = {frozenset(record.place.items()): record for record in records.values()}
    for record in earlier:
        if last[frozenset(record.place.items())] is not record:  # a file was changed, and changed back
            append_result(folder, record)
    for done, record in enumerate(earlier, 1):
        yield Progress(record, done, len(cells), known=True)
    rest = [cell for cell in cells if cell.key not in done_before]
    done = len(earlier)
    for record in _distinct(rest, folder, workers or fitting(rest)):
        done += 1
        record = replace(record, instead_of=networks.get(record.key, ""))  # noqa: PLW2901 (the same record)
        append_result(folder, record)
        yield Progress(record, done, len(cells))


def plan(sweep: Sweep, notices: Sequence[str] = ()) -> Plan:
    """Return the plan of a sweep, for its page."""
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
    """Return the cells with `lite` in place of networks without weights, and a notice about each of these networks."""
    result, networks = [], set()
    for cell in cells:
        network = cell.settings.get("network", STAND_IN)
        if network in PUBLISHED and "weights" not in cell.settings and find(network) is None:
            networks.add(network)
            others = {name: value for name, value in cell.settings.items() if name != "network"}
            cell = replace(cell, settings=others)  # noqa: PLW2901 (the same cell, by another network)
        result.append(cell)
    notice = "has no weights here: {0} stands in; `impasto weights fetch {1}`, then run the sweep again"
    return result, [f"{name} {notice.format(STAND_IN, name)}" for name in sorted(networks)]


def fitting(cells: Sequence[Cell]) -> int:
    """Return the number of cells that can be computed at the same time, by cores and free memory."""
    most = min(_cores(), len(cells))
    if most < 2:
        return 1
    largest = max(_needs(cells))
    return int(max(1.0, min(most, free_memory(torch.device("cpu")) / largest)))


def _cores() -> int:
    """Return the number of cores of this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _needs(cells: Sequence[Cell]) -> Iterator[float]:
    """Yield the memory of a cell's process, in bytes, for a square picture; once for cells with equal settings.

    Errors in the settings of a cell are ignored: the cell reports them.
    """
    kinds: set[tuple[object, ...]] = set()
    for cell in cells:
        with suppress(ImpastoError):
            settings = as_run(KINDS[cell.task].settings.from_mapping(cell.settings))
            kind = KIND(settings)
            if kind not in kinds:
                kinds.add(kind)
                yield _memory(replace(settings, device="cpu"))
    yield max(1.0, resident())


def _memory(settings: SynthesisSettings) -> float:
    """Return the peak memory of a run in bytes, for a square picture."""
    encoder, side = load_encoder(settings), settings.longer_side() or OWN
    layers = frozenset((*encoder.default_style, *encoder.default_content))
    budget = MemoryBudget(
        inf, resident(), encoder, layers, frozenset(encoder.default_content), optimizer_of(settings, False)
    )
    needs = budget.plan((side, side)).peak
    return min(needs, parse_memory(settings.memory)) if settings.memory else needs


def _distinct(cells: Sequence[Cell], folder: Path, workers: int) -> Iterator[Record]:
    """Yield the records of all cells; of cells with equal work only one is computed."""
    by_work: dict[str, list[Cell]] = {}
    for cell in cells:
        by_work.setdefault(cell.work, []).append(cell)
    first = [same[0] for same in by_work.values()]
    for cell, record in _parallel(first, folder, workers):
        for other in by_work[cell.work]:
            shared = None if other is cell else cell.key
            yield replace(record, key=other.key, index=other.index, place=dict(other.place), shared=shared)


def _parallel(cells: Sequence[Cell], folder: Path, workers: int) -> Iterator[tuple[Cell, Record]]:
    """Yield each cell with its record, from a new process for each cell.

    So the peak memory is that of one cell, and a crash does not stop the other cells.
    """
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
    """Remove and return the first cell whose network is not in training, or None.

    Two cells at the same time would train the same network twice.
    """
    busy = {cell.network for cell in running} - {None}
    cell = next((cell for cell in waiting if cell.network not in busy), None)
    if cell:
        waiting.remove(cell)
    return cell


def _received(cell: Cell, process: Any, ours: Any) -> Record:
    """Return the record from the process of a cell, or that of a failed cell if the process has crashed."""
    try:
        record: Record = ours.recv()
    except EOFError:
        process.join()
        from impasto.jobs.cell import failed  # noqa: PLC0415 (imports torch)

        return failed(cell, f"its process ended with code {process.exitcode}; was there enough memory?")
    process.join()
    return record


def _work(theirs: Any, cell: Cell, folder: Path, threads: int) -> None:
    """Compute the cell and send its record; runs in the process of the cell."""
    from impasto.jobs.cell import failed, run  # noqa: PLC0415 (imports torch)

    keep_freed_memory()  # allowed, because this process has no other user
    record = _attempt(lambda: run(cell, folder, threads), lambda error: failed(cell, error))
    with suppress(OSError):  # the parent process may have been killed
        theirs.send(record)
        theirs.close()


def _attempt(run: Callable[[], Record], failed: Callable[[str], Record]) -> Record:
    """Return the record of `run`, or for an error that of `failed` with a message of one line."""
    try:
        return run()
    except ImpastoError as error:
        return failed(str(error))
    except Exception as error:  # no error of a cell may stop the others
        return failed(f"{type(error).__name__}: {error}".splitlines()[0])
