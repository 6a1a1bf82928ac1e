"""Several processes that work on one picture: each sees its share of the tiles, and all come to the same numbers.

Tiles are additive, so that sums over the tiles of all processes are those over all tiles. Everything else is done by
each of them on these sums, and so need not be sent. A program makes the processes and their default group
(`torch.distributed.init_process_group`), and tells each which one it is; a team of one does nothing and sends nothing.
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
class Team:
    """The place of this process, `rank`, among `size` of them.

    All members call the same methods in the same order. Raises ImpastoError where another one has gone.
    """

    rank: int = 0
    size: int = 1

    @property
    def alone(self) -> bool:
        """Whether there are no others."""
        return self.size == 1

    def share(self, everything: Iterable[T]) -> Iterator[T]:
        """This member's share: every `size`-th, from the `rank`-th on."""
        return islice(everything, self.rank, None, self.size)

    def sum_(self, tensor: Tensor) -> Tensor:
        """The sum of the members' tensors, in place: the same bits for all."""
        return self._all(tensor, torch.distributed.all_reduce)

    def agree_(self, tensor: Tensor) -> Tensor:
        """The tensor of the first member, in place."""
        return self._all(tensor, lambda own: torch.distributed.broadcast(own, 0))

    def least(self, number: float, device: torch.device) -> float:
        """The smallest of the members' numbers; what is sent travels by way of the `device`."""
        if self.alone:
            return number
        found = torch.zeros(self.size, dtype=torch.float64 if device.type != "mps" else torch.float32, device=device)
        found[self.rank] = number
        return float(self.sum_(found).min())

    def check_same(self, text: str, device: torch.device) -> None:
        """Raise UsageError where a member's text is another one: members that differ would wait for each other for
        ever."""
        number = float(int.from_bytes(hashlib.sha256(text.encode()).digest()[:3], "big"))
        if self.least(number, device) != -self.least(-number, device):
            raise UsageError("the processes of this run do not see the same files and settings")

    def _all(self, tensor: Tensor, send: Callable[[Tensor], object]) -> Tensor:
        if self.alone:
            return tensor
        # What is sent has to be contiguous; features are, but in another order.
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
