"""The work of a run, step by step: previews and frames on the way, checkpoints, and the result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from torch import Tensor

from impasto.errors import ImpastoError, UsageError
from impasto.image import NOTHING, Picture, blended, corner, load, resize, size_of, write
from impasto.jobs.estimate import update_pace
from impasto.jobs.work import Work as Progress
from impasto.settings.editing import ApplySettings, BlendSettings
from impasto.settings.recipe import Recipe
from impasto.settings.synthesis import SynthesisSettings
from impasto.studio.jpeg import replace_soon, to_jpeg
from impasto.studio.networks import Networks
from impasto.studio.runs import Run
from impasto.studio.schemas import StepAnswer
from impasto.studio.store import Store, StoredPicture
from impasto.studio.work import Work
from impasto.synthesis import State, Step, load_state, save_state
from impasto.tasks.registry import JOBS
from impasto.tasks.run.run import Job
from impasto.tasks.scene.reading import content_opener

PREVIEW_SECONDS = 0.8
"""Seconds between previews: pages promise at least one each second."""

PREVIEW_SIDE, FRAME_SIDE = 1024, 512
"""Longer sides of previews and of the frames of a timelapse, in pixels."""

FRAMES = 24
"""Most frames of a timelapse."""

CHECKPOINT_SECONDS = 10.0
"""Least seconds between checkpoints."""

SHARE = 1 / 40
"""Largest share of the time that checkpoints take."""


class Painting:
    """A run at work. `steps` does one step after another; `finish`, `stop` and `suspend` end it."""

    def __init__(self, run: Run, work: Work, store: Store, networks: Networks) -> None:
        self.run, self.work, self.store, self.networks = run, work, store, networks
        self.last: Step | None = None
        self.content: Picture | None = None
        self._shown = self._saved = time.monotonic()
        self._cost = 0.0
        self._keeps = True

    def steps(self) -> Iterator[None]:
        """Do the work, and yield after each step."""
        if isinstance(self.work.settings, SynthesisSettings):
            yield from self._optimise(self.work.settings)
        else:
            self._finish(self._at_once())
            yield

    def stop(self) -> None:
        """Keep the best picture as the result; the run can go on later."""
        if self.last is None:
            raise UsageError("the run has not made a step yet; cancel it, or wait for the first picture")
        self._checkpoint()
        self._finish(self.last.image(), stopped=self.last.index)

    def suspend(self) -> bool:
        """Save the state, so that the run can go on with the same bytes; return False if it cannot be interrupted."""
        if self.last is not None and self.last.index >= self.last.total:
            return False  # it ends at once
        if not self._keeps:
            self.run.notice("memory is short, so this run cannot be interrupted and go on later")
            return False
        self._checkpoint()
        return True

    def _optimise(self, settings: SynthesisSettings) -> Iterator[None]:
        job = job_of(self.work)
        for notice in job.notices:
            self.run.notice(notice)
        progress = Progress([(planned.size, planned.steps) for planned in job.plan()])
        self._keeps = not any(planned.memory_plan.half for planned in job.plan())
        resume = self._state()
        self.content = content_opener(settings)(self.work.content) if self.work.content is not None else None
        for step in job.steps(resume):
            self.last = step
            self._report(step, progress)
            yield
        if self.last is None:
            raise UsageError("these settings make no step; give more steps")
        if resume is None:
            update_pace(job, self.last.seconds)
        self._finish(self.last.image())

    def _report(self, step: Step, progress: Progress) -> None:
        run, (height, width), now = self.run, step.size, time.monotonic()
        answer = StepAnswer(
            index=step.index,
            total=step.total,
            width=width,
            height=height,
            loss=step.loss,
            terms=dict(step.terms),
            seconds=step.seconds,
            seconds_left=progress.left(step),
        )
        with run.lock:
            run.step = answer
            run.add_point(step.index, step.loss)
            run.notice(step.notice)
        if now - self._shown >= PREVIEW_SECONDS or step.index == 1:
            self._show(step.image())
            self._shown = now
        if step.index % -(-step.total // FRAMES) == 0 or step.index == step.total:
            run.frames.mkdir(exist_ok=True)
            (run.frames / f"{step.index:05d}.jpg").write_bytes(to_jpeg(step.image(), FRAME_SIDE, 80))
        if now - self._saved >= max(CHECKPOINT_SECONDS, self._cost / SHARE):
            self._checkpoint()

    def _show(self, image: Tensor) -> None:
        replace_soon(self.run.preview_file, to_jpeg(image, PREVIEW_SIDE, 88))
        with self.run.lock:
            self.run.preview += 1

    def _checkpoint(self) -> None:
        """Save the state after the last step, unless a copy of the state does not fit into memory."""
        if self.last is None or self.last.index >= self.last.total or not self._keeps:
            return
        began = time.monotonic()
        save_state(self.run.checkpoint, self.last.state(), self.run.id)
        self.run.save()
        self._saved = time.monotonic()
        self._cost = self._saved - began

    def _state(self) -> State | None:
        return load_state(self.run.checkpoint, self.run.id) if self.run.checkpoint.exists() else None

    def _at_once(self) -> Tensor:
        """Return the result of a task without steps."""
        work, settings = self.work, self.work.settings
        assert work.content is not None
        if isinstance(settings, ApplySettings):
            paint = self.networks.painter(work.styles, settings, work.regions)
            self.content = paint.read(work.content)
            return paint(self.content)
        assert isinstance(settings, BlendSettings)
        return self._blend(settings)

    def _blend(self, settings: BlendSettings) -> Tensor:
        assert self.work.content is not None
        source, self.content = load(self.work.styles[0][0]), load(self.work.content)
        result = blended(source, self.content, self.work.mask, corner(settings.at), settings.gradients)
        return result.pixels

    def _finish(self, image: Tensor, stopped: int | None = None) -> None:
        """Store the image as the result, with its settings inside."""
        about: Recipe = self.work.recipe if stopped is None else {**self.work.recipe, "stopped": stopped}
        self._show(image)
        visitor = self.run.visitor
        number, path = self.store.new_path(visitor, ".png")
        alpha, origin = self._alpha(image), NOTHING if self.content is None else self.content.origin
        notices = write(path, image, alpha=alpha, bits=16, metadata=about, origin=origin)
        name = f"{self.work.title}.png"
        height, width = size_of(image)
        record = StoredPicture(number, name, "result", width, height, alpha is not None, 0, notices, about)
        self.store.add(visitor, record)
        with self.run.lock:
            self._forget_result()
            self.run.result = number
        if stopped is None:
            self.run.checkpoint.unlink(missing_ok=True)

    def _alpha(self, image: Tensor) -> Tensor | None:
        if self.content is None or self.content.alpha is None or self.work.task == "texture":
            return None
        return resize(self.content.alpha, size_of(image)).clamp(0, 1)

    def _forget_result(self) -> None:
        """Delete the result of an earlier stop, unless another run needs it."""
        old = self.run.result
        if old is not None:
            with suppress(ImpastoError):
                self.store.delete(self.run.visitor, old)


def job_of(work: Work) -> Job:
    """Return the optimisation of a request, ready to start. Raises UsageError as the tasks do."""
    make, styles = JOBS[work.task], work.styles
    style = styles[0][0] if len(styles) == 1 else styles
    if work.task == "reconstruct":
        return make(work.content, work.settings)
    if work.task == "texture":
        return make(style, work.settings)
    return make(work.content, style, work.settings, regions=work.regions)
