"""docs/benchmarks.md from a results file."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from itertools import groupby

from benchmarks.contract import Results, Row, spread
from benchmarks.summary import Side, summarise, trusted

PLOTS = {"speed": "benchmarks-speed.svg", "scaling": "benchmarks-scaling.svg", "memory": "benchmarks-memory.svg"}
"""The files in `plots/`; the last two are drawn from the rows of `scaling`."""

HEAD = """# Benchmarks

Made by `make bench` (`benchmarks/README.md` says by which rules). All sides ran in one go on one machine, each in
processes of its own, in turn. Ratios carry over to other machines, seconds do not. MB are 10^6 bytes."""

TITLES = {"speed": "A whole picture", "scaling": "Cost against pixels", "memory": "Memory", "quality": "Quality"}


def page(results: Results) -> str:
    """The page, part by part as far as there are results."""
    parts = [HEAD]
    if any(row["short"] for part in TITLES for row in results.of(part, "conditions")):
        parts.append("**A short version, to try the commands: sizes, steps and repeats are too few to conclude from.**")
    for part, title in TITLES.items():
        if not results.of(part, "conditions"):
            continue
        rows = results.of(part, "run")
        parts += [f"## {title}", under(results.of(part, "conditions")[0])]
        parts += [f"**This part failed: {row['reason']}**" for row in results.of(part, "failed")]
        parts += WRITERS[part](rows) if rows else []
    return "\n\n".join(parts) + "\n"


def under(row: Row) -> str:
    """The conditions of a part."""
    commit = row["commit"] + (" with changes" if row["changed"] else "")
    return (
        f"`{row['command']}`, {row['date']}: commit {commit}, torch {row['torch']}, Python {row['python']}, "
        f"{row['system']}, {row['cpu']}, {row['cores']} cores, {row['threads']} threads, seed {row['seed']}."
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def speed(rows: Sequence[Row]) -> list[str]:
    """Sides, what they say together, and what was extrapolated how."""
    sides = summarise(rows)
    known = {side.key: side for side in sides}
    ours = [(key, name) for key, name in (("standard", "default"), ("draft", "draft")) if key in known]
    head = ("side", "seconds a step, median (quartiles)", "whole picture, s", "peak memory, MB")
    lines = [
        (
            side.name,
            f"{side.step.middle:.3f} ({side.step.low:.3f} to {side.step.high:.3f})",
            f"{side.whole:,.1f}" + " (extrapolated)" * side.extrapolated,
            f"{side.peak_mb:.0f}" + " (grows)" * side.history_grows,
            *(f"{side.whole / known[key].whole:.1f}" for key, _ in ours),
        )
        for side in sides
    ]
    image = f"![Seconds of a whole picture](plots/{PLOTS['speed']})"
    text = "\n".join(f"- {line}" for line in notes(rows, sides))
    return [table((*head, *(f"times the {name}'s" for _, name in ours)), lines), image, text]


def notes(rows: Sequence[Row], sides: Sequence[Side]) -> list[str]:
    """Return notes on the figures."""
    lines = [
        f"{rows[0]['size']} px. The pictures are not the same: Impasto's own settings use the small network `lite`, "
        "the others use VGG-19, with random weights if the published ones are missing, which does not change the time. "
        "`docs/notebook/lite.md` and `benchmarks/reach.py` compare the pictures."
    ]
    if any(side.extrapolated for side in sides):
        lines.append(
            "Extrapolated: the run had a few steps at each size. The time is their median, without the first step, "
            "times the program's own number of steps, plus the rest of the process."
        )
    known = {side.key: side for side in sides}
    if {"textbook", "vgg19"} <= set(known):
        ratio = known["textbook"].step.middle / known["vgg19"].step.middle
        lines.append(
            f"A step of VGG-19 at equal settings takes {ratio:.2f} times as long in the textbook loop as in Impasto."
        )
    if compared := trusted(rows):
        lines.append(f"The textbook loop took {compared[0]:,.1f} s; the extrapolation gives {compared[1]:,.1f} s.")
    if any(side.history_grows for side in sides):
        lines.append(
            "Grows: L-BFGS keeps up to 100 curvature pairs (24 bytes for each pixel and pair), of which the run made a "
            "few."
        )
    if any(row.get("torchvision") == "stand-in" for row in rows):
        lines.append("Programs that import torchvision used a stand-in for the few parts that they need.")
    return lines


def scaling(rows: Sequence[Row]) -> list[str]:
    """Seconds and memory against pixels."""
    head = (
        "pixels",
        "seconds a step, median (quartiles)",
        "microseconds a pixel",
        "peak, MB",
        "mapped, MB",
        "planned, MB",
    )
    lines = []
    for row in rows:
        low, step, high = spread(row["steps"])
        times = (f"{step:.2f} ({low:.2f} to {high:.2f})", f"{step / row['pixels'] * 1e6:.2f}")
        cells = (f"{row['pixels'] / 1e6:.1f} MP", *times)
        lines.append((*cells, *(f"{row[name]:.0f}" for name in ("peak_mb", "mapped_mb", "planned_mb"))))
    words = f"`lite`, all five layers and content, `--memory {rows[0]['limit']}`, one size (`benchmarks/large.py`)."
    plots = (
        f"![Seconds a step against pixels](plots/{PLOTS['scaling']})\n"
        f"![Peak memory against pixels](plots/{PLOTS['memory']})"
    )
    return [words, table(head, lines), plots]


def memory(rows: Sequence[Row]) -> list[str]:
    """The plan against the peak."""
    head = ("settings", "planned, MB", "measured, MB", "off by", "mapped, MB", "planned, s", "measured, s")
    lines, off = [], [row["planned_mb"] / row["peak_mb"] - 1 for row in rows]
    for row, wrong in zip(rows, off, strict=True):
        amounts = (f"{row['planned_mb']:.0f}", f"{row['peak_mb']:.0f}", f"{wrong:+.0%}", f"{row['mapped_mb']:.0f}")
        lines.append((row["settings"], *amounts, f"{row['planned_seconds']:.0f}", f"{row['seconds']:.0f}"))
    within = sum(abs(wrong) <= 0.15 for wrong in off)
    return [table(head, lines), f"Within 15 %: {within} of {len(rows)}; the furthest is {max(off, key=abs):+.0%}."]


def quality(rows: Sequence[Row]) -> list[str]:
    """Figures of default runs on samples."""
    head = ("quality", "photo", "painting", "style removed, %", "content", "speckle, light", "speckle, chroma")
    lines: list[tuple[str, ...]] = []
    for name, group in groupby(rows, key=lambda row: row["quality"]):
        members = list(group)
        lines += [(name, row["photo"], row["painting"], *_figures([row])) for row in members]
        lines.append((name, "median", "", *_figures(members)))
    words = (
        f"{rows[0]['size']} px (`benchmarks/pairs.py` says what the figures are). The judge is `lite`, which the runs"
    )
    words += " optimised: it flatters them, so the figures serve to compare versions of Impasto, and nothing else."
    return [words, table(head, lines)]


def _figures(rows: Sequence[Row]) -> tuple[str, ...]:
    """The medians of the figures."""
    names = ("removed", "content", "light", "chroma")
    removed, *others = (statistics.median(row[name] for row in rows) for name in names)
    return (f"{removed:.1f}", *(f"{value:.2f}" for value in others))


WRITERS: dict[str, Callable[[Sequence[Row]], list[str]]] = {
    "speed": speed,
    "scaling": scaling,
    "memory": memory,
    "quality": quality,
}
