"""The work of a run that is a grid of pictures: a sweep over one setting or two, with its page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from impasto.errors import UsageError
from impasto.image import load
from impasto.image.atomic import replace_file
from impasto.jobs.report import page
from impasto.jobs.spec import Sweep, from_mapping
from impasto.jobs.sweep import run_sweep
from impasto.settings.studio import StudioSettings
from impasto.studio.forms import settings_of
from impasto.studio.jpeg import to_jpeg
from impasto.studio.runs import Run
from impasto.studio.schemas import PlanAnswer, RunRequest, StepAnswer
from impasto.studio.work import NEEDS, STYLE_AXIS, Sources

CELLS = 48
"""Most pictures of a sweep."""

PREVIEW_SIDE = 1024


def can_sweep() -> bool:
    """Return whether the extra `sweep` is installed."""
    return find_spec("jinja2") is not None and find_spec("matplotlib") is not None


def check_axes(request: RunRequest, limits: StudioSettings) -> int:
    """Return the number of pictures. Raises UsageError for axes that are not possible."""
    if not can_sweep():
        raise UsageError('a sweep needs its extra: pip install "impasto[sweep]"')
    if request.task not in {"stylize", "texture", "reconstruct"}:
        raise UsageError(f"there are no sweeps of {request.task}")
    names = [axis.name for axis in request.axes]
    if len(set(names)) < len(names):
        raise UsageError(f"both axes are {names[0]}")
    count = 1
    for axis in request.axes:
        count *= len(axis.values)
        for value in axis.values:
            if axis.name != STYLE_AXIS:
                settings_of(request.task, {**request.settings, axis.name: value}, limits)
    if count > CELLS:
        raise UsageError(f"the sweep has {count} pictures; at most {CELLS}")
    return count


def scaled(plan: PlanAnswer, count: int) -> PlanAnswer:
    """Return the plan of a sweep of `count` pictures like the planned one."""
    return plan.model_copy(update={"seconds": plan.seconds * count, "steps": count})


@dataclass
class Sweeping:
    """A sweep at work; it is done cell by cell, and a cell is a step. Finished cells are not done again."""

    run: Run
    sources: Sources
    limits: StudioSettings

    def steps(self) -> Iterator[None]:
        """Compute the cells, and yield after each."""
        sweep, folder = self._sweep(), self.run.folder / "sweep"
        total = check_axes(self.run.request, self.limits)
        for progress in run_sweep(sweep, folder, workers=1):
            self._report(progress.done, total, folder, progress.record.picture)
            yield
        self.stop()

    def stop(self) -> None:
        """Write the page of the cells so far."""
        text = page(self.run.folder / "sweep").replace(f"{self.run.folder}/", "")
        replace_file(self.run.page, text.encode())

    def suspend(self) -> bool:
        """Return True: finished cells are on disk."""
        return True

    def _report(self, done: int, total: int, folder: Path, picture: str | None) -> None:
        plan, size = self.run.plan, (0, 0)
        each = plan.seconds / max(1, plan.steps) if plan else 0.0
        if picture is not None:
            image = load(folder / picture).pixels
            size = (image.shape[-2], image.shape[-1])
            replace_file(self.run.preview_file, to_jpeg(image, PREVIEW_SIDE, 88))
        with self.run.lock:
            self.run.preview += picture is not None
            self.run.step = StepAnswer(
                index=done,
                total=total,
                width=size[1],
                height=size[0],
                loss=0.0,
                terms={},
                seconds=self.run.served,
                seconds_left=each * (total - done),
            )

    def _sweep(self) -> Sweep:
        """Return the sweep of the request; its pictures are copied under their names, which its page shows."""
        request, task = self.run.request, self.run.request.task
        axes = {axis.name: axis.values for axis in request.axes}
        named = _Named(self.run.folder / "inputs", self.sources)
        paintings = [style.source for style in request.style] if STYLE_AXIS not in axes else axes.pop(STYLE_AXIS)
        inputs: dict[str, Any] = {"content": named(request.content)} if request.content else {}
        if "style" in NEEDS[task]:
            inputs["style"] = [named(str(source)) for source in paintings]
        settings = {**settings_of(task, request.settings, self.limits).to_mapping(defaults=False), **axes}
        if request.init:
            settings["init"] = named(request.init)
        names = [axis.name for axis in request.axes]
        table = {
            "task": task,
            "title": " and ".join(name.replace("_", " ") for name in names),
            "inputs": {key: inputs[key] for key in NEEDS[task]},
            "settings": settings,
            "columns": names[-1],
        }
        return from_mapping(table if len(names) == 1 else table | {"rows": names[0]})


class _Named:
    """Copies of pictures under the names that visitors gave them."""

    def __init__(self, folder: Path, sources: Sources) -> None:
        self.folder, self.sources = folder, sources

    def __call__(self, source: str) -> str:
        """Return the source of a sample, or the file of a copy."""
        file = self.sources.file(source)
        if isinstance(file, str):
            return file
        self.folder.mkdir(parents=True, exist_ok=True)
        name = "".join(c if c.isalnum() or c in "._ -" else "_" for c in self.sources.name(source))
        copy = self.folder / f"{source[-4:]}-{name}"
        if not copy.exists():
            shutil.copyfile(file, copy)
        return str(copy)
