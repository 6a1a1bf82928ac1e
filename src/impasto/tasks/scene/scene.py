"""The scene of `stylize`: content image and style images, read and recoloured once, and returned at any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.encoders import Encoder
from impasto.image import Picture, Size, Source, fitted_size, size_of
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.scene import coloring
from impasto.tasks.scene.areas import Area, areas_at_size, read_areas, resize_clamped, style_image_size, visible_areas
from impasto.tasks.scene.matching import SIDE, matched
from impasto.tasks.scene.reading import content_opener, full_size, style_opener
from impasto.tasks.scene.regions import Region, StyleSource


class View(NamedTuple):
    """A scene at one size: the content image `(1, 3, H, W)`, its areas, and the matched parts of the areas."""

    content: Tensor
    areas: list[Area]
    parts: list[Area]

    @property
    def images(self) -> list[Tensor]:
        """The content image and the style images of all areas."""
        return [self.content, *(style_image.pixels for area in self.areas for style_image in area.style_images)]


@dataclass(frozen=True, eq=False)
class Scene:
    """The content image and its areas.

    areas: the areas, whose style images have the colours of the losses.
    style: the first style image in its own colours.
    size: the (height, width) of the result.
    matcher: the network that splits areas into matched parts (see `matching.py`), or None for no parts.
    """

    settings: StylizeSettings
    content: Picture
    style: Tensor
    areas: list[Area]
    size: Size
    matcher: Encoder | None = None

    @property
    def style_sizes(self) -> list[Size]:
        """The (height, width) of every style image for a result of full size."""
        scale = self.settings.style_scale
        return [
            style_image_size(style_image, self.size, scale) for area in self.areas for style_image in area.style_images
        ]

    def at(self, size: Size, device: torch.device) -> View:
        """Return the scene for a result of `size`, on the device."""
        content = (
            self.working_image(resize_clamped(self.content.pixels, size, self.content.alpha))
            .expand(-1, 3, -1, -1)
            .to(device)
        )
        areas, count = areas_at_size([*self.areas, *self.parts], size, self.settings, device), len(self.areas)
        return View(content, areas[:count], areas[count:])

    @cached_property
    def parts(self) -> list[Area]:
        """The matched parts of all areas, computed at a small size."""
        if self.matcher is None:
            return []
        content, size = self.recolor_content(1.0), fitted_size(self.size, min(SIDE, max(self.size)))
        like = resize_clamped(self.working_image(content).expand(-1, 3, -1, -1), size, self.content.alpha)
        return matched(self.areas, like, self.matcher, self.settings.matching)

    def recolor_content(self, share: float) -> Tensor:
        """Return the content image with its colours moved by `share` towards those of its style images."""
        return coloring.recolor_content(self.areas, self.content.pixels, share)

    def starts(self, share: float) -> dict[str, Callable[[], Tensor]]:
        """Return functions that make the starting points of a run, by name; `share` is for `recolor_content`."""
        return {
            "recolored": lambda: self.recolor_content(share),
            "photo": lambda: self.content.pixels,
            "painting": lambda: self.style,
        }

    def working_image(self, image: Tensor) -> Tensor:
        """Return the image that the run optimises: its luminance alone where the content's colours are kept."""
        return coloring.working_image(image, self.settings)

    def final_image(self, image: Tensor) -> Tensor:
        """Return an optimised image in its final colours, `(1, 3, H, W)` in [0, 1]."""
        content = resize_clamped(self.content.pixels, size_of(image), self.content.alpha)
        return coloring.final_image(image, content, self.areas, self.settings)


def read_scene(content: Source, style: StyleSource, settings: StylizeSettings, regions: Sequence[Region] = ()) -> Scene:
    """Return the scene of a run; `regions` are added to those of the settings.

    Raises UsageError for inputs that cannot be read or have no visible pixel, and for invalid regions and masks.
    """
    image = content_opener(settings)(content)
    image.check_visible()
    size = full_size(settings, image.size)
    areas = read_areas(style, settings, regions, image.size, style_opener(settings, max(size)))
    colored = coloring.recolor_styles(visible_areas(areas, image.alpha), image.pixels, settings)
    return Scene(settings, image, areas[-1].style_images[0].pixels, colored, size)
