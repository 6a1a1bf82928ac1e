"""A training from the command line: check the files, train, report, write sheets and curves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from impasto.cli.failures import Interrupted
from impasto.cli.files import refuse_input, try_folder
from impasto.cli.options import TrainOptions
from impasto.cli.processes import downloads, join
from impasto.cli.progress import Watcher
from impasto.cli.weights import fetch_weights
from impasto.errors import UsageError
from impasto.image import write
from impasto.settings.train import TrainSettings
from impasto.synthesis import Step
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.training.any_style import train_any_steps
from impasto.tasks.training.loop import TrainStep, checkpoint_of
from impasto.tasks.training.style import train_style_steps
from impasto.tasks.training.texture import train_texture_steps

SUFFIX = ".safetensors"

STEPS: dict[str, Callable[..., Iterator[TrainStep]]] = {
    "style": train_style_steps,
    "any": train_any_steps,
    "texture": train_texture_steps,
}


def run(task: str, inputs: Sequence[Any], settings: TrainSettings, options: TrainOptions, watcher: Watcher) -> None:
    """Run `impasto train TASK`.

    Raises UsageError for files that are not possible, Interrupted after a signal.
    """
    sources = [name for each in inputs for name in ([each] if isinstance(each, str) else each)]
    out = _output(options, task, [*sources, getattr(settings, "base", None)])
    group = _process_group(settings, options, watcher)
    steps = STEPS[task](*inputs, settings, out=out, resume=options.resume, group=group)
    _work(steps, out, settings, options, watcher, quiet=group.rank > 0)


def _output(options: TrainOptions, default: str, sources: Sequence[str | None]) -> Path:
    """Return the file of the network. Raises UsageError if the file cannot be written, or is one of the `sources`."""
    out = Path(options.output or f"{default}{SUFFIX}")
    if out.suffix != SUFFIX:
        raise UsageError(f"'{out}' does not end in {SUFFIX}, as networks do")
    sheet = out.with_suffix(".png") if options.sheet_every else None
    for name in sources:
        for path in (out, sheet):
            if name and path:
                refuse_input(path, name.rpartition("=")[2])
    try_folder(out)
    if sheet and sheet.exists() and not checkpoint_of(out).exists() and not options.resume:
        raise UsageError(f"'{sheet}' is there, where a sheet would go; choose another --output, or --sheet-every 0")
    if out.exists() and not checkpoint_of(out).exists() and not options.resume:
        raise UsageError(f"'{out}' is there, and no state of a run beside it; choose another --output")
    return out


def _process_group(settings: TrainSettings, options: TrainOptions, watcher: Watcher) -> ProcessGroup:
    if options.threads:
        torch.set_num_threads(options.threads)
    group = join(settings.device)
    if downloads():
        fetch_weights(settings.network, settings.weights, watcher)
    return group


def _work(
    steps: Iterator[TrainStep],
    out: Path,
    settings: TrainSettings,
    options: TrainOptions,
    watcher: Watcher,
    *,
    quiet: bool,
) -> None:
    """Run all steps; with `quiet`, another process reports."""
    step: TrainStep | None = None
    log = _log(options.log) if options.log and not quiet else None
    watcher.plan([((settings.size, settings.size), settings.total)])
    try:
        for step in steps:
            if quiet:
                continue
            watcher.step(_run_step(step, settings))
            if step.notice:
                watcher.notice(step.notice)
            if log:
                log(step)
            if options.sheet_every and (step.index % options.sheet_every == 0 or step.index == step.total):
                write(out.with_suffix(".png"), step.sheet())
    except KeyboardInterrupt as error:
        if step is None or not checkpoint_of(out).exists():
            raise Interrupted("stopped before the first checkpoint; nothing was written") from error
        every = settings.checkpoint_every
        done = f"stopped after step {step.index} of {step.total}; the same command goes on from the last checkpoint"
        raise Interrupted(f"{done}, at most {every} steps before") from error
    if step is None:
        watcher.notice(f"{out} has had its {settings.total} steps already; more --steps go on from there")
    else:
        watcher.notice(f"the network is in {out}")


def _run_step(step: TrainStep, settings: TrainSettings) -> Step:
    """Return the step in the form of the steps of runs, for the watcher."""
    size = (settings.size, settings.size)
    return Step(step.index, step.total, 1, 1, size, step.loss, step.terms, step.seconds, step.notice, step.sheet)


def _log(folder: str) -> Callable[[TrainStep], None]:
    """Return a function that writes a step to the curves of TensorBoard. Raises UsageError without TensorBoard."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise UsageError("--log needs TensorBoard: pip install impasto[tensorboard]") from error
    writer = SummaryWriter(folder)

    def add(step: TrainStep) -> None:
        writer.add_scalars("loss", {"all": step.loss, **step.terms}, step.index)
        writer.add_scalar("rate", step.rate, step.index)
        writer.flush()

    return add
