"""Style transfer in one pass of a trained network: in one style, in a mixture of styles, or by regions.

The strength blends pixels: `photo + strength (result - photo)`. Codes cannot do this: a code between that of the style
and the plain code is the code of another style, not of the photo.
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
from impasto.settings.editing import ApplySettings
from impasto.tasks.scene.areas import areas_of_regions
from impasto.tasks.scene.regions import Region, parse_region

WHOLE_BYTES = 5e8
"""Bytes of a whole pass above which the pass goes layer by layer, even where memory is free: the time is the same."""

TILE_BYTES = 256e6
"""Bytes of the pass of a tile: large enough that halos cost little. The strips of a pass layer by layer take less."""

TRANSPORT_TILE_BYTES = 1.6e9
"""Bytes of the pass of a tile through a transport network; a whole picture may take twice as many.

The halo is 232 pixels wide, so smaller tiles are mostly halo."""

IMAGES = 2
"""Number of images in memory beside the pass and the photo: the result, and a copy for writing. A transport network
also needs the photo with its margin."""

HIDDEN = 0.01
"""Least weight of transparent pixels in the instance statistics, over the mean alpha.

With the statistics of a few visible pixels alone, features elsewhere would grow from norm to norm until they
overflow."""

STRIP = 256
"""Number of rows whose colours are changed at a time."""


def apply(
    photo: Source,
    network: Network | str | Path | None = None,
    style: StyleRequest = None,
    settings: ApplySettings | None = None,
    *,
    regions: Sequence[Region] = (),
) -> Tensor:
    """Return the photo in a style, `(1, 3, H, W)`, sRGB in [0, 1].

    photo: a file, a `sample:` name, a tensor `(3, H, W)` in [0, 1], an array or a PIL image.
    network: a loaded network, the name of one in the package, or a file; by default one in the package with the style.
    style: a name, a style image for an any-style network, or several with shares, as text ("starry=0.7,wave=0.3"), as a
    mapping or as pairs.
    regions: added to those of the settings; the weight of a region is its strength, from 0 to 1.

    Network and style override those of the settings. With regions and without a style, the rest of the photo does not
    change. Raises UsageError for unknown styles and networks, for inputs that cannot be read, and for a picture that
    does not fit into the memory.

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

    codes: `(K, D)`, one for each region, and one for the rest of the photo. A texture network has none: its input is
    noise of the photo's size, and the photo itself if the network was trained with photos.
    regions: the regions, without the rest.
    rest: the strength of the rest of the photo.
    """

    network: Transformer | TransportNet | TextureNet
    codes: Tensor
    regions: tuple[Region, ...]
    settings: ApplySettings
    rest: float = 1.0

    def read(self, photo: Source) -> Picture:
        """Read the photo at the size of the result."""
        picture = load(photo)
        return resized(picture, fitted_size(picture.size, self.settings.size or max(picture.size)))

    def __call__(self, photo: Source) -> Tensor:
        """Return the photo in the style, `(1, 3, H, W)` in [0, 1]."""
        settings, picture = self.settings, self.read(photo)
        pixels, alpha = picture.pixels, _visible(picture)
        size = size_of(pixels)
        masks, strengths = self._masks(size)
        result = self._network_pass(pixels, masks, _pixel_weights(alpha)) if settings.strength else pixels.clone()
        _recolor(result, pixels, alpha, settings)
        share: Tensor | float = settings.strength
        if masks is not None and any(strength != 1 for strength in strengths):
            share = share * torch.einsum("k,bkhw->bhw", torch.tensor(strengths), masks)[:, None]
        if not isinstance(share, float) or share < 1:
            result.sub_(pixels).mul_(share).add_(pixels)
        return result.clamp_(0, 1)

    def _network_pass(self, pixels: Tensor, masks: Tensor | None, alpha: Tensor | None) -> Tensor:
        size, settings = size_of(pixels), self.settings
        if isinstance(self.network, TextureNet):
            noise = self.network.noise(1, size, torch.Generator().manual_seed(settings.seed))
            device = next(self.network.parameters()).device
            with torch.inference_mode():
                content = pixels.to(device) if self.network.settings.content else None
                texture: Tensor = self.network([part.to(device) for part in noise], content)
            return texture.to(pixels.device, copy=True)
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
        areas = areas_of_regions((), self.regions, size, lambda _: Picture(torch.zeros(1, 3, 1, 1)))
        masks = torch.cat([resize(area.mask, size).clamp(0, 1) for area in areas if area.mask is not None], 1)
        masks = torch.cat([masks, masks.new_zeros(1, len(self.codes) - len(areas), *size)], 1)
        masks /= masks.sum(1, keepdim=True).clamp(min=1e-6)
        masks[:, -1:] += 1 - masks.sum(1, keepdim=True)  # gaps between masks belong to the rest
        return masks, [*(region.weight for region in self.regions), self.rest]

    def _side(self, network: Transformer | TransportNet, size: Size) -> int | None:
        """Return the side of tiles: from the settings, or the fastest one that fits into the memory.

        0 is a whole pass, None a pass layer by layer, which only transformers have. Raises UsageError where no tile
        fits.
        """
        from impasto.tasks.tiling.memory import free_memory, parse_memory, resident  # noqa: PLC0415 (not needed with --tile)

        if self.settings.tile is not None:
            return self.settings.tile
        pixels, device = size[0] * size[1], next(network.parameters()).device
        images = IMAGES + isinstance(network, TransportNet)
        whole, pictures = pixels * tiled.cost(network), images * 12.0 * pixels * (device.type == "cpu")
        tile, most = TILE_BYTES, WHOLE_BYTES
        if isinstance(network, TransportNet):
            tile, most = TRANSPORT_TILE_BYTES, 2 * TRANSPORT_TILE_BYTES
        if self.settings.memory is None and whole <= TILE_BYTES:
            return 0
        if self.settings.memory is None:
            budget = 0.8 * free_memory(device) - pictures
        else:
            budget = parse_memory(self.settings.memory) - resident() - pictures
        least = (tiled.LEAST + 2 * network.reach) ** 2 * tiled.cost(network)
        if budget < least:
            raise UsageError(
                f"a picture of {size[1]}x{size[0]} needs {(pictures + least) / 1e9:.1f} GB more than the process has; "
                "give a smaller --size, or a larger --memory"
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
    """Return a function that paints photos like `apply`, but loads the network once.

    Raises UsageError as `apply` does, and for a style or regions of a texture network.
    """
    settings = settings or ApplySettings()
    style = settings.style if style is None else style
    regions = (*regions, *(parse_region(text) for text in settings.region))
    for region in regions:
        if region.style_mask is not None or not 0 <= region.weight <= 1:
            raise UsageError("a region of apply is MASK:STYLE[:STRENGTH], the strength from 0 to 1")
    if network is None or isinstance(network, str | Path):
        requests = (style, *(region.style for region in regions))
        names = [name for request in requests for name, _ in shares_of(request)]
        network = load_network(find(settings.network if network is None else network, names))
        network.to(_device(settings.device))
    if isinstance(network, TextureNet):
        if style is not None or regions:
            raise UsageError("a texture network has one style and no regions; give another --seed for another picture")
        return Painter(network, torch.empty(0), (), settings)
    coder, has_rest = Coder(network, settings.style_size), style is not None or not regions
    styles = (*(region.style for region in regions), style if has_rest else regions[0].style)
    codes = [coder(request) for request in styles]
    return Painter(network.transformer, torch.cat(codes), regions, settings, rest=float(has_rest))


def _visible(picture: Picture) -> Tensor | None:
    """Return the alpha of a picture; None where all pixels are visible, and where none is."""
    return None if picture.alpha is None or not float(picture.alpha.max()) > 0 else picture.alpha


def _pixel_weights(alpha: Tensor | None) -> Tensor | None:
    """Return the weight of each pixel in the instance statistics of a network."""
    return None if alpha is None else (1 - HIDDEN) * alpha + HIDDEN * alpha.mean()


def _recolor(result: Tensor, photo: Tensor, alpha: Tensor | None, settings: ApplySettings) -> None:
    """Change the colours of the result in place, strip by strip where pixels are independent."""
    if settings.keep_color != "no":
        for rows in (slice(top, top + STRIP) for top in range(0, result.shape[-2], STRIP)):
            light = luminance(result[..., rows, :], settings.keep_color)
            result[..., rows, :] = with_luminance(photo[..., rows, :], light, settings.keep_color)
    if settings.match_colors != "no":
        result.copy_(match_colors(result, photo, settings.match_colors, alpha, alpha))


def _device(name: str) -> torch.device:
    from impasto.settings.synthesis import SynthesisSettings  # noqa: PLC0415
    from impasto.tasks.run.device import device_of  # noqa: PLC0415 (imports everything that a run needs)

    if name == "cpu" or (name == "auto" and not (torch.cuda.is_available() or torch.backends.mps.is_available())):
        return torch.device("cpu")
    return device_of(SynthesisSettings(device=name))
