"""What the scripts that train networks of one pass have in common: lines and sheets of a run, and the file to ship."""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from impasto import networks
from impasto.image import write
from impasto.settings.files import read_table
from impasto.tasks.training.loop import TrainStep


def arguments(about: str | None) -> argparse.ArgumentParser:
    """The flags that they share."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--sheet-every", type=int, default=250)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--ship", type=Path)
    return parser


def settings_of(args: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """Settings of a run: those of the flags, over those of a .toml or .json file."""
    if args.threads:
        torch.set_num_threads(args.threads)
    file = read_table(str(args.settings)) if args.settings else {}
    return {"checkpoint_every": 100, **file, "steps": args.steps, "batch": args.batch, **more}


def follow(steps: Iterable[TrainStep], out: Path, sheet_every: int) -> None:
    """Go through all steps; print means of their losses, and write sheets beside `out`."""
    began, sums = time.perf_counter(), Counter[str]()
    for step in steps:
        sums.update({"steps": 1, "loss": step.loss, **step.terms})
        if step.notice:
            print(step.notice, flush=True)
        if step.index % 50 == 0:
            count, now = sums.pop("steps"), time.perf_counter()
            means = "  ".join(f"{name} {value / count:.4f}" for name, value in sums.items())
            print(f"{step.index}/{step.total}  {means}  {(now - began) / count:.2f} s a step", flush=True)
            began, sums = now, Counter()
        if step.index % sheet_every == 0 or step.index == step.total:
            write(out.with_suffix(".png"), step.sheet())


def ship(trained: Path, file: Path, tell: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    """A network in half precision; `tell` adds to where it comes from. Nothing of this machine is in it."""
    network, about = networks.load(trained), networks.describe(trained)["provenance"]
    tell(about)
    networks.save(network, file, about, half=True)
    print(json.dumps(about, indent=1), f"{file.stat().st_size / 1e6:.2f} MB", sep="\n")
