"""Large pictures: memory against the plan, and time against pixels: `python -m benchmarks.large memory|scaling`.

Each run is a process of its own, `impasto ... --json`: the plan is its first line, the peak is the most memory that it
had resident. What of it belongs to memory-mapped files is told apart: the system takes these pages back when it needs
them. Megabytes are 10^6 bytes. VGG-19 has random weights here, which change neither.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

import torch

from impasto.encoders.vgg import VGG, VGG19

PAIR = ("sample:astronaut", "sample:flow")

MEMORY = {
    "256 px": ("stylize", *PAIR, "--size", "256"),
    "512 px": ("stylize", *PAIR, "--size", "512"),
    "512 px, fine": ("stylize", *PAIR, "--size", "512", "--quality", "fine", "--steps", "30"),
    "1024 px": ("stylize", *PAIR, "--size", "1024", "--steps", "24"),
    "1024 px within 700 MB": ("stylize", *PAIR, "--size", "1024", "--steps", "24", "--memory", "700MB"),
    "1024 px, adam": ("stylize", *PAIR, "--size", "1024", "--steps", "12", "--optimizer", "adam"),
    "1024 px, tiles of 256": ("stylize", *PAIR, "--size", "1024", "--steps", "24", "--tile", "256"),
    "texture of 1024 px": ("texture", "sample:flow", "--size", "1024", "--steps", "24", "--scales", "2"),
    "reconstruction of 512 px": ("reconstruct", "sample:astronaut", "--size", "512", "--steps", "60"),
    "2048 px within 2 GB": ("stylize", *PAIR, "--size", "2048", "--steps", "12", "--scales", "1", "--memory", "2GB"),
    "VGG-19, 512 px": ("stylize", *PAIR, "--size", "512", "--steps", "22", "--scales", "1", "--network", "vgg19"),
    "VGG-19, 1024 px within 3 GB": (
        *("stylize", *PAIR, "--size", "1024", "--steps", "6", "--scales", "1", "--network", "vgg19"),
        *("--memory", "3GB"),
    ),
}

SIDES = (320, 512, 1024, 2048, 4096, 8192)


@dataclass(frozen=True)
class Run:
    """What one command took: MB and seconds as planned, and as they were; the seconds of its full-size steps.

    `mapped_mb`: at most so much of memory-mapped files was resident besides.
    """

    planned_mb: float
    planned_seconds: float
    peak_mb: float
    mapped_mb: float
    seconds: float
    steps: list[float]


def run(words: tuple[str, ...], folder: Path) -> Run:
    """One `impasto` command."""
    weights = ("--weights", str(random_weights(folder))) if "vgg19" in words else ()
    command = [sys.executable, "-m", "impasto", *words, *weights, "--json", "--checkpoint", "no"]
    with (folder / "told").open("w+", encoding="utf-8") as told:
        process = subprocess.Popen([*command, "-o", str(folder / "result.png")], stdout=told)
        peak, mapped = watch(process)
        if process.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
        told.seek(0)
        events = [json.loads(line) for line in told]
    plan = next(event for event in events if event["event"] == "plan")
    ends = [event for event in events if event["event"] == "step"]
    full = [b["seconds"] - a["seconds"] for a, b in pairwise(ends) if a["scale"] == b["scale"] == b["scales"]]
    return Run(plan["peak_mb"], plan["seconds"], peak, mapped, events[-1]["seconds"], full)


LOOKS, PAUSE = 20, 0.1
"""Looks at a process between two counts of its mappings, which take time from it, and the seconds between looks."""


def watch(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Until a process ends: the most MB that it had resident without memory-mapped pictures, and the most of these.

    The system keeps the most of all; where pictures are mapped, their part of it has to be counted again and again.
    """
    peak = own = mapped = 0.0
    about = Path(f"/proc/{process.pid}")
    for look in count():
        if process.poll() is not None:
            return (own if mapped else peak), mapped
        with suppress(OSError, StopIteration):
            lines = (about / "status").read_text(encoding="utf-8").splitlines()
            peak = float(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6
            if look % LOOKS == 0 and ".impasto-" in (about / "maps").read_text(encoding="utf-8"):
                here, files = resident((about / "smaps").read_text(encoding="utf-8").splitlines())
                own, mapped = max(own, here), max(mapped, files)
        time.sleep(PAUSE)
    raise AssertionError


def resident(lines: Iterable[str]) -> tuple[float, float]:
    """The MB of a process's mappings (the text of its `smaps`), and apart those of memory-mapped pictures."""
    own = files = 0.0
    picture = False
    for line in lines:
        words = line.split()
        if "-" in words[0]:
            picture = len(words) > 5 and ".impasto-" in words[5]
        elif words[0] == "Rss:":
            size = float(words[1]) * 1024 / 1e6
            own, files = (own, files + size) if picture else (own + size, files)
    return own, files


def random_weights(folder: Path) -> Path:
    """A VGG-19 in torchvision's format, as it is before training."""
    path = folder / "vgg19.pth"
    if not path.exists():
        torch.manual_seed(0)
        network = VGG("vgg19", VGG19)
        names = {i: name for i, name in enumerate(network.layers) if name in network.convs}
        state = {
            f"features.{i}.{part}": network.get_parameter(f"convs.{name}.{part}").detach()
            for i, name in names.items()
            for part in ("weight", "bias")
        }
        torch.save(state, path)
    return path


def memory(folder: Path, names: Iterable[str] = MEMORY) -> Iterator[tuple[str, Run]]:
    """The plan and the measured peak of the settings, as they come."""
    return ((name, run(MEMORY[name], folder)) for name in names)


def scaling(folder: Path, limit: str, sides: Iterable[int]) -> Iterator[tuple[int, Run]]:
    """A few steps at one size each."""
    for side in sides:
        steps = 12 if side < 4096 else 8 if side < 8192 else 4
        words = ("stylize", *PAIR, "--size", str(side), "--scales", "1", "--steps", str(steps), "--memory", limit)
        yield side, run(words, folder)


def show_memory(found: Iterable[tuple[str, Run]]) -> Iterator[str]:
    """The plan against the measured peak."""
    yield "| settings | planned, MB | measured, MB | off by | mapped, MB | planned, s | measured, s |"
    yield "|---|---|---|---|---|---|---|"
    for name, made in found:
        off = made.planned_mb / made.peak_mb - 1
        times = f"{made.planned_seconds:.0f} | {made.seconds:.0f}"
        amounts = f"{made.planned_mb:.0f} | {made.peak_mb:.0f} | {off:+.0%} | {made.mapped_mb:.0f}"
        yield f"| {name} | {amounts} | {times} |"


def show_scaling(found: Iterable[tuple[int, Run]]) -> Iterator[str]:
    """Seconds a step and memory against pixels."""
    yield "| pixels | seconds a step | microseconds a pixel | peak, MB | planned, MB |"
    yield "|---|---|---|---|---|"
    for side, made in found:
        step = statistics.median(made.steps)
        row = (f"{side * side / 1e6:.1f} MP", f"{step:.2f}", f"{step / side**2 * 1e6:.2f}")
        yield f"| {' | '.join(row)} | {made.peak_mb:.0f} | {made.planned_mb:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["memory", "scaling"])
    parser.add_argument("--shortest", type=int, default=320)
    parser.add_argument("--limit", default="8GB", help="--memory of the runs of `scaling`")
    parser.add_argument("--longest", type=int, default=4096)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sides = (side for side in SIDES if args.shortest <= side <= args.longest)
        memories = args.what == "memory"
        lines = show_memory(memory(folder)) if memories else show_scaling(scaling(folder, args.limit, sides))
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()
