"""Ctrl-C: the first one stops a run, and no further one may spoil the saving of what there is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def only_the_first() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt once; people in a hurry press it twice, and the second would lose the picture.

    After a first one it stays ignored for good, for the process is about to end.
    """
    if threading.current_thread() is not threading.main_thread():  # only there are handlers for signals
        yield
        return

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before: Any = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is stop:
            signal.signal(signal.SIGINT, before)


@contextmanager
def none_at_all() -> Iterator[None]:
    """No Ctrl-C in here: a finished picture is being written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Any = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
