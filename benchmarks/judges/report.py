"""The tables of a run in Markdown: medians by method, and every pair."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from benchmarks.judges.judge import FIGURES
from benchmarks.judges.results import Result, Run
from benchmarks.tables import table, under

DIGITS = {"eff": 1, "gram": 1, "relu42": 2, "ab": 2, "blotch": 1}
"""Decimals of a figure; 3 for the others."""

UNITS = {"eff": "eff, %", "gram": "gram, %", "cfsd": "cfsd, nats", "blotch": "blotch, levels"}

LEGEND = """Style, 0 for the photo and 100 for the painting, higher is closer to the painting: `eff`, `gram`. Content,
0 for the photo, lower is closer to the photo: `lpips`, `cfsd`, `relu42`. Both, lower is better: `score` = (1 + lpips)
(2 - eff / 100). Flaws, lower is better: `ab` (chroma speckle, 1 as in photo or painting), `blotch` (coarse colour that
the photo does not explain). `docs/judging.md` says what each can and cannot show. Seconds and memory (MB are 10^6
bytes) are those of a whole process, start to exit."""


def report(run: Run) -> str:
    """Return the page of a run: conditions, notices, medians by method, every pair."""
    parts = ["# Judged pictures"]
    if run.conditions:
        parts.append(under(run.conditions))
    parts += [f"{_number(run.pairs)}, {run.size} px.\n\n{LEGEND}"]
    if run.notices:
        parts.append("\n".join(f"- {line}" for line in run.notices))
    parts += ["## Medians", medians(run, run.pairs)]
    for pairs, methods in partial(run):
        names = " and ".join(f"`{method}`" for method in methods)
        parts += [f"## Medians over the {_number(pairs)} of {names}", medians(run, pairs)]
    return "\n\n".join([*parts, "## Pairs", every(run)]) + "\n"


def medians(run: Run, pairs: Sequence[str]) -> str:
    """Return a table with a line a method: the median of each figure over those of `pairs` that the method has."""
    head = ("method", "pairs", *(UNITS.get(name, name) for name in FIGURES), "seconds", "MB")
    lines = []
    for method in run.methods:
        if found := [result for result in run.of(method) if result.pair in pairs]:
            figures = (statistics.median(result.figures[name] for result in found) for name in FIGURES)
            lines.append((method, str(len(found)), *_formatted(figures), *_cost(found)))
    return table(head, lines)


def partial(run: Run) -> list[tuple[list[str], list[str]]]:
    """Return each incomplete set of pairs with the methods that have just these: medians compare only there."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for method in run.methods:
        pairs = tuple(result.pair for result in run.of(method))
        if 0 < len(pairs) < len(run.pairs):
            groups.setdefault(pairs, []).append(method)
    return [(list(pairs), methods) for pairs, methods in groups.items()]


def every(run: Run) -> str:
    """Return a table with a line a picture, pair by pair."""
    order = {name: place for place, name in enumerate(run.methods)}
    lines = []
    for pair in run.pairs:
        found = sorted((result for result in run.results if result.pair == pair), key=lambda r: order[r.method])
        lines += [(pair, r.method, *_formatted(r.figures[name] for name in FIGURES), *_cost([r])) for r in found]
    return table(("pair", "method", *(UNITS.get(name, name) for name in FIGURES), "seconds", "MB"), lines)


def formatted(name: str, value: float) -> str:
    """Return a figure with its number of decimals, without the sign of a zero."""
    text = f"{value:.{DIGITS.get(name, 3)}f}"
    return text.lstrip("-") if not text.strip("-0.") else text


def _number(pairs: Sequence[str]) -> str:
    return f"{len(pairs)} pair{'s' if len(pairs) != 1 else ''}"


def _formatted(values: Iterable[float]) -> list[str]:
    return [formatted(name, value) for name, value in zip(FIGURES, values, strict=True)]


def _cost(results: Sequence[Result]) -> tuple[str, str]:
    seconds = [r.seconds for r in results if r.seconds is not None]
    memory = [r.peak_mb for r in results if r.peak_mb is not None]
    return (
        f"{statistics.median(seconds):.2f}" if seconds else "",
        f"{statistics.median(memory):.0f}" if memory else "",
    )
