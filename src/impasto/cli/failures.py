"""Errors as one line for the user and an exit code; never a traceback."""

from __future__ import annotations

import errno
import os

import typer

from impasto.errors import ImpastoError, UsageError

INTERRUPTED = 130

TRACEBACK = "IMPASTO_TRACEBACK"
"""Environment variable that shows the traceback of an error."""

# Typer has its own copy of click since about 0.16; older versions use click. This is the right class for both.
_CLICK_ERROR = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

_ALLOCATION = ("can't allocate memory", "not enough memory", "out of memory", "failed to allocate")


class Interrupted(ImpastoError):  # noqa: N818 (it is no error)
    """Ctrl-C or another signal stopped the run; the message says where the picture is."""


def explain(error: BaseException) -> tuple[str, int]:
    """Return the line to show and the exit code of `error`."""
    if os.environ.get(TRACEBACK):
        raise error
    return " ".join(_message(error).split()), _code(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory was exhausted, here or on the device: a plain RuntimeError of torch, or an OSError."""
    text = str(error).lower()
    if isinstance(error, OSError):  # of a mapping
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(t in text for t in _ALLOCATION))


def is_of_click(error: BaseException) -> bool:
    """Return whether the command line could not be parsed."""
    return isinstance(error, _CLICK_ERROR)


def _code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt | Interrupted | typer.Abort):
        return INTERRUPTED
    if isinstance(error, UsageError):
        return 2
    return int(getattr(error, "exit_code", 1)) if isinstance(error, _CLICK_ERROR) else 1


def _message(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return "stopped"
    if isinstance(error, ImpastoError):
        return str(error)
    if isinstance(error, _CLICK_ERROR):
        return _of_click(error)
    if is_out_of_memory(error):
        return "there is not enough memory for this; smaller pictures need less (--size, where there is one)"
    if isinstance(error, OSError):
        name = f"'{error.filename}': " if error.filename else ""
        return f"{name}{error.strerror or error}"
    return f"{type(error).__name__}: {error} ({TRACEBACK}=1 shows where)"


def _of_click(error: BaseException) -> str:
    message: str = error.format_message()  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context else ""
    return message[:1].lower() + message[1:].rstrip(".") + hint
