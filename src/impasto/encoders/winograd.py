"""3x3 convolutions by Winograd's minimal filtering, in a few large matrix products.

F(4x4, 3x3) (Winograd 1980; Lavin and Gray 2016) computes a 4x4 tile of the result `y` from a 6x6 window of the input
`d`. It takes 36 multiplications for each pair of channels, where the definition takes 144:

    y = A^T [(G g G^T) * (B^T d B)] A        for a filter g (3x3), `*` element by element

In one dimension, filter and data are polynomials. They are evaluated at six points, multiplied there, and interpolated.
`G` and `A` are the first three and four columns of the Vandermonde matrix `V` of the points (at infinity: the last
coefficient), and `B^T = V^-T`. The sums over channels become 36 matrix products, one for each position in a window.

The points 0, 1, -1, 1/2, -2 and infinity lose little precision (Barabasz et al. 2020). A relative rounding error in
each of the 36 products is 6.9 times as large in the result (10.8 times for 0, 1, -1, 2, -2). The error of a product
depends on the order in which the processor sums over channels. For C channels and any order, the expected float32 error
of the result, relative to its norm, is below 2.4e-7 sqrt(C / 2 + 14): 1.6e-6 for 64 channels, 3.9e-6 for 512. Measured:
0.8e-6 to 1.1e-6 and 1.2e-6 to 2.1e-6. `tests/encoders/test_winograd.py` derives the bound.

The gradient by the input is a convolution of the gradient by the result, with flipped filters and exchanged channels.
Flipped windows and tiles have the same effect as flipped filters: they flip the columns of `B^T` and the rows of `A^T`.
So the gradient needs no second set of transformed filters, which would take four times the memory of the weights.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)
"""Points at which polynomials are evaluated, in addition to infinity."""

PAYS = 128, 16
"""Least numbers of channels (on both sides) and of tiles for which minimal filtering is faster.

It is then faster on processors of AMD and of Intel. With 64 channels and 256x256 pixels, the transforms take longer
than the saved arithmetic: a quarter slower on an AMD, a third slower on an Intel. With 128 channels it is a tenth
faster on the AMD, with 512 up to three times as fast on both. With few tiles, reading the transformed filters takes as
long as the saved arithmetic.
"""

TILES = 128
"""Number of tiles in a block for each thread, large enough for efficient products and small enough for the caches."""

BUFFERS = threading.local()
"""The buffers of each thread."""


def _matrices() -> tuple[Tensor, Tensor, Tensor]:
    """Return `G (6, 3)`, `B^T (6, 6)` and `A^T (4, 6)`, float64. `G` and `B^T` are scaled so that `B^T` is exact."""
    scales = [math.prod(p - q for q in POINTS if q != p) for p in POINTS] + [1.0]
    scale = torch.tensor(scales, dtype=torch.float64, device="cpu")[:, None]

    def vandermonde(count: int) -> Tensor:
        rows = [[p**k for k in range(count)] for p in POINTS] + [[0.0] * (count - 1) + [1.0]]
        return torch.tensor(rows, dtype=torch.float64, device="cpu")

    return vandermonde(3) / scale, torch.linalg.inv(vandermonde(6)).T * scale, vandermonde(4).T


G, B, A = _matrices()


def transform(weight: Tensor) -> Tensor:
    """Return filters g `(K, C, 3, 3)`, transformed for `convolve`: `G g G^T`, `(36, C, K)`."""
    half = torch.einsum("ia,kcab->ickb", G, weight.detach().double())
    return torch.einsum("jb,ickb->ijck", G, half).to(weight.dtype).flatten(0, 1)


def convolve(x: Tensor, filters: Tensor, bias: Tensor) -> Tensor:
    """Return `conv2d(x, weight, bias, padding=1)` for `filters = transform(weight)`: `(B, C, H, W)` to `(B, K, H, W)`.

    The result is channels-last. It is differentiable once, and only by `x`.

    >>> x, weight = torch.rand(1, 2, 8, 8), torch.rand(3, 2, 3, 3)
    >>> expected = torch.conv2d(x, weight, padding=1)
    >>> torch.allclose(convolve(x, transform(weight), torch.zeros(3)), expected, atol=1e-4)
    True
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
    """Return the convolution, in blocks of about `TILES` tiles a thread; `b` and `a` are `B^T` and `A^T`."""
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
    """Return two buffers of this thread, `(2, size)` or longer.

    Later calls reuse the buffers, because new memory takes as long as the computation.
    """
    buffers: Tensor | None = getattr(BUFFERS, "buffers", None)
    if buffers is None or buffers.shape[1] < size or buffers.dtype != dtype:
        with torch.inference_mode(False):
            buffers = BUFFERS.buffers = torch.empty(2, size, dtype=dtype, device="cpu")
    return buffers


def _block(  # noqa: PLR0917 (two pictures and the constants of the algorithm)
    x: Tensor, y: Tensor, row: int, n: int, filters: Tensor, bias: Tensor, b: Tensor, a: Tensor, buffers: Tensor
) -> None:
    """Compute `n` rows of tiles, from the row `row` on, of a picture `x (H, W, C)`, and write them to `y (H, W, K)`.

    Every step reads one of two buffers and writes the other. A transform is a batch of products with a small matrix,
    one dimension after the other. With m tiles in a row, the T = n m tiles have windows (6, 6, T, C).
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

    half = products.view(6, 6, -1).transpose(0, 1)  # (j, i, T K), because the sum over i is first
    half = torch.bmm(a.expand(6, 4, 6), half, out=use(1, 6, 4, n * m * count))
    tiles = torch.bmm(a.expand(4, 4, 6), half.transpose(0, 1), out=use(0, 4, 4, n * m * count))
    rows = use(1, n, 4, m, 4, count).copy_(tiles.view(4, 4, n, m, count).permute(2, 0, 3, 1, 4))
    result = y[4 * row : 4 * (row + n)]
    torch.add(rows.view(4 * n, 4 * m, count)[: len(result), :width], bias, out=result)


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution with stride 1, padding 1 and a bias, by minimal filtering if possible and faster.

    Minimal filtering is possible for zero padding, for float32 on a CPU, and for frozen weights. It is faster for the
    numbers of channels and tiles in `PAYS`. It has no second derivative. With `winograd = False` the definition is
    always used.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 3, padding=1)
        self.winograd = True
        self._cache: tuple[Tensor, int, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of `(B, C, H, W)`, `(B, K, H, W)`."""
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
        """Return the transformed weights, which are computed at the first use and after changes of the weights."""
        weight = self.weight.detach()
        if self._cache is not None:
            source, version, filters = self._cache
            if source.data_ptr() == weight.data_ptr() and version == weight._version:
                return filters
        self._cache = weight, weight._version, transform(weight)
        return self._cache[2]
