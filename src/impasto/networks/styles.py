"""Networks with codes of styles: a table of codes for named styles, or the code of any style image.

The table of codes is that of Dumoulin, Shlens and Kudlur (2017).
"""

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
"""The network that maps an image and a code to an image."""


class Styled(nn.Module):
    """A body, and a method that returns codes for it."""

    def __init__(self, transformer: Body) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, image: Tensor, code: Tensor, masks: Tensor | None = None) -> Tensor:
        """Return the result of the body; see `Transformer.forward` and `TransportNet.forward`."""
        return self.transformer(image, code, masks)  # type: ignore[no-any-return]


class ManyStyles(Styled):
    """A network with a code for each of its named styles, at the start the body's plain code.

    Raises UsageError without styles, and for names that occur twice or are not text.

    >>> from impasto.networks import TransformerSettings
    >>> network = ManyStyles(Transformer(TransformerSettings(width=8, blocks=1)), ["starry", "wave"])
    >>> network.code({"starry": 0.7, "wave": 0.3}).shape == (1, network.transformer.code_size)
    True
    """

    kind = "style"

    def __init__(self, transformer: Body, styles: Sequence[str]) -> None:
        super().__init__(transformer)
        if not styles or len(set(styles)) < len(styles) or not all(isinstance(name, str) for name in styles):
            listing = ", ".join(map(str, styles)) or "none"
            raise UsageError(f"styles are {listing}; at least one is needed, and each with a name of its own")
        self.styles = tuple(styles)
        self.codes = nn.Parameter(torch.empty(len(styles), transformer.code_size))
        if not self.codes.is_meta:  # there, torch would import its compiler, in a second; a file has the codes
            with torch.no_grad():
                self.codes.copy_(transformer.plain_code())

    def code(self, shares: Mapping[str, float]) -> Tensor:
        """Return the mean of the codes of styles, weighted by their shares, `(1, code_size)`.

        Raises UsageError for unknown styles, and for shares that are negative, infinite or all 0.
        """
        rows_by_name = {name: k for k, name in enumerate(self.styles)}
        rows = [choose(rows_by_name, name, "style") for name in shares]
        total = sum(shares.values())
        if not all(share >= 0 for share in shares.values()) or not 0 < total < math.inf:
            listing = ", ".join(f"{name}={share:g}" for name, share in shares.items())
            raise UsageError(f"the shares of styles are {listing or 'none'}; allowed: from 0, and not all 0")
        weights = torch.tensor([share / total for share in shares.values()]).to(self.codes)
        return weights[None] @ self.codes[rows]

    def description(self) -> dict[str, Any]:
        """Return the settings of a network of the same shape, for `from_description`."""
        return {**body_description(self.transformer), "styles": list(self.styles)}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> ManyStyles:
        """Return a network with these settings and new weights; raises UsageError for invalid settings."""
        return cls(new_body(description), description["styles"])


class AnyStyle(Styled):
    """A network of transport with a code for any style image, computed from the image."""

    kind = "any"
    transformer: TransportNet

    def code(self, painting: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Return the codes `(B, code_size)` of style images `(B, 3, H, W)` in [0, 1].

        alpha: weights of pixels, `(B, 1, H, W)`, not all 0.
        """
        return self.transformer.code(painting, alpha)

    def description(self) -> dict[str, Any]:
        """Return the settings of a network of the same shape, for `from_description`."""
        return body_description(self.transformer)

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> AnyStyle:
        """Return a network with these settings and new weights; raises UsageError for invalid settings."""
        body = new_body({"transport": description["transport"]})
        assert isinstance(body, TransportNet)
        return cls(body)


def body_description(body: Body) -> dict[str, Any]:
    """Return the settings of a body, for `new_body` and for JSON.

    >>> from impasto.networks import TransformerSettings
    >>> body_description(Transformer(TransformerSettings(width=8)))["transformer"]["width"]
    8
    """
    name = "transport" if isinstance(body, TransportNet) else "transformer"
    return {name: {key: _as_lists(value) for key, value in vars(body.settings).items()}}


def new_body(description: Mapping[str, Any]) -> Body:
    """Return a body with the settings of `body_description` and new weights; raises UsageError for invalid settings."""
    if "transport" in description:
        return TransportNet(
            TransportSettings(**{key: _as_tuples(value) for key, value in description["transport"].items()})
        )
    return Transformer(TransformerSettings(**description["transformer"]))


def _as_lists(value: object) -> object:
    """Return a value with lists instead of tuples, as JSON returns it."""
    return [_as_lists(part) for part in value] if isinstance(value, list | tuple) else value


def _as_tuples(value: Any) -> Any:
    """Return a value with tuples instead of lists, as settings have it."""
    return tuple(_as_tuples(part) for part in value) if isinstance(value, list) else value
