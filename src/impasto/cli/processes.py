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

PATIENCE = timedelta(minutes=30)
"""Time that a process waits for another: rank 0 may download weights, or write a long film."""

BRIEFLY = timedelta(seconds=20)
"""Time that a failed process waits for the others."""


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
    """Return whether this process takes part in a command: only runs and training are shared, rank 0 does the rest."""
    return rank() == 0 or (words[0] in (*TASKS, "train") and "--help" not in words)


def prepares() -> bool:
    """Return whether this process downloads files for all processes of its machine."""
    return size() == 1 or _number("LOCAL_RANK", rank()) == 0


def join(device: str) -> ProcessGroup:
    """Join the other processes of the run on `device`; a single process is its own group.

    On GPUs the device of LOCAL_RANK becomes the current one.
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
    torch.distributed.init_process_group(backend, store=store, rank=rank(), world_size=size(), timeout=PATIENCE)
    return ProcessGroup(rank(), size())


def _check_distributed() -> None:
    import torch  # noqa: PLC0415

    if not torch.distributed.is_available():
        raise UsageError("this build of PyTorch lacks torch.distributed: it cannot share a run among processes")


def leave() -> None:
    """Close the connections of the processes, after the work or an error.

    Connections that stay open are closed while the interpreter ends. Their threads may still run then, and the process
    aborts.
    """
    if not _OPEN:
        return
    import torch  # noqa: PLC0415

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    _OPEN.clear()


def tells(error: BaseException) -> bool:
    """Return whether this process reports an error: the first to fail, or rank 0 for a signal.

    All processes receive Ctrl-C. After a failure, which is reported, torchrun ends the others by SIGTERM.
    """
    try:
        if size() == 1:
            return True
    except UsageError:
        return True
    if isinstance(error, KeyboardInterrupt | Interrupted):
        return rank() == 0 and not _reported()
    with suppress(Exception):  # without a store, the process that had it has ended, and has reported
        return bool(_store(BRIEFLY).add("told", 1) == 1)
    return rank() == 0


def _reported() -> bool:
    """Return whether a process of this run has reported an error."""
    with suppress(Exception):
        return bool(_OPEN and _store(BRIEFLY).add("told", 0) > 0)
    return False


_OPEN: list[Any] = []


def _store(patience: timedelta = PATIENCE) -> Any:
    """Return the shared store: the meeting point of the processes, and the flag of a reported error. Opened once."""
    import torch  # noqa: PLC0415

    if not _OPEN:
        missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
        if missing:
            raise UsageError(f"WORLD_SIZE is {size()} and {missing[0]} is not set; start several processes by torchrun")
        distributed: Any = torch.distributed
        store, _, _ = next(distributed.rendezvous("env://", timeout=patience))
        _OPEN.append(distributed.PrefixStore("impasto", store))
    return _OPEN[0]
