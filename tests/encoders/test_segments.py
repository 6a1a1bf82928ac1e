"""Features by segments and by windows equal the features of a single pass."""

import pytest
import torch
from tests.narrow import network
from torch import Tensor

from impasto.encoders import Encoder, Segment, segments


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


NAMES = ["lite", "vgg-max", "vgg-average", "resnet-max", "resnet-average"]

every = pytest.mark.parametrize("name", NAMES)


def picture(*size: int, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, *size, generator=generator(size[0]), dtype=torch.float64)


def by_segments(encoder: Encoder, x: Tensor, layers: list[str]) -> dict[str, Tensor]:
    result: dict[str, Tensor] = {}
    for segment in segments(encoder, layers):
        seen = encoder.features(x, segment.wanted, segment.after)
        result |= {layer: seen[layer] for layer in segment.layers}
        x = seen[segment.end] if segment.end else x
    return result


@every
@pytest.mark.parametrize("size", [(33, 47), (64, 50), (95, 81)])
def test_segment_by_segment_is_what_the_network_gives_at_once(name, size):
    encoder = network(name)
    x = picture(*size)
    for layers in (list(encoder.layers), [*encoder.default_style], [*encoder.default_content]):
        result, expected = by_segments(encoder, x, layers), encoder.features(x, frozenset(layers))
        assert set(result) == set(layers)
        for layer in layers:
            torch.testing.assert_close(result[layer], expected[layer], rtol=1e-12, atol=1e-12, msg=layer)


@every
def test_segments_make_a_chain_as_far_as_the_deepest_layer(name):
    encoder = network(name)
    names = list(encoder.layers)
    for deepest in names:
        wanted = [*names[: names.index(deepest) : 3], deepest]
        chain = segments(encoder, wanted)
        assert [s.after for s in chain] == [None, *(s.end for s in chain[:-1])]
        assert chain[-1].end is None
        assert [layer for s in chain for layer in s.layers] == wanted
        for segment in chain:
            assert segment.wanted == {*segment.layers, *([segment.end] if segment.end else [])}
            start = encoder.layers[segment.after].stride if segment.after else 1
            assert segment.ratios == {n: encoder.layers[n].stride // start for n in segment.wanted}
            assert segment.halo % segment.step == 0


def test_a_network_is_cut_where_its_stride_grows_from_four_on():
    assert [s.end for s in segments(network("lite"), ["relu5_1"])] == ["pool2", "pool3", "pool4", None]
    assert [s.end for s in segments(network("resnet-max"), ["layer4.1"])] == [
        "pool1",
        "layer2.0",
        "layer3.0",
        "layer4.0",
        None,
    ]
    assert [s.end for s in segments(network("lite"), ["relu2_2"])] == [None]


def test_no_layers_take_no_segments():
    assert segments(network("lite"), []) == []


@every
def test_the_grid_is_the_shape_of_the_features(name):
    encoder = network(name)
    for height in range(33, 81):
        size = height, 113 - height
        result = encoder.features(picture(*size), frozenset(encoder.layers))
        shapes = {layer: tuple(features.shape[-2:]) for layer, features in result.items()}
        assert shapes == {layer: encoder.grid(layer, size) for layer in encoder.layers}


def gap(encoder: Encoder, segment: Segment, halo: int) -> float:
    """How far the features of a part, seen in a window with this halo, are from those of the whole grid."""
    step, length = segment.step, 2 * (segment.halo + 2 * segment.step) + 2 * segment.step
    x = picture(length, length, channels=encoder.layers[segment.after].channels if segment.after else 3)
    start = segment.halo + 2 * step  # so that no window reaches the edge
    stop = start + 2 * step
    cut = x[..., start - halo : stop + halo, start - halo : stop + halo]
    whole, seen = (encoder.features(y, segment.wanted, segment.after) for y in (x, cut))
    gaps = []
    for layer, ratio in segment.ratios.items():
        here, there = slice(start // ratio, stop // ratio), slice(halo // ratio, (halo + stop - start) // ratio)
        gaps.append(float((whole[layer][..., here, here] - seen[layer][..., there, there]).abs().max()))
    return max(gaps)


@every
def test_the_halo_of_every_segment_suffices(name):
    encoder = network(name)
    for segment in segments(encoder, encoder.layers):
        assert gap(encoder, segment, segment.halo) < 1e-12, segment


@every
def test_half_of_the_halo_of_any_segment_does_not(name):
    encoder = network(name)
    for segment in segments(encoder, encoder.layers):
        less = segment.halo // 2 // segment.step * segment.step
        assert gap(encoder, segment, less) > 1e-3, segment


@pytest.mark.parametrize(("name", "number"), [*((name, 0) for name in NAMES), ("lite", 3), ("resnet-max", 1)])
def test_one_step_less_of_a_halo_does_not_suffice_where_all_of_it_is_needed(name, number):
    encoder = network(name)
    segment = segments(encoder, encoder.layers)[number]
    assert gap(encoder, segment, segment.halo - segment.step) > 1e-3
