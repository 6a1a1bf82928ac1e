"""One network, any style: the code is what the network sees of a painting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from impasto.networks.styles import Styled, body_of, described_body
from impasto.networks.transport_net import TransportNet


class AnyStyle(Styled):
    """A network of transport, for any painting."""

    kind = "any"
    transformer: TransportNet

    def code(self, painting: Tensor, alpha: Tensor | None = None) -> Tensor:
        """`(B, D)`: the codes of paintings `(B, 3, H, W)` in [0, 1]; pixels count as `alpha` `(B, 1, H, W)` says."""
        return self.transformer.code(painting, alpha)

    def description(self) -> dict[str, Any]:
        """What `described` makes a network of the same shape from."""
        return described_body(self.transformer)

    @classmethod
    def described(cls, description: Mapping[str, Any]) -> AnyStyle:
        """A network as `description` told, with weights of its own."""
        body = body_of({"transport": description["transport"]})
        assert isinstance(body, TransportNet)
        return cls(body)
