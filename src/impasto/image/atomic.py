"""Atomic replacement of files, and file names that every library accepts."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from impasto.errors import ImpastoError, UsageError


def check_place(path: Path) -> None:
    """Raise UsageError if no file can be created at `path`."""
    try:
        _check_place(path)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror or error}") from error


def _check_place(path: Path) -> None:
    if not path.parent.is_dir():
        raise UsageError(f"'{path}' cannot be written: there is no folder '{path.parent}'")
    if path.is_dir():
        raise UsageError(f"'{path}' cannot be written: it is a folder")
    if path.exists() and not path.is_file():
        raise UsageError(f"'{path}' cannot be written: it is not a regular file")
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(f"'{path}' cannot be written: it is protected against writing")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"'{path}' cannot be written: the folder '{path.parent}' is protected against writing")


def replace_file(path: Path, data: bytes, *, temporary: str | None = None) -> None:
    """Write `data` to `path`, all of it or nothing.

    The bytes go to a temporary file in the same folder, onto the disk, and then under the name. After an interruption
    (a full disk, Ctrl-C) the old file is unchanged and the temporary file is removed. A new file has the usual
    permissions of the user, a replaced file keeps its own, and a link still points to its target. `temporary` is the
    name of the temporary file, by default a new one each time; with a fixed name, a second attempt after a kill leaves
    no extra file. Raises ImpastoError.
    """
    try:
        _replace(Path(os.path.realpath(path)), data, temporary)
    except OSError as error:
        raise ImpastoError(f"'{path}' was not written: {error.strerror or error}") from error


def _replace(path: Path, data: bytes, name: str | None) -> None:
    # Opened by name and not by `tempfile`, whose files only their owner may read.
    temporary = path.parent / (name or f".impasto-{secrets.token_hex(8)}.part")
    try:
        with temporary.open("wb" if name else "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def in_utf8(path: Path) -> Iterator[str]:
    """Yield the name of `path`, or of a link to it if the name is not UTF-8, which safetensors and torch refuse."""
    if not any("\udc80" <= sign <= "\udcff" for sign in str(path)):
        yield str(path)
        return
    with TemporaryDirectory() as folder:
        link = Path(folder) / "file"
        link.symlink_to(path.absolute())
        yield str(link)
