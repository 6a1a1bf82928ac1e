"""A network for any style: the code is computed from the style image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from impasto.networks.styles import Styled, body_of, described_body
from impasto.networks.transport_net import TransportNet


class AnyStyle(Styled):
    """A network of transport, for any style image."""

    kind = "any"
    transformer: TransportNet

    def code(self, painting: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Return the codes `(B, D)` of style images `(B, 3, H, W)` in [0, 1]; pixels are weighted by `alpha`."""
        return self.transformer.code(painting, alpha)

    def description(self) -> dict[str, Any]:
        """Return the settings of a network of the same shape, for `described`."""
        return described_body(self.transformer)

    @classmethod
    def described(cls, description: Mapping[str, Any]) -> AnyStyle:
        """Return a network with these settings and new weights."""
        body = body_of({"transport": description["transport"]})
        assert isinstance(body, TransportNet)
        return cls(body)
