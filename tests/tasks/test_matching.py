from __future__ import annotations

import warnings

import numpy as np
import ot
import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor
from torch.nn import functional as F

from impasto import encoders
from impasto.encoders import Encoder
from impasto.image import load
from impasto.losses import IMAGE
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import DEEP
from impasto.tasks.objective.parse_losses import style_losses
from impasto.tasks.objective.style import style_terms
from impasto.tasks.scene.areas import Area, StyleImage, area_at_size
from impasto.tasks.scene.matching import BLUR, RELAXATION, Points, _centres, matched, transport


def points(count: int, seed: int, channels: int = 6) -> Points:
    draw = torch.Generator().manual_seed(seed)
    directions = F.normalize(torch.randn(count, channels, generator=draw), dim=1)
    shares = torch.rand(count, generator=draw) + 0.1
    return Points(directions, shares / shares.sum(), (1, count))


def halves(left: Tensor, right: Tensor) -> Tensor:
    """`(1, 3, 128, 256)`: one picture beside another."""
    return torch.cat([left.expand(1, 3, 128, 128), right.expand(1, 3, 128, 128)], 3)


def flat_and_rough(seed: int) -> tuple[Tensor, Tensor]:
    noise = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(seed))
    return torch.full((1, 3, 1, 1), 0.5), noise


@pytest.fixture(scope="module")
def lite() -> Encoder:
    return encoders.load()


def test_the_transport_is_unbalanced_sinkhorn() -> None:
    ours, theirs = points(20, 0), points(31, 1)
    found = transport(ours, theirs)
    torch.testing.assert_close(found.sum(1), ours.shares, rtol=1e-4, atol=1e-6)
    cost = (1 - ours.directions @ theirs.directions.T).double().numpy()
    a, b = (p.shares.double().numpy() for p in (ours, theirs))
    options = {"reg": BLUR, "reg_m": (float("inf"), RELAXATION), "reg_type": "entropy", "stopThr": 1e-10}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it tells what an entropy without a reference means
        expected = ot.unbalanced.sinkhorn_unbalanced(a, b, cost, numItermax=5000, **options)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_the_parts_are_those_of_k_means() -> None:
    draw = torch.Generator().manual_seed(3)
    corners = F.normalize(torch.randn(3, 8, generator=draw), dim=1)
    labels = torch.arange(90) % 3
    directions = F.normalize(corners[labels] + 0.1 * torch.randn(90, 8, generator=draw), dim=1)
    ours = (directions @ _centres(Points(directions, torch.full((90,), 1 / 90), (9, 10)), 3).T).argmax(1)
    theirs = KMeans(3, n_init=5, random_state=0).fit_predict(directions.numpy())
    pairs = {(int(a), int(b)) for a, b in zip(ours, theirs, strict=True)}
    assert len(pairs) == 3, "the same partition under other numbers"


def test_like_is_painted_after_like(lite: Encoder) -> None:
    flat, rough = flat_and_rough(0)
    photo = halves(flat, rough)
    painting = halves(*reversed(flat_and_rough(1)))
    parts = matched([Area("picture", (StyleImage(painting),))], photo, lite, 2)
    assert len(parts) == 2
    for part in parts:
        ours, theirs = part.mask, part.style_images[0].mask
        assert ours is not None
        assert theirs is not None
        assert float(theirs.min()) >= 0
        assert float(theirs.max()) <= 1
        left = float(ours[..., :128].mean()) > float(ours[..., 128:].mean())
        half = theirs.shape[-1] // 2
        like, unlike = float(theirs[..., half:].mean()), float(theirs[..., :half].mean())
        like, unlike = (like, unlike) if left else (unlike, like)  # the painting has the flat half on the right
        assert like > 1.5 * unlike
    total = torch.stack([part.mask for part in parts if part.mask is not None]).sum(0)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_the_parts_of_an_area_keep_its_mask_its_weight_and_its_shares(lite: Encoder) -> None:
    mask = torch.zeros(1, 1, 64, 96)
    mask[..., :48] = 1
    photo, painting = load("sample:chelsea").pixels, load("sample:flow").pixels
    own = torch.ones(1, 1, 32, 32)
    own[..., :16, :] = 0
    area = Area("sky", (StyleImage(painting, own, 0.7), StyleImage(photo, None, 0.3)), mask, 2.0)
    parts = matched([area], photo, lite, 3)
    masks = [part.mask for part in parts if part.mask is not None]
    expected = F.interpolate(mask, size=masks[0].shape[-2:], mode="area")
    assert float((torch.stack(masks).sum(0) - expected).abs().mean()) < 0.02
    for part in parts:
        assert part.weight == 2.0
        assert [style_image.share for style_image in part.style_images] == [0.7, 0.3]
        hidden = part.style_images[0].mask
        assert hidden is not None
        assert float(hidden[..., : hidden.shape[-2] // 2 - 1, :].max()) < 1e-3


def test_what_is_too_small_stays_whole(lite: Encoder) -> None:
    photo = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    area = Area("picture", (StyleImage(photo),))
    (found,) = matched([area], photo, lite, 8)
    assert found is area


def test_parts_count_at_deep_layers_of_additive_losses(lite: Encoder) -> None:
    photo, painting = load("sample:chelsea").pixels[..., :128, :160], load("sample:flow").pixels[..., :128, :128]
    area = Area("picture", (StyleImage(painting),))
    size, settings = (128, 160), StylizeSettings()
    area, *parts = (
        area_at_size(each, size, settings, torch.device("cpu")) for each in (area, *matched([area], photo, lite, 3))
    )
    layers = dict.fromkeys(lite.default_style, 1.0)
    losses = style_losses("gram,palette=0.5,sliced=0.5")
    terms = style_terms(Context(lite), [area], layers, 1.0, losses, parts)
    counts = {n: sum(term.layer == n for term in terms) for n in (*lite.default_style, IMAGE)}
    deep = {n for n in lite.default_style if lite.layers[n].stride >= DEEP}
    assert counts == {n: 3 + 1 if n in deep else 1 if n == IMAGE else 2 for n in counts}
    alone = style_terms(Context(lite), [area], layers, 1.0, losses)
    for n in deep:
        together = sum(term.weight for term in terms if term.layer == n)
        assert together == pytest.approx(sum(term.weight for term in alone if term.layer == n), rel=1e-5)
