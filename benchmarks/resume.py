"""Kill runs and take them up again: `python -m benchmarks.resume --runs 10 --kills 10`.

For each set of flags the picture of an undisturbed run, then runs that are killed (SIGKILL) at a random moment, again
and again, and continued by the same command until they end. Tells how many ended in the same bytes.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLAGS = {
    "lbfgs": "",
    "wolfe, fourier": "--optimizer lbfgs-wolfe --canvas fourier",
    "sliced, adam": "--style-loss sliced(samples=512)",
    "remd, rmsprop, pyramid, noise": "--style-loss remd --optimizer rmsprop --canvas pyramid --init noise",
}


def command(flags: str, output: Path, size: int) -> list[str]:
    words = ["stylize", "sample:chelsea", "sample:flow", "--size", str(size), "--steps", "25", "--threads", "1", "-q"]
    return [sys.executable, "-m", "impasto", *words, *flags.split(), "--checkpoint-every", "0", "-o", str(output)]


def kill_and_go_on(words: list[str], output: Path, kills: int, whole: float, draws: random.Random) -> int:
    """Run to the end, killed up to `kills` times on the way; how often it was."""
    for done in range(kills):
        run = subprocess.Popen(words)
        try:
            run.wait(draws.uniform(0.3, 1.0) * whole)
            return done
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            if output.exists():
                return done
    subprocess.run(words, check=True)
    return kills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10, help="runs of each set of flags")
    parser.add_argument("--kills", type=int, default=3, help="at most, in each run")
    parser.add_argument("--size", type=int, default=192)
    args = parser.parse_args()
    draws = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in FLAGS.items():
            reference = Path(folder) / "whole.png"
            began = time.perf_counter()
            subprocess.run(command(flags, reference, args.size), check=True)
            whole, same, killed = time.perf_counter() - began, 0, 0
            for _ in range(args.runs):
                output = Path(folder) / "out.png"
                output.unlink(missing_ok=True)
                killed += kill_and_go_on(command(flags, output, args.size), output, args.kills, whole, draws)
                same += output.read_bytes() == reference.read_bytes()
            left = [path.name for path in Path(folder).iterdir() if path.name not in ("whole.png", "out.png")]
            print(f"{name}: {same} of {args.runs} the same bytes, {killed} kills, left behind: {left or 'nothing'}")


if __name__ == "__main__":
    main()
