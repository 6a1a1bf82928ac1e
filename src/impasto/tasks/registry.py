"""Runs and steps of the tasks that optimise an image, by the names of `settings.recipe.TASKS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from impasto.synthesis import Step
from impasto.tasks.reconstruct import reconstruct_job, reconstruct_steps
from impasto.tasks.run.run import Job
from impasto.tasks.stylize import stylize_job, stylize_steps
from impasto.tasks.texture import texture_job, texture_steps

JOBS: Mapping[str, Callable[..., Job]] = {
    "stylize": stylize_job,
    "reconstruct": reconstruct_job,
    "texture": texture_job,
}
"""Functions from the inputs and settings of a task to its run."""

STEPS: Mapping[str, Callable[..., Iterator[Step]]] = {
    "stylize": stylize_steps,
    "reconstruct": reconstruct_steps,
    "texture": texture_steps,
}
"""Functions from the inputs and settings of a task to the steps of its run."""
