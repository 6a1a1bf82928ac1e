"""A network compiled by torch.compile, stretch by stretch; on GPUs replayed as a CUDA graph.

Of a small picture a GPU may do the arithmetic sooner than Python can ask for it. Compiled, what lies between
convolutions is one kernel, and the whole pass one launch. To compile takes half a minute and more, so it can only pay
for many steps. On CPUs it does not: a step of `lite` at 512 pixels takes a fifth to a third longer (docs/precision.md).
What it brings on GPUs is for `benchmarks/gpu.sh` to tell.
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

Found = dict[str, Tensor]


GRAPHS: dict[str, str | int | bool | Callable[..., Any]] = {
    "triton.cudagraphs": True,
    "triton.cudagraph_skip_dynamic_graphs": True,
}
"""As `mode="reduce-overhead"`, but for pictures of one size alone."""


class See(Protocol):
    """What `Encoder.features` is."""

    def __call__(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> Found:
        """The features of `layers`."""
        ...


def compile_network(encoder: Encoder, backend: str = "inductor") -> Encoder:
    """The encoder itself, its `features` compiled from here on. Features are the same but for rounding.

    Convolutions are computed as the compiler does: no minimal filtering.
    """
    if isinstance(encoder, VGG):
        encoder.winograd = False
    encoder.features = Compiled(encoder.features, backend)  # type: ignore[method-assign]
    return encoder


class Compiled:
    """`features` compiled, for what is asked for more than once with a gradient: the picture, not its models.

    The first stretch is replayed as a CUDA graph, for pictures of one size; stretches behind it, and tiles of many
    sizes, are only compiled, since every graph keeps memory of its own, and one must not read what another made.
    CUDA graphs give every result in the same memory, which the next call overwrites. Nobody holds features that long,
    but gradients are kept from one step to the next: they leave as copies. Raises ImpastoError where the compiler does
    not work.
    """

    def __init__(self, features: See, backend: str) -> None:
        self.features, self.backend = features, backend
        self._asked: set[tuple[frozenset[str], str | None, torch.Size]] = set()
        self._made: dict[tuple[frozenset[str], str | None], Callable[[Tensor], Found]] = {}

    def __call__(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> Found:
        """The features of `layers`, as `Encoder.features` has them."""
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
        except Exception as error:  # of any kind: compilers, drivers and Python's version have a say
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ImpastoError(f"the network cannot be compiled here ({reason}); leave out --compile") from error

    def _compile(self, layers: frozenset[str], after: str | None, device: torch.device) -> Callable[[Tensor], Found]:
        def see(x: Tensor) -> Found:
            return self.features(x, layers, after)

        graphs = self.backend == "inductor" and device.type == "cuda" and after is None
        made: Callable[[Tensor], Found] = torch.compile(see, backend=self.backend, options=GRAPHS if graphs else None)
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
