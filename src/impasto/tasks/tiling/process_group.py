"""The process group of a run: several processes share the tiles of one image and compute the same numbers.

Statistics are additive: the sums of all processes add up to the sum over all tiles. Each process computes everything
else from these sums, so the processes send nothing else. A program starts the processes and their default group
(`torch.distributed.init_process_group`) and gives each process its rank. A group of one process sends nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import torch
from torch import Tensor

from impasto.errors import ImpastoError, UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class ProcessGroup:
    """The rank of this process in a group of `size` processes.

    All processes call the same methods in the same order. Methods raise ImpastoError if another process has ended.

    >>> ProcessGroup().single, list(ProcessGroup(rank=1, size=2).share("abcd"))
    (True, ['b', 'd'])
    """

    rank: int = 0
    size: int = 1

    @property
    def single(self) -> bool:
        """Whether the group has one process."""
        return self.size == 1

    def share(self, everything: Iterable[T]) -> Iterator[T]:
        """Return the items of this process: every `size`-th item, from index `rank` on."""
        return islice(everything, self.rank, None, self.size)

    def all_reduce_(self, tensor: Tensor) -> Tensor:
        """Return the sum of the tensors of all processes, computed in place; all processes get the same bits."""
        # Not even named in a single process: a build of PyTorch may lack `torch.distributed`.
        return tensor if self.single else self._all(tensor, torch.distributed.all_reduce)

    def broadcast_(self, tensor: Tensor) -> Tensor:
        """Return the tensor of rank 0, copied in place."""
        return self._all(tensor, lambda own: torch.distributed.broadcast(own, 0))

    def minimum(self, number: float, device: torch.device) -> float:
        """Return the minimum over all processes of a number, which is sent as a tensor on `device`."""
        if self.single:
            return number
        numbers = torch.zeros(self.size, dtype=torch.float64 if device.type != "mps" else torch.float32, device=device)
        numbers[self.rank] = number
        return float(self.all_reduce_(numbers).min())

    def check_same(self, text: str, device: torch.device) -> None:
        """Raise UsageError if the texts of processes differ: processes of different runs would never end."""
        number = float(int.from_bytes(hashlib.sha256(text.encode()).digest()[:3], "big"))
        if self.minimum(number, device) != -self.minimum(-number, device):
            raise UsageError("the processes of this run do not see the same files and settings")

    def _all(self, tensor: Tensor, send: Callable[[Tensor], object]) -> Tensor:
        if self.single:
            return tensor
        # A message has to be contiguous. Features are contiguous with channels last.
        plain = tensor if tensor.ndim != 4 or tensor.is_contiguous() else tensor.permute(0, 2, 3, 1)
        own = plain.contiguous()
        try:
            send(own)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ImpastoError("another process of this run has ended") from error
        if own.data_ptr() != plain.data_ptr():
            plain.copy_(own)
        return tensor
