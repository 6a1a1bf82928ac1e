"""What every benchmark keeps to: one seed, sides in turn, medians with quartiles, a process for each, all written down.

    python -m benchmarks.contract COMMAND ...

runs a command and prints its time and its peak memory. `measure` goes through this small process because a child's
peak, as the system counts it, starts at that of the process which started it: a parent with torch in memory would
hide what a child below 220 MB takes. Megabytes are 10^6 bytes.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

ROOT = Path(__file__).resolve().parent.parent
SEED = 0
Row = dict[str, Any]
T = TypeVar("T")


class Spread(NamedTuple):
    """A median between its quartiles."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Measured:
    """One process from start to exit: seconds, peak resident MB, and the JSON objects that it printed, one a line."""

    whole: float
    peak_mb: float
    told: list[Row]


def spread(values: Sequence[float]) -> Spread:
    """The quartiles, never beyond what was measured; of a single value itself."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


def in_turn(sides: Sequence[T], repeats: int) -> Iterator[T]:
    """ABAB...: what changes while a benchmark runs (heat, other work) changes for all sides."""
    for _ in range(repeats):
        yield from sides


def measure(command: Sequence[str], cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command in a process of its own. RuntimeError, with the end of what it said, where it fails."""
    small = [sys.executable, str(Path(__file__).resolve()), *command]
    done = subprocess.run(
        small, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}
    )
    *told, last = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")] or [{"status": 1}]
    if last["status"]:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-5:])
        raise RuntimeError(f"{' '.join(command)} failed: {said}")
    return Measured(last["whole"], last["peak_mb"], told)


def conditions() -> Row:
    """What a figure depends on besides the code; the threads are those that the environment asks for, or all cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "commit": _git("rev-parse", "--short", "HEAD") or "unknown",
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no", "src", "benchmarks")),
        "torch": version("torch"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": cores,
        "threads": int(os.environ.get("OMP_NUM_THREADS") or cores),
        "seed": SEED,
        "date": time.strftime("%Y-%m-%d"),
    }


class Results:
    """A file of JSON lines, each of one part; a part that is measured again takes the place of what it had."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.rows: list[Row] = []
        if file.exists():
            self.rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]

    def begin(self, part: str, **row: Any) -> None:
        """Forget the part, and write down under which conditions it is measured now."""
        self.rows = [row for row in self.rows if row["part"] != part]
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")
        self.add(part, "conditions", **row)

    def add(self, part: str, kind: str, **row: Any) -> None:
        """Append a row at once: what was measured outlives what fails later."""
        self.rows.append({"part": part, "kind": kind, **row})
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.rows[-1]) + "\n")

    def of(self, part: str, kind: str) -> list[Row]:
        """The rows of a part: "conditions", "failed", or "run" for what was measured."""
        return [row for row in self.rows if row["part"] == part and row["kind"] == kind]


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def _cpu() -> str:
    """The name that the system gives the processor, with the family and model that tell bare names apart."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = found.get("model name") or platform.processor() or "unknown"
    return f"{name}, family {found['cpu family']}, model {found['model']}" if "cpu family" in found else name


def main() -> None:
    began = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:])
    _, status, usage = os.wait4(process.pid, 0)
    whole, unit = time.perf_counter() - began, 1 if sys.platform == "darwin" else 1024
    told = {"whole": whole, "peak_mb": usage.ru_maxrss * unit / 1e6, "status": os.waitstatus_to_exitcode(status)}
    print("\n" + json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
