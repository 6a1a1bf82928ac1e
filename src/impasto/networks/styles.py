"""A network for many styles: a table of codes (Dumoulin, Shlens and Kudlur 2017)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from impasto.errors import UsageError, choose
from impasto.networks.transformer import Transformer, TransformerSettings
from impasto.networks.transport_net import TransportNet
from impasto.networks.transport_parts import TransportSettings

Body = Transformer | TransportNet


class Styled(nn.Module):
    """A network with codes of styles; calls go to the network."""

    def __init__(self, transformer: Body) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, image: Tensor, code: Tensor, masks: Tensor | None = None) -> Tensor:
        """Run the network; see its own `forward`."""
        return self.transformer(image, code, masks)  # type: ignore[no-any-return]


class ManyStyles(Styled):
    """A network with a code for each of its named styles."""

    kind = "style"

    def __init__(self, transformer: Body, styles: Sequence[str]) -> None:
        super().__init__(transformer)
        if not styles or len(set(styles)) < len(styles) or not all(isinstance(name, str) for name in styles):
            told = ", ".join(map(str, styles)) or "none"
            raise UsageError(f"styles are {told}; at least one is needed, and each with a name of its own")
        self.styles = tuple(styles)
        self.codes = nn.Parameter(torch.empty(len(styles), transformer.code_size))
        with torch.no_grad():
            self.codes.copy_(transformer.plain_code())

    def code(self, shares: Mapping[str, float]) -> Tensor:
        """Return the mean of the codes of styles, weighted by their shares (at least 0, not all 0), `(1, D)`."""
        table = {name: k for k, name in enumerate(self.styles)}
        rows = [choose(table, name, "style") for name in shares]
        total = sum(shares.values())
        if not all(share >= 0 for share in shares.values()) or not 0 < total < math.inf:
            told = ", ".join(f"{name}={share:g}" for name, share in shares.items())
            raise UsageError(f"the shares of styles are {told or 'none'}; allowed: from 0, and not all 0")
        weights = torch.tensor([share / total for share in shares.values()]).to(self.codes)
        return weights[None] @ self.codes[rows]

    def description(self) -> dict[str, Any]:
        """Return the settings of a network of the same shape, for `described`."""
        return {**described_body(self.transformer), "styles": list(self.styles)}

    @classmethod
    def described(cls, description: Mapping[str, Any]) -> ManyStyles:
        """Return a network with these settings and new weights."""
        return cls(body_of(description), description["styles"])


def described_body(body: Body) -> dict[str, Any]:
    """Return the settings of a network of the same shape as `body`, for `body_of`."""
    name = "transport" if isinstance(body, TransportNet) else "transformer"
    return {name: {key: _listed(value) for key, value in vars(body.settings).items()}}


def body_of(description: Mapping[str, Any]) -> Body:
    """Return a network with these settings and new weights."""
    if "transport" in description:
        return TransportNet(
            TransportSettings(**{key: _fixed(value) for key, value in description["transport"].items()})
        )
    return Transformer(TransformerSettings(**description["transformer"]))


def _listed(value: object) -> object:
    """As JSON has it."""
    return [_listed(each) for each in value] if isinstance(value, list | tuple) else value


def _fixed(value: Any) -> Any:
    return tuple(_fixed(each) for each in value) if isinstance(value, list) else value
