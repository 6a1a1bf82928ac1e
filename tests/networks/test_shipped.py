"""The trained networks inside the package: what they say of themselves, and what they do to a photo."""

from typing import Any

import pytest
import torch
from benchmarks.pairs import figures
from torch.nn import functional as F

from impasto import encoders, networks
from impasto.image import fit, load
from impasto.networks import transport_parts as parts
from impasto.networks.ground import luma
from impasto.networks.inputs import add_margin
from impasto.networks.tone import histogram_of
from impasto.networks.transport import apply_affine, normal_of
from impasto.networks.transport_net import MARGIN, TransportNet
from impasto.settings.apply import ApplySettings
from impasto.tasks.apply import painter

PHOTO, SIDE = "sample:coffee", 256
OURS = ("flow", "glass", "ink", "points", "tesserae", "woodcut")
"""The styles whose paintings come with the package, too."""


def paint(network: str, style: str) -> torch.Tensor:
    return painter(network, style, ApplySettings(size=SIDE))(PHOTO)


def style_progress(painting: str, picture: torch.Tensor) -> float:
    """Percent of the photo's distance to the painting, at the size at which networks learn from it, for `lite`."""
    photo, model = (fit(load(source).pixels, side).clamp(0, 1) for source, side in ((PHOTO, SIDE), (painting, 512)))
    with torch.no_grad():
        judge = encoders.load("lite")
        return figures(judge, photo, model, picture)[0]


def steps(provenance: dict[str, Any]) -> list[int]:
    """Of a training, and of those that it started from."""
    return [provenance["steps"], *(steps(provenance["base"]["provenance"]) if "base" in provenance else [])]


def test_they_are_two_of_nine_megabytes_at_most():
    files = networks.shipped()
    assert set(files) == {"styles", "any"}
    assert sum(networks.describe(file)["bytes"] for file in files.values()) <= 9e6


def test_they_say_where_they_come_from():
    about = {name: networks.describe(file)["provenance"] for name, file in networks.shipped().items()}
    paintings = about["styles"]["paintings"]
    assert tuple(paintings) == networks.load(networks.shipped()["styles"]).styles
    assert len(paintings) >= 10
    for painting in paintings.values():
        assert set(painting) == {"source", "sha256", "title"}
        assert "/" not in painting["source"]
    assert about["any"]["paintings"]["count"] > 500
    for each in about.values():
        assert each["photos"]["count"] > 500
        assert sum(steps(each)) > 5000


@pytest.mark.parametrize("style", OURS)
def test_each_of_our_paintings_is_a_style(style):
    assert style_progress(f"sample:{style}", paint("styles", style)) > 60
    assert style_progress(f"sample:{style}", paint("any", f"sample:{style}")) > 45


def test_styles_differ_and_leave_no_grid():
    """Of two pixels, fixed to the raster: the means of the phases differ by less than two levels of 255."""
    results = {style: paint("styles", style) for style in networks.load(networks.shipped()["styles"]).styles}
    pictures = torch.cat(list(results.values()))
    apart = (pictures[:, None] - pictures[None]).abs().mean(dim=(2, 3, 4)) + torch.eye(len(results))
    assert apart.min() > 0.03
    for picture in results.values():
        height, width = (side // 2 * 2 for side in picture.shape[-2:])
        phases = F.pixel_unshuffle(picture[..., :height, :width], 2).unflatten(1, (3, 4)).mean(dim=(3, 4))
        assert 255 * phases.std(dim=2).max() < 2


def with_statistics_of(other: torch.Tensor, network: TransportNet, photo: torch.Tensor, code: torch.Tensor, at: int):
    """`photo`, whose first pixel is pixel `at` of the grain in both directions, by the statistics of `other`."""
    styles, other = [network.decode_style(code)], add_margin(other, network.multiple)
    affine = parts.colour_maps(normal_of(other), styles)
    histograms = [histogram_of(luma(apply_affine(other, colour_map))) for colour_map in affine]
    recolour = parts.recolourings(affine, histograms, styles)
    normals = [normal_of(x) for x in network.feature_maps(parts.ground_of(other, recolour, styles).picture).axes]
    ground = parts.ground_of(add_margin(photo, network.multiple), recolour, styles, origin=(at, at))
    maps = parts.transport_maps(normals, styles)
    result = network.paint(ground, network.feature_maps(ground.picture), maps, styles)
    height, width = photo.shape[-2:]
    return result[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width].clamp(0, 1)


def test_styles_leave_no_border():
    """The outer 8 pixels are painted as they would be inside a larger picture, the photo's reflection, with the same
    statistics: means over 8x16 pixels, of all sides, in levels of 255. A network that pads with zeros had 7.6."""
    styles, photo, apart = networks.load(networks.shipped()["styles"]), fit(load(PHOTO).pixels, SIDE), list[float]()
    network, around = styles.transformer, 64
    assert isinstance(network, TransportNet)
    for style in styles.styles:
        code = styles.code({style: 1})
        with torch.no_grad():
            larger = with_statistics_of(photo, network, F.pad(photo, (around,) * 4, mode="reflect"), code, 0)
            result = with_statistics_of(photo, network, photo, code, around)
        difference = result - larger[..., around:-around, around:-around]
        for side in (torch.rot90(difference, k, (2, 3)) for k in range(4)):
            apart.append(255 * float(F.avg_pool2d(side[..., :8, :], (8, 16)).abs().mean()))
    assert sum(apart) / len(apart) < 3
