"""Ctrl-C and other signals that end a process: the first one stops a run, later ones are ignored during the saving."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""Signals that ask a process to end: from Ctrl-C, from `kill`, schedulers and containers, from a closed terminal.
Systems have some of these."""


class StopSignal:
    """The signal that stopped the run: SIGINT, unless another one arrived."""

    def __init__(self) -> None:
        self.signal: int = signal.SIGINT

    @property
    def exit_code(self) -> int:
        """The exit code of a shell: 130 after SIGINT, 143 after SIGTERM."""
        return 128 + self.signal


@contextmanager
def stop_once() -> Iterator[StopSignal]:
    """Raise KeyboardInterrupt at the first of STOP_SIGNALS and ignore later ones.

    Many people press Ctrl-C twice, and schedulers send a second signal; either would lose the picture. After the first
    signal, all stay ignored, because the process is about to end. A signal other than Ctrl-C that is ignored at the
    start, as SIGHUP under `nohup`, stays ignored.
    """
    first = StopSignal()
    if threading.current_thread() is not threading.main_thread():  # only the main thread can set handlers
        yield first
        return

    def stop(number: int, _: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        first.signal = number
        raise KeyboardInterrupt

    before: dict[int, Any] = {each: signal.getsignal(each) for each in STOP_SIGNALS if _is_handled(each)}
    for each in before:
        signal.signal(each, stop)
    try:
        yield first
    finally:
        for each, handler in before.items():
            if signal.getsignal(each) is stop:
                signal.signal(each, handler)


@contextmanager
def ignore_signals() -> Iterator[None]:
    """Ignore all of STOP_SIGNALS while a finished picture is written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {each: signal.signal(each, signal.SIG_IGN) for each in STOP_SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _is_handled(number: int) -> bool:
    """Return whether to handle a signal: Ctrl-C always, because shells ignore it for scripts started with `&`."""
    return number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN
