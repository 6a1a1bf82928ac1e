"""Memory that is freed stays with the process, for the process that asks for it.

glibc hands large blocks back to the system as soon as they are freed, and takes fresh ones for the next tensors, whose
every page the system has to clear and map first. A step of an optimisation frees and takes a network's activations,
hundreds of megabytes: with `lite` that costs a fifth of a run and more. This is a setting of the whole process, so it
is the command line's to make (and a worker's), not the library's.
"""

from __future__ import annotations

import ctypes
import os
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's numbers of the two settings (malloc.h)."""

LARGE = 1 << 29
"""Blocks of so many bytes are given back all the same: a few large pictures, that would lie about in pieces."""


def keep_freed_memory() -> bool:
    """Tell the C library to reuse freed memory instead of giving it back; whether that was done.

    Only glibc is known to need it and to offer it; settings of the environment (`MALLOC_TRIM_THRESHOLD_` and so on)
    take precedence.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(MMAP_THRESHOLD, LARGE), mallopt(TRIM_THRESHOLD, -1)])
