"""Run the comparisons and write docs/benchmarks.md: `make bench`, or `python -m benchmarks.run --iterations 300`.

The contract: both sides of a comparison in one run on the same machine, each in a process of its own (so that peak
memory is its own), in turn (ABAB), the median step with its quartiles, whole processes with all they load. Ratios carry
over to other machines; seconds do not.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def measure(side: str, args: argparse.Namespace, iterations: int) -> dict:
    """One process of `side`; `whole` is its time from start to exit."""
    command = [sys.executable, "-m", "benchmarks.side", side, "--size", str(args.size), "--iterations", str(iterations)]
    command += ["--content", args.content, "--style", args.style]
    began = time.perf_counter()
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    result = json.loads(output.splitlines()[-1]) | {"whole": time.perf_counter() - began}
    print(f"{side}: {result['whole']:.1f} s, {result['peak_mb']:.0f} MB", flush=True)
    return result


def row(name: str, results: list[dict]) -> str:
    steps = [s for r in results for s in r["steps"][1:]]
    low, middle, high = statistics.quantiles(steps, n=4)
    whole = statistics.median(r["whole"] for r in results)
    peak = max(r["peak_mb"] for r in results)
    return f"| {name} | {middle:.3f} ({low:.3f} to {high:.3f}) | {whole:.1f} | {peak:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", default="sample:chelsea", help="a photo")
    parser.add_argument("--style", default="sample:flow", help="a painting")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=300, help="of the textbook loop, end to end")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    args = parser.parse_args()
    steps = {"textbook": [], "vgg19": []}
    for _ in range(args.repeats):
        for side, results in steps.items():
            results.append(measure(side, args, 12))
    ours = {quality: [measure(quality, args, 0) for _ in range(args.repeats)] for quality in ("default", "draft")}
    full = measure("textbook", args, args.iterations)
    faster = {name: full["whole"] / statistics.median(r["whole"] for r in ours[name]) for name in ours}
    medians = {name: statistics.median(s for r in results for s in r["steps"][1:]) for name, results in steps.items()}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = [
        "# Benchmarks",
        "",
        f"Made by `make bench` (`benchmarks/run.py`) at commit {commit.stdout.strip() or 'unknown'}: "
        f"torch {full['torch']}, Python {platform.python_version()}, {platform.machine()}, {args.size} px.",
        "Both sides ran in one go, each in processes of their own. Ratios carry over to other machines, seconds do not",
        "",
        "| side | seconds a step, median (quartiles) | whole process, s | peak memory, MB |",
        "|---|---|---|---|",
        row(f"textbook loop, VGG-19, {args.iterations} iterations", [full]),
        row("textbook loop, VGG-19, 12 iterations", steps["textbook"]),
        row("Impasto at the same settings, 12 iterations", steps["vgg19"]),
        row("`impasto stylize`, default settings", ours["default"]),
        row("`impasto stylize --quality draft`", ours["draft"]),
        "",
        f"- Whole process, default settings, against {args.iterations} textbook iterations: "
        f"{faster['default']:.1f} times faster; draft: {faster['draft']:.1f} times.",
        f"- A step of VGG-19 at equal settings: {medians['textbook'] / medians['vgg19']:.2f} times faster.",
    ]
    args.out.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
