"""A photograph painted in one pass of a trained network: in the style of a painting, or of several, or by regions.

The strength is a blend of pixels: `photo + strength (painted - photo)`. A code nearer to the plain one would be another
style, not the photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import Picture, Source, fitted_size, load, luminance, match_colors, resize, resized, with_luminance
from impasto.networks import Network, TextureNet, Transformer, TransportNet
from impasto.networks import load as load_network
from impasto.tasks import passes
from impasto.tasks.apply_options import ApplySettings
from impasto.tasks.codes import Coder, Style, find, shares_of
from impasto.tasks.layered import held, layered
from impasto.tasks.regions import Region, areas, parse_region
from impasto.tasks.rounds import in_rounds

Size = tuple[int, int]

WHOLE = 5e8
"""Passes of more bytes than these go layer by layer, however much memory there is: that takes as long."""

TILE = 256e6
"""Bytes of a tile's pass: large enough that borders cost little. (Layer by layer, strips take less.)"""

FAR = 1.2e9
"""Bytes of a tile's pass through a network of transport, which sees 216 pixels beyond each side: smaller tiles are
mostly borders. A whole picture may take twice as many."""

PICTURES = 2
"""Pictures in memory besides a pass and the photo: the result, and what is made of it when it is written."""

HIDDEN = 0.01
"""Share of a photo's statistics that all pixels have alike, the continued ones under alpha 0 among them. By the moments
of a few visible pixels alone, features elsewhere would grow from norm to norm until they are no numbers."""

STRIP = 256
"""Rows whose colours are put back at a time."""


def apply(
    photo: Source,
    network: Network | str | Path | None = None,
    style: Style = None,
    settings: ApplySettings | None = None,
    *,
    regions: Sequence[Region] = (),
) -> Tensor:
    """The photo painted in one pass: `(1, 3, H, W)` in [0, 1].

    `network`: one that is loaded, the name of one in the package, or a file; by default the one in the package that
    knows the style. `style`: a name, or a painting for an any-style network, or several with shares, as text
    ("starry=0.7,wave=0.3"), as a mapping or as pairs. Both take precedence over the settings'. `regions` are added to
    those of the settings; a weight is a region's own strength, up to 1. Without a style the rest stays as it is.
    """
    return painter(network, style, settings, regions=regions)(photo)


@dataclass(frozen=True, eq=False)
class Painter:
    """A network, and the codes of what it is to paint: ready for any number of photos.

    `codes` `(K, D)`: one for each of the `regions`, the last for the rest, whose strength is `rest`. A texture network
    has none: it paints from noise, and sees of a photo, unless it was trained to see it, nothing but the size.
    """

    network: Transformer | TransportNet | TextureNet
    codes: Tensor
    regions: tuple[Region, ...]
    settings: ApplySettings
    rest: float = 1.0

    def read(self, photo: Source) -> Picture:
        """The photo, at the size of the result."""
        found = load(photo)
        return resized(found, fitted_size(found.size, self.settings.size or max(found.size)))

    def __call__(self, photo: Source) -> Tensor:
        """The photo painted: `(1, 3, H, W)` in [0, 1]."""
        settings, picture = self.settings, self.read(photo)
        pixels, alpha = picture.pixels, _visible(picture)
        size = (pixels.shape[-2], pixels.shape[-1])
        masks, strengths = self._masks(size)
        painted = self._painted(pixels, masks, _counting(alpha)) if settings.strength else pixels.clone()
        _recolor(painted, pixels, alpha, settings)
        share: Tensor | float = settings.strength
        if masks is not None and any(strength != 1 for strength in strengths):
            share = share * torch.einsum("k,bkhw->bhw", torch.tensor(strengths), masks)[:, None]
        if not isinstance(share, float) or share < 1:
            painted.sub_(pixels).mul_(share).add_(pixels)
        return painted.clamp_(0, 1)

    def _painted(self, pixels: Tensor, masks: Tensor | None, alpha: Tensor | None) -> Tensor:
        size, settings = (pixels.shape[-2], pixels.shape[-1]), self.settings
        if isinstance(self.network, TextureNet):
            noise = self.network.noise(1, size, torch.Generator().manual_seed(settings.seed))
            home = next(self.network.parameters()).device
            with torch.inference_mode():
                shown = pixels.to(home) if self.network.settings.content else None
                made: Tensor = self.network([part.to(home) for part in noise], shown)
            return made.to(pixels.device, copy=True)
        code, network = self.codes if masks is None else self.codes[None], self.network
        side = self._side(network, size)
        if isinstance(network, TransportNet):
            return in_rounds(network, pixels, code, masks, side=side or 0, alpha=alpha)
        if side is None:
            return layered(network, pixels, code, masks, alpha)
        return passes.through(network, pixels, code, masks, side=side, thumbnail=settings.thumbnail, alpha=alpha)

    def _masks(self, size: Size) -> tuple[Tensor | None, list[float]]:
        """A mask for each code, `(1, K, H, W)`, that add up to 1, and the strength in each."""
        if not self.regions:
            return None, []
        found = areas((), self.regions, size, lambda _: Picture(torch.zeros(1, 3, 1, 1)))
        masks = torch.cat([resize(area.mask, size).clamp(0, 1) for area in found if area.mask is not None], 1)
        masks = torch.cat([masks, masks.new_zeros(1, len(self.codes) - len(found), *size)], 1)
        masks /= masks.sum(1, keepdim=True).clamp(min=1e-6)
        masks[:, -1:] += 1 - masks.sum(1, keepdim=True)  # the edges that are nobody's
        return masks, [*(region.weight for region in self.regions), self.rest]

    def _side(self, network: Transformer | TransportNet, size: Size) -> int | None:
        """The side of the tiles that were asked for, 0 for none. Otherwise 0 where a pass over the whole takes little,
        None, for layer by layer, where a transformer's fits so, and the side of tiles that do where it does not."""
        from impasto.tasks.memory import free_memory, parse_memory, resident  # noqa: PLC0415 (most have no need of it)

        if self.settings.tile is not None:
            return self.settings.tile
        pixels, home = size[0] * size[1], next(network.parameters()).device
        whole, pictures = pixels * passes.cost(network), PICTURES * 12.0 * pixels * (home.type == "cpu")
        tile, most = (FAR, 2 * FAR) if isinstance(network, TransportNet) else (TILE, WHOLE)
        if self.settings.memory is None and whole <= TILE:
            return 0
        if self.settings.memory is None:
            room = 0.8 * free_memory(home) - pictures
        else:
            room = parse_memory(self.settings.memory) - resident() - pictures
        least = (passes.LEAST + 2 * network.reach) ** 2 * passes.cost(network)
        if room < least:
            raise UsageError(
                f"a picture of {size[1]}x{size[0]} needs {(pictures + least) / 1e9:.1f} GB more than the process has; "
                "take a smaller --size, or allow more by --memory"
            )
        if whole <= min(most, room):
            return 0
        if isinstance(network, Transformer) and held(network) * pixels + TILE <= room:
            return None
        return passes.side_for(network, min(tile, room))


def painter(
    network: Network | str | Path | None = None,
    style: Style = None,
    settings: ApplySettings | None = None,
    *,
    regions: Sequence[Region] = (),
) -> Painter:
    """What paints photos as `apply` does, loaded once."""
    settings = settings or ApplySettings()
    style = settings.style if style is None else style
    wanted = (*regions, *(parse_region(text) for text in settings.region))
    for region in wanted:
        if region.style_mask is not None or not 0 <= region.weight <= 1:
            raise UsageError("a region of apply is MASK:STYLE[:STRENGTH], the strength from 0 to 1")
    if network is None or isinstance(network, str | Path):
        every = [name for asked in (style, *(region.style for region in wanted)) for name, _ in shares_of(asked)]
        network = load_network(find(settings.network if network is None else network, every))
        network.to(_device(settings.device))
    if isinstance(network, TextureNet):
        if style is not None or wanted:
            raise UsageError("a texture network has one style and no regions; take --seed for another picture of it")
        return Painter(network, torch.empty(0), (), settings)
    coder, named = Coder(network, settings.style_size), style is not None or not wanted
    codes = [coder(asked) for asked in (*(region.style for region in wanted), style if named else wanted[0].style)]
    return Painter(network.transformer, torch.cat(codes), wanted, settings, rest=float(named))


def _visible(picture: Picture) -> Tensor | None:
    """How far pixels are visible; None where all are, and where none is: nobody will see the result either."""
    return None if picture.alpha is None or not float(picture.alpha.max()) > 0 else picture.alpha


def _counting(alpha: Tensor | None) -> Tensor | None:
    """How much pixels count in the statistics of a network."""
    return None if alpha is None else (1 - HIDDEN) * alpha + HIDDEN * alpha.mean()


def _recolor(painted: Tensor, photo: Tensor, alpha: Tensor | None, settings: ApplySettings) -> None:
    """Give `painted` the colours it is to have, in place; strip by strip where pixels do not depend on each other."""
    if settings.keep_color != "no":
        for rows in (slice(top, top + STRIP) for top in range(0, painted.shape[-2], STRIP)):
            light = luminance(painted[..., rows, :], settings.keep_color)
            painted[..., rows, :] = with_luminance(photo[..., rows, :], light, settings.keep_color)
    if settings.match_colors != "no":
        painted.copy_(match_colors(painted, photo, settings.match_colors, alpha, alpha))


def _device(name: str) -> torch.device:
    from impasto.tasks.common import device_of  # noqa: PLC0415 (it imports all that runs need)
    from impasto.tasks.options import SynthesisSettings  # noqa: PLC0415

    if name == "cpu" or (name == "auto" and not (torch.cuda.is_available() or torch.backends.mps.is_available())):
        return torch.device("cpu")
    return device_of(SynthesisSettings(device=name))
