"""The rows that L-BFGS remembers: where they are kept, and the products that a step takes with them.

A row is a step or a gradient change, as many numbers as the picture has. A caller names rows by their index and never
uses one that it has not put there; what is not there counts as zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from impasto.image import Allocate
from impasto.synthesis.point import Memory

CHUNK = 1 << 19
"""Numbers converted at a time: 2 MB. Of fewer the calls cost more than the cache saves; more are slower again."""

HALF = torch.float16
"""11 bits of mantissa; bfloat16 has 8."""

TOP = 15
"""Rows in half precision are scaled to below 2 ** TOP, near the end of the range (65504), for the sake of the small."""


class History(Protocol):
    """Rows, and products with them; those of inner products are float64 on the CPU."""

    def put(self, index: int, vector: Tensor) -> None:
        """Keep a copy of `vector` as row `index`, in place of the one that was there."""
        ...

    def among(self, indices: Sequence[int]) -> Tensor:
        """Inner products of all rows with those at `indices`, a column each, as they are kept."""
        ...

    def along(self, vector: Tensor) -> Tensor:
        """Inner products of all rows with `vector`."""
        ...

    def products(self, indices: Sequence[int], vector: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Both of these, without a `vector` the former."""
        ...

    def combined(self, vector: Tensor, gain: float, coefficients: Tensor) -> Tensor:
        """`gain` times `vector` plus the sum of all rows times their coefficients."""
        ...

    def state(self, indices: Sequence[int]) -> Memory:
        """Copies of the rows at `indices`, one after the other."""
        ...

    def restore(self, indices: Sequence[int], state: Memory) -> None:
        """Take the rows of a `state()` as those at `indices`, and no others."""
        ...


class Matrix:
    """Rows in one matrix of the vectors' type: a product is one call. `count` is the number of rows.

    On the CPU a row takes memory only once it was put: the matrix is mapped whole, and backed where it is written.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._rows = torch.empty(0)

    def put(self, index: int, vector: Tensor) -> None:
        """See `History`."""
        if not self._rows.numel():
            self._rows = zeros((self.count, vector.numel()), vector.dtype, vector.device)
        self._rows[index] = vector

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
            self.put(index, row)


class Rows:
    """Rows in memory of their own, made by `allocate` when a row is first put, in half precision if `half`.

    A half row is `HALF` times a power of two, which takes nothing from its 11 bits; only numbers below 4e-9 of the
    row's largest have fewer. Sums are of the rows as they are kept, so that the matrix of inner products is that of
    the vectors which the direction is made of. They run over chunks, each summed in the vectors' type (float32 among
    half rows) and all of them in float64: no more than a chunk of a row is ever converted.
    """

    def __init__(self, count: int, half: bool, allocate: Allocate) -> None:
        self.count, self.half, self.allocate = count, half, allocate
        self._rows: dict[int, Tensor] = {}
        self._scales: dict[int, float] = {}

    def put(self, index: int, vector: Tensor) -> None:
        """See `History`."""
        kind = HALF if self.half else vector.dtype
        scale = _scale(vector) if self.half else 1.0
        row = self._row(index, vector, kind)
        for part in _parts(vector.numel()):
            row[part] = vector[part] / scale if self.half else vector[part]
        self._scales[index] = scale

    def among(self, indices: Sequence[int]) -> Tensor:
        """See `History`."""
        own = [self._rows[index] for index in indices]
        kind = torch.float32 if self.half else own[0].dtype
        readers = [_reader(row, kind) for row in own]
        sums = self._sums(
            len(own[0]), kind, lambda part: [read(row[part]) for read, row in zip(readers, own, strict=True)]
        )
        return sums * torch.tensor([self._scales[index] for index in indices], dtype=torch.float64)

    def along(self, vector: Tensor) -> Tensor:
        """See `History`."""
        return self._sums(len(vector), vector.dtype, lambda part: [vector[part]])[:, 0]

    def products(self, indices: Sequence[int], vector: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `History`."""
        return self.among(indices), None if vector is None else self.along(vector)

    def combined(self, vector: Tensor, gain: float, coefficients: Tensor) -> Tensor:
        """See `History`."""
        total = torch.mul(vector, gain, out=self.allocate((len(vector),), vector.dtype, vector.device))
        factors = {index: float(coefficients[index]) * self._scales[index] for index in sorted(self._rows)}
        read = _reader(vector, vector.dtype)
        for part in _parts(len(total)):
            piece = total[part]
            for index, factor in factors.items():  # in one order, whichever way the rows came: sums are rounded
                if factor:
                    piece.add_(read(self._rows[index][part]), alpha=factor)
        return total

    def state(self, indices: Sequence[int]) -> Memory:
        """See `History`; with the factors by which the rows are to be multiplied."""
        pairs = torch.stack([self._rows[index] for index in indices]) if indices else torch.empty(0)
        return {"pairs": pairs, "scales": [self._scales[index] for index in indices]}

    def restore(self, indices: Sequence[int], state: Memory) -> None:
        """See `History`."""
        self._rows.clear()
        self._scales = dict(zip(indices, state["scales"], strict=True))
        for index, row in zip(indices, state["pairs"], strict=True):
            self._row(index, row, row.dtype).copy_(row)

    def _row(self, index: int, like: Tensor, kind: torch.dtype) -> Tensor:
        if index not in self._rows:
            self._rows[index] = self.allocate((like.numel(),), kind, like.device)
        return self._rows[index]

    def _sums(self, length: int, kind: torch.dtype, pieces: Callable[[slice], list[Tensor]]) -> Tensor:
        """Inner products `(count, others)` of the rows with others of type `kind`, of which `pieces` tells a part."""
        rows = list(self._rows.values())
        device = rows[0].device
        read, total = _reader(rows[0], kind), torch.zeros(len(rows), 1, dtype=widest(device), device=device)
        for part in _parts(length):
            others = pieces(part)
            found = []
            for row in rows:
                piece = read(row[part])
                found.append(torch.stack([torch.dot(piece, other) for other in others]))
            total = total + torch.stack(found).to(total.dtype)
        whole = torch.zeros(self.count, total.shape[1], dtype=torch.float64)
        scales = torch.tensor([self._scales[index] for index in self._rows], dtype=torch.float64)
        whole[list(self._rows)] = total.cpu().double() * scales[:, None]
        return whole


def widest(device: torch.device) -> torch.dtype:
    """The widest numbers that a device can sum up in: Apple's GPUs have no float64."""
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


def _parts(length: int) -> Iterator[slice]:
    for start in range(0, length, CHUNK):
        yield slice(start, min(start + CHUNK, length))


def _reader(like: Tensor, kind: torch.dtype) -> Callable[[Tensor], Tensor]:
    """Converts pieces to `kind`, each in the memory of the one before: fresh memory can cost four times the work."""
    buffer = torch.empty(min(CHUNK, len(like)), dtype=kind, device=like.device)
    return lambda piece: piece if piece.dtype == kind else buffer[: len(piece)].copy_(piece)


def _scale(vector: Tensor) -> float:
    """The power of two that brings the largest absolute value just below `2 ** TOP`."""
    _, exponent = math.frexp(float(torch.linalg.vector_norm(vector, math.inf)))
    return math.ldexp(1.0, max(exponent - TOP, -126))  # its reciprocal must be a float32
