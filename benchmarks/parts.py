"""The parts of the benchmark: each gives rows as they are measured, so that what fails later loses nothing."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import pairwise, product
from pathlib import Path

from benchmarks import large
from benchmarks.contract import ROOT, Measured, Row, in_turn, measure
from benchmarks.side import SIDES
from impasto.image import load, write

PAIRS = ("astronaut:flow", "chelsea:glass", "coffee:tesserae", "rocket:ink")
QUALITIES = ("draft", "standard")
"""What `impasto stylize` is measured with."""

PROGRAM = "program "
"""What a program of someone else's is called by, before its own name."""

FULL = " in full"
"""The textbook loop to its end; the short runs of it are in turn with the other sides."""


def speed(args: argparse.Namespace) -> Iterator[Row]:
    """Every side in turn, in processes of their own; then the textbook loop to its end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways = sides(args, folder)
        if args.sides:
            if wrong := set(args.sides) - set(ways):
                raise ValueError(f"no such side: {', '.join(sorted(wrong))}; there are {', '.join(ways)}")
            ways = {side: way for side, way in ways.items() if side in args.sides}
        for side in in_turn(list(ways), args.repeats):
            yield {"side": side, "size": args.size, **ways[side]()}
        if "textbook" in ways:
            yield {"side": "textbook" + FULL, "size": args.size, **own("textbook", args, args.iterations)}


def sides(args: argparse.Namespace, folder: Path) -> dict[str, Callable[[], Row]]:
    """How each side is run once, few steps at each of its sizes; ours at default settings to the end."""
    ways: dict[str, Callable[[], Row]] = {side: (lambda side=side: own(side, args, args.few)) for side in SIDES}
    ways["crowson"] = lambda: own("crowson", args, args.few_each)
    for quality in QUALITIES:
        ways[quality] = lambda quality=quality: stylized(quality, args, folder)
    if args.peer_python:
        files = [folder / "photo.png", folder / "painting.png"]
        for file, source in zip(files, (args.content, args.style), strict=True):
            write(file, load(source).pixels)
        for program in installed(args.peer_python):
            ways[PROGRAM + program] = lambda program=program: another(program, args, files)
    return ways


def own(side: str, args: argparse.Namespace, iterations: int) -> Row:
    """A side of ours: the published algorithms in our own words, and Impasto at the textbook's settings."""
    words = [side, "--content", args.content, "--style", args.style, "--size", str(args.size)]
    done = measure([sys.executable, "-m", "benchmarks.side", *words, "--iterations", str(iterations)])
    told = done.told[-1]
    scales = told["scales"]
    if side in {"textbook", "vgg19"}:  # they take any number: what the textbook does in full
        scales = [(args.iterations, steps) for _, steps in scales]
    return {"scales": scales, "complete": iterations == args.iterations, "threads": told["threads"], **_cost(done)}


def stylized(quality: str, args: argparse.Namespace, folder: Path) -> Row:
    """`impasto stylize` as anyone runs it; what it learns about the machine goes nowhere."""
    words = ["stylize", args.content, args.style, "--size", str(args.size), "--quality", quality, "--checkpoint", "no"]
    done = measure([sys.executable, "-m", "impasto", *words, "--json", "-o", str(folder / "made.png")])
    ends = [0.0, *(event["seconds"] for event in done.told if event["event"] == "step")]
    steps = [b - a for a, b in pairwise(ends)]
    return {"scales": [(len(steps), steps)], "complete": True, **_cost(done)}


def installed(python: str) -> list[str]:
    """The programs of others that an interpreter has."""
    return list(measure([python, str(ROOT / "benchmarks" / "peers.py"), "list"]).told[-1]["installed"])


def another(program: str, args: argparse.Namespace, files: list[Path]) -> Row:
    """A program of someone else's."""
    few = args.few_each if program == "style-transfer-pytorch" else args.few
    words = [program, *map(str, files), str(args.size), str(few)]
    done = measure([args.peer_python, str(ROOT / "benchmarks" / "peers.py"), *words], cwd=files[0].parent)
    told = done.told[-1]
    return {"scales": told["scales"], "complete": False, "torchvision": told["torchvision"], **_cost(done)}


def memory(args: argparse.Namespace) -> Iterator[Row]:
    """The plan against the peak."""
    names = ("256 px", "512 px") if args.short else tuple(large.MEMORY)
    with tempfile.TemporaryDirectory() as folder:
        for name, made in large.memory(Path(folder), names):
            yield {"settings": name, **asdict(made)}


def scaling(args: argparse.Namespace) -> Iterator[Row]:
    """Seconds a step and memory against pixels."""
    with tempfile.TemporaryDirectory() as folder:
        for side, made in large.scaling(Path(folder), args.limit, [s for s in large.SIDES if s <= args.longest]):
            yield {"side": side, "pixels": side * side, "limit": args.limit, **asdict(made)}


def quality(args: argparse.Namespace) -> Iterator[Row]:
    """What is left of the style distance, content, speckle, on samples."""
    for name, pair in product(QUALITIES, PAIRS[:1] if args.short else PAIRS):
        words = ["--json", "--quality", name, "--size", str(args.size), pair]
        done = measure([sys.executable, "-m", "benchmarks.pairs", *words])
        yield {"quality": name, "size": args.size, **done.told[-1]}


def _cost(done: Measured) -> Row:
    return {"whole": done.whole, "peak_mb": done.peak_mb}


PARTS = {"speed": speed, "memory": memory, "scaling": scaling, "quality": quality}
