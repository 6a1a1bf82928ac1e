"""Settings of the whole process: for whoever owns it, the command line and the workers of a sweep, not the library."""

from __future__ import annotations

import ctypes
import os
import platform
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's numbers of two settings (malloc.h)."""

LARGE = 1 << 29
"""Blocks of so many bytes are given back all the same: a few large pictures, that would lie about in pieces."""

MOST = 1 << 25
"""The most that the manual of mallopt allows; glibc may take more."""

SPINS = 2000
"""How often a waiting thread asks before it sleeps."""


def prepare_process() -> None:
    """All of the below; before torch is imported.

    Products of float32 on GPUs are left exact, as PyTorch has them: statistics, the inner products of L-BFGS, changes
    of colour. Its convolutions of float32 are in TF32 there, whose 11 bits are more than the 8 of bfloat16.
    """
    keep_freed_memory()
    wait_asleep()
    help_out()
    speak_for_all()


def keep_freed_memory() -> bool:
    """Tell the C library to reuse freed memory instead of giving it back; whether that was done.

    glibc hands large blocks back to the system as soon as they are freed, and takes fresh ones for the next tensors,
    whose every page the system has to clear and map first. A step of an optimisation frees and takes a network's
    activations, hundreds of megabytes: with `lite` that costs a fifth of a run and more. Only glibc is known to need
    this and to offer it; settings of the environment (`MALLOC_TRIM_THRESHOLD_` and so on) take precedence.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    kept = mallopt(MMAP_THRESHOLD, LARGE) or mallopt(MMAP_THRESHOLD, MOST)
    return bool(kept and mallopt(TRIM_THRESHOLD, -1))


def wait_asleep() -> None:
    """Threads that wait for others soon sleep, instead of asking again and again.

    GNU OpenMP's usual way is the latter. On a machine that has other work, a thread then waits for one that the system
    does not run, and keeps that from being run: a run of 5 s took 155 s. To sleep at once makes a quiet run a fifth
    slower, to ask `SPINS` times first does not. OpenMP reads the environment when torch is imported; what is set there
    already takes precedence.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)


def help_out() -> None:
    """On Apple's GPUs, what PyTorch cannot do there is done by the processor, instead of an error.

    PyTorch reads the environment when it is imported; what is set there already takes precedence.
    """
    if sys.platform == "darwin":
        os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")


def speak_for_all() -> None:
    """Of several processes of one run, one tells of an error; PyTorch would add a trace of its own in C++ for each that
    finds the others gone.

    PyTorch reads the environment when it is imported; what is set there already takes precedence.
    """
    if "WORLD_SIZE" in os.environ:
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
