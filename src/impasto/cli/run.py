"""One run from the command line: read, optimise, report, write; after an interruption, save the best picture."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from impasto.cli.checkpoints import CheckpointFile, checkpoint_file
from impasto.cli.failures import Interrupted, explain
from impasto.cli.files import Output, check, free_name, refuse_input
from impasto.cli.interrupts import ignore_signals
from impasto.cli.options import RunOptions, default_output
from impasto.cli.processes import downloads, join
from impasto.cli.progress import Watcher, clock
from impasto.cli.timelapse import Timelapse
from impasto.cli.weights import fetch_weights
from impasto.errors import ImpastoError
from impasto.image import NOTHING, Origin, Picture, check_writable
from impasto.jobs.estimate import summary, update_pace
from impasto.jobs.fingerprint import fingerprint, named_files
from impasto.settings.recipe import recipe
from impasto.settings.synthesis import SynthesisSettings
from impasto.synthesis import State, Step
from impasto.tasks.registry import JOBS
from impasto.tasks.run.device import may_polish, polishes
from impasto.tasks.run.run import Job
from impasto.tasks.scene.reading import full_size, read_inputs
from impasto.tasks.tiling.process_group import ProcessGroup

POLISH = 'with pip install "impasto[vgg19]" (20 MB) VGG-19 itself makes the last steps of a fine picture'


def run(
    task: str, inputs: Mapping[str, str], settings: SynthesisSettings, options: RunOptions, watcher: Watcher
) -> None:
    """Run the task of a command line, and write the result.

    Raises UsageError for inputs and outputs that are not possible, Interrupted after a signal, ImpastoError after an
    error in a step; after both, the best picture so far is saved.
    """
    began = time.perf_counter()
    if options.threads:
        torch.set_num_threads(options.threads)
    group = join(settings.device)
    path = _path(task, inputs, settings, options)
    if group.rank:
        _run_silently(task, inputs, settings, options, path, group)
        return
    read = [*inputs.values(), *named_files(settings), *([options.settings] if options.settings else [])]
    check(path, options, read)
    pictures = read_inputs(inputs, settings)
    for picture in pictures:
        for notice in picture.notices:
            watcher.notice(notice)
    if may_polish(settings) and not polishes(settings):
        watcher.notice(f"{POLISH}; see `impasto weights list`")
    size = full_size(settings, pictures[0].size)
    check_writable(path, bits=options.bits, size=size)
    output = Output(path, options, task, inputs, settings, *_alpha_and_origin(task, pictures))
    film = _film(options, read, size)
    checkpoint = checkpoint_file(path, options, fingerprint(task, pictures, settings))
    state = checkpoint.resume(watcher)
    output.check_free(resumed=state is not None, film=film.path if film else None)
    job = _job(task, pictures, settings, checkpoint, state, group, watcher)
    for notice in job.notices:
        watcher.notice(notice)
    watcher.plan([(planned.size, planned.steps) for planned in job.plan()])
    if options.checkpoint is None and any(planned.memory_plan.half for planned in job.plan()):
        checkpoint.disable(watcher)
    if not options.quiet and not state:
        watcher.expects(**summary(job))
    last = _work(job.steps(state), output, film, watcher, checkpoint)
    if not options.quiet and not state and group.single:
        update_pace(job, last.seconds)
    with ignore_signals():
        for notice in output.save(last):
            watcher.notice(notice)
        watcher.saved("result", str(path), last, seconds=round(time.perf_counter() - began, 3))
        if film:
            watcher.saved("timelapse", str(film.path), last, frames=film.save(last))
        checkpoint.discard()


def _path(task: str, inputs: Mapping[str, str], settings: SynthesisSettings, options: RunOptions) -> Path:
    """Return the output: `--output`, or the default name, with a number if another command made that file."""
    if options.output:
        return Path(options.output)
    return free_name(default_output(task, list(inputs.values())), recipe(task, inputs, settings))


def _job(  # noqa: PLR0917 (the same in all processes)
    task: str,
    pictures: Sequence[Picture],
    settings: SynthesisSettings,
    checkpoint: CheckpointFile,
    state: State | None,
    group: ProcessGroup,
    watcher: Watcher,
) -> Job:
    """Return the job, after the download of weights and a check that all processes compute the same."""
    if downloads():
        fetch_weights(settings.network, settings.weights, watcher)
    group.check_same(f"{checkpoint.fingerprint} after {state.done if state else 0}", torch.device("cpu"))
    return JOBS[task](*pictures, settings, group=group)


def _run_silently(  # noqa: PLR0917 (the arguments of a run)
    task: str,
    inputs: Mapping[str, str],
    settings: SynthesisSettings,
    options: RunOptions,
    path: Path,
    group: ProcessGroup,
) -> None:
    """Run the same steps as rank 0, without output, in the other processes."""
    silent, pictures = Watcher(), read_inputs(inputs, settings)
    checkpoint = checkpoint_file(path, options, fingerprint(task, pictures, settings))
    state = checkpoint.resume(silent)
    for _ in _job(task, pictures, settings, checkpoint, state, group, silent).steps(state):
        pass


def _work(
    steps: Iterator[Step], output: Output, film: Timelapse | None, watcher: Watcher, checkpoint: CheckpointFile
) -> Step:
    """Run all steps and return the last one. After an interruption or an error, save the best picture."""
    step: Step | None = None
    try:
        for step in steps:
            watcher.step(step)
            if step.notice:
                watcher.notice(step.notice)
            if film:
                film.add(step)
            if output.options.save_every and step.index and step.index % output.options.save_every == 0:
                watcher.saved("snapshot", str(output.snapshot(step)), step)
            checkpoint.after_step(step)
    except (Exception, KeyboardInterrupt) as error:
        if step is None:
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted("stopped before the first step; nothing was written") from error
            raise
        with ignore_signals():
            raise _save_unfinished(error, step, output, film, watcher, checkpoint) from error
    if step is None:
        raise ImpastoError("the run made no step")
    return step


def _save_unfinished(  # noqa: PLR0917 (everything that writes)
    error: BaseException,
    step: Step,
    output: Output,
    film: Timelapse | None,
    watcher: Watcher,
    checkpoint: CheckpointFile,
) -> ImpastoError:
    """Save the best picture after the last complete step; return an error that says where."""
    output.save_unfinished(step)
    watcher.saved("unfinished", str(output.path), step)
    if film:
        watcher.saved("timelapse", str(film.path), step, frames=film.save(step))
    height, width = step.size
    place = f"the best picture so far, {width}x{height} after step {step.index} of {step.total}, is in {output.path}"
    if isinstance(error, KeyboardInterrupt):
        resumable = "; the same command goes on from there" if checkpoint.save(step) else ""
        return Interrupted(f"stopped after {clock(step.seconds)}; {place}{resumable}")
    return ImpastoError(f"{explain(error)[0]}; {place}")


def _alpha_and_origin(task: str, pictures: list[Picture]) -> tuple[torch.Tensor | None, Origin]:
    """Return alpha and metadata of the content image; a texture has neither."""
    return (None, NOTHING) if task == "texture" else (pictures[0].alpha, pictures[0].origin)


def _film(options: RunOptions, inputs: list[str], size: tuple[int, int]) -> Timelapse | None:
    if options.timelapse is None:
        return None
    film = Timelapse(Path(options.timelapse), size)
    for name in inputs:
        refuse_input(film.path, name)
    return film
