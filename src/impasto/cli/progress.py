"""Progress of a run: a bar in a terminal, lines in a log, JSON for programs, or nothing.

All of these read the same `Step` records. Text for people goes to standard error, JSON to standard output.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from impasto.cli.options import RunOptions
from impasto.cli.processes import rank
from impasto.jobs.work import Plan, Work

if TYPE_CHECKING:
    from impasto.synthesis import Step


class Watcher:
    """Reports nothing: `--quiet`. Subclasses override the methods."""

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the terminal."""

    def plan(self, plan: Plan) -> None:
        """Report the plan of the run."""

    def expects(self, peak_mb: float, seconds: float) -> None:
        """Report the estimate: peak memory in MB, and seconds."""

    def step(self, step: Step) -> None:
        """Report a step."""

    def notice(self, text: str) -> None:
        """Report a line for the user."""

    def fetching(self, name: str, done: int, total: int | None) -> None:
        """Report the bytes of a download, `done` of `total` (None: unknown)."""

    def saved(self, kind: str, path: str, step: Step, **more: Any) -> None:
        """Report a written file of the kind "result", "unfinished", "snapshot" or "timelapse"."""

    def wrote(self, path: str, size: tuple[int, int], seconds: float) -> None:
        """Report a written picture of `size` (height, width) from a command without steps."""


class JsonLines(Watcher):
    """Writes lines of JSON to standard output, each an object with its "event"."""

    def expects(self, peak_mb: float, seconds: float) -> None:
        """Write the estimate."""
        self._write("plan", peak_mb=peak_mb, seconds=seconds)

    def step(self, step: Step) -> None:
        """Write all fields of the step."""
        self._write("step", **_numbers(step), loss=step.loss, terms=dict(step.terms), seconds=round(step.seconds, 3))

    def notice(self, text: str) -> None:
        """Write the text."""
        self._write("notice", text=text)

    def saved(self, kind: str, path: str, step: Step, **more: Any) -> None:
        """Write the file and the step."""
        self._write(kind, file=path, **_numbers(step), **more)

    def wrote(self, path: str, size: tuple[int, int], seconds: float) -> None:
        """Write the file and the size."""
        self._write("result", file=path, width=size[1], height=size[0], seconds=seconds)

    def _write(self, event: str, **values: Any) -> None:
        sys.stdout.write(json.dumps({"event": event} | values) + "\n")
        sys.stdout.flush()


class Log(Watcher):
    """Writes a line at every tenth of the work, for a log or a pipe."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.work = Work(())
        self._tenth = 0

    def plan(self, plan: Plan) -> None:
        """Store the plan, for the estimate of the time left."""
        self.work = Work(plan)

    def expects(self, peak_mb: float, seconds: float) -> None:
        """Write the estimate."""
        self.console.print(f"takes about {clock(seconds)} and {peak_mb / 1000:.1f} GB")

    def step(self, step: Step) -> None:
        """Write a line after another tenth of the work."""
        tenth = int(10 * self.work.share(step))
        if tenth > self._tenth:
            self._tenth = tenth
            left = self.work.left(step)
            self.console.print("  ".join([_position(step), _losses(step), *([f"{clock(left)} left"] if left else [])]))

    def notice(self, text: str) -> None:
        """Write a line at once."""
        self.console.print(f"impasto: {text}")

    def fetching(self, name: str, done: int, total: int | None) -> None:
        """Write a line after another tenth of the bytes."""
        tenth = 10 * done // total if total else 0
        if tenth != self._tenth:
            self._tenth = tenth % 10
            self.console.print(f"fetching {name}: {_megabytes(done, total)}")

    def saved(self, kind: str, path: str, step: Step, **more: Any) -> None:
        """Write a line for a result or a timelapse."""
        if kind == "result":
            self.wrote(path, step.size, more["seconds"])
        elif kind == "timelapse":
            self.console.print(f"wrote {path}, {more['frames']} frames")

    def wrote(self, path: str, size: tuple[int, int], seconds: float) -> None:
        """Write a line."""
        self.console.print(f"wrote {path}, {size[1]}x{size[0]}, in {clock(seconds)}")


class Bar(Log):
    """Shows a bar with the time left, and the losses below the bar."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(None),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self.bar = Progress(*columns, console=self.console, expand=True)
        self.line = self.bar.add_task("getting ready", total=None, left="")
        self.losses = Text(style="dim", overflow="ellipsis", no_wrap=True)
        group = Group(self.bar, self.losses)
        self.live = Live(group, console=self.console, transient=True, refresh_per_second=8)

    def __enter__(self) -> Watcher:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def step(self, step: Step) -> None:
        """Update the bar."""
        left = f"{clock(self.work.left(step))} left"
        self.bar.update(self.line, description=_position(step), total=1.0, completed=self.work.share(step), left=left)
        self.losses.plain = _losses(step)

    def fetching(self, name: str, done: int, total: int | None) -> None:
        """Show a bar of bytes."""
        text = _megabytes(done, total)
        self.bar.update(self.line, description=f"fetching {name}", total=total, completed=done, left=text)


def watcher(options: RunOptions) -> Watcher:
    """Return the watcher for these flags and this terminal."""
    if (options.quiet and not options.json) or rank():
        return Watcher()
    if options.json:
        return JsonLines()
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
    return Bar(console) if console.is_terminal else Log(console)


def clock(seconds: float) -> str:
    """Return a duration as `8.3 s`, `2:05` or `1:02:05`.

    >>> clock(125)
    '2:05'
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}" if minutes else f"{rest} s"


def _numbers(step: Step) -> dict[str, Any]:
    height, width = step.size
    return {
        "step": step.index,
        "total": step.total,
        "scale": step.scale,
        "scales": step.scales,
        "width": width,
        "height": height,
    }


def _position(step: Step) -> str:
    height, width = step.size
    return f"step {step.index}/{step.total}  {width}x{height}"


def _losses(step: Step) -> str:
    return "  ".join([f"loss {step.loss:.3g}", *(f"{name} {value:.3g}" for name, value in step.terms.items())])


def _megabytes(done: int, total: int | None) -> str:
    return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else f"{done / 1e6:.0f} MB"
