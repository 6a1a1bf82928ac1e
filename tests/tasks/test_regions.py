import pytest
import torch

from impasto.errors import UsageError
from impasto.image import load_mask
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.parse_losses import style_losses
from impasto.tasks.objective.style import style_terms
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.scene.areas import Area, StyleImage, areas_of_regions, read_style_images, with_rotations
from impasto.tasks.scene.regions import (
    Region,
    parse_mix,
    parse_region,
    parse_rotations,
    segmentation_regions,
    style_shares,
)

SIZE = (64, 64)


def picture(seed: int, side: int = 64) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def stripe(k: int, of: int = 3, side: int = 64) -> torch.Tensor:
    """The k-th of three upright stripes, as a picture."""
    mask = torch.zeros(3, side, side)
    mask[:, :, k * side // of : (k + 1) * side // of] = 1
    return mask


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m.png:p.jpg", Region("m.png", "p.jpg")),
        ("m.png:sample:flow", Region("m.png", "sample:flow")),
        ("~m.png#ff0000:sample:flow:s.png", Region("~m.png#ff0000", "sample:flow", "s.png")),
        ("m.png:blend:sample:a,sample:b?mask=m.png", Region("m.png", "blend:sample:a,sample:b?mask=m.png")),
        ("m.png:p.jpg:0.5", Region("m.png", "p.jpg", None, 0.5)),
        ("m.png:p.jpg:s.png:2", Region("m.png", "p.jpg", "s.png", 2.0)),
    ],
)
def test_regions_are_read(text, expected):
    assert parse_region(text) == expected


@pytest.mark.parametrize("text", ["m.png", "m.png:", ":p.jpg", "a:b:c:d:e", ""])
def test_bad_regions_are_refused(text):
    with pytest.raises(UsageError, match="a region is MASK:PAINTING"):
        parse_region(text)


def test_mixed_paintings_leave_the_rest_to_the_first():
    assert style_shares("a.jpg", ["b.jpg=0.25", "sample:c=0.5"]) == [
        ("a.jpg", 0.25),
        ("b.jpg", 0.25),
        ("sample:c", 0.5),
    ]
    assert style_shares("a.jpg", ["b.jpg=1"]) == [("b.jpg", 1.0)]
    assert style_shares([("a.jpg", 3.0), ("b.jpg", 1.0), ("c.jpg", 0.0)], []) == [("a.jpg", 0.75), ("b.jpg", 0.25)]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["b.jpg"], "needs its share: write b.jpg=0.5"),
        (["b.jpg=much"], "weight of at least 0"),
        (["b.jpg="], "weight of at least 0"),
        (["b.jpg=0.7", "c.jpg=0.7"], "add up to 1.4; at most 1"),
    ],
)
def test_bad_mixtures_are_refused(texts, message):
    with pytest.raises(UsageError, match=message):
        parse_mix(texts)


def test_what_no_region_covers_is_painted_as_the_rest():
    everywhere = (StyleImage(picture(0)),)
    found = areas_of_regions(
        everywhere, [Region(stripe(0), picture(1)), Region(stripe(2), picture(2), weight=2.0)], SIZE
    )
    assert [round(area.extent, 2) for area in found] == [0.33, 0.34, 0.33]
    assert [area.weight for area in found] == [1.0, 2.0, 1.0]
    assert found[2].style_images == everywhere
    assert len(areas_of_regions(everywhere, [Region(stripe(k), picture(k)) for k in range(3)], SIZE)) == 3


def test_an_empty_mask_is_refused():
    with pytest.raises(UsageError, match="shows nothing"):
        areas_of_regions((), [Region(torch.zeros(3, 8, 8), picture(0))], SIZE)


def test_a_mask_of_other_proportions_is_refused_and_one_of_another_size_is_not():
    wide = torch.ones(3, 30, 61)
    assert areas_of_regions((), [Region(wide, picture(0))], (300, 600))
    with pytest.raises(
        UsageError,
        match=r"'region 1' has another shape than the photo: 61x30 pixels, the photo (\d+)x\1 \(2\.03 and 1 times",
    ):
        areas_of_regions((), [Region(wide, picture(0))], SIZE)
    with pytest.raises(UsageError, match="the mask of the painting in 'region 1' has another shape than the painting"):
        areas_of_regions((), [Region(torch.ones(3, 8, 8), picture(0), wide)], SIZE)


@pytest.mark.parametrize(
    "loss", ["gram", "w2", "sliced(samples=256)", "nearest(samples=256)", "histogram", "mmd-gaussian"]
)
def test_every_one_of_three_regions_gets_gradient_from_its_own_painting(tiny, loss):
    """Each term of the style moves the pixels of its own stripe and, by the network's field of view, a margin."""
    found = areas_of_regions((), [Region(stripe(k), picture(k + 1)) for k in range(3)], SIZE)
    context = Context(tiny)
    terms = style_terms(context, found, {"relu2_1": 1.0}, 1.0, style_losses(loss))
    assert len(terms) == 3
    for k, term in enumerate(terms):
        image = picture(9).requires_grad_()
        total, _ = evaluation(context, [term])(image, 0)
        total.backward()
        pressure = image.grad.abs().sum((0, 1, 2))
        own = slice(k * 64 // 3, (k + 1) * 64 // 3)
        margin = tiny.layers["relu2_1"].receptive_field
        assert pressure[own].min() > 0, "a column of the region that nothing pulls at"
        outside = torch.ones(64, dtype=torch.bool)
        outside[max(0, own.start - margin) : own.stop + margin] = False
        assert pressure[outside].sum() == 0


def test_a_region_that_vanishes_at_a_layer_is_named(tiny):
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 30:34, 30:34] = 1
    area = Area("the dot", (StyleImage(picture(0)),), mask)
    style_terms(Context(tiny), [area], {"relu1_1": 1.0}, 1.0)
    context = Context(tiny, propagation="inside")
    evaluate = evaluation(context, style_terms(context, [area], {"relu3_1": 1.0}, 1.0))
    with pytest.raises(
        UsageError, match=r"the region 'the dot' vanishes at relu3_1, whose grid is 16x16.*propagation 'all'"
    ):
        evaluate(picture(1), 0)


def test_a_painting_counts_only_where_it_is_opaque():
    assert read_style_images([(picture(0), 1.0)])[0].mask is None
    half = StyleImage(picture(0), stripe(0)[None, :1])
    assert torch.equal(with_rotations(Area("a", (half,)), [180.0]).style_images[1].mask, stripe(0)[None, :1].flip(2, 3))


def test_turned_paintings_share_alike():
    area = with_rotations(
        Area("a", (StyleImage(picture(0), share=0.6), StyleImage(picture(1), share=0.4))), [90.0, 30.0]
    )
    assert [round(style_image.share, 3) for style_image in area.style_images] == [0.2, 0.2, 0.2, 0.133, 0.133, 0.133]
    assert area.style_images[1].mask is None
    assert area.style_images[2].mask is not None
    assert parse_rotations("90, 45.5") == [90.0, 45.5]
    assert parse_rotations(None) == []
    with pytest.raises(UsageError, match="rotations are degrees"):
        parse_rotations("left")


def test_like_colours_of_two_maps_are_paired(tmp_path):
    from PIL import Image  # noqa: PLC0415

    ours, theirs = tmp_path / "ours.png", tmp_path / "theirs.png"
    Image.new("RGB", (48, 48), "#ff0000").save(ours)
    image = Image.new("RGB", (48, 48), "#ff0000")
    image.paste("#0000ff", (0, 0, 48, 24))
    image.save(theirs)
    (region,) = segmentation_regions(f"{ours}:{theirs}", "p.jpg")
    assert region == Region(f"{ours}#ff0000", "p.jpg", f"{theirs}#ff0000")
    jpeg = tmp_path / "theirs.jpg"
    image.save(jpeg, quality=75)
    (region,) = segmentation_regions(f"{ours}:{jpeg}", "p.jpg")
    assert (region.mask, region.style) == (f"{ours}#ff0000", "p.jpg")
    found = load_mask(region.style_mask)[0, 0]
    assert found[30:].mean() > 0.9
    assert found[:18].mean() == 0
    image.save(tmp_path / "ours.jpg", quality=75)  # the edge of both has colours of its own, in both the same
    both = segmentation_regions(f"{tmp_path / 'ours.jpg'}:{jpeg}", "p.jpg")
    assert len(both) == 2
    assert all(0.4 < load_mask(region.mask).mean() < 0.6 for region in both)
    with pytest.raises(UsageError, match="MAP:MAP"):
        segmentation_regions("one.png", "p.jpg")
    Image.new("RGB", (48, 48), "#00ff00").save(ours)
    with pytest.raises(UsageError, match="no colour in common: #00ff00 and #"):
        segmentation_regions(f"{ours}:{theirs}", "p.jpg")
