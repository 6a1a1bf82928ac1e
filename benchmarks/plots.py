"""The plots of docs/benchmarks.md, as SVG with an opaque white ground, so that they read on light and dark pages."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.contract import Results, Row
from benchmarks.summary import Side, summarise
from benchmarks.tables import PLOTS

OURS, OTHERS, GUIDE = "#0b6e99", "#b0533c", "#777777"
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "impasto", "font.size": 9.0, "hatch.linewidth": 0.6}
"""Text stays text, and the same results give the same bytes."""


def draw(results: Results, folder: Path) -> list[Path]:
    """Draw what there are results for; the files."""
    rows, scales = results.of("speed", "run"), results.of("scaling", "run")
    made = []
    if rows:
        made.append(bars(summarise(rows), folder / PLOTS["speed"]))
    if scales:
        made += [cost(scales, folder / PLOTS["scaling"]), memory(scales, folder / PLOTS["memory"])]
    return made


def bars(sides: Sequence[Side], file: Path) -> Path:
    """Seconds of a whole picture on a logarithmic scale; extrapolated ones are hatched."""
    with mpl.rc_context(STYLE):
        figure, axes = sheet(1.1 + 0.32 * len(sides))
        ordered = sorted(sides, key=lambda side: side.whole)
        for at, side in enumerate(ordered):
            color = OURS if side.key in {"standard", "draft", "vgg19"} else OTHERS
            hatched = {"hatch": "////", "facecolor": "white"} if side.extrapolated else {"facecolor": color}
            axes.barh(at, side.whole, height=0.62, edgecolor=color, **hatched)
            label = f"{side.whole:,.{0 if side.whole >= 20 else 1}f} s"
            axes.annotate(label, (side.whole, at), (4, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(ordered)), [side.name.replace("`", "") for side in ordered])
        axes.set_xscale("log")
        axes.set_xlim(min(side.whole for side in sides) / 2, max(side.whole for side in sides) * 4)
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("seconds a picture (hatched: extrapolated)")
        return save(figure, file)


def cost(rows: Sequence[Row], file: Path) -> Path:
    """Seconds a step against pixels, both logarithmic, with a line of slope 1 through the middle of the points."""
    with mpl.rc_context(STYLE):
        figure, axes = sheet(3.4)
        pixels = [row["pixels"] / 1e6 for row in rows]
        steps = [statistics.median(row["steps"]) for row in rows]
        slope = statistics.geometric_mean(s / p for s, p in zip(steps, pixels, strict=True))
        axes.plot(pixels, [slope * p for p in pixels], "--", color=GUIDE, label="proportional to the pixels")
        axes.plot(pixels, steps, "o-", color=OURS, label="measured")
        plain(axes, "seconds a step")
        return save(figure, file)


def memory(rows: Sequence[Row], file: Path) -> Path:
    """Peak memory against pixels, as planned and as measured."""
    with mpl.rc_context(STYLE):
        figure, axes = sheet(3.4)
        pixels = [row["pixels"] / 1e6 for row in rows]
        axes.plot(pixels, [row["planned_mb"] for row in rows], "s--", color=GUIDE, label="planned")
        axes.plot(pixels, [row["peak_mb"] for row in rows], "o-", color=OURS, label="measured")
        if mapped := [row for row in rows if row["mapped_mb"]]:
            both = [row["peak_mb"] + row["mapped_mb"] for row in mapped]
            label = "with memory-mapped files, at most"
            axes.plot([row["pixels"] / 1e6 for row in mapped], both, "^:", color=OTHERS, label=label)
        plain(axes, f"peak memory, MB (--memory {rows[0]['limit']})")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        return save(figure, file)


def sheet(height: float) -> tuple[Figure, Axes]:
    """White paper."""
    figure = Figure(figsize=(7.0, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor="white")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def plain(axes: Axes, label: str) -> None:
    """Logarithmic axes with plain numbers."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("pixels, millions")
    axes.set_ylabel(label)
    axes.grid(which="major", color="#dddddd", linewidth=0.6)
    axes.legend(frameon=False)


def save(figure: Figure, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file
