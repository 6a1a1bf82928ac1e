"""How many cells an hour a sweep makes with one process and with two: `python -m benchmarks.sweeps`.

Three arrangements in turn, whole commands with their start: one process on one core, one process that uses two cores,
and two processes of one core each. Needs `taskset` and two cores.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time

ARRANGEMENTS = {
    "one process on one core": ("0", 1),
    "one process on two cores": ("0,1", 1),
    "two processes on two cores": ("0,1", 2),
}


def seconds(cores: str, workers: int, args: argparse.Namespace) -> float:
    """The whole command, in a folder of its own."""
    seeds = f"seed={list(range(args.seeds))}"
    with tempfile.TemporaryDirectory() as folder:
        command = ["taskset", "-c", cores, sys.executable, "-m", "impasto", "sweep", "weights", "--set", seeds]
        command += ["--set", f"size={args.size}", "--workers", str(workers), "-o", folder, "-q"]
        began = time.perf_counter()
        subprocess.run(command, check=True)
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=2, help="seeds for each of the twelve settings")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in ARRANGEMENTS}
    for _ in range(args.repeats):
        for name, arrangement in ARRANGEMENTS.items():
            times[name].append(seconds(*arrangement, args))
            print(f"{name}: {times[name][-1]:.1f} s", flush=True)
    cells, best = 12 * args.seeds, statistics.median(times["two processes on two cores"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(
            f"{name}: {cells * 3600 / middle:.0f} cells an hour; two processes make {middle / best:.2f} times as many"
        )


if __name__ == "__main__":
    main()
