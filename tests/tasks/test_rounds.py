"""A picture in tiles against the same in one pass."""

from __future__ import annotations

import pytest
import torch
from tests.networks.test_transport_net import code, picture
from tests.painters import moving

from impasto.networks.rounds import in_rounds

ROUNDING = 2e-5
"""In float64, but for statistics, which are computed in float32: room for 300 of its roundoffs of 6e-8."""


@pytest.mark.parametrize("size", [(201, 146), (160, 330)])
@pytest.mark.parametrize("side", [64, 96, 500])
def test_tiles_are_the_whole_picture(size, side):
    network = moving()
    photo, style = picture(*size).double(), code(network).double()
    network.double()
    whole = network(photo, style)
    assert whole.std() > 0.01
    found = in_rounds(network, photo, style, side=side)
    torch.testing.assert_close(found, whole, rtol=0, atol=ROUNDING)
    assert in_rounds(network, photo, style).equal(whole)


def test_tiles_of_regions_too():
    network = moving()
    photo, styles = picture(150, 170).double(), torch.stack([code(network, 1), code(network, 2)], 1).double()
    network.double()
    mask = torch.linspace(0, 1, 170, dtype=torch.float64).expand(1, 1, 150, 170)
    masks = torch.cat([mask, 1 - mask], 1)
    found = in_rounds(network, photo, styles, masks, side=64)
    torch.testing.assert_close(found, network(photo, styles, masks), rtol=0, atol=ROUNDING)


def test_strength_goes_along():
    network = moving()
    photo, style = picture(90, 120).double(), code(network).double()
    network.double()
    found = in_rounds(network, photo, style, side=64, strength=0.4)
    torch.testing.assert_close(found, network(photo, style, strength=0.4), rtol=0, atol=ROUNDING)
    assert (found - in_rounds(network, photo, style, side=64)).abs().max() > 0.01
