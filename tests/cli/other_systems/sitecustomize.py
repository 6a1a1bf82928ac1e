"""Imitates another operating system in a Python process; Python imports this module at its start.

`OTHER_SYSTEM` names the system. `sys.platform` stays: PyTorch would load the libraries of that system. Modules are
missing for Impasto only, because the standard library needs them here.

- `windows`: no POSIX modules, signals and processes, no `/proc`; an open file can be neither replaced nor deleted.
- `macos`: no `/proc`, no count of free pages, and a PyTorch that was built without `torch.distributed`.
"""

from __future__ import annotations

import builtins
import errno
import io
import mmap
import multiprocessing
import os
import platform
import signal
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

SYSTEM = os.environ.get("OTHER_SYSTEM", "")

MODULES = {"fcntl", "grp", "pwd", "resource", "termios", "tty"}

NAMES: dict[Any, tuple[str, ...]] = {
    os: (
        *("fork", "forkpty", "getuid", "geteuid", "getgid", "getloadavg", "killpg", "setsid", "sysconf", "statvfs"),
        *("sched_getaffinity", "posix_fallocate", "sync", "nice", "mkfifo", "chown"),
    ),
    signal: (
        *("SIGKILL", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE", "SIGQUIT", "SIGTSTP"),
        *("alarm", "setitimer", "pause", "pthread_sigmask", "pthread_kill", "sigwait"),
    ),
    mmap: ("MAP_ANONYMOUS", "MAP_ANON", "MADV_HUGEPAGE"),
}


def no_proc() -> None:
    """Raise FileNotFoundError for files in /proc."""
    for module, name in ((builtins, "open"), (io, "open"), (os, "open")):
        plain = getattr(module, name)

        def refuses(path: Any, *args: Any, plain: Callable[..., Any] = plain, **named: Any) -> Any:
            if str(path).startswith("/proc/"):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            return plain(path, *args, **named)

        setattr(module, name, refuses)


def no_modules(names: set[str]) -> None:
    """Let Impasto import none of these modules."""
    plain = builtins.__import__

    def refuses(name: str, namespace: Any = None, *rest: Any, **named: Any) -> Any:
        if name in names and str((namespace or {}).get("__name__", "")).startswith("impasto"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return plain(name, namespace, *rest, **named)

    builtins.__import__ = refuses


def only_spawn() -> None:
    """Refuse to start processes by `fork` or `forkserver`."""
    plain = multiprocessing.get_context

    def refuses(method: str | None = None) -> Any:
        if method not in ("spawn", None):
            raise ValueError(f"cannot find context for {method!r}")
        return plain("spawn")

    multiprocessing.get_context = refuses  # type: ignore[assignment]
    multiprocessing.get_all_start_methods = lambda: ["spawn"]


def open_files() -> set[str]:
    """Return the files that this process has open or mapped."""
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]  # noqa: PTH208 (pathlib opens it)
    return {os.readlink(link) for link in links if os.path.islink(link)}  # noqa: PTH114, PTH115


def no_changes_of_open_files() -> None:
    """Raise PermissionError for the replacement or the deletion of an open file."""
    for name in ("replace", "rename", "remove", "unlink"):
        plain = getattr(os, name)

        def refuses(*paths: Any, plain: Callable[..., Any] = plain, **named: Any) -> Any:
            # Windows itself deletes a temporary file, when its last handle is closed.
            temporary = sys._getframe(1).f_globals["__name__"] == "tempfile"
            for path in paths:
                if not temporary and os.path.realpath(path) in open_files():
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return plain(*paths, **named)

        setattr(os, name, refuses)


class NoDistributed:
    """Imports `torch.distributed` as a build without it does."""

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Remove the libraries behind the package before the package looks for them."""
        if name == "torch.distributed":
            for library in ("_c10d_init", "_rpc_init", "_dist_autograd_init"):
                delattr(sys.modules["torch._C"], library)
        return None


if SYSTEM:
    no_proc()
    platform.libc_ver = lambda *_, **__: ("", "")

if SYSTEM == "windows":
    os.environ.setdefault("USERNAME", "user")  # as there
    no_modules(MODULES)
    only_spawn()
    no_changes_of_open_files()
    for module, names in NAMES.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)

if SYSTEM == "macos":
    del os.posix_fallocate, os.sched_getaffinity
    sys.meta_path.insert(0, NoDistributed())  # type: ignore[arg-type]
    counts = os.sysconf
    os.sysconf = lambda name: counts("" if name == "SC_AVPHYS_PAGES" else name)
