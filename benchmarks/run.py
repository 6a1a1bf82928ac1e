"""Measure, and write docs/benchmarks.md with its plots: `make bench`, or `python -m benchmarks.run [PART ...]`.

    python -m benchmarks.run speed --peer-python PATH     with programs of others that this interpreter has
    python -m benchmarks.run --short                      sizes and steps for minutes, into build/benchmarks
    python -m benchmarks.run --from docs/plots/benchmarks.jsonl      draw again what was measured

Rows are written as they are measured, and a part that fails loses nothing of the others. Parts that are not named keep
the results that they have. README.md beside this file says what the benchmarks promise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contract import ROOT, Results, conditions
from benchmarks.parts import PARTS
from benchmarks.plots import draw
from benchmarks.tables import page

NAME = "benchmarks"


def options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--short", action="store_true", help="small and quick, to try the commands")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="draw these results, measure nothing")
    parser.add_argument("--out", type=Path, help="a folder (default: docs, or build/benchmarks with --short)")
    parser.add_argument("--content", default="sample:chelsea", help="a photo")
    parser.add_argument("--style", default="sample:flow", help="a painting")
    parser.add_argument("--size", type=int, help="of speed and quality (default: 512, or 256 with --short)")
    parser.add_argument(
        "--iterations", type=int, help="of the textbook loop in full, in twenties (default: 300, or 20)"
    )
    parser.add_argument("--few", type=int, help="of what is extrapolated (default: 12, or 3)")
    parser.add_argument("--few-each", type=int, help="the same where there are several sizes (default: 5, or 3)")
    parser.add_argument("--repeats", type=int, help="of all sides in turn (default: 3, or 1)")
    parser.add_argument(
        "--sides", nargs="+", metavar="SIDE", help="only these of speed: textbook, 'program pastiche', ..."
    )
    parser.add_argument("--peer-python", metavar="PATH", help="an interpreter where programs of others are installed")
    parser.add_argument("--longest", type=int, help="the longest side of scaling (default: 8192, or 512)")
    parser.add_argument("--limit", default="8GB", help="--memory of the runs of scaling")
    args = parser.parse_args(words)
    if wrong := set(args.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(wrong))}; there are {', '.join(PARTS)}")
    full = {"size": 512, "iterations": 300, "few": 12, "few_each": 5, "repeats": 3, "longest": 8192}
    short = {"size": 256, "iterations": 20, "few": 3, "few_each": 3, "repeats": 1, "longest": 512}
    for name, value in (short if args.short else full).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    args.out = args.out or ROOT / ("build/benchmarks" if args.short else "docs")
    return args


def measure(part: str, args: argparse.Namespace, results: Results, command: str) -> bool:
    """Measure a part into the results; whether it came to its end."""
    results.begin(part, command=command, short=args.short, **conditions())
    try:
        for row in PARTS[part](args):
            results.add(part, "run", **row)
            told = ("side", "settings", "quality", "photo", "whole", "seconds", "peak_mb")
            print(
                f"{part}:",
                *(f"{row[key]:.1f}" if isinstance(row[key], float) else row[key] for key in told if key in row),
            )
            sys.stdout.flush()
    except Exception as failed:
        results.add(part, "failed", reason=f"{type(failed).__name__}: {failed}")
        print(f"{part} failed: {failed}", flush=True)
        return False
    return True


def main(words: Sequence[str] | None = None) -> int:
    """The exit status: 1 where a part failed."""
    args = options(words)
    results = Results(args.source or args.out / "plots" / f"{NAME}.jsonl")
    command = " ".join(["python -m benchmarks.run", *(sys.argv[1:] if words is None else words)])
    command = command.replace(args.peer_python or "\0", "PATH")  # where that is says nothing about the figures
    wanted = [] if args.source else args.parts or list(PARTS)
    done = [measure(part, args, results, command) for part in wanted]
    args.out.mkdir(parents=True, exist_ok=True)
    draw(results, args.out / "plots")
    text = page(results)
    (args.out / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
