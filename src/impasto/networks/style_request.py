"""Style requests of a user: the network that serves a request, and its code."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from impasto.errors import UsageError, choose, nearest
from impasto.image import Picture, Source, fitted_size, load, resized
from impasto.image.schemes import parse
from impasto.networks.checkpoint import describe, shipped
from impasto.networks.inputs import SMALLEST
from impasto.networks.styles import AnyStyle, ManyStyles

if TYPE_CHECKING:
    from importlib.abc import Traversable

StyleRequest = Source | Mapping[str, float] | Sequence[tuple[Source, float]] | None
"""One style, or several with their shares: names for a many-style network, paintings for an any-style network."""

Shares = list[tuple[Source, float]]
"""Styles with shares that add up to 1."""

NO_NETWORK = "no network in the package is fit for this; name the file of one by --network"


def shares_of(style: StyleRequest) -> Shares:
    """Return styles with their shares, empty for None. Raises UsageError for shares that are negative or all 0.

    >>> shares_of("starry=3,wave=1")
    [('starry', 0.75), ('wave', 0.25)]
    >>> shares_of("starry=0.4,wave,ink")
    [('starry', 0.4), ('wave', 0.3), ('ink', 0.3)]
    """
    if style is None:
        return []
    if isinstance(style, str):
        pairs = _parse_shares(style)
    elif isinstance(style, Mapping):
        pairs = list(style.items())
    elif isinstance(style, list | tuple):
        pairs = list(style)
    else:
        pairs = [(style, 1.0)]  # type: ignore[list-item]
    total = sum(share for _, share in pairs)
    if not all(0 <= share < math.inf for _, share in pairs) or not total > 0:
        listing = ", ".join(f"{share:g}" for _, share in pairs)
        raise UsageError(f"the shares of the styles are {listing or 'none'}; expected numbers from 0, not all 0")
    return [(name, share / total) for name, share in pairs if share]


def _parse_shares(text: str) -> Shares:
    """Parse `starry=0.7,wave=0.3`; names without a share have equal parts of the rest of 1."""
    pairs = [_parse_share(part.strip()) for part in (text.split(",") if _is_list(text) else [text])]
    without_share = [name for name, share in pairs if share is None]
    rest = 1 - sum(share for _, share in pairs if share is not None)
    if without_share and rest <= 0:
        raise UsageError(f"the shares in '{text}' leave nothing for {without_share[0]}")
    return [(name, rest / len(without_share) if share is None else share) for name, share in pairs]


def _is_list(text: str) -> bool:
    """Return whether commas separate styles; the name of a file and the source of a blend may have some, too."""
    return not text.startswith("blend:") and not _is_file(text)


def _parse_share(part: str) -> tuple[str, float | None]:
    """Parse `starry=0.7`, or `starry` without a share."""
    name, sign, share = part.rpartition("=")
    query = name.rpartition("?")[2] if "?" in name else "="
    if not sign or _is_file(part) or "=" not in query:  # this sign belongs to an option of the source
        name, share = part, ""
    if not name:
        raise UsageError(f"'{part}' is no style; write for example starry, or starry=0.7,wave=0.3")
    if not share:
        return name, None
    try:
        return name, float(share)
    except ValueError:
        raise UsageError(f"'{part}' does not end in a share; write for example {name}=0.5") from None


def _is_file(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False


def find(network: str | Path | None, styles: Sequence[Source]) -> Path | Traversable:
    """Return the file of a network: of the package by its name, or another file by its path.

    Without a name, return the first network in the package that has all these `styles`, or the network for any style if
    they are pictures. Raises UsageError if no network has the name or the styles.

    >>> find(None, ["starry", "wave"]).name
    'styles.safetensors'
    >>> find(None, ["sample:flow"]).name
    'any.safetensors'
    """
    packaged = shipped()
    if network is not None:
        path = Path(network)
        if str(network) in packaged:
            return packaged[str(network)]
        if not path.suffix and not path.exists():
            choose(packaged, str(network), "network")
        return path
    about = {name: describe(file) for name, file in packaged.items()}
    tables = {name: entry["settings"]["styles"] for name, entry in about.items() if entry["kind"] == "style"}
    names = [style for table in tables.values() for style in table]
    if not styles:
        raise UsageError(f"no style is named; there are {', '.join(names)}" if names else NO_NETWORK)
    for name, table in tables.items():
        if all(style in table for style in styles):
            return packaged[name]
    for style in styles:
        if isinstance(style, str) and names and style not in names and not _is_file(style) and parse(style) is None:
            hint = nearest(style, names)
            raise UsageError(f"'{style}' is no picture, and no style{hint}; there are {', '.join(names)}")
    if matches := [style for style in styles if isinstance(style, str) and style in names and not _is_file(style)]:
        other = [str(style) for style in styles if style is not matches[0]][-1]
        raise UsageError(
            f"no network has the style '{matches[0]}' beside '{other}'; mix styles of one network, or paintings alone"
        )
    for name, entry in about.items():
        if entry["kind"] == "any":
            return packaged[name]
    raise UsageError(NO_NETWORK)


class Coder:
    """A function from a style request to its code for one network.

    size: longer side of a painting at which its code is computed, in pixels.

    >>> from impasto.networks import load as load_network
    >>> coder = Coder(load_network(find(None, ["starry"])))
    >>> coder("starry=0.7,wave=0.3").shape
    torch.Size([1, 6083])
    """

    def __init__(self, network: ManyStyles | AnyStyle, size: int = 512) -> None:
        self.network, self.size = network, size

    def __call__(self, style: StyleRequest) -> Tensor:
        """Return the code of `style`, or the mixture of codes by their shares, `(1, code_size)`.

        Raises UsageError for styles that the network does not have, and for paintings that cannot be read or are too
        small.
        """
        shares = shares_of(style)
        if isinstance(self.network, ManyStyles):
            return self._named_code(self.network, shares)
        if not shares:
            raise UsageError("an any-style network needs a painting as its style")
        with torch.inference_mode():
            codes = [share * self._painting_code(self.painting(painting)) for painting, share in shares]
            return torch.stack(codes).sum(0)

    def painting(self, source: Source) -> Picture:
        """Return a painting at the size at which its code is computed; raises UsageError if it is too small."""
        picture = load(source)
        picture.check_visible()
        small = resized(picture, fitted_size(picture.size, self.size))
        if min(small.size) < SMALLEST:
            name, shape = picture.source, f"{small.size[1]}x{small.size[0]}"
            raise UsageError(
                f"the painting '{name}' comes out at {shape} px, but networks need at least {SMALLEST} px a side"
            )
        return small

    def _painting_code(self, painting: Picture) -> Tensor:
        assert isinstance(self.network, AnyStyle)
        device = next(self.network.parameters()).device
        alpha = None if painting.alpha is None else painting.alpha.to(device)
        return self.network.code(painting.pixels.to(device), alpha)

    @staticmethod
    def _named_code(network: ManyStyles, shares: Shares) -> Tensor:
        if not shares and len(network.styles) > 1:
            raise UsageError(f"no style is named; the network has {', '.join(network.styles)}")
        sums: dict[str, float] = {} if shares else {network.styles[0]: 1.0}
        for name, share in shares:
            if not isinstance(name, str):
                raise UsageError(
                    f"this network has styles of its own, {', '.join(network.styles)}; it takes no painting"
                )
            sums[name] = sums.get(name, 0.0) + share
        with torch.inference_mode():
            return network.code(sums)
