"""Settings of the whole process, for the command line and the workers of a sweep, not for the library."""

from __future__ import annotations

import ctypes
import os
import platform
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers of two settings of glibc (malloc.h)."""

LARGE = 1 << 29
"""Size in bytes from which freed blocks return to the system: a few large pictures would fragment memory."""

MOST = 1 << 25
"""The maximum in the manual of mallopt; glibc may accept more."""

SPINS = 2000
"""Number of checks of a waiting thread before it sleeps."""


def prepare_process() -> None:
    """Apply all of the settings below; before torch is imported.

    Products of float32 on GPUs stay exact, as in PyTorch's defaults: statistics, the inner products of L-BFGS, changes
    of colour. Convolutions of float32 are in TF32 there, whose 11 bits are more than the 8 of bfloat16.
    """
    keep_freed_memory()
    wait_asleep()
    help_out()
    speak_for_all()


def give_back() -> bool:
    """Return freed memory of the C library to the system; False where the library cannot.

    A process that keeps freed memory would still hold that of a smaller, whole size, or of tiles of other sizes.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    return bool(ctypes.CDLL(None).malloc_trim(0))


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
