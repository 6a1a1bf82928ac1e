"""Checkpoints of a run: saved during the run, read by the same command after an interruption, deleted at the end."""

from __future__ import annotations

import time
from pathlib import Path

from impasto.cli.files import try_folder
from impasto.cli.options import RunOptions
from impasto.cli.progress import Watcher
from impasto.errors import UsageError
from impasto.image.formats import SUFFIXES
from impasto.synthesis import State, Step, discard_state, load_state, save_state

NONE = "no"
"""The value of `--checkpoint` for no checkpoint."""


class CheckpointFile:
    """The file of a run's state. Written every `seconds` at most, and after an interruption; `path` None: never."""

    def __init__(self, path: Path | None, seconds: float, fingerprint: str, *, overwrite: bool = False) -> None:
        self.path, self.seconds, self.fingerprint, self.overwrite = path, seconds, fingerprint, overwrite
        self._last, self._disabled = time.monotonic(), False

    def disable(self, watcher: Watcher) -> None:
        """Save no checkpoints from now on: a copy of the state does not fit into memory."""
        self._disabled = self.path is not None
        if self._disabled:
            watcher.notice("memory is short, so no checkpoint is kept; --checkpoint FILE keeps one all the same")

    def resume(self, watcher: Watcher) -> State | None:
        """Return the state to continue from, or None without a file.

        Raises UsageError for the file of another run, which may have taken hours. With `overwrite`, a notice says that
        the run starts again.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            state = load_state(self.path, self.fingerprint)
        except UsageError as error:
            if not self.overwrite:
                raise UsageError(f"{error}; or replace it by --overwrite") from error
            watcher.notice(f"{str(error).partition(';')[0]}; it is replaced")
            return None
        watcher.notice(f"going on after step {state.done}, from {self.path}")
        return state

    def after_step(self, step: Step) -> None:
        """Save the state of `step`, if the last checkpoint is old enough."""
        if self.path is not None and step.index < step.total and time.monotonic() - self._last >= self.seconds:
            self.save(step)

    def save(self, step: Step) -> bool:
        """Save the state of `step`; return whether the run has a file for this."""
        if self.path is None or self._disabled:
            return False
        save_state(self.path, step.state(), self.fingerprint)
        self._last = time.monotonic()
        return True

    def discard(self) -> None:
        """Delete the file, after the end of the run."""
        if self.path is not None:
            discard_state(self.path)


def checkpoint_file(output: Path, options: RunOptions, fingerprint: str) -> CheckpointFile:
    """Return the checkpoint file of these options, by default beside the output.

    Raises UsageError for the name of a picture, and for a folder that cannot be written.
    """
    if options.checkpoint == NONE:
        return CheckpointFile(None, 0, fingerprint)
    path = Path(options.checkpoint) if options.checkpoint else output.with_name(f"{output.name}.checkpoint")
    if options.checkpoint and path.suffix.lower() in SUFFIXES:
        raise UsageError(f"'{path}' is the name of a picture; call the checkpoint for example {path}.checkpoint")
    if options.checkpoint:
        try_folder(path)
    return CheckpointFile(path, options.checkpoint_every, fingerprint, overwrite=options.overwrite)
