"""Atomic replacement of files, and names of files that every library accepts."""

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
    """Write `data` to `path`, completely or not at all.

    The bytes go to a temporary file in the same folder, which is synchronised with the disk and then renamed. After an
    interruption (a full disk, Ctrl-C) the old file is unchanged and the temporary file is removed. A new file has the
    user's default permissions, a replaced file keeps its permissions, and a link still points to its target.

    temporary: the name of the temporary file; by default it is different each time. With a fixed name, the next call
        overwrites the temporary file of a killed process.

    Raises ImpastoError if the file cannot be written.

    >>> replace_file(Path("a.txt"), b"new")
    >>> Path("a.txt").read_bytes()
    b'new'
    """
    try:
        _replace(Path(os.path.realpath(path)), data, temporary)
    except OSError as error:
        raise ImpastoError(f"'{path}' was not written: {error.strerror or error}") from error


def _replace(path: Path, data: bytes, name: str | None) -> None:
    # Opened by name, because only their owner may read the files of `tempfile`.
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
    """Yield the name of `path`, or of a link to `path` if the name is not UTF-8, as safetensors and torch require."""
    if not any("\udc80" <= sign <= "\udcff" for sign in str(path)):
        yield str(path)
        return
    with TemporaryDirectory() as folder:
        link = Path(folder) / "file"
        link.symlink_to(path.absolute())
        yield str(link)
