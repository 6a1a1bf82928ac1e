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
"""One style, or several with their shares: names for a many-style network, paintings for an any-style one."""

Shares = list[tuple[Source, float]]
"""Styles, and shares that add up to 1."""

NOTHING = "no network in the package is fit for this; name the file of one by --network"


def shares_of(style: StyleRequest) -> Shares:
    """Return styles with their shares, empty for None. Raises UsageError for invalid shares."""
    if style is None:
        return []
    if isinstance(style, str):
        pairs = _parsed(style)
    elif isinstance(style, Mapping):
        pairs = list(style.items())
    elif isinstance(style, list | tuple):
        pairs = list(style)
    else:
        pairs = [(style, 1.0)]  # type: ignore[list-item]
    total = sum(share for _, share in pairs)
    if not all(0 <= share < math.inf for _, share in pairs) or not total > 0:
        told = ", ".join(f"{share:g}" for _, share in pairs)
        raise UsageError(f"the shares of the styles are {told or 'none'}; expected numbers from 0, not all 0")
    return [(name, share / total) for name, share in pairs if share]


def _parsed(text: str) -> Shares:
    """Parse `starry=0.7,wave=0.3`; names without a share have equal parts of the rest of 1."""
    found = [_pair(part.strip()) for part in (text.split(",") if _is_list(text) else [text])]
    open_ones = [name for name, share in found if share is None]
    rest = 1 - sum(share for _, share in found if share is not None)
    if open_ones and rest <= 0:
        raise UsageError(f"the shares in '{text}' leave nothing for {open_ones[0]}")
    return [(name, rest / len(open_ones) if share is None else share) for name, share in found]


def _is_list(text: str) -> bool:
    """Return whether commas separate styles; they may also belong to a file's name, or to a blend's two pictures."""
    return not text.startswith("blend:") and not _is_file(text)


def _pair(part: str) -> tuple[str, float | None]:
    name, sign, share = part.rpartition("=")
    query = name.rpartition("?")[2] if "?" in name else "="
    if not sign or _is_file(part) or "=" not in query:  # the last one is an option of the source itself
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

    Without a name: the first one in the package that has all these `styles`, or takes them from pictures.
    """
    known = shipped()
    if network is not None:
        path = Path(network)
        if str(network) in known:
            return known[str(network)]
        if not path.suffix and not path.exists():
            choose(known, str(network), "network")
        return path
    about = {name: describe(file) for name, file in known.items()}
    tables = {name: found["settings"]["styles"] for name, found in about.items() if found["kind"] == "style"}
    every = [style for table in tables.values() for style in table]
    if not styles:
        raise UsageError(f"no style is named; there are {', '.join(every)}" if every else NOTHING)
    for name, table in tables.items():
        if all(style in table for style in styles):
            return known[name]
    for style in styles:
        if isinstance(style, str) and every and style not in every and not _is_file(style) and parse(style) is None:
            hint = nearest(style, every)
            raise UsageError(f"'{style}' is no picture, and no style{hint}; there are {', '.join(every)}")
    if own := [style for style in styles if isinstance(style, str) and style in every and not _is_file(style)]:
        others = [str(style) for style in styles if style is not own[0]]
        raise UsageError(
            f"no network has the style '{own[0]}' beside '{others[-1]}'; mix styles of one network, or paintings alone"
        )
    for name, found in about.items():
        if found["kind"] == "any":
            return known[name]
    raise UsageError(NOTHING)


class Coder:
    """Computes the codes of the styles of one network."""

    def __init__(self, network: ManyStyles | AnyStyle, size: int = 512) -> None:
        self.network, self.size = network, size

    def __call__(self, style: StyleRequest) -> Tensor:
        """Return the code of `style`, or the mixture of codes, `(1, D)`."""
        shares = shares_of(style)
        if isinstance(self.network, ManyStyles):
            return self._known(self.network, shares)
        if not shares:
            raise UsageError("an any-style network needs a painting to paint after")
        with torch.inference_mode():
            codes = [share * self._code(self.painting(painting)) for painting, share in shares]
            return torch.stack(codes).sum(0)

    def painting(self, source: Source) -> Picture:
        """Return a painting at the size at which its code is computed."""
        picture = load(source)
        picture.check_visible()
        shown = resized(picture, fitted_size(picture.size, self.size))
        if min(shown.size) < SMALLEST:
            shape = f"{shown.size[1]}x{shown.size[0]}"
            raise UsageError(
                f"the painting '{picture.source}' comes out at {shape} px; at least {SMALLEST} a side are seen"
            )
        return shown

    def _code(self, painting: Picture) -> Tensor:
        assert isinstance(self.network, AnyStyle)
        home = next(self.network.parameters()).device
        alpha = None if painting.alpha is None else painting.alpha.to(home)
        return self.network.code(painting.pixels.to(home), alpha)

    @staticmethod
    def _known(network: ManyStyles, shares: Shares) -> Tensor:
        if not shares and len(network.styles) > 1:
            raise UsageError(f"no style is named; the network has {', '.join(network.styles)}")
        named: dict[str, float] = {} if shares else {network.styles[0]: 1.0}
        for name, share in shares:
            if not isinstance(name, str):
                raise UsageError(
                    f"this network has styles of its own, {', '.join(network.styles)}; it takes no painting"
                )
            named[name] = named.get(name, 0.0) + share
        with torch.inference_mode():
            return network.code(named)
