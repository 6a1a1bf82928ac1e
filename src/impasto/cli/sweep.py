"""`impasto sweep`: a grid of pictures over settings and inputs, and the page of the grid."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from impasto.cli.failures import Interrupted
from impasto.cli.lists import show_rows
from impasto.cli.progress import clock
from impasto.errors import ImpastoError, UsageError
from impasto.jobs.spec import Sweep, built_in, changed, read_sweep

if TYPE_CHECKING:
    from impasto.jobs import sweep as jobs


EVENT_FIELDS = "key", "place", "status", "error", "picture", "seconds"
"""Fields of a record in a line of JSON; `results.jsonl` has all fields."""


def show() -> None:
    """Print a line for each built-in sweep: name and title."""
    show_rows([(name, read_sweep(name).title) for name in built_in()])


def read(spec: str, contents: Sequence[str], styles: Sequence[str], sets: Sequence[str]) -> tuple[str, Sweep]:
    """Return name and sweep of a file or a built-in spec, with the inputs and settings of the command line.

    Raises UsageError for a spec that cannot be read, and for settings without a value.
    """
    sweep = read_sweep(spec)
    inputs = {name: _one(files) for name, files in (("content", contents), ("style", styles)) if files}
    return Path(spec).stem, changed(sweep, inputs, dict(_setting(text) for text in sets))


class Reporter:
    """Reports cells: a line for each and, in a terminal, a bar with the time left; or JSON; or nothing."""

    def __init__(self, quiet: bool, machine: bool) -> None:
        self.quiet, self.machine, self.began, self.failed, self.known = quiet, machine, time.perf_counter(), 0, 0
        self.last: jobs.Progress | None = None
        console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
        columns = TextColumn("cells"), BarColumn(None), MofNCompleteColumn(), TextColumn("{task.fields[left]}")
        silent = quiet or machine or not console.is_terminal
        self.bar = Progress(*columns, console=console, expand=True, transient=True, disable=silent)
        self.line = self.bar.add_task("cells", total=None, left="")

    def cell(self, progress: jobs.Progress) -> None:
        """Report a finished cell."""
        record, self.last = progress.record, progress
        self.failed += record.status != "done"
        self.known += progress.known
        pace = (time.perf_counter() - self.began) / max(1, progress.done - self.known)
        left = f"{clock(pace * (progress.total - progress.done))} left" if not progress.known else ""
        self.bar.update(self.line, total=progress.total, completed=progress.done, left=left)
        if self.machine:
            numbers = {"done": progress.done, "total": progress.total, "known": progress.known}
            _event("cell", **numbers, **{name: getattr(record, name) for name in EVENT_FIELDS})
        elif not self.quiet and not progress.known:
            where = "  ".join(f"{axis} {label}" for axis, label in record.place.items())
            outcome = record.error if record.status != "done" else f"{record.seconds:.1f} s"
            self.bar.console.print(f"cell {progress.done}/{progress.total}  {where}  {outcome}")

    def wrote(self, pages: Sequence[Path]) -> None:
        """Report the page and the other files."""
        if self.machine:
            _event("result", files=[str(page) for page in pages])
        elif not self.quiet:
            self.bar.console.print(f"wrote {', '.join(str(page) for page in pages)}")


def run(name: str, sweep: Sweep, output: str | None, workers: int | None, reporter: Reporter) -> None:
    """Make the missing cells of the sweep, report each, and write page, table and contact sheet.

    Raises Interrupted after a signal, ImpastoError if a cell failed.
    """
    from impasto.jobs.contact import write_sheet  # noqa: PLC0415
    from impasto.jobs.report import write_page  # noqa: PLC0415
    from impasto.jobs.sweep import run_sweep  # noqa: PLC0415
    from impasto.jobs.table import write_table  # noqa: PLC0415

    folder = Path(output or f"{name}-sweep")
    try:
        with reporter.bar:
            for progress in run_sweep(sweep, folder, workers=workers):
                reporter.cell(progress)
    except KeyboardInterrupt as error:
        last = reporter.last
        done = f"{last.done} of {last.total} cells are" if last else "nothing is"
        raise Interrupted(f"stopped; {done} in {folder}, and the same command goes on from there") from error
    reporter.wrote([write(folder) for write in (write_page, write_table, write_sheet)])
    if reporter.failed:
        total = reporter.last.total if reporter.last else 0
        raise ImpastoError(f"{reporter.failed} of {total} cells failed; the page shows why")


def _event(event: str, **values: Any) -> None:
    sys.stdout.write(json.dumps({"event": event} | values) + "\n")
    sys.stdout.flush()


def _one(files: Sequence[str]) -> Any:
    return files[0] if len(files) == 1 else list(files)


def _setting(text: str) -> tuple[str, Any]:
    """Parse `name=value`; the value is JSON if possible (8, 0.5, true, [1, 2]), else text."""
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"--set takes NAME=VALUE, not '{text}'")
    try:
        return name.strip().replace("-", "_"), json.loads(value)
    except ValueError:
        return name.strip().replace("-", "_"), value
