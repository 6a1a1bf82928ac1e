"""The history of L-BFGS: the storage of curvature pairs, and the products that a step takes with them.

A row is a step s or a gradient change y, with as many numbers as the image; two rows are a curvature pair. A caller
addresses rows by index and uses only rows that it has stored; other rows count as zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from impasto.image import Allocate
from impasto.synthesis.optimizer import Memory, numbers

CHUNK = 1 << 19
"""Number of values of a row in one call: 2 MB."""


class Pair(Protocol):
    """A curvature pair: a step s, the change y of the gradient, and the products that decide on its use."""

    curvature: float
    """The inner product of s and y."""
    square: float
    """The inner product of y with itself."""


class Vectors:
    """A pair of two full-precision vectors."""

    def __init__(self, s: Tensor, y: Tensor) -> None:
        self.s, self.y = s, y
        self.curvature, self.square = numbers([s @ y, y @ y])


P_contra = TypeVar("P_contra", contravariant=True)


class History(Protocol[P_contra]):
    """Rows, and products with them; inner products are float64 on the CPU. Generic in the kind of pairs."""

    def put(self, indices: tuple[int, int], pair: P_contra) -> None:
        """Store a copy of s and y of a pair as two rows."""
        ...

    def among(self, indices: Sequence[int]) -> Tensor:
        """Return the inner products of all rows with the rows at `indices`, one column for each."""
        ...

    def along(self, vector: Tensor) -> Tensor:
        """Return the inner products of all rows with `vector`."""
        ...

    def products(self, indices: Sequence[int], vector: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return both products; without a `vector` only the first."""
        ...

    def combined(self, vector: Tensor, gain: float, coefficients: Tensor) -> Tensor:
        """Return `gain` times `vector` plus the sum of all rows times their coefficients."""
        ...

    def state(self, indices: Sequence[int]) -> Memory:
        """Return copies of the rows at `indices`."""
        ...

    def restore(self, indices: Sequence[int], state: Memory) -> None:
        """Restore the rows of a `state()` at `indices`, and no others."""
        ...


class Matrix:
    """Rows in one matrix of the vectors' type: a product is one call. `count` is the number of rows.

    On the CPU a row takes memory only after it was stored: the system maps the matrix and backs the pages on writing.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._rows = torch.empty(0)

    def put(self, indices: tuple[int, int], pair: Vectors) -> None:
        """See `History`."""
        for index, vector in zip(indices, (pair.s, pair.y), strict=True):
            self._put(index, vector)

    def among(self, indices: Sequence[int]) -> Tensor:
        """See `History`."""
        return self._among(indices).cpu().double()  # in this order: not every device has float64

    def _among(self, indices: Sequence[int]) -> Tensor:
        return (
            self._rows @ torch.stack([self._rows[index] for index in indices]).T
        )  # a list as index would be sent over

    def along(self, vector: Tensor) -> Tensor:
        """See `History`."""
        return (self._rows @ vector).cpu().double()

    def products(self, indices: Sequence[int], vector: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `History`; in one transfer."""
        if vector is None:
            return self.among(indices), None
        found = torch.cat([self._among(indices), (self._rows @ vector)[:, None]], 1).cpu().double()
        return found[:, :-1], found[:, -1]

    def combined(self, vector: Tensor, gain: float, coefficients: Tensor) -> Tensor:
        """See `History`."""
        here = coefficients.to(self._rows.dtype).to(self._rows.device, non_blocking=self._rows.is_cuda)
        return torch.addmv(vector * gain, self._rows.T, here)

    def state(self, indices: Sequence[int]) -> Memory:
        """See `History`."""
        return {"pairs": self._rows[list(indices)] if indices else torch.empty(0)}

    def restore(self, indices: Sequence[int], state: Memory) -> None:
        """See `History`."""
        self._rows = torch.empty(0)
        for index, row in zip(indices, state["pairs"], strict=True):
            self._put(index, row)

    def _put(self, index: int, vector: Tensor) -> None:
        if not self._rows.numel():
            self._rows = zeros((self.count, vector.numel()), vector.dtype, vector.device)
        self._rows[index] = vector


class Rows:
    """Rows in memory of their own, made by `allocate` when a row is first put.

    Sums run over chunks, each summed in the vectors' type and all of them in float64.
    """

    def __init__(self, count: int, allocate: Allocate) -> None:
        self.count, self.allocate = count, allocate
        self._rows: dict[int, Tensor] = {}

    def put(self, indices: tuple[int, int], pair: Vectors) -> None:
        """See `History`."""
        for index, vector in zip(indices, (pair.s, pair.y), strict=True):
            self._put(index, vector)

    def among(self, indices: Sequence[int]) -> Tensor:
        """See `History`."""
        return self._sums([self._rows[index] for index in indices])

    def along(self, vector: Tensor) -> Tensor:
        """See `History`."""
        return self._sums([vector])[:, 0]

    def products(self, indices: Sequence[int], vector: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `History`."""
        return self.among(indices), None if vector is None else self.along(vector)

    def combined(self, vector: Tensor, gain: float, coefficients: Tensor) -> Tensor:
        """See `History`."""
        total = torch.mul(vector, gain, out=self.allocate((len(vector),), vector.dtype, vector.device))
        factors = {index: float(coefficients[index]) for index in sorted(self._rows)}
        for part in parts(len(total), CHUNK):
            piece = total[part]
            for index, factor in factors.items():  # in one order, whichever way the rows came: sums are rounded
                if factor:
                    piece.add_(self._rows[index][part], alpha=factor)
        return total

    def state(self, indices: Sequence[int]) -> Memory:
        """See `History`."""
        return {"pairs": torch.stack([self._rows[index] for index in indices]) if indices else torch.empty(0)}

    def restore(self, indices: Sequence[int], state: Memory) -> None:
        """See `History`."""
        self._rows.clear()
        for index, row in zip(indices, state["pairs"], strict=True):
            self._put(index, row)

    def _put(self, index: int, vector: Tensor) -> None:
        if index not in self._rows:
            self._rows[index] = self.allocate((vector.numel(),), vector.dtype, vector.device)
        self._rows[index].copy_(vector)

    def _sums(self, others: Sequence[Tensor]) -> Tensor:
        """Inner products `(count, others)` of the rows with others."""
        rows = list(self._rows.values())
        device = rows[0].device
        total = torch.zeros(len(rows), 1, dtype=widest(device), device=device)
        for part in parts(len(rows[0]), CHUNK):
            found = [torch.stack([torch.dot(row[part], other[part]) for other in others]) for row in rows]
            total = total + torch.stack(found).to(total.dtype)
        whole = torch.zeros(self.count, total.shape[1], dtype=torch.float64)
        whole[list(self._rows)] = total.cpu().double()
        return whole


def widest(device: torch.device) -> torch.dtype:
    """Return the widest number type of a device for sums: Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def zeros(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> Tensor:
    """Zeros that take memory only where they are written, on the CPU.

    torch.zeros writes them all. numpy.zeros asks the system for fresh pages, but without the alignment of torch's
    memory, on which the rounding of products depends.
    """
    if device.type != "cpu":
        return torch.zeros(shape, dtype=kind, device=device)
    size = math.prod(shape) * kind.itemsize
    raw = torch.from_numpy(np.zeros(size + 64, np.uint8))
    start = -raw.data_ptr() % 64
    return raw[start : start + size].view(kind).view(shape)


def parts(length: int, size: int) -> Iterator[slice]:
    """Parts of so many numbers, the last of the rest."""
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))
