"""The processes of one run as `torchrun` starts them: which of them this is, and which one speaks.

Nothing here imports torch before it is needed: `--help` must not wait for it.
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
"""How long one waits for another: rank 0 may fetch weights, or write a long film."""

BRIEFLY = timedelta(seconds=20)
"""How long one that failed looks for the others."""


def size() -> int:
    """How many processes there are."""
    return _number("WORLD_SIZE", 1)


def rank() -> int:
    """Which of them this is; the first one speaks and writes."""
    return _number("RANK", 0) if size() > 1 else 0


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        raise UsageError(f"{name}='{text}' in the environment is no number; torchrun sets it")
    return int(text)


def takes_part(words: Sequence[str]) -> bool:
    """Whether this process has a part in a command line: only runs and training are shared, all else is left to the
    first one."""
    return rank() == 0 or (words[0] in (*TASKS, "train") and "--help" not in words)


def prepares() -> bool:
    """Whether this process is the one that fetches files for all of its machine."""
    return size() == 1 or _number("LOCAL_RANK", rank()) == 0


def join(device: str) -> ProcessGroup:
    """Meet the other processes of the run, on what `--device` says; one process alone is a team of its own.

    On GPUs each process takes that of its LOCAL_RANK as the current one.
    """
    from impasto.tasks.tiling.process_group import ProcessGroup  # noqa: PLC0415

    if size() == 1:
        return ProcessGroup()
    import torch  # noqa: PLC0415

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


def leave() -> None:
    """The work is done, or has failed: close what connects the processes.

    What is left open is closed while the interpreter ends, when its threads may still run: the process then aborts.
    """
    if not _OPEN:
        return
    import torch  # noqa: PLC0415

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    _OPEN.clear()


def tells(error: BaseException) -> bool:
    """Whether this process reports an error: the first one that fails reports its own, and rank 0 reports a signal.

    All processes receive Ctrl-C. torchrun also ends the others by SIGTERM when one fails, which has reported then.
    """
    try:
        if size() == 1:
            return True
    except UsageError:
        return True
    if isinstance(error, KeyboardInterrupt | Interrupted):
        return rank() == 0 and not _reported()
    with suppress(Exception):  # where the store has gone, so has the process that kept it, and has told why
        return bool(_store(BRIEFLY).add("told", 1) == 1)
    return rank() == 0


def _reported() -> bool:
    """Whether a process of this run has reported an error."""
    with suppress(Exception):
        return bool(_OPEN and _store(BRIEFLY).add("told", 0) > 0)
    return False


_OPEN: list[Any] = []


def _store(patience: timedelta = PATIENCE) -> Any:
    """What the processes share: where they meet, and who has told of an error. Opened once."""
    import torch  # noqa: PLC0415

    if not _OPEN:
        missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
        if missing:
            raise UsageError(f"WORLD_SIZE is {size()} and {missing[0]} is not set; start several processes by torchrun")
        distributed: Any = torch.distributed
        store, _, _ = next(distributed.rendezvous("env://", timeout=patience))
        _OPEN.append(distributed.PrefixStore("impasto", store))
    return _OPEN[0]
