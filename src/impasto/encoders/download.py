"""Download of one file over HTTP, which can resume after an interruption and verifies the hash of the file."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from impasto.errors import ImpastoError, UsageError

if sys.platform == "win32":
    import msvcrt
try:
    import fcntl
except ImportError:  # Windows has no such module
    fcntl = None  # type: ignore[assignment]

Progress = Callable[[int, "int | None"], None]
"""Called with the number of received bytes and the total, or None if the server does not give it."""

CHUNK = 1 << 18
"""Number of bytes between two reports of progress."""

TIMEOUT = 30.0
"""Seconds without a byte after which a connection has failed."""

WAITS = (1.0, 2.0, 4.0)
"""Seconds before each further try. A try that receives bytes starts this list again."""


class DownloadError(ImpastoError):
    """The file could not be downloaded."""


class _BrokenOffError(DownloadError):
    """The connection ended early; another try may succeed."""


class _UnreachableError(_BrokenOffError):
    """There was no connection; another try may succeed if there was a connection before."""


def download(url: str, target: Path, *, digest: str, on_progress: Progress | None = None) -> None:
    """Download `url` to `target`. The SHA-256 of the file must begin with the hex digits `digest`.

    Bytes go to `target` + `.part`, which a later call resumes. After verification the file moves to `target` in one
    step. If several processes download the same file, one does and the others wait.

    Raises DownloadError for errors of the network and for a wrong hash, ImpastoError for errors of the disk, and
    UsageError for a `url` that is not HTTP.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise UsageError(f"weights come over http or https, not from '{url}'")
    part = target.with_name(f"{target.name}.part")
    with _disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.with_name(f".{target.name}.lock")):
            if target.exists():
                return
            if not (_size(part) and sha256(part).startswith(digest)):  # else the last run ended just before the move
                _complete(url, part, on_progress)
                _check(url, part, digest)
            part.replace(target)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _complete(url: str, part: Path, on_progress: Progress | None) -> None:
    """Download the rest of `part`, over several connections if needed."""
    tries, waits = 0, iter(WAITS)
    while True:
        before = _size(part)
        try:
            return _continue(url, part, on_progress)
        except _BrokenOffError as error:
            if isinstance(error, _UnreachableError) and tries == 0:
                raise
            if _size(part) > before:
                waits = iter(WAITS)
            wait = next(waits, None)
            if wait is None:
                raise
            tries += 1
        time.sleep(wait)


def _continue(url: str, part: Path, on_progress: Progress | None) -> None:
    """Download over one connection: the rest of `part` if the server can resume, the whole file if not."""
    start = _size(part)
    headers = {"User-Agent": "impasto"} | ({"Range": f"bytes={start}-"} if start else {})
    try:  # with an opener of its own, because urlopen would install one for the whole process
        response = build_opener().open(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        with error:
            if error.code == 416:  # there are no bytes after `start`, so `part` is not the beginning of this file
                part.unlink()
                raise _BrokenOffError(f"{url} could not be resumed") from error
            kind = _BrokenOffError if error.code == 429 or error.code >= 500 else DownloadError
            raise kind(f"{url} answered {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise _UnreachableError(f"cannot reach {url} ({reason})") from error
    with response:
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise DownloadError(f"{url} answered with a web page instead of weights (a login page of the network?)")
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            start = 0
        _write(response, part, start, on_progress)


def _write(response: HTTPResponse, part: Path, start: int, on_progress: Progress | None) -> None:
    """Write the body of the response to `part` from byte `start` on. Raises _BrokenOffError if it is incomplete."""
    length = response.headers.get("Content-Length", "")
    size, total = start, start + int(length) if length.isdigit() else None
    with part.open("ab" if start else "wb") as file:
        while chunk := _read(response):
            file.write(chunk)
            size += len(chunk)
            if on_progress:
                on_progress(size, total)
    if total is not None and size < total:  # http.client reports this only for a read without a size
        raise _BrokenOffError(f"{response.url} broke off after {size} of {total} bytes")


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK)
    except (OSError, HTTPException) as error:
        raise _BrokenOffError(f"{response.url} broke off ({str(error) or type(error).__name__})") from error


def _check(url: str, part: Path, digest: str) -> None:
    """Raise DownloadError, and delete `part`, if its hash is wrong, because it cannot be resumed."""
    result = sha256(part)
    if result.startswith(digest):
        return
    with part.open("rb") as file:
        page = file.read(64).lstrip().startswith(b"<")
    part.unlink()
    what = "is a web page, not weights" if page else "came damaged"
    raise DownloadError(f"{url} {what}: SHA-256 {result[: len(digest)]}, expected {digest}; the download was deleted")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Turn errors of the disk into an ImpastoError. Errors of the network are a DownloadError already."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise ImpastoError(f"cannot write {path} ({reason}); IMPASTO_HOME names another folder to use") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait for the lock file `path` and hold the lock, which ends with the process at the latest."""
    with path.open("ab") as file:
        while not _try_lock(file.fileno()):
            time.sleep(0.2)
        yield


def _try_lock(descriptor: int) -> bool:
    """Lock an open file, unless another process has it. Without locks, the hash still guards the result."""
    if fcntl is not None:
        return _try_posix(descriptor)
    if sys.platform == "win32":
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
    return True


def _try_posix(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        return True
    return True
