"""Ctrl-C and other signals to end: the first one stops a run; later ones do not interrupt the saving of its picture."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ENDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""Signals that ask a process to end: from Ctrl-C, from `kill`, schedulers and containers, from a closed terminal."""


class Received:
    """The signal that stopped the run: SIGINT until another one arrives."""

    def __init__(self) -> None:
        self.signal: int = signal.SIGINT

    @property
    def exit_code(self) -> int:
        """The exit code of a shell: 130 after SIGINT, 143 after SIGTERM."""
        return 128 + self.signal


@contextmanager
def only_the_first() -> Iterator[Received]:
    """Raise KeyboardInterrupt at the first of ENDS and ignore later ones.

    People in a hurry press Ctrl-C twice, and schedulers send a second signal, which would lose the picture. After the
    first one, signals stay ignored, because the process is about to end. A signal other than Ctrl-C that is ignored at
    the start, as SIGHUP under `nohup`, stays ignored.
    """
    received = Received()
    if threading.current_thread() is not threading.main_thread():  # only the main thread can set handlers
        yield received
        return

    def stop(number: int, _: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        received.signal = number
        raise KeyboardInterrupt

    before: dict[int, Any] = {each: signal.getsignal(each) for each in ENDS if _is_ours(each)}
    for each in before:
        signal.signal(each, stop)
    try:
        yield received
    finally:
        for each, handler in before.items():
            if signal.getsignal(each) is stop:
                signal.signal(each, handler)


@contextmanager
def none_at_all() -> Iterator[None]:
    """Ignore all of ENDS while a finished picture is written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {each: signal.signal(each, signal.SIG_IGN) for each in ENDS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _is_ours(number: int) -> bool:
    """Return whether to handle a signal: Ctrl-C always, because shells ignore it for scripts started with `&`."""
    return number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN
