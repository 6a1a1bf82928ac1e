"""A narrow copy of the first layers of `lite`."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto import encoders
from impasto.encoders.lite import Lite
from impasto.image import load
from impasto.networks.features import Features
from impasto.tasks.training.transport_init import narrow

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
WIDE = ((16, 32), (64, 48), (128, 48, 48, 64), (160,))


@pytest.fixture(scope="module")
def lite() -> Lite:
    return cast(Lite, encoders.load("lite"))


def pieces(*names: str) -> list[Tensor]:
    return [load(f"sample:{name}").pixels[..., 40:168, 60:188] for name in names]


def unexplained(features: Features, lite: Lite, pictures: list[Tensor]) -> list[float]:
    """Share of the variance of each of the encoder's layers that no affine function of ours gives, inside: the encoder
    pads with zeros."""
    found = []
    for k, layer in enumerate(LAYERS):
        edge = 48 >> k
        with torch.no_grad():
            ours, theirs = (
                np.concatenate([x[0, :, edge:-edge, edge:-edge].flatten(1).T.numpy() for x in maps]).astype(float)
                for maps in ([features(p)[k] for p in pictures], [lite(p, [layer])[layer] for p in pictures])
            )
        known = np.c_[ours, np.ones(len(ours))]
        rest = theirs - known @ np.linalg.lstsq(known, theirs, rcond=None)[0]
        found.append(float(rest.var(0).sum() / theirs.var(0).sum()))
    return found


def test_as_wide_as_the_encoder_it_sees_the_same(lite: Lite) -> None:
    features, pictures = Features(WIDE), pieces("chelsea", "coffee", "rocket", "flow", "ink", "glass")
    narrow(features, lite, pictures)
    assert max(unexplained(features, lite, pictures)[:3]) < 1e-3


def test_narrower_it_keeps_what_matters_also_for_other_pictures(lite: Lite) -> None:
    pictures, others = pieces("chelsea", "coffee", "flow", "ink", "glass", "points"), pieces("rocket", "woodcut")
    widths = ((16, 24), (32, 24), (48, 24, 24, 32), (64,))
    features, drawn = Features(widths), Features(widths)
    narrow(features, lite, pictures)
    ours, chance = unexplained(features, lite, others), unexplained(drawn, lite, others)
    assert ours[0] < 0.01
    assert all(own < 0.6 * random for own, random in zip(ours[1:3], chance[1:3], strict=True))
    assert max(ours[:3]) < 0.35
