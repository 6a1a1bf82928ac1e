"""The history of L-BFGS: storage of curvature pairs, and the products that a step needs.

A row is a step s or a gradient change y, with one number for each parameter. Two rows are a curvature pair. A caller
addresses rows by index, and uses only rows that it has stored. Other rows count as zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from impasto.image import Allocate
from impasto.synthesis.optimizer import OptimizerState, numbers

CHUNK = 1 << 19
"""Number of values of a row in one call: 2 MB in float32."""


class Pair(Protocol):
    """A curvature pair: a step s and the change y of the gradient, with the products that decide on its use."""

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
    """Storage of rows, and products with them.

    Inner products are float64 tensors on the CPU. The type parameter is the class of the pairs.
    """

    def put(self, indices: tuple[int, int], pair: P_contra) -> None:
        """Store copies of s and y of `pair` as the rows at `indices`."""
        ...

    def row_products(self, indices: Sequence[int]) -> Tensor:
        """Return the inner products of all rows with the rows at `indices`, `(rows, indices)`."""
        ...

    def vector_products(self, vector: Tensor) -> Tensor:
        """Return the inner products of all rows with `vector`, `(rows,)`."""
        ...

    def products(self, indices: Sequence[int], vector: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return `row_products` and, with a `vector`, `vector_products`."""
        ...

    def combine(self, vector: Tensor, gain: float, coefficients: Tensor) -> Tensor:
        """Return `gain` times `vector` plus the sum of all rows times their `coefficients`."""
        ...

    def state(self, indices: Sequence[int]) -> OptimizerState:
        """Return copies of the rows at `indices`."""
        ...

    def restore(self, indices: Sequence[int], state: OptimizerState) -> None:
        """Restore the rows of a `state()` at `indices`, and forget all other rows."""
        ...


class Matrix:
    """Rows in one matrix with the dtype of the vectors, so that a product is one call.

    count: the number of rows.

    On the CPU a row takes memory only after its first use: the system backs pages of the matrix when they are written.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._rows = torch.empty(0)

    def put(self, indices: tuple[int, int], pair: Vectors) -> None:
        """See `History`."""
        for index, vector in zip(indices, (pair.s, pair.y), strict=True):
            self._put(index, vector)

    def row_products(self, indices: Sequence[int]) -> Tensor:
        """See `History`."""
        return self._row_products(indices).cpu().double()  # in this order, because not every device has float64

    def _row_products(self, indices: Sequence[int]) -> Tensor:
        # A list as an index would be transferred to the device.
        return self._rows @ torch.stack([self._rows[index] for index in indices]).T

    def vector_products(self, vector: Tensor) -> Tensor:
        """See `History`."""
        return (self._rows @ vector).cpu().double()

    def products(self, indices: Sequence[int], vector: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `History`; both products come in one transfer."""
        if vector is None:
            return self.row_products(indices), None
        both = torch.cat([self._row_products(indices), (self._rows @ vector)[:, None]], 1).cpu().double()
        return both[:, :-1], both[:, -1]

    def combine(self, vector: Tensor, gain: float, coefficients: Tensor) -> Tensor:
        """See `History`."""
        here = coefficients.to(self._rows.dtype).to(self._rows.device, non_blocking=self._rows.is_cuda)
        return torch.addmv(vector * gain, self._rows.T, here)

    def state(self, indices: Sequence[int]) -> OptimizerState:
        """See `History`."""
        return {"pairs": self._rows[list(indices)] if indices else torch.empty(0)}

    def restore(self, indices: Sequence[int], state: OptimizerState) -> None:
        """See `History`."""
        self._rows = torch.empty(0)
        for index, row in zip(indices, state["pairs"], strict=True):
            self._put(index, row)

    def _put(self, index: int, vector: Tensor) -> None:
        if not self._rows.numel():
            self._rows = zeros((self.count, vector.numel()), vector.dtype, vector.device)
        self._rows[index] = vector


class Rows:
    """Rows in separate tensors, which `allocate` makes at the first use of a row.

    An inner product is the float64 sum of the inner products of chunks, each in the dtype of the vectors.
    """

    def __init__(self, count: int, allocate: Allocate) -> None:
        self.count, self.allocate = count, allocate
        self._rows: dict[int, Tensor] = {}

    def put(self, indices: tuple[int, int], pair: Vectors) -> None:
        """See `History`."""
        for index, vector in zip(indices, (pair.s, pair.y), strict=True):
            self._put(index, vector)

    def row_products(self, indices: Sequence[int]) -> Tensor:
        """See `History`."""
        return self._sums([self._rows[index] for index in indices])

    def vector_products(self, vector: Tensor) -> Tensor:
        """See `History`."""
        return self._sums([vector])[:, 0]

    def products(self, indices: Sequence[int], vector: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `History`."""
        return self.row_products(indices), None if vector is None else self.vector_products(vector)

    def combine(self, vector: Tensor, gain: float, coefficients: Tensor) -> Tensor:
        """See `History`."""
        total = torch.mul(vector, gain, out=self.allocate((len(vector),), vector.dtype, vector.device))
        factors = {index: float(coefficients[index]) for index in sorted(self._rows)}
        for part in chunks(len(total), CHUNK):
            piece = total[part]
            for index, factor in factors.items():  # in a fixed order, because sums are rounded
                if factor:
                    piece.add_(self._rows[index][part], alpha=factor)
        return total

    def state(self, indices: Sequence[int]) -> OptimizerState:
        """See `History`."""
        return {"pairs": torch.stack([self._rows[index] for index in indices]) if indices else torch.empty(0)}

    def restore(self, indices: Sequence[int], state: OptimizerState) -> None:
        """See `History`."""
        self._rows.clear()
        for index, row in zip(indices, state["pairs"], strict=True):
            self._put(index, row)

    def _put(self, index: int, vector: Tensor) -> None:
        if index not in self._rows:
            self._rows[index] = self.allocate((vector.numel(),), vector.dtype, vector.device)
        self._rows[index].copy_(vector)

    def _sums(self, others: Sequence[Tensor]) -> Tensor:
        """Return the inner products of all rows with `others`, `(count, others)`."""
        rows = list(self._rows.values())
        device = rows[0].device
        total = torch.zeros(len(rows), 1, dtype=widest(device), device=device)
        for part in chunks(len(rows[0]), CHUNK):
            products = [torch.stack([torch.dot(row[part], other[part]) for other in others]) for row in rows]
            total = total + torch.stack(products).to(total.dtype)
        result = torch.zeros(self.count, total.shape[1], dtype=torch.float64)
        result[list(self._rows)] = total.cpu().double()
        return result


def widest(device: torch.device) -> torch.dtype:
    """Return the dtype of sums on a device: float64, but float32 on Apple's GPUs, which have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def zeros(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> Tensor:
    """Return zeros that take memory on the CPU only after they are written.

    torch.zeros writes all pages. numpy.zeros maps fresh pages of the system, but without the alignment of torch, on
    which the rounding of products depends. So the tensor starts at the first aligned byte.
    """
    if device.type != "cpu":
        return torch.zeros(shape, dtype=kind, device=device)
    size = math.prod(shape) * kind.itemsize
    raw = torch.from_numpy(np.zeros(size + 64, np.uint8))
    start = -raw.data_ptr() % 64
    return raw[start : start + size].view(kind).view(shape)


def chunks(length: int, size: int) -> Iterator[slice]:
    """Yield slices of `size` numbers that cover `length` numbers; the last may be shorter.

    >>> list(chunks(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))
