"""Tiles against the whole picture, in float64 and to rounding."""

from __future__ import annotations

import pytest
import torch
from tests.painters import body, picture
from torch import Tensor

from impasto.networks import Transformer, layered
from impasto.networks.tiled import LEAST, cost, moments, side_for, through

SHAPES = ({}, {"detail": 6}, {"deep": 1}, {"ends": "convolution"}, {"norm": "batch"}, {"blocks": 0})


def code_of(network: Transformer, count: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return network.plain_code() + 0.3 * torch.randn(count, network.code_size, generator=generator)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(201, 146), (160, 240)])
def test_tiles_are_the_whole_picture_with_the_same_moments(shape, size):
    network = body(**shape).double()
    image, code = picture(*size).double(), code_of(network).double()
    fixed = moments(network, image, code, thumbnail=100)
    whole = network(image, code, fixed_moments=fixed)
    tiled = through(network, image, code, side=64, thumbnail=100)
    assert (tiled - whole).abs().max() < 1e-10
    assert whole.std() > 0.01


def test_tiles_of_regions_too():
    network = body().double()
    image, code = picture(150, 170).double(), code_of(network, 2).double()[None]
    mask = torch.linspace(0, 1, 170, dtype=torch.float64).expand(1, 1, 150, 170)
    masks = torch.cat([mask, 1 - mask], 1)
    fixed = moments(network, image, code, masks, thumbnail=80)
    whole = network(image, code, masks, fixed_moments=fixed)
    tiled = through(network, image, code, masks, side=64, thumbnail=80)
    assert (tiled - whole).abs().max() < 1e-10


def test_the_thumbnail_of_a_narrow_picture_is_wide_enough_for_the_network():
    network = body().double()
    image, code = picture(26, 300).double(), code_of(network).double()
    fixed = moments(network, image, code, thumbnail=277)  # 24x277
    tiled = through(network, image, code, side=64, thumbnail=100)  # would be 9x100
    assert (tiled - network(image, code, fixed_moments=fixed)).abs().max() < 1e-10


def test_with_a_thumbnail_as_large_as_the_picture_tiles_are_the_plain_result():
    network = body().double()
    image, code = picture(130, 190).double(), code_of(network).double()
    tiled = through(network, image, code, side=64, thumbnail=1024)
    assert (tiled - network(image, code)).abs().max() < 1e-10


def test_without_tiles_or_with_large_ones_there_is_no_thumbnail():
    network = body()
    image, code = picture(90, 120), code_of(network)
    with torch.no_grad():
        plain = network(image, code)
    for side in (0, 120, 500):
        assert torch.equal(through(network, image, code, side=side, thumbnail=64), plain)


def test_the_result_is_an_ordinary_tensor():
    network = body()
    made = through(network, picture(40, 40), code_of(network), side=0)
    made.requires_grad_(True)
    made.sum().backward()


def test_the_side_of_tiles_grows_with_the_room_and_fits_it():
    network = body(width=48, blocks=5, detail=24)
    sides = [side_for(network, room) for room in (1e3, 5e7, 2e8, 1e9)]
    assert sides == sorted(sides)
    assert sides[0] == LEAST
    for side, room in zip(sides[1:], (5e7, 2e8, 1e9), strict=True):
        assert side % network.multiple == 0
        assert (side + 2 * network.reach) ** 2 * cost(network) <= room


def test_wider_networks_cost_more():
    assert cost(body(width=96)) > cost(body(width=8))
    assert cost(body(width=48, ends="convolution")) > cost(body(width=48))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(201, 146), (160, 240), (24, 27)])
def test_layer_by_layer_is_the_whole_picture(shape, size, monkeypatch):
    monkeypatch.setattr(layered, "STRIP", 1)  # strips as short as they can be
    network = body(**shape).double()
    image, code = picture(*size).double(), code_of(network).double()
    with torch.no_grad():
        whole = network(image, code)
    assert (layered.layered(network, image, code) - whole).abs().max() < 1e-10
    assert whole.std() > 0.01


@pytest.mark.parametrize("shape", SHAPES)
def test_layer_by_layer_with_regions(shape, monkeypatch):
    monkeypatch.setattr(layered, "STRIP", 1)
    network = body(**shape).double()
    image, code = picture(150, 171).double(), code_of(network, 2).double()[None]
    mask = torch.linspace(0, 1, 171, dtype=torch.float64).expand(1, 1, 150, 171)
    masks = torch.cat([mask, 1 - mask], 1)
    with torch.no_grad():
        whole = network(image, code, masks)
    assert (layered.layered(network, image, code, masks) - whole).abs().max() < 1e-10


def test_strips_are_no_longer_than_they_may_be(monkeypatch):
    for rows in (9, 64, 1000):
        monkeypatch.setattr(layered, "STRIP", 40 * rows)
        spans = list(layered._spans(333, 40, 2, 2))
        assert max(span.stop - span.start for span in spans) <= max(rows, layered.LEAST) + 2
        assert [span.start for span in spans[1:]] == [span.stop for span in spans[:-1]]
        assert (spans[0].start, spans[-1].stop) == (0, 333)


@pytest.mark.parametrize("height", range(97, 113))
def test_layer_by_layer_at_every_height(height, monkeypatch):
    monkeypatch.setattr(layered, "STRIP", 1)
    for shape in ({"deep": 1}, {"detail": 6}):
        network = body(blocks=1, **shape).double()
        image, code = picture(height, 24).double(), code_of(network).double()
        with torch.no_grad():
            whole = network(image, code)
        assert (layered.layered(network, image, code) - whole).abs().max() < 1e-10
