"""What a run changes of a request is said, or the request is refused."""

from typing import Any

import pytest
import torch
from PIL import Image

from impasto.errors import UsageError
from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, TextureSettings
from impasto.tasks.reconstruct import reconstruct_job
from impasto.tasks.run.build import notices_of
from impasto.tasks.run.run import Job
from impasto.tasks.stylize import stylize_job
from impasto.tasks.texture import texture_job

PHOTO, PAINTING = "sample:chelsea", "sample:flow"


def small(**changes: Any) -> StylizeSettings:
    return StylizeSettings(**({"size": 64, "scales": 1} | changes))


def textured(painting: Any = "sample:gravel", **changes: Any) -> Job:
    return texture_job(painting, TextureSettings(layers="relu1_1", **changes))


@pytest.mark.parametrize(
    ("size", "made"), [({"size": 101}, "96x96 in place of 101x101"), ({"width": 133, "height": 71}, "128x64 in place")]
)
def test_another_size_of_a_tileable_texture_is_said(size: dict[str, int], made: str) -> None:
    (notice,) = textured(**size, tileable=True).notices
    assert "multiples of 32 px" in notice
    assert made in notice
    assert not textured(**size).notices
    assert not textured(size=96, tileable=True).notices


def test_sizes_that_are_left_out_are_said() -> None:
    (notice,) = stylize_job(PHOTO, PAINTING, small(size=200, scales=4)).notices
    assert notice.startswith("scales is 4, but sizes below 96 px")
    assert notice.endswith(": the run has 2")
    assert not stylize_job(PHOTO, PAINTING, small(size=200, scales=2)).notices
    assert not stylize_job(PHOTO, PAINTING, small(scales=None)).notices


def test_a_stretched_painting_is_said() -> None:
    tall = torch.rand(1, 3, 90, 40, generator=torch.Generator().manual_seed(0))
    (notice,) = stylize_job(PHOTO, tall, small(init="painting")).notices
    assert notice == "the run starts from the painting, 28x64, stretched to another shape, 64x43"
    assert not stylize_job(PHOTO, tall, small()).notices
    assert not stylize_job(PHOTO, "sample:coffee", small(init="painting")).notices
    (notice,) = textured(tall, width=96, height=64, init="painting").notices
    assert "40x90, stretched to another shape, 96x64" in notice
    assert not textured(tall, size=64, init="painting").notices


@pytest.mark.parametrize(
    ("without_effect", "with_effect"),
    [
        ({"match_luminance": True}, {"keep_color": "lab"}),
        ({"match_when": "after"}, {"match_colors": "mean"}),
        ({"matching": 2, "propagation": "inside"}, {"propagation": "all"}),
        ({"segmentation": "a.png:b.png", "mix": ("c.png=0.5",)}, {"mix": ()}),
    ],
)
def test_an_option_without_effect_is_said(without_effect: dict[str, Any], with_effect: dict[str, Any]) -> None:
    assert len(notices_of(StylizeSettings(**without_effect), (64, 64))) == 1
    assert not notices_of(StylizeSettings(**without_effect | with_effect), (64, 64))


def test_a_start_of_another_shape_is_refused(tmp_path: Any) -> None:
    # chelsea is 451x300; 155x102 is within two percent of its proportions
    path = str(tmp_path / "start.png")
    Image.new("RGB", (37, 301), "grey").save(path)
    for make in (
        lambda: stylize_job(PHOTO, PAINTING, small(init=path)),
        lambda: reconstruct_job(PHOTO, ReconstructSettings(size=64, layers="relu1_1", init=path)),
        lambda: textured(size=64, init=path),
        lambda: textured(width=64, height=96, init=path),
    ):
        with pytest.raises(
            UsageError, match=r"the start '.*start.png' has another shape than the result: \d+x\d+ pixels, the result"
        ):
            make()
    Image.new("RGB", (155, 102), "grey").save(path)
    stylize_job(PHOTO, PAINTING, small(init=path)).start()
    textured(width=155, height=102, init=path, tileable=True).start()  # is made at 160x96


def test_a_tileable_texture_takes_no_tiles() -> None:
    with pytest.raises(UsageError, match="tile is 64, but a tileable texture has no tiles"):
        TextureSettings(tileable=True, tile=64)
    assert TextureSettings(tileable=True, tile=0).tile == 0


def test_coarse_sizes_that_are_too_narrow_for_the_network_are_left_out() -> None:
    strip = torch.rand(1, 3, 31, 900, generator=torch.Generator().manual_seed(0))
    job = stylize_job(strip, PAINTING, StylizeSettings(size=0, steps=0))
    assert [planned.size for planned in job.plan()] == [(16, 450), (31, 900)]  # relu4_1 needs 16 px
    assert not job.notices
    (notice,) = stylize_job(strip, PAINTING, StylizeSettings(size=0, scales=3)).notices
    assert "too narrow for the network, are left out: the run has 2" in notice
