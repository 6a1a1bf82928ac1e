"""The processes of one run, as `torchrun` starts them: the rank of this process, and which process reports.

Nothing here imports torch before use: `--help` must not wait for it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from impasto.cli.failures import Interrupted
from impasto.errors import UsageError
from impasto.settings.recipe import TASKS

if TYPE_CHECKING:
    from impasto.tasks.tiling.process_group import ProcessGroup

TIMEOUT = timedelta(minutes=30)
"""Time that a process waits for another: rank 0 may download weights, or write a long film."""

SHORT_TIMEOUT = timedelta(seconds=20)
"""Time that a process waits for the others after an error."""


def size() -> int:
    """Return the number of processes."""
    return _number("WORLD_SIZE", 1)


def rank() -> int:
    """Return the rank of this process; rank 0 reports and writes."""
    return _number("RANK", 0) if size() > 1 else 0


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        raise UsageError(f"{name}='{text}' in the environment is no number; torchrun sets it")
    return int(text)


def takes_part(words: Sequence[str]) -> bool:
    """Return whether this process takes part in a command: all do in runs and training, rank 0 alone in the others."""
    return rank() == 0 or (words[0] in (*TASKS, "train") and "--help" not in words)


def downloads() -> bool:
    """Return whether this process downloads files for all processes of the machine."""
    return size() == 1 or _number("LOCAL_RANK", rank()) == 0


def join(device: str) -> ProcessGroup:
    """Return the process group of the run on `device`, connected to the other processes, or a group of one process.

    On GPUs the device of LOCAL_RANK becomes the current one. Raises UsageError for a process without a GPU, without the
    environment of torchrun, or without `torch.distributed`.
    """
    from impasto.tasks.tiling.process_group import ProcessGroup  # noqa: PLC0415

    if size() == 1:
        return ProcessGroup()
    import torch  # noqa: PLC0415

    _check_distributed()
    backend = "gloo"
    if device in ("auto", "cuda") and torch.cuda.is_available():
        here, count = _number("LOCAL_RANK", 0), torch.cuda.device_count()
        if here >= count:
            raise UsageError(f"process {here + 1} of this machine has no GPU of its own: it has {count}; start fewer")
        torch.cuda.set_device(here)
        backend = "cpu:gloo,cuda:nccl"
    store = _store()
    torch.distributed.init_process_group(backend, store=store, rank=rank(), world_size=size(), timeout=TIMEOUT)
    return ProcessGroup(rank(), size())


def _check_distributed() -> None:
    import torch  # noqa: PLC0415

    if not torch.distributed.is_available():
        raise UsageError("this build of PyTorch lacks torch.distributed: it cannot share a run among processes")


def leave() -> None:
    """Close the connections of the processes, after the work or an error.

    The end of the interpreter would close open connections. Their threads may still run at that time, and the process
    aborts.
    """
    if not _OPEN:
        return
    import torch  # noqa: PLC0415

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    _OPEN.clear()


def reports(error: BaseException) -> bool:
    """Return whether this process reports an error: the first to fail, or rank 0 for a signal.

    All processes receive Ctrl-C. After a reported failure, torchrun ends the other processes by SIGTERM.
    """
    try:
        if size() == 1:
            return True
    except UsageError:
        return True
    if isinstance(error, KeyboardInterrupt | Interrupted):
        return rank() == 0 and not _has_report()
    with suppress(Exception):  # no store: the process of the store has ended, after a report
        return bool(_store(SHORT_TIMEOUT).add("reported", 1) == 1)
    return rank() == 0


def _has_report() -> bool:
    """Return whether a process of this run has reported an error."""
    with suppress(Exception):
        return bool(_OPEN and _store(SHORT_TIMEOUT).add("reported", 0) > 0)
    return False


_OPEN: list[Any] = []
"""The store, after it was opened."""


def _store(timeout: timedelta = TIMEOUT) -> Any:
    """Return the shared store, opened once: the processes find each other by it, and it has the flag of a report."""
    import torch  # noqa: PLC0415

    if not _OPEN:
        missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
        if missing:
            raise UsageError(f"WORLD_SIZE is {size()} and {missing[0]} is not set; start several processes by torchrun")
        distributed: Any = torch.distributed
        store, _, _ = next(distributed.rendezvous("env://", timeout=timeout))
        _OPEN.append(distributed.PrefixStore("impasto", store))
    return _OPEN[0]
