"""Style transfer in one pass of a trained network: in one style, in a mixture of styles, or by regions.

The strength blends pixels: `photo + strength (painted - photo)`. A code nearer to the plain one would be another style,
not the photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import (
    Picture,
    Size,
    Source,
    fitted_size,
    load,
    luminance,
    match_colors,
    resize,
    resized,
    size_of,
    with_luminance,
)
from impasto.networks import Network, TextureNet, Transformer, TransportNet, tiled
from impasto.networks import load as load_network
from impasto.networks.layered import held, layered
from impasto.networks.rounds import in_rounds
from impasto.networks.style_request import Coder, StyleRequest, find, shares_of
from impasto.settings.apply import ApplySettings
from impasto.tasks.scene.areas import areas_of_regions
from impasto.tasks.scene.regions import Region, parse_region

WHOLE_BYTES = 5e8
"""Bytes from which a pass goes layer by layer, whatever the free memory: it takes the same time."""

TILE_BYTES = 256e6
"""Bytes of the pass of a tile: large enough that halos cost little. (Layer by layer, strips take less.)"""

TRANSPORT_TILE_BYTES = 1.6e9
"""Bytes of the pass of a tile through a network of transport: its halo is 232 pixels wide, and smaller tiles are mostly
halo. A whole picture may take twice as many."""

IMAGES = 2
"""Images in memory beside the pass and the photo: the result, and a copy for writing. A network of transport also has
the photo with its margin."""

HIDDEN = 0.01
"""Share of a photo's statistics that is the mean over all pixels, transparent ones included.

With the moments of a few visible pixels alone, features elsewhere would grow from norm to norm until they overflow."""

STRIP = 256
"""Number of rows whose colours are restored at a time."""


def apply(
    photo: Source,
    network: Network | str | Path | None = None,
    style: StyleRequest = None,
    settings: ApplySettings | None = None,
    *,
    regions: Sequence[Region] = (),
) -> Tensor:
    """Return the photo in a style, `(1, 3, H, W)`, sRGB in [0, 1].

    network: a loaded network, the name of one in the package, or a file; by default one in the package with the style.
    style: a name, a style image for an any-style network, or several with shares, as text ("starry=0.7,wave=0.3"), as a
    mapping or as pairs.
    regions: added to those of the settings; the weight of a region is its own strength, up to 1.

    Network and style take precedence over those of the settings. Without a style the rest of the photo stays. Raises
    UsageError for unknown styles and networks, and for files that cannot be read.

    >>> import impasto
    >>> settings = impasto.ApplySettings(size=64)
    >>> image = impasto.apply("sample:chelsea", style="starry=0.7,wave=0.3", settings=settings)
    >>> image.shape
    torch.Size([1, 3, 43, 64])
    """
    return painter(network, style, settings, regions=regions)(photo)


@dataclass(frozen=True, eq=False)
class Painter:
    """A network and the codes of styles, for any number of photos.

    `codes` `(K, D)`: one for each of the `regions`, and one for the rest, whose strength is `rest`. A texture network
    has no codes: it paints from noise, and uses only the size of a photo, unless it was trained with photos.
    """

    network: Transformer | TransportNet | TextureNet
    codes: Tensor
    regions: tuple[Region, ...]
    settings: ApplySettings
    rest: float = 1.0

    def read(self, photo: Source) -> Picture:
        """Read the photo at the size of the result."""
        found = load(photo)
        return resized(found, fitted_size(found.size, self.settings.size or max(found.size)))

    def __call__(self, photo: Source) -> Tensor:
        """Return the photo in the style, `(1, 3, H, W)` in [0, 1]."""
        settings, picture = self.settings, self.read(photo)
        pixels, alpha = picture.pixels, _visible(picture)
        size = size_of(pixels)
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
        size, settings = size_of(pixels), self.settings
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
        return tiled.through(network, pixels, code, masks, side=side, thumbnail=settings.thumbnail, alpha=alpha)

    def _masks(self, size: Size) -> tuple[Tensor | None, list[float]]:
        """Return a mask for each code, `(1, K, H, W)` with a sum of 1, and the strength of each."""
        if not self.regions:
            return None, []
        found = areas_of_regions((), self.regions, size, lambda _: Picture(torch.zeros(1, 3, 1, 1)))
        masks = torch.cat([resize(area.mask, size).clamp(0, 1) for area in found if area.mask is not None], 1)
        masks = torch.cat([masks, masks.new_zeros(1, len(self.codes) - len(found), *size)], 1)
        masks /= masks.sum(1, keepdim=True).clamp(min=1e-6)
        masks[:, -1:] += 1 - masks.sum(1, keepdim=True)  # edges between masks belong to the rest
        return masks, [*(region.weight for region in self.regions), self.rest]

    def _side(self, network: Transformer | TransportNet, size: Size) -> int | None:
        """Return the side of tiles: that of the settings, or the fastest that fits into memory.

        0 is a whole pass, None a pass layer by layer, which only transformers have.
        """
        from impasto.tasks.tiling.memory import free_memory, parse_memory, resident  # noqa: PLC0415 (most have no need of it)

        if self.settings.tile is not None:
            return self.settings.tile
        pixels, home = size[0] * size[1], next(network.parameters()).device
        images = IMAGES + isinstance(network, TransportNet)
        whole, pictures = pixels * tiled.cost(network), images * 12.0 * pixels * (home.type == "cpu")
        tile, most = TILE_BYTES, WHOLE_BYTES
        if isinstance(network, TransportNet):
            tile, most = TRANSPORT_TILE_BYTES, 2 * TRANSPORT_TILE_BYTES
        if self.settings.memory is None and whole <= TILE_BYTES:
            return 0
        if self.settings.memory is None:
            budget = 0.8 * free_memory(home) - pictures
        else:
            budget = parse_memory(self.settings.memory) - resident() - pictures
        least = (tiled.LEAST + 2 * network.reach) ** 2 * tiled.cost(network)
        if budget < least:
            raise UsageError(
                f"a picture of {size[1]}x{size[0]} needs {(pictures + least) / 1e9:.1f} GB more than the process has; "
                "take a smaller --size, or allow more by --memory"
            )
        if whole <= min(most, budget):
            return 0
        if isinstance(network, Transformer) and held(network) * pixels + TILE_BYTES <= budget:
            return None
        return tiled.side_for(network, min(tile, budget))


def painter(
    network: Network | str | Path | None = None,
    style: StyleRequest = None,
    settings: ApplySettings | None = None,
    *,
    regions: Sequence[Region] = (),
) -> Painter:
    """Return a function that paints photos as `apply` does, with the network loaded once."""
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
    """Return the alpha of a picture; None where all pixels are visible, or none: nobody sees the result either."""
    return None if picture.alpha is None or not float(picture.alpha.max()) > 0 else picture.alpha


def _counting(alpha: Tensor | None) -> Tensor | None:
    """Return the weight of each pixel in the statistics of a network."""
    return None if alpha is None else (1 - HIDDEN) * alpha + HIDDEN * alpha.mean()


def _recolor(painted: Tensor, photo: Tensor, alpha: Tensor | None, settings: ApplySettings) -> None:
    """Change the colours of `painted` in place, strip by strip where pixels are independent."""
    if settings.keep_color != "no":
        for rows in (slice(top, top + STRIP) for top in range(0, painted.shape[-2], STRIP)):
            light = luminance(painted[..., rows, :], settings.keep_color)
            painted[..., rows, :] = with_luminance(photo[..., rows, :], light, settings.keep_color)
    if settings.match_colors != "no":
        painted.copy_(match_colors(painted, photo, settings.match_colors, alpha, alpha))


def _device(name: str) -> torch.device:
    from impasto.settings.synthesis import SynthesisSettings  # noqa: PLC0415
    from impasto.tasks.run.device import device_of  # noqa: PLC0415 (it imports all that runs need)

    if name == "cpu" or (name == "auto" and not (torch.cuda.is_available() or torch.backends.mps.is_available())):
        return torch.device("cpu")
    return device_of(SynthesisSettings(device=name))
