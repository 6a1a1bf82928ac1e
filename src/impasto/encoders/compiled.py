"""A network compiled by torch.compile, segment by segment; on GPUs replayed as a CUDA graph.

For a small image a GPU may compute faster than Python launches kernels. In a compiled network the operations between
convolutions are one kernel, and the whole pass is one launch. Compilation takes half a minute and more, so it pays for
many steps only. On CPUs it never pays: a step of `lite` at 512 pixels takes a fifth to a third longer
(docs/precision.md). `benchmarks/gpu.sh` measures the gain on GPUs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.encoders.extractor import Encoder
from impasto.encoders.vgg import VGG
from impasto.errors import ImpastoError

FeatureMaps = dict[str, Tensor]


GRAPHS: dict[str, str | int | bool | Callable[..., Any]] = {
    "triton.cudagraphs": True,
    "triton.cudagraph_skip_dynamic_graphs": True,
}
"""Options like `mode="reduce-overhead"`, for images of one size alone."""


class FeatureFunction(Protocol):
    """The signature of `Encoder.features`."""

    def __call__(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> FeatureMaps:
        """Return the features of `layers`."""
        ...


def compile_network(encoder: Encoder, backend: str = "inductor") -> Encoder:
    """Compile the `features` of an encoder and return the encoder. Features are the same up to rounding.

    Convolutions are those of the compiler, without minimal filtering.
    """
    if isinstance(encoder, VGG):
        encoder.winograd = False
    encoder.features = Compiled(encoder.features, backend)  # type: ignore[method-assign]
    return encoder


class Compiled:
    """Compiled `features` for the image in optimisation; targets are computed once and not compiled.

    The first segment is replayed as a CUDA graph, for images of one size. Later segments, and tiles of many sizes, are
    only compiled: every graph has memory of its own, and a graph must not read the results of another. A CUDA graph
    writes every result to the same memory, which the next call overwrites. Features are used before that, but gradients
    are kept from one step to the next, so they are copied. Raises ImpastoError where the compiler does not work.
    """

    def __init__(self, features: FeatureFunction, backend: str) -> None:
        self.features, self.backend = features, backend
        self._asked: set[tuple[frozenset[str], str | None, torch.Size]] = set()
        self._made: dict[tuple[frozenset[str], str | None], Callable[[Tensor], FeatureMaps]] = {}

    def __call__(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> FeatureMaps:
        """Return the features of `layers`, as `Encoder.features` does."""
        if not (torch.is_grad_enabled() and x.requires_grad):
            return self.features(x, layers, after)
        if (layers, after, x.shape) not in self._asked:
            self._asked.add((layers, after, x.shape))
            return self.features(x, layers, after)
        apart: Tensor = _Apart.apply(x)  # type: ignore[no-untyped-call]
        if (layers, after) in self._made:
            return self._made[layers, after](apart)
        try:
            see = self._made[layers, after] = self._compile(layers, after, x.device)
            return see(apart)
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:  # any kind: errors of compilers, drivers and Python's version
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ImpastoError(f"the network cannot be compiled here ({reason}); leave out --compile") from error

    def _compile(
        self, layers: frozenset[str], after: str | None, device: torch.device
    ) -> Callable[[Tensor], FeatureMaps]:
        def see(x: Tensor) -> FeatureMaps:
            return self.features(x, layers, after)

        graphs = self.backend == "inductor" and device.type == "cuda" and after is None
        made: Callable[[Tensor], FeatureMaps] = torch.compile(
            see, backend=self.backend, options=GRAPHS if graphs else None
        )
        return made


class _Apart(torch.autograd.Function):
    """The same tensor, whose gradient is a copy."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.clone()
