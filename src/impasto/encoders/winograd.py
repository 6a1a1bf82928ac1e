"""3x3 convolutions by Winograd's minimal filtering, in a few large matrix products.

F(4x4, 3x3) (Winograd 1980; Lavin and Gray 2016) makes a 4x4 tile of the result `y` from a 6x6 window of the input `d`
with 36 multiplications for each pair of channels, where the definition takes 144:

    y = A^T [(G g G^T) * (B^T d B)] A        for a filter g (3x3), `*` element by element

In one dimension, filter and data are polynomials that are evaluated at six points, multiplied there, and interpolated.
With `V` the Vandermonde matrix of the points, `G` and `A` are its first three and four columns (at infinity: the last
coefficient), and `B^T = V^-T`. The sums over channels become 36 matrix products, one for each place in a window.

The points 0, 1, -1, 1/2, -2 and infinity lose little precision (Barabasz et al. 2020). A relative rounding error in
each of the 36 products reaches the result 6.9 times as large (10.8 times for 0, 1, -1, 2, -2). The error of a product
depends on the order in which the processor sums over channels. Relative to its norm, the expected float32 error of a
result that is summed over C channels is below 2.4e-7 sqrt(C / 2 + 14) in any order: 1.6e-6 for 64 channels, 3.9e-6 for
512. Measured: 0.8e-6 to 1.1e-6 and 1.2e-6 to 2.1e-6. `tests/encoders/test_winograd.py` derives the bound.

The gradient to the input is the convolution of the gradient to the result with the filters flipped and their channels
exchanged. Flipping windows and tiles does the same as flipping filters: it flips the columns of `B^T` and the rows of
`A^T`. So no second set of transformed filters is needed, which take four times the memory of the weights.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)
"""Points at which polynomials are evaluated, besides infinity."""

PAYS = 128, 16
"""Least numbers of channels (on both sides) and of tiles for which minimal filtering is faster.

They are faster on processors of both makers. With 64 channels and 256x256 pixels the transforms outweigh the saved
arithmetic: a quarter slower on an AMD, a third slower on an Intel. 128 channels are a tenth faster on the AMD, 512 up
to three times as fast on both. With few tiles, reading the transformed filters costs as much as is saved.
"""

TILES = 128
"""Number of tiles in a block for each thread: large enough for efficient products, small enough for the caches."""

KEPT = threading.local()
"""The buffers of each thread."""


def _matrices() -> tuple[Tensor, Tensor, Tensor]:
    """Return `G (6, 3)`, `B^T (6, 6)` and `A^T (4, 6)`, float64; `G` and `B^T` are scaled so that `B^T` is exact."""
    scales = [math.prod(p - q for q in POINTS if q != p) for p in POINTS] + [1.0]
    scale = torch.tensor(scales, dtype=torch.float64, device="cpu")[:, None]

    def vandermonde(count: int) -> Tensor:
        rows = [[p**k for k in range(count)] for p in POINTS] + [[0.0] * (count - 1) + [1.0]]
        return torch.tensor(rows, dtype=torch.float64, device="cpu")

    return vandermonde(3) / scale, torch.linalg.inv(vandermonde(6)).T * scale, vandermonde(4).T


G, B, A = _matrices()


def transform(weight: Tensor) -> Tensor:
    """Return filters `(K, C, 3, 3)` transformed for `convolve`: `G g G^T`, `(36, C, K)`."""
    half = torch.einsum("ia,kcab->ickb", G, weight.detach().double())
    return torch.einsum("jb,ickb->ijck", G, half).to(weight.dtype).flatten(0, 1)


def convolve(x: Tensor, filters: Tensor, bias: Tensor) -> Tensor:
    """Return `conv2d(x, weight, bias, padding=1)` with `filters = transform(weight)`: `(B, C, H, W)` to `(B, K, H, W)`.

    The result is channels-last. Gradients flow to `x` only, and only once.
    """
    result: Tensor = _Convolution.apply(x, filters, bias)  # type: ignore[no-untyped-call]
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, filters: Tensor, bias: Tensor) -> Tensor:
        ctx.filters = filters
        return _filter(x, filters, bias, B, A)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        filters = ctx.filters.mT
        return _filter(gradient, filters, filters.new_zeros(filters.shape[2]), B.flip(1), A.flip(0)), None, None


def _filter(x: Tensor, filters: Tensor, bias: Tensor, b: Tensor, a: Tensor) -> Tensor:
    """Run the algorithm on blocks of about `TILES` tiles a thread; `b (6, 6)` and `a (4, 6)` are `B^T` and `A^T`."""
    (batch, _, height, width), count = x.shape, filters.shape[2]
    y = torch.empty((batch, count, height, width), dtype=x.dtype, memory_format=torch.channels_last)
    pictures = x.detach().contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    results = y.permute(0, 2, 3, 1)
    down, across = -(-height // 4), -(-width // 4)
    step = -(-down // -(-down * across // (TILES * torch.get_num_threads())))
    a, b = a.to(x.dtype), b.to(x.dtype)
    buffers = _buffers(36 * step * across * max(filters.shape[1:]), x.dtype)
    with torch.no_grad():
        for picture, result in zip(pictures, results, strict=True):
            for row in range(0, down, step):
                _block(picture, result, row, min(step, down - row), filters, bias, b, a, buffers)
    return y


def _buffers(size: int, dtype: torch.dtype) -> Tensor:
    """Return two buffers of this thread, reused by later calls: new memory costs as much as the work."""
    found: Tensor | None = getattr(KEPT, "buffers", None)
    if found is None or found.shape[1] < size or found.dtype != dtype:
        with torch.inference_mode(False):
            found = KEPT.buffers = torch.empty(2, size, dtype=dtype, device="cpu")
    return found


def _block(  # noqa: PLR0917 (its two pictures and all that the algorithm is made of)
    x: Tensor, y: Tensor, row: int, n: int, filters: Tensor, bias: Tensor, b: Tensor, a: Tensor, buffers: Tensor
) -> None:
    """Compute `n` rows of tiles from `row` on, from a picture `x (H, W, C)`, into `y (H, W, K)`.

    Every step reads one of two buffers and writes the other. A transform is a batch of products with a small matrix,
    one dimension at a time. With m tiles a row, T = n m of them have windows (6, 6, T, C).
    """
    (height, width, channels), count = x.shape, filters.shape[2]
    m = -(-width // 4)

    def use(buffer: int, *shape: int) -> Tensor:
        return buffers[buffer, : math.prod(shape)].view(shape)

    top, bottom = 4 * row - 1, 4 * (row + n) + 1  # including a border of one pixel
    first, last = max(top, 0), min(bottom, height)
    padded = use(0, 4 * n + 2, 4 * m + 2, channels)
    padded[: first - top], padded[last - top :], padded[:, 0], padded[:, width + 1 :] = 0, 0, 0, 0
    padded[first - top : last - top, 1 : width + 1] = x[first:last]

    line = padded.stride(0)
    strips = padded.as_strided((n, 6, line), (4 * line, line, 1))
    strips = torch.bmm(b.expand(n, 6, 6), strips, out=use(1, n, 6, line))
    windows = use(0, 6, 6, n, m, channels)
    windows.copy_(strips.as_strided(windows.shape, (line, channels, 6 * line, 4 * channels, 1)))
    windows = torch.bmm(b.expand(6, 6, 6), windows.view(6, 6, -1), out=use(1, 6, 6, n * m * channels))

    products = torch.bmm(windows.view(36, n * m, channels), filters, out=use(0, 36, n * m, count))

    half = products.view(6, 6, -1).transpose(0, 1)  # (j, i, T K): the first dimension of windows is summed over first
    half = torch.bmm(a.expand(6, 4, 6), half, out=use(1, 6, 4, n * m * count))
    tiles = torch.bmm(a.expand(4, 4, 6), half.transpose(0, 1), out=use(0, 4, 4, n * m * count))
    rows = use(1, n, 4, m, 4, count).copy_(tiles.view(4, 4, n, m, count).permute(2, 0, 3, 1, 4))
    found = y[4 * row : 4 * (row + n)]
    torch.add(rows.view(4 * n, 4 * m, count)[: len(found), :width], bias, out=found)


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution with stride 1, zero padding 1 and a bias; by minimal filtering if that is possible and faster.

    It is possible for zero padding, float32 on a CPU and frozen weights, and faster for channels and tiles as in
    `PAYS`. It has no second derivative. `winograd = False` always uses the definition.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 3, padding=1)
        self.winograd = True
        self._made: tuple[Tensor, int, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)` to `(B, K, H, W)`."""
        if not (self.winograd and self._pays(x)):
            return super().forward(x)
        assert self.bias is not None
        return convolve(x, self._filters(), self.bias)

    def _pays(self, x: Tensor) -> bool:
        if x.ndim != 4 or x.dtype != torch.float32 or x.device.type != "cpu":
            return False
        plain = self.weight.dtype == torch.float32 and self.weight.device.type == "cpu"
        frozen = not any(parameter.requires_grad or parameter.is_inference() for parameter in self.parameters())
        narrower, tiles = min(self.in_channels, self.out_channels), -(-x.shape[2] // 4) * -(-x.shape[3] // 4)
        return plain and frozen and self.padding_mode == "zeros" and narrower >= PAYS[0] and tiles >= PAYS[1]

    def _filters(self) -> Tensor:
        """The transformed weights, computed at first use and after changes of the weights."""
        weight = self.weight.detach()
        if self._made is not None:
            source, version, filters = self._made
            if source.data_ptr() == weight.data_ptr() and version == weight._version:
                return filters
        self._made = weight, weight._version, transform(weight)
        return self._made[2]
