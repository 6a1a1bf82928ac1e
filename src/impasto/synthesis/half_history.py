"""The history of L-BFGS in half precision, for large images: half the memory of float32.

All computation runs over chunks that fit the cache. So a step allocates no long tensor except its result.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from impasto.image import Allocate
from impasto.synthesis.history import chunks, widest
from impasto.synthesis.optimizer import OptimizerState, Point, numbers

HALF = torch.float16
"""11 bits of mantissa; bfloat16 has 8."""

TOP = 15
"""Rows are scaled to below 2 ** TOP. This is near the largest float16 (65504), so small values keep their precision."""

CHUNK = 1 << 15
"""Number of values of a row in one call on a CPU: the most that PyTorch computes in one thread.

A call takes 10 microseconds. A second thread saves a few of them, but on two busy cores the wait for it took 100.
"""

LARGE = 1 << 21
"""Number of values of a row in one call on a GPU, where a call is expensive. (Not measured on a GPU so far.)"""


class Changes:
    """The curvature pair of two points, for `Halves`: the differences of their parameters and of their gradients.

    Both differences are computed twice, in chunks. Storing them would need new memory of two images, which takes as
    much time as the computation.
    """

    def __init__(self, before: Point, after: Point) -> None:
        self.before, self.after = before, after
        device = before.gradient.device
        products = torch.zeros(2, dtype=widest(device), device=device)
        ends = []
        for _, both in self.chunks():
            products += both @ both[1]
            ends.append(torch.stack([*torch.aminmax(both[0]), *torch.aminmax(both[1])]))
        # torch.linalg.vector_norm(vector, math.inf) takes 14 times as long.
        largest = torch.stack(ends).abs().amax(0).view(2, 2).amax(1)
        self.curvature, self.square, *self.largest = numbers([*products, *largest])

    def __len__(self) -> int:
        return self.before.gradient.numel()

    def chunks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield each chunk with both differences in it, `(2, numbers)`; all chunks share one buffer."""
        before, after = _vectors(self.before), _vectors(self.after)
        buffer = _buffer(2, before[0], before[0].dtype)
        for part in chunks(len(self), buffer.shape[1]):
            both = buffer[:, : part.stop - part.start]
            for k, out in enumerate(both):
                torch.sub(after[k][part], before[k][part], out=out)
            yield part, both


class Halves:
    """A `History` of float16 rows in separate tensors, which `allocate` makes at the first use of a row.

    Each row has a scale, a power of two. So all numbers have 11 bits, except those below 4e-9 of the row's largest.
    Inner products use the rounded rows, because the direction is a sum of rounded rows. They are float64 sums of the
    float32 inner products of chunks.

    A chunk of all rows is one matrix. Its shape does not depend on the rows in use, because the rounding depends on
    the shape, and a run that continues from a checkpoint has only the rows in use.
    """

    def __init__(self, count: int, allocate: Allocate) -> None:
        self.count, self.allocate = count, allocate
        self._rows: dict[int, Tensor] = {}
        self._scales: dict[int, float] = {}

    def put(self, indices: tuple[int, int], pair: Changes) -> None:
        """See `History`."""
        scales = [_scale(size) for size in pair.largest]
        for part, both in pair.chunks():
            for index, vector, scale in zip(indices, both, scales, strict=True):
                self._row(index, len(pair), vector.device)[part] = vector.mul_(1 / scale)
        self._scales.update(zip(indices, scales, strict=True))

    def row_products(self, indices: Sequence[int]) -> Tensor:
        """See `History`."""
        return self._products(indices, None)

    def vector_products(self, vector: Tensor) -> Tensor:
        """See `History`."""
        return self._products((), vector)[:, 0]

    def products(self, indices: Sequence[int], vector: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `History`; each row is converted once for both."""
        both = self._products(indices, vector)
        return both[:, : len(indices)], None if vector is None else both[:, -1]

    def _products(self, indices: Sequence[int], vector: Tensor | None) -> Tensor:
        like = next(iter(self._rows.values()))
        shape = (self.count, len(indices) + (vector is not None))
        total = torch.zeros(shape, dtype=widest(like.device), device=like.device)
        buffer = _buffer(1, like, torch.float32)[0]
        for part, rows in self._chunks(self._rows, like, torch.float32):
            others = [rows[index] for index in indices]
            if vector is not None:
                others.append(buffer[: part.stop - part.start].copy_(vector[part]))
            total += torch.stack([torch.mv(rows, other) for other in others], 1)
        scales = torch.tensor([self._scales.get(index, 0.0) for index in range(self.count)], dtype=torch.float64)
        products = total.cpu().double() * scales[:, None]
        products[:, : len(indices)] *= scales[list(indices)]
        return products

    def combine(self, vector: Tensor, gain: float, coefficients: Tensor) -> Tensor:
        """See `History`."""
        total = self.allocate((len(vector),), vector.dtype, vector.device)
        factors = torch.zeros(self.count, dtype=torch.float64)
        for index, scale in self._scales.items():
            factors[index] = float(coefficients[index]) * scale
        rows = {index: row for index, row in self._rows.items() if factors[index]}
        here = factors.to(vector.dtype).to(vector.device)
        for part, matrix in self._chunks(rows, vector, vector.dtype):
            torch.addmv(vector[part], matrix.T, here, beta=gain, out=total[part])
        return total

    def state(self, indices: Sequence[int]) -> OptimizerState:
        """See `History`; the scales of the rows are also returned."""
        pairs = torch.stack([self._rows[index] for index in indices]) if indices else torch.empty(0)
        return {"pairs": pairs, "scales": [self._scales[index] for index in indices]}

    def restore(self, indices: Sequence[int], state: OptimizerState) -> None:
        """See `History`."""
        self._rows.clear()
        self._scales = dict(zip(indices, state["scales"], strict=True))
        for index, row in zip(indices, state["pairs"], strict=True):
            self._row(index, len(row), row.device).copy_(row)

    def _row(self, index: int, length: int, device: torch.device) -> Tensor:
        if index not in self._rows:
            self._rows[index] = self.allocate((length,), HALF, device)
        return self._rows[index]

    def _chunks(self, rows: Mapping[int, Tensor], like: Tensor, kind: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
        """Yield each chunk with its `rows` as a matrix `(count, numbers)`, zero for other rows.

        All chunks share one buffer.
        """
        buffer = _buffer(self.count, like, kind)
        for part in chunks(len(like), buffer.shape[1]):
            matrix = buffer[:, : part.stop - part.start]
            for index, row in rows.items():
                matrix[index].copy_(row[part])
            yield part, matrix


def _vectors(point: Point) -> tuple[Tensor, Tensor]:
    return point.parameters.flatten(), point.gradient.flatten()


def _buffer(count: int, like: Tensor, kind: torch.dtype) -> Tensor:
    """Return zeros `(count, numbers)` for a chunk of `count` vectors."""
    length = min(len(like), CHUNK if like.device.type == "cpu" else LARGE)
    return torch.zeros(count, length, dtype=kind, device=like.device)


def _scale(largest: float) -> float:
    """Return the power of two that scales the largest absolute value to just below `2 ** TOP`."""
    _, exponent = math.frexp(largest)
    return math.ldexp(1.0, max(exponent - TOP, -126))  # its reciprocal must be a float32
