import pytest
import torch

from impasto.encoders.lite import load_lite
from impasto.encoders.resnet import ResNet


def random_resnet() -> ResNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ResNet("small", blocks=(1, 1, 1, 1), width=4)


@pytest.mark.parametrize(
    ("make", "layers", "stride"),
    [(load_lite, ("relu1_1", "relu3_1", "relu5_1"), 16), (random_resnet, ("relu1", "pool1", "layer2.0"), 8)],
)
def test_a_tiled_encoder_sees_the_endless_picture(make, layers, stride):
    """Moving the picture round by the stride moves the features by one, and nothing else; not so with borders."""
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    moved = picture.roll((stride, 2 * stride), (2, 3))
    encoder = make()
    for tiled in (False, True):
        if tiled:
            encoder.make_periodic()
        there, here = encoder(moved, layers), encoder(picture, layers)
        for layer in layers:
            step = stride // encoder.layers[layer].stride
            back = there[layer].roll((-step, -2 * step), (2, 3))
            assert torch.allclose(back, here[layer], atol=1e-4) == tiled, layer


def test_lite_stands_for_the_deepest_convolutions_of_vgg19():
    assert load_lite().resolve("conv_16") == "conv5_1"
    assert load_lite().resolve("relu_14") == "relu5_1"


def test_channels_are_those_of_the_space_that_distances_are_meant_in(tiny):
    assert load_lite().channels("relu4_1") == 512
    assert load_lite().channels("conv_1") == load_lite().layers["conv1_1"].channels
    assert tiny.channels("relu2_1") == 6
