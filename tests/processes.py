"""What tests share that start processes of their own. Their environment is set in `conftest.py`."""

from __future__ import annotations

import itertools
import os
import socket

LONG = 3600
"""Seconds after which a process hangs for good: on a busy machine the import of PyTorch alone may take minutes."""

_PORTS = itertools.count(20_000 + 10 * (os.getpid() % 1_000))


def free_port() -> int:
    """A port that nothing listens at, below those that the system itself hands out.

    Between the look and the use another process may take it, so each process of tests looks at ports of its own.
    """
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError
