"""Settings of the whole process, for the command line and the workers of a sweep, not for the library."""

from __future__ import annotations

import ctypes
import io
import math
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
"""Numbers of three settings of glibc (malloc.h)."""

LARGE = 1 << 29
"""Size in bytes from which freed blocks return to the system: a few large pictures would fragment memory."""

MOST = 1 << 25
"""The maximum in the manual of mallopt; glibc may accept more."""

SPINS = 2000
"""Number of checks of a waiting thread before it sleeps."""


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of Windows (sysinfoapi.h)."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("free", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 5),
    )


def prepare_process() -> None:
    """Apply all of the settings below; before torch is imported.

    Products of float32 on GPUs stay exact, as in PyTorch's defaults: statistics, the inner products of L-BFGS, changes
    of colour. Convolutions of float32 are in TF32 there, whose 11 bits are more than the 8 of bfloat16.
    """
    keep_freed_memory()
    wait_asleep()
    help_out()
    speak_for_all()
    print_any_text()


def give_back() -> bool:
    """Return freed memory of the C library to the system; False where the library cannot.

    A process that keeps freed memory would still hold that of a smaller, whole size, or of tiles of other sizes.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    return bool(ctypes.CDLL(None).malloc_trim(0))


def machine_memory() -> tuple[float, float]:
    """Return the bytes of memory of this machine, and those that are free; infinity where the system does not say.

    Free memory is what Linux calls available, the free pages of another POSIX system, or what Windows calls available.
    macOS tells the total alone: half of it counts as free there.
    """
    if windows := getattr(ctypes, "windll", None):
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        known = windows.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return (float(status.total), float(status.free)) if known else (math.inf, math.inf)
    total, free = _pages("SC_PHYS_PAGES"), _pages("SC_AVPHYS_PAGES")
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = float(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) * 1024
    return total, total / 2 if free == math.inf else free


def _pages(name: str) -> float:
    with suppress(AttributeError, ValueError, OSError):  # no sysconf, or not this number
        return float(os.sysconf(name) * os.sysconf("SC_PAGE_SIZE"))
    return math.inf


def keep_freed_memory() -> bool:
    """Let the C library reuse freed memory instead of returning it; return whether this was possible.

    By default, glibc returns large blocks to the system as soon as they are freed. For the next tensors the system has
    to clear and map every page again. Each step of an optimisation frees and allocates the activations, hundreds
    of megabytes: with `lite` this costs a fifth of a run and more. Only glibc is known to need and to offer this
    setting. Environment variables (`MALLOC_TRIM_THRESHOLD_` and so on) take precedence.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    kept = mallopt(MMAP_THRESHOLD, LARGE) or mallopt(MMAP_THRESHOLD, MOST)
    return bool(kept and mallopt(TRIM_THRESHOLD, -1))


def share_freed_memory() -> bool:
    """Let all threads take memory from one arena; before the first thread starts. False where the library cannot.

    glibc gives each thread an arena of pieces of 64 MB, which return to the system at once, whatever the settings of
    `keep_freed_memory`. A run in a thread then costs a fifth more.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    return bool(ctypes.CDLL(None).mallopt(ARENA_MAX, 1))


def wait_asleep() -> None:
    """Let waiting threads sleep soon, instead of spinning.

    GNU OpenMP spins by default. On a busy machine a thread then waits for one that the system does not run, and takes
    its processor: a run of 5 s took 155 s. Sleeping at once makes a quiet run a fifth slower; spinning `SPINS` times
    first does not. OpenMP reads the environment when torch is imported; existing variables take precedence.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)


def help_out() -> None:
    """On Apple's GPUs, let the CPU run operations that PyTorch lacks there, instead of an error.

    PyTorch reads the environment when it is imported; an existing variable takes precedence.
    """
    if sys.platform == "darwin":
        os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")


def speak_for_all() -> None:
    """Silence C++ traces of PyTorch in the processes of a run: one process reports an error for all of them.

    PyTorch reads the environment when it is imported; an existing variable takes precedence.
    """
    if "WORLD_SIZE" in os.environ:
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def print_any_text() -> None:
    """Print a question mark for a character that standard output cannot encode, instead of an error.

    Standard output that is no terminal has an old code page on Windows, without most signs and letters. Standard error
    escapes such characters in any case. In UTF-8 nothing changes.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.encoding.lower().startswith("utf"):
        sys.stdout.reconfigure(errors="replace")
