"""A network compiled by torch.compile, segment by segment; on GPUs replayed as a CUDA graph.

For a small image a GPU may compute faster than Python launches kernels. In a compiled network, the operations between
convolutions are one kernel, and the whole pass is one launch. Compilation takes half a minute or more, so it pays only
for many steps. On CPUs it never pays: a step of `lite` at 512 pixels takes a fifth to a third longer
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
"""Features by the names of their layers."""

GRAPHS: dict[str, str | int | bool | Callable[..., Any]] = {
    "triton.cudagraphs": True,
    "triton.cudagraph_skip_dynamic_graphs": True,
}
"""Options of torch.compile, as with `mode="reduce-overhead"`, but for images of only one size."""


class FeatureFunction(Protocol):
    """The signature of `Encoder.features`."""

    def __call__(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> FeatureMaps:
        """Return the features of `layers`."""
        ...


def compile_network(encoder: Encoder, backend: str = "inductor") -> Encoder:
    """Compile the `features` of an encoder in place, and return the encoder.

    Features are the same up to rounding. The compiler makes the convolutions, without minimal filtering. Compilation
    happens at the first pass with a gradient; errors come from there (see `Compiled`).
    """
    if isinstance(encoder, VGG):
        encoder.winograd = False
    encoder.features = Compiled(encoder.features, backend)  # type: ignore[method-assign]
    return encoder


class Compiled:
    """Compiled `features` for the image in optimisation. Targets are computed once, so they are not compiled.

    The first segment is replayed as a CUDA graph, for images of one size. Later segments, and tiles of many sizes, are
    only compiled, because every graph has memory of its own, and a graph must not read the results of another.

    A CUDA graph writes its results to the same memory at every call. Features are used before the next call, but
    gradients live from one step to the next, so they are copied.

    A call raises ImpastoError if the compiler does not work.
    """

    def __init__(self, features: FeatureFunction, backend: str) -> None:
        self.features, self.backend = features, backend
        self._requests: set[tuple[frozenset[str], str | None, torch.Size]] = set()
        self._functions: dict[tuple[frozenset[str], str | None], Callable[[Tensor], FeatureMaps]] = {}

    def __call__(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> FeatureMaps:
        """Return the features of `layers`, as `Encoder.features` does."""
        if not (torch.is_grad_enabled() and x.requires_grad):
            return self.features(x, layers, after)
        if (layers, after, x.shape) not in self._requests:  # the first pass of a shape is not compiled
            self._requests.add((layers, after, x.shape))
            return self.features(x, layers, after)
        x = _CopiedGradient.apply(x)  # type: ignore[no-untyped-call]
        if (layers, after) in self._functions:
            return self._functions[layers, after](x)
        try:
            function = self._functions[layers, after] = self._compile(layers, after, x.device)
            return function(x)
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:  # compilers and drivers raise any exception
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ImpastoError(f"the network cannot be compiled here ({reason}); leave out --compile") from error

    def _compile(
        self, layers: frozenset[str], after: str | None, device: torch.device
    ) -> Callable[[Tensor], FeatureMaps]:
        def features(x: Tensor) -> FeatureMaps:
            return self.features(x, layers, after)

        graphs = self.backend == "inductor" and device.type == "cuda" and after is None
        function: Callable[[Tensor], FeatureMaps] = torch.compile(
            features, backend=self.backend, options=GRAPHS if graphs else None
        )
        return function


class _CopiedGradient(torch.autograd.Function):
    """The identity, with a copy of the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.clone()
