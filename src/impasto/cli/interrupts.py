"""Ctrl-C and requests to end: the first one stops a run, and no further one may spoil the saving of what there is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ENDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""The signals that ask a process to end: of Ctrl-C, of `kill`, schedulers and containers, of a terminal that closes."""


class Received:
    """The signal that stopped the run: SIGINT until another one came."""

    def __init__(self) -> None:
        self.signal: int = signal.SIGINT

    @property
    def exit_code(self) -> int:
        """That of a shell: 130 after SIGINT, 143 after SIGTERM."""
        return 128 + self.signal


@contextmanager
def only_the_first() -> Iterator[Received]:
    """The first of ENDS raises KeyboardInterrupt; people in a hurry press Ctrl-C twice, and schedulers send a second
    signal, which would lose the picture.

    After the first one all stay ignored for good, for the process is about to end. A signal other than Ctrl-C that is
    ignored from the start, as SIGHUP under `nohup`, stays so.
    """
    received = Received()
    if threading.current_thread() is not threading.main_thread():  # only there are handlers for signals
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
    """None of ENDS in here: a finished picture is being written."""
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
    """Whether to answer a signal: Ctrl-C always, for a shell ignores it for what a script starts with `&`."""
    return number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN
