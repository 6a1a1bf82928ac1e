"""Schedules of scales, optimisers and canvases: what loss is reached for how many full-size evaluations.

    python -m benchmarks.schedules run STUDY --out LOG [--pairs astronaut+flow ...] [--size 384] [--pictures FOLDER]
    python -m benchmarks.schedules table STUDY --out LOG [--size 384]
    python -m benchmarks.schedules plot --out LOG --plots FOLDER

Cost counts evaluations (loss and gradient) by their pixels over those of the full size, the first of every scale and
all of a line search included, so that the clock does not matter. The loss is the objective of the full size, of the
best picture so far as it would be written, in [0, 1]. It is looked at after so many full-size steps (`CHECKPOINTS`),
which costs nothing. With Adam, only the last of a run counts its average. A run that is in the log is not run again.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.image import fitted_size, resize, write
from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, TextureSettings
from impasto.synthesis import OPTIMIZERS, PARAMETERIZATIONS, Evaluate, Scale, synthesise
from impasto.tasks.reconstruct import reconstruct_job
from impasto.tasks.run.run import Job
from impasto.tasks.stylize import stylize_job
from impasto.tasks.texture import texture_job

CHECKPOINTS = (0, 6, 12, 18, 25, 30, 35, 40, 45, 50, 60, 80, 100, 150, 200, 250, 300)
PAIRS = ("astronaut+flow", "chelsea+glass", "coffee+tesserae", "rocket+ink")
Row = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """`scales`: (share of the full side, steps), coarse to fine; `optimizer` with its `options`; `canvas`; `task`."""

    scales: tuple[tuple[float, int], ...]
    optimizer: str = "lbfgs"
    options: tuple[tuple[str, float], ...] = ()
    canvas: str = "pixels"
    task: str = "stylize"
    range_weight: float = 10.0  # what is optimised; what is looked at lies in the range

    def __str__(self) -> str:
        """Such as `stylize 0.5x70 1x60 lbfgs memory=5 pixels`; the key in the log."""
        scales = " ".join(f"{share:.3g}x{steps}" for share, steps in self.scales)
        options = "".join(f" {name}={value:g}" for name, value in self.options)
        held = f" range={self.range_weight:g}" * (self.range_weight != 10)
        return f"{self.task} {scales} {self.optimizer}{options} {self.canvas}{held}"


def coarse(*scales: tuple[float, int], full: int = 60) -> Recipe:
    """L-BFGS on pixels."""
    return Recipe((*scales, (1.0, full)))


ROOT = math.sqrt(0.5)
STANDARD = coarse((0.5, 70))
HELD = 1000.0
"""A weight of the range prior that holds pictures where they can be written."""
STUDIES: dict[str, list[Recipe]] = {
    "schedules": [
        STANDARD,
        coarse(full=100),
        coarse((0.5, 40)),
        coarse((0.5, 120)),
        coarse((0.25, 40), (0.5, 40)),
        coarse((ROOT, 30)),
        coarse((0.5, 40), (ROOT, 20)),
        coarse((0.5, 20)),
        coarse((0.5, 200)),
        coarse((0.25, 70), (0.5, 70)),
        coarse((0.25, 20), (0.5, 20)),
        coarse((0.5, 70), (ROOT, 20)),
    ],
    "fine": [coarse((0.5, 150), full=250), replace(coarse((0.5, 150), full=250), range_weight=HELD)],
    "optimisers": [
        *(Recipe(((0.5, 70), (1.0, 60)), options=(("memory", count),)) for count in (5, 10, 40)),
        Recipe(((0.5, 70), (1.0, 60)), "lbfgs-wolfe"),
        *(Recipe(((0.5, 70), (1.0, 60)), "adam", (("rate", rate),)) for rate in (0.01, 0.02, 0.05)),
    ],
    "canvases": [
        Recipe(((0.5, 70), (1.0, 60)), optimizer, canvas=canvas)
        for canvas in ("pyramid", "fourier")
        for optimizer in ("lbfgs", "adam")
    ],
    "noise": [
        Recipe(((1.0, 100),), optimizer, canvas=canvas, task=task)
        for task in ("texture", "reconstruct")
        for canvas in PARAMETERIZATIONS
        for optimizer in ("lbfgs", "adam")
    ],
    "range": [
        *(replace(STANDARD, range_weight=weight) for weight in (100.0, HELD, 10000.0)),
        *(replace(STANDARD, optimizer="adam", options=(("rate", rate),)) for rate in (0.05, 0.02)),
    ],
    "held": [
        replace(recipe, range_weight=HELD)
        for recipe in (
            STANDARD,
            coarse((0.5, 40)),
            coarse(full=100),
            coarse((0.5, 20)),
            coarse((0.5, 120)),
            coarse((0.25, 40), (0.5, 40)),
            coarse((ROOT, 30)),
        )
    ],
    "sizes": [STANDARD, replace(STANDARD, range_weight=HELD), replace(coarse((0.5, 40)), range_weight=HELD)],
}


def job_of(recipe: Recipe, pair: str, size: int) -> Job:
    """The product's own job: its start and objectives."""
    photo, painting = (f"sample:{name}" for name in pair.split("+"))
    if recipe.task == "texture":
        return texture_job(painting, TextureSettings(size=size, device="cpu"))
    if recipe.task == "reconstruct":
        return reconstruct_job(photo, ReconstructSettings(size=size, device="cpu"))
    return stylize_job(photo, painting, StylizeSettings(size=size, device="cpu", range_weight=recipe.range_weight))


class Counter:
    """Objectives whose evaluations are counted, in those of the full size; that of the full size is made once."""

    def __init__(self, job: Job) -> None:
        self.job, self.cost = job, 0.0
        self.full = job.prepare(job.full)

    def prepare(self, size: tuple[int, int]) -> Evaluate:
        """The objective of a size, counting."""
        evaluate = self.full if size == self.job.full else self.job.prepare(size)
        share = math.prod(size) / math.prod(self.job.full)

        def counted(picture: Tensor, step: int) -> Any:
            self.cost += share
            return evaluate(picture, step)

        return counted

    @torch.no_grad()
    def look(self, picture: Tensor) -> Row:
        """The objective and its parts of a picture, not counted."""
        loss, terms = self.full(picture, 0)
        return {"cost": self.cost, "loss": float(loss), **{name: float(value) for name, value in terms.items()}}


def run(recipe: Recipe, pair: str, size: int, keep: Callable[[int, Tensor], None]) -> Row:
    """One run, and what it had come to at the checkpoints; `keep` is handed the pictures."""
    job = job_of(recipe, pair, size)
    counter = Counter(job)
    make = partial(
        OPTIMIZERS[recipe.optimizer],
        **{k: int(v) if k == "memory" else v for k, v in recipe.options},
    )
    scales = []
    for share, steps in recipe.scales:
        # As the product rounds them.
        here = job.full if share == 1 else fitted_size(job.full, round(max(job.full) * share))
        scales.append(Scale(here, steps, partial(counter.prepare, here), make))
    points, notices, taken = [], [], 0
    for step in synthesise(job.start(), scales, resize, parameterization=PARAMETERIZATIONS[recipe.canvas]):
        notices += [step.notice] if step.notice else []
        if step.scale < len(scales):
            continue
        taken += 1
        if taken in CHECKPOINTS or taken == scales[-1].steps:
            points.append({"steps": taken, **counter.look(step.image())})
            keep(taken, step.image())
    return {"recipe": str(recipe), "pair": pair, "size": size, "points": points, "notices": notices}


def logged(log: Path) -> list[Row]:
    """What was run so far."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def run_all(study: str, pairs: Sequence[str], size: int, log: Path, pictures: Path | None) -> None:
    """All recipes of a study on all pairs, but for those in the log; the most telling recipes first."""
    done = {(row["recipe"], row["pair"], row["size"]) for row in logged(log)}
    log.parent.mkdir(parents=True, exist_ok=True)
    for recipe in STUDIES[study]:
        for pair in pairs:
            if (str(recipe), pair, size) in done:
                continue

            def keep(steps: int, picture: Tensor, name: str = f"{pair} {recipe}") -> None:
                if pictures:
                    pictures.mkdir(parents=True, exist_ok=True)
                    write(pictures / f"{size} {name} {steps}.png".replace(" ", "_"), picture)

            row = run(recipe, pair, size, keep)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            last = row["points"][-1]
            print(pair, recipe, f"cost {last['cost']:.1f} loss {last['loss']:.5f}", *row["notices"], flush=True)


def mark(row: Row, steps: int) -> Row:
    """What a run had come to after so many full-size steps."""
    return next(point for point in row["points"] if point["steps"] == steps)


def cost_of(row: Row, loss: float) -> float:
    """The cost at which a run came to a loss; infinite where it did not."""
    points = row["points"]
    for before, after in pairwise(points):
        if before["loss"] >= loss >= after["loss"] and before["loss"] > after["loss"]:
            share = (before["loss"] - loss) / (before["loss"] - after["loss"])
            return float(before["cost"] + share * (after["cost"] - before["cost"]))
    return points[0]["cost"] if points and points[0]["loss"] <= loss else math.inf


def table(rows: Sequence[Row], against: Recipe, steps: int, looked: Sequence[int]) -> None:
    """Print, for each recipe after each of so many steps: its cost; its loss over that which `against` came to after
    `steps`, the median and the range over pairs; and the cost at which it came to that loss over that one's."""
    marks = {row["pair"]: mark(row, steps) for row in rows if row["recipe"] == str(against)}
    print("| recipe | steps | cost | loss | cost to equal loss | pairs |")
    print("|---|---|---|---|---|---|")
    for recipe in dict.fromkeys(row["recipe"] for row in rows):
        own = [row for row in rows if row["recipe"] == recipe and row["pair"] in marks]
        sooner = [cost_of(row, marks[row["pair"]]["loss"]) / marks[row["pair"]]["cost"] for row in own]
        for count in looked if own else ():
            points = [mark(row, count) for row in own]
            cost = statistics.median(point["cost"] for point in points)
            losses = [point["loss"] / marks[row["pair"]]["loss"] for point, row in zip(points, own, strict=True)]
            cells = " | ".join(f"{statistics.median(c):.2f} ({min(c):.2f} to {max(c):.2f})" for c in (losses, sooner))
            print(f"| {recipe} | {count} | {cost:.0f} | {cells} | {len(own)} |")


def plot(rows: Sequence[Row], titled: dict[str, str], file: Path) -> None:
    """Curves of loss against cost, medians over pairs of the loss over that of the standard schedule."""
    import matplotlib as mpl  # noqa: PLC0415 (not needed to run)
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "impasto", "font.size": 9.0}):
        figure = Figure(figsize=(6.4, 3.8), facecolor="white", layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        ends = {row["pair"]: mark(row, 50)["loss"] for row in rows if row["recipe"] == str(STANDARD)}
        for recipe, label in titled.items():
            own = [row for row in rows if row["recipe"] == recipe and row["pair"] in ends]
            if not own:
                continue
            columns = list(zip(*(row["points"] for row in own), strict=True))
            costs = [statistics.median(point["cost"] for point in column) for column in columns]
            losses = [
                statistics.median(p["loss"] / ends[row["pair"]] for p, row in zip(column, own, strict=True))
                for column in columns
            ]
            axes.plot(costs, losses, marker=".", markersize=3, linewidth=1.1, label=label)
        axes.set_xlabel("cost, full-size evaluations")
        axes.set_ylabel("loss over that of standard")
        axes.set_yscale("log")
        axes.set_ylim(0.6, 2.5)
        axes.set_xlim(0, 105)
        axes.yaxis.set_minor_formatter("{x:.1f}")
        axes.yaxis.set_major_formatter("{x:.1f}")
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize=7.5)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, metadata={"Date": None})


def draw(rows: Sequence[Row], folder: Path) -> None:
    """The plots of docs/notebook/schedules.md."""
    schedules = {
        coarse((0.5, 70)): "half 70 (standard)",
        coarse(full=100): "full size alone",
        coarse((0.5, 20)): "half 20",
        coarse((0.5, 40)): "half 40",
        coarse((0.5, 120)): "half 120",
        coarse((0.25, 40), (0.5, 40)): "quarter 40, half 40",
    }
    schedules = {replace(recipe, range_weight=HELD): label for recipe, label in schedules.items()}
    held = {
        STANDARD: "range weight 10",
        replace(STANDARD, range_weight=100.0): "range weight 100",
        replace(STANDARD, range_weight=HELD): "range weight 1000",
        replace(STANDARD, optimizer="adam", options=(("rate", 0.05),)): "Adam, rate 0.05",
    }
    plot(rows, {str(recipe): label for recipe, label in schedules.items()}, folder / "schedules.svg")
    plot(rows, {str(recipe): label for recipe, label in held.items()}, folder / "schedules-range.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=("run", "table", "plot"))
    parser.add_argument("study", nargs="?", choices=STUDIES, default="schedules")
    parser.add_argument("--out", type=Path, required=True, help="the log, JSON lines")
    parser.add_argument("--pairs", nargs="+", default=PAIRS, metavar="PHOTO+PAINTING", help="names of samples")
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--steps", type=int, default=50, help="full-size steps of the schedule compared with")
    parser.add_argument("--looked", type=int, nargs="+", help="full-size steps that the table tells of")
    parser.add_argument("--pictures", type=Path, help="where pictures of the checkpoints go")
    parser.add_argument("--plots", type=Path, help="where plots go")
    args = parser.parse_args()
    if args.do == "run":
        torch.manual_seed(0)
        run_all(args.study, args.pairs, args.size, args.out, args.pictures)
        return
    rows = [row for row in logged(args.out) if row["size"] == args.size]
    if args.do == "table":
        named = {str(recipe) for recipe in [STANDARD, *STUDIES[args.study]]}
        table([row for row in rows if row["recipe"] in named], STANDARD, args.steps, args.looked or [args.steps])
    else:
        draw(rows, args.plots)


if __name__ == "__main__":
    main()
