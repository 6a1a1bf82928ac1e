"""The scheduler: one run at a time, fair turns among visitors, and the wishes of visitors on the way.

A thread of its own does the work. A run whose turn is over while others wait saves its state and queues again; a run
that goes on from a saved state gives the same bytes as one that was never interrupted.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from impasto.errors import ImpastoError, UsageError
from impasto.process import give_back
from impasto.settings.studio import StudioSettings
from impasto.studio.networks import Networks
from impasto.studio.painting import Painting
from impasto.studio.runs import Run, load_run
from impasto.studio.schemas import PlanAnswer, RunAnswer, RunRequest, State
from impasto.studio.store import MissingError, Store, new_id, remove
from impasto.studio.sweeping import Sweeping
from impasto.studio.turns import Turns
from impasto.studio.work import Sources

LOG = logging.getLogger("impasto.studio")

TURN = 20.0
"""Seconds of a turn, after which a run lets the runs of other visitors go first."""

FAILED = "something went wrong in this run; the log of the server has the details"
NO_MEMORY = "there is not enough memory for this run; choose a smaller size"


class BusyError(ImpastoError):
    """The queue is full."""


class Scheduler:
    """The queue of all visitors and the thread that works on it. `changed` is called after each change of a run."""

    def __init__(
        self, store: Store, networks: Networks, limits: StudioSettings, changed: Callable[[Run], None]
    ) -> None:
        self.store, self.networks, self.limits, self.changed = store, networks, limits, changed
        self._runs: dict[str, Run] = {}
        self._turns = Turns()
        self._files: dict[str, set[Path]] = {}
        self._current: Run | None = None
        self._closing = False
        self._ready = threading.Condition(threading.RLock())
        self._thread = threading.Thread(target=self._work, name="impasto-studio", daemon=True)
        store.is_busy = self._is_busy
        self._find_again()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, seconds: float = 30.0) -> None:
        """End after the current step; the state of a run in progress is saved."""
        with self._ready:
            self._closing = True
            self._ready.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def submit(self, visitor: str, request: RunRequest, plan: PlanAnswer) -> Run:
        """Queue a new run. Raises BusyError where too many wait, and MissingError for lost pictures."""
        sources = Sources(self.store, visitor)
        with self._ready:
            own, every = self._turns.of(visitor), len(self._turns)
            if own >= self.limits.queue_each or every >= self.limits.queue:
                whose = "your" if own >= self.limits.queue_each else "the"
                raise BusyError(f"{whose} queue is full with {max(own, every)} runs; wait for one, or cancel one")
            self.store.check_space(0)
            folder = self.store.run_folder(visitor, number := new_id())
            run = Run(visitor, request, sources.names(request), folder, id=number, plan=plan)
            run.notices += plan.notices
            self._files[run.id] = set(sources.work(request, self.limits).files)
            run.save()
            self._runs[run.id] = run
            self._enqueue(run)
        self.changed(run)
        return run

    def runs(self, visitor: str) -> list[Run]:
        """Return the runs of a visitor, newest first."""
        with self._ready:
            self._drop_old()
            return sorted((r for r in self._runs.values() if r.visitor == visitor), key=lambda run: -run.created)

    def run(self, visitor: str, number: str) -> Run:
        """Return a run of the visitor. Raises MissingError."""
        run = self._runs.get(number)
        if run is None or run.visitor != visitor:
            raise MissingError(f"there is no run {number[:40]!r} here; it may have been deleted")
        return run

    def answer(self, run: Run, *, curve: bool) -> RunAnswer:
        """Return the run for its visitor, with its place in the queue."""
        place, wait = self._place(run)
        return run.answer(self.store, place=place, wait=wait, curve=curve)

    def pause(self, run: Run) -> None:
        """Pause a queued or running run. Raises UsageError in another state."""
        self._wish(run, "paused")

    def stop(self, run: Run) -> None:
        """Stop a running run and keep its best picture. Raises UsageError in another state."""
        if run.state == "queued":
            raise UsageError("the run waits for its turn; cancel it instead")
        if run.state == "paused":
            with self._ready:  # the picture is made from the saved state, which needs a turn
                run.wish = "stopped"
                self._enqueue(run, first=True)
            return
        self._wish(run, "stopped")

    def resume(self, run: Run) -> None:
        """Queue a paused or stopped run again. Raises UsageError in another state."""
        with self._ready:
            if run.state not in {"paused", "stopped"}:
                raise UsageError(f"the run is {run.state}; only a paused or stopped run can go on")
            if run.state == "stopped" and not run.checkpoint.exists():
                raise UsageError("the state of this run is gone; start a new run from its picture")
            run.wish = None
            self._enqueue(run, first=True)
        self.changed(run)

    def cancel(self, run: Run) -> None:
        """Forget a run in any state, with its files; its result stays among the visitor's pictures until it is old."""
        with self._ready:
            run.cancelled = True
            self._runs.pop(run.id, None)
            self._files.pop(run.id, None)
            self._turns.remove(run)
            if run is not self._current:
                remove(run.folder)

    def _find_again(self) -> None:
        """Load the runs of an earlier server, and queue those that were not finished."""
        runs = (load_run(visitor, folder) for visitor, folder in self.store.run_folders())
        for run in sorted((run for run in runs if run), key=lambda run: run.created):
            self._runs[run.id] = run
            with suppress(ImpastoError):
                self._files[run.id] = set(Sources(self.store, run.visitor).work(run.request, self.limits).files)
            if run.state == "queued":
                self._enqueue(run)

    def _drop_old(self) -> None:
        """Forget the runs whose folders the store has deleted, because they were old or space was short."""
        for run in [run for run in self._runs.values() if not run.unfinished and not run.folder.exists()]:
            self._runs.pop(run.id)
            self._files.pop(run.id, None)

    def _enqueue(self, run: Run, *, first: bool = False) -> None:
        with self._ready:
            self._turns.add(run, first=first)
            run.become("queued")
            self._ready.notify_all()

    def _wish(self, run: Run, state: State) -> None:
        with self._ready:
            if run.state == "queued" and state == "paused":
                self._turns.remove(run)
                run.become("paused")
            elif run.state == "running":
                run.wish = state
            else:
                raise UsageError(f"the run is {run.state}, so it cannot be {state}")
        self.changed(run)

    def _place(self, run: Run) -> tuple[int | None, float | None]:
        """Return the place of a run in the queue, from 1, and its seconds to wait; None if it does not wait."""
        with self._ready:
            order, current = self._turns.order(), self._current
            if run not in order:
                return None, None
            before = order[: order.index(run)] + ([current] if current else [])
            return order.index(run) + 1, sum(map(_seconds_left, before))

    def _next(self) -> Run | None:
        """Return the next run, after waiting for one; None at the end."""
        with self._ready:
            while not self._closing:
                self._current = self._turns.next()
                if self._current is not None:
                    return self._current
                self._ready.wait()
            return None

    def _work(self) -> None:
        while (run := self._next()) is not None:
            state, error = self._turn(run)
            with self._ready:
                self._current = None
                if run.cancelled:
                    remove(run.folder)
                else:
                    self._settle(run, state, error)
            self.changed(run)
            self.store.clean()  # the run took space; the oldest items go if there is too little

    def _settle(self, run: Run, state: State, error: str | None) -> None:
        """Give a run its state after a turn; a run whose turn was over waits again."""
        try:
            if state == "queued" and not self._closing:
                self._enqueue(run)
            else:
                run.become(state, error)
        except ImpastoError:
            LOG.exception("the run %s could not be saved", run.id)

    def _turn(self, run: Run) -> tuple[State, str | None]:
        """Work on a run until it ends, is interrupted, or has had its turn; return its next state and its error."""
        try:
            run.become("running")
            self.changed(run)
            return self._steps(run), None
        except ImpastoError as error:
            return "failed", str(error)
        except Exception as error:
            LOG.exception("the run %s failed", run.id)
            short = isinstance(error, MemoryError) or "memory" in str(error).lower()
            return "failed", NO_MEMORY if short else FAILED
        finally:
            gc.collect()
            give_back()

    def _steps(self, run: Run) -> State:
        began, before = time.monotonic(), run.served
        sources = Sources(self.store, run.visitor)
        work = sources.work(run.request, self.limits)
        painting: Painting | Sweeping = Painting(run, work, self.store, self.networks)
        if run.request.axes:
            painting = Sweeping(run, sources, self.limits)
        for _ in painting.steps():
            run.served = before + time.monotonic() - began
            self.changed(run)
            if run.cancelled:
                return "queued"  # in name alone: the run is forgotten
            if state := self._interruption(run, painting, time.monotonic() - began):
                return state
        return "done"

    def _interruption(self, run: Run, painting: Painting | Sweeping, seconds: float) -> State | None:
        """Follow the wish of the visitor, the end of the server or of the turn; return the next state, or None."""
        with self._ready:
            wish, run.wish = run.wish, None
            over = self._closing or (seconds >= TURN and self._turns.others(run.visitor))
        if wish == "stopped":
            painting.stop()
            return "stopped"
        if (wish == "paused" or over) and painting.suspend():
            return wish or "queued"
        return None

    def _is_busy(self, path: Path) -> bool:
        with self._ready:
            unfinished = [run for run in self._runs.values() if run.unfinished]
            return any(path in self._files.get(run.id, ()) or path == run.folder for run in unfinished)


def _seconds_left(run: Run) -> float:
    if run.step is not None:
        return run.step.seconds_left
    return run.plan.seconds if run.plan else 0.0
