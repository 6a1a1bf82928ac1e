"""One network, any style: the code is predicted from a painting (Ghiasi 2017), here from its features' statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from impasto.errors import UsageError
from impasto.networks.transformer import Styled, Transformer, TransformerSettings, whole

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
FLOOR = 1e-4
"""Added to variances before the logarithm: channels that are silent in a painting."""


class AnyStyle(Styled):
    """A transformer and a predictor of its code from the statistics of a painting in an encoder's layers.

    `size`: the length of the statistics' vector; `encoder`, `layers`, `pooling` and `weights` (a mark of the encoder's,
    "" if nobody knows) say what makes it, for whoever calls; `hidden`: the width of the predictor.
    """

    kind = "any"

    def __init__(
        self,
        transformer: Transformer,
        size: int,
        encoder: str = "lite",
        layers: Sequence[str] = LAYERS,
        hidden: int = 256,
        *,
        pooling: str = "max",
        weights: str = "",
    ) -> None:
        super().__init__(transformer)
        self.size, self.encoder, self.layers, self.hidden = size, encoder, tuple(layers), hidden
        self.pooling, self.weights = pooling, weights
        whole(self, size=(1, 65536), hidden=(1, 65536))
        last = nn.Linear(hidden, transformer.code_size)
        nn.init.normal_(last.weight, 0, 0.1 / hidden**0.5)  # every painting's code begins near the plain one
        last.bias = nn.Parameter(transformer.plain_code()[0])
        self.predictor = nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), last)
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))

    @staticmethod
    def statistics(features: Mapping[str, Tensor]) -> Tensor:
        """`(B, V)`: of each layer in the order of the names, the channels' means and the logarithms of their standard
        deviations."""
        parts = []
        for name in sorted(features):
            variance, mean = torch.var_mean(features[name].float(), dim=(2, 3), correction=0)
            parts += [mean, 0.5 * (variance + FLOOR).log()]
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def standardise(self, statistics: Tensor) -> None:
        """Have the predictor see its input relative to the mean and deviation of `statistics`, `(N, V)`, of many
        paintings."""
        spread, centre = torch.std_mean(statistics, dim=0, correction=0)
        cast(Tensor, self.centre).copy_(centre)
        cast(Tensor, self.spread).copy_(spread.clamp(min=FLOOR))

    @torch.no_grad()
    def begin_among(self, codes: Tensor) -> None:
        """Have the predictor, with weights as drawn, begin with mixtures of `codes`, `(N, D)`, of styles that the
        transformer knows: near their mean, and apart from it mostly in the directions in which they are."""
        last, middle = cast(nn.Linear, self.predictor[-1]), codes.mean(0)
        apart = (codes - middle) / len(codes) ** 0.5
        mixing = torch.randn(self.hidden, len(codes)).to(codes) / self.hidden**0.5
        last.bias.copy_(middle)
        last.weight.add_((mixing @ apart).T)

    def code(self, statistics: Tensor) -> Tensor:
        """`(B, D)`: the codes of the paintings with these `statistics`."""
        if statistics.ndim != 2 or statistics.shape[1] != self.size:
            raise UsageError(f"the statistics are {tuple(statistics.shape)}; expected (B, {self.size})")
        relative = (statistics - cast(Tensor, self.centre)) / cast(Tensor, self.spread)
        return self.predictor(relative)  # type: ignore[no-any-return]

    def description(self) -> dict[str, Any]:
        """What `described` makes a network of the same shape from."""
        names = ("size", "encoder", "hidden", "pooling", "weights")
        own = {name: getattr(self, name) for name in names} | {"layers": list(self.layers)}
        return {"transformer": vars(self.transformer.settings), **own}

    @classmethod
    def described(cls, description: Mapping[str, Any]) -> AnyStyle:
        """A network as `description` told, with weights of its own."""
        own = dict(description)
        return cls(Transformer(TransformerSettings(**own.pop("transformer"))), **own)
