"""The trained networks inside the package: what they say of themselves, and what they do to a photo."""

from typing import Any

import pytest
import torch
from benchmarks.pairs import figures
from torch.nn import functional as F

from impasto import encoders, networks
from impasto.image import fit, load
from impasto.settings.apply import ApplySettings
from impasto.tasks.apply import painter

PHOTO, SIDE = "sample:coffee", 256
OURS = ("flow", "glass", "ink", "points", "tesserae", "woodcut")
"""The styles whose paintings come with the package, too."""


def painted(network: str, style: str) -> torch.Tensor:
    return painter(network, style, ApplySettings(size=SIDE))(PHOTO)


def removed(painting: str, picture: torch.Tensor) -> float:
    """Percent of the photo's distance to the painting, at the size at which networks learn from it, for `lite`."""
    photo, model = (fit(load(source).pixels, side).clamp(0, 1) for source, side in ((PHOTO, SIDE), (painting, 512)))
    with torch.no_grad():
        judge = encoders.load("lite")
        return figures(judge, photo, model, picture)[0]


def steps(provenance: dict[str, Any]) -> list[int]:
    """Of a training, and of those that it started from."""
    return [provenance["steps"], *(steps(provenance["base"]["provenance"]) if "base" in provenance else [])]


def test_they_are_two_of_nine_megabytes_at_most():
    found = networks.shipped()
    assert set(found) == {"styles", "any"}
    assert sum(networks.describe(file)["bytes"] for file in found.values()) <= 9e6


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
    assert removed(f"sample:{style}", painted("styles", style)) > 50
    assert removed(f"sample:{style}", painted("any", f"sample:{style}")) > 40


def test_styles_differ_and_leave_no_grid():
    """Of two pixels, fixed to the raster: the means of the phases differ by less than two levels of 255."""
    made = {style: painted("styles", style) for style in networks.load(networks.shipped()["styles"]).styles}
    pictures = torch.cat(list(made.values()))
    apart = (pictures[:, None] - pictures[None]).abs().mean(dim=(2, 3, 4)) + torch.eye(len(made))
    assert apart.min() > 0.03
    for picture in made.values():
        height, width = (side // 2 * 2 for side in picture.shape[-2:])
        phases = F.pixel_unshuffle(picture[..., :height, :width], 2).unflatten(1, (3, 4)).mean(dim=(3, 4))
        assert 255 * phases.std(dim=2).max() < 2


def test_styles_leave_no_border():
    """The outer 8 pixels are painted as they would be inside a larger picture, the photo's reflection, with the same
    moments: means over 8x16 pixels, of all sides. A network that knew where the border is had 5.2."""
    network, photo, away = networks.load(networks.shipped()["styles"]), fit(load(PHOTO).pixels, SIDE), list[float]()
    paints = network.transformer
    assert isinstance(paints, networks.Transformer)
    for style in network.styles:
        code, moments = network.code({style: 1}), list[networks.Moments]()
        with torch.no_grad():
            larger = paints(F.pad(photo, (64,) * 4, mode="reflect"), code, seen=moments)
            found = paints(photo, code, given=moments) - larger[..., 64:-64, 64:-64]
        for side in (torch.rot90(found, k, (2, 3)) for k in range(4)):
            away.append(255 * float(F.avg_pool2d(side[..., :8, :], (8, 16)).abs().mean()))
    assert sum(away) / len(away) < 3
