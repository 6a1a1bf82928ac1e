"""Properties of all encoders, on a tiny network of each kind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from impasto.encoders import Encoder
from impasto.encoders.resnet import ResNet
from impasto.encoders.vgg import VGG
from impasto.errors import UsageError

STAGES = ((2, 3), (4, 4), (3, 3, 3), (2, 5))


def vgg(pooling: str = "max") -> Encoder:
    return VGG("little-vgg", STAGES, pooling)


def resnet(pooling: str = "max") -> Encoder:
    return ResNet("little-resnet", (2, 2, 1, 1), width=2, pooling=pooling)


KINDS = {"vgg": vgg, "resnet": resnet}
LAYERS = [pytest.param(make, layer, id=f"{kind}-{layer}") for kind, make in KINDS.items() for layer in make().layers]
each_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def randomise(encoder: Encoder) -> Encoder:
    generator = torch.Generator().manual_seed(2)
    for parameter in encoder.parameters():
        spread = parameter[0].numel() ** -0.5 if parameter.ndim == 4 else 0.1
        parameter.normal_(0, spread, generator=generator)
    return encoder


def picture(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("make", "layer"), LAYERS)
def test_receptive_field_is_the_support_of_the_gradient(make: Callable[[str], Encoder], layer: str) -> None:
    """All weights positive, a bright image and average pooling: then every pixel that can count does."""
    encoder = make("average").double()
    for parameter in encoder.parameters():
        parameter.fill_(1 / parameter[0].numel() if parameter.ndim == 4 else 0)
    about = encoder.layers[layer]
    side = 2 * about.receptive_field + 4 * about.stride
    image = torch.ones(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    features = encoder(image, [layer])[layer]
    middle = features.shape[-1] // 2
    (gradient,) = torch.autograd.grad(features[..., middle, middle].sum(), image)
    rows = gradient[0].abs().sum((0, 2)).nonzero().flatten()
    columns = gradient[0].abs().sum((0, 1)).nonzero().flatten()
    assert rows.min() > 0, "the probe must not be cropped"
    assert rows.max() < side - 1, "the probe must not be cropped"
    assert int(rows.max() - rows.min()) + 1 == about.receptive_field
    assert int(columns.max() - columns.min()) + 1 == about.receptive_field


@pytest.mark.parametrize(("make", "layer"), LAYERS)
def test_stops_at_the_deepest(make: Callable[[], Encoder], layer: str) -> None:
    encoder, calls = make(), []
    for name, module in encoder.named_modules():
        if isinstance(module, nn.Conv2d) and not name.endswith("downsample"):
            module.register_forward_hook(lambda *_: calls.append(1))
    encoder(picture(64, 64), [layer, next(iter(encoder.layers))])
    assert len(calls) == encoder.layers[layer].convolution


@each_kind
def test_nothing_asked_nothing_done(make: Callable[[], Encoder]) -> None:
    encoder = make()
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *_: pytest.fail("a convolution was computed"))
    assert encoder(picture(8, 8), []) == {}


@pytest.mark.parametrize(("height", "width"), [(64, 64), (67, 83), (33, 41)])
@each_kind
def test_shapes(make: Callable[[], Encoder], height: int, width: int) -> None:
    encoder = make()
    wanted = [name for name in encoder.layers if encoder.smallest([name]) <= min(height, width)]
    features = encoder(picture(height, width).expand(2, -1, -1, -1), wanted)
    assert set(features) == set(wanted)
    for name, result in features.items():
        about = encoder.layers[name]
        up = about.stride - 1 if isinstance(encoder, ResNet) else 0
        assert result.shape == (2, about.channels, (height + up) // about.stride, (width + up) // about.stride)


@each_kind
def test_asking_for_more_changes_nothing(make: Callable[[], Encoder]) -> None:
    encoder = randomise(make())
    together = encoder(picture(64, 64), encoder.layers)
    for name, features in together.items():
        assert torch.equal(encoder(picture(64, 64), [name])[name], features), name


@pytest.mark.parametrize(("make", "layer"), LAYERS)
def test_relu_layers_are_not_negative_and_others_are(make: Callable[[], Encoder], layer: str) -> None:
    features = randomise(make())(picture(64, 64), [layer])[layer]
    assert bool((features < 0).any()) == layer.startswith("conv")


@each_kind
def test_pooling(make: Callable[[str], Encoder]) -> None:
    largest, mean = (randomise(make(pooling))(picture(64, 64), ["pool1"])["pool1"] for pooling in ("max", "average"))
    assert (largest >= mean).all()
    assert (largest > mean).any()
    with pytest.raises(UsageError, match=r"unknown pooling 'maxx' .*did you mean 'max'"):
        make("maxx")


@each_kind
def test_smallest_image(make: Callable[[], Encoder]) -> None:
    encoder = make()
    for name, about in encoder.layers.items():
        least = encoder.smallest([name])
        assert min(encoder(picture(least, least), [name])[name].shape[-2:]) == 2
        assert least == 2 * about.stride
    least = encoder.smallest(["pool1", "conv_1"])
    says = rf"pool1 of {encoder.name} needs pictures of at least {least} px a side, this one is 90x{least - 1}"
    with pytest.raises(UsageError, match=says):
        encoder(picture(least - 1, 90), ["pool1", "conv_1"])


@each_kind
def test_wrong_images(make: Callable[[], Encoder]) -> None:
    with pytest.raises(UsageError, match=r"shape \(B, 3, H, W\), this one has \(1, 1, 64, 64\)"):
        make()(picture(64, 64)[:, :1], ["conv_1"])
    with pytest.raises(UsageError, match=r"shape \(B, 3, H, W\), this one has \(3, 64, 64\)"):
        make()(picture(64, 64)[0], ["conv_1"])
    with pytest.raises(UsageError, match=r"floating point in \[0, 1\], this one is torch\.uint8"):
        make()((255 * picture(64, 64)).to(torch.uint8), ["conv_1"])


@each_kind
def test_gradient_reaches_the_image_only(make: Callable[[], Encoder]) -> None:
    encoder = randomise(make())
    image = picture(64, 64).requires_grad_()
    sum(features.square().mean() for features in encoder(image, encoder.layers).values()).backward()  # type: ignore[union-attr]
    assert image.grad is not None
    assert (image.grad != 0).float().mean() > 0.99
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_aliases_count_convolutions() -> None:
    encoder = vgg()
    for alias, name in encoder.aliases().items():
        kind, count = alias.split("_")
        assert name.startswith(kind)
        assert encoder.layers[name].convolution == int(count)
        assert encoder.resolve(alias) == name
    assert encoder.resolve("conv_6") == "conv3_2"
    assert set(encoder(picture(64, 64), ["conv_6", "relu2_1"])) == {"conv3_2", "relu2_1"}


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("relu2_9", "relu2_2"),
        ("Conv_9", "conv_9"),
        ("conv_99", "conv_9"),
        ("relu_3_1", "relu_3"),
        ("rleu3_1", "relu3_1"),
    ],
)
def test_unknown_layer_names_the_nearest_and_the_ranges(asked: str, hint: str) -> None:
    ranges = "conv1_1 to conv4_2, relu1_1 to relu4_2, pool1 to pool3, conv_1 to conv_9, relu_1 to relu_9"
    with pytest.raises(UsageError) as caught:
        vgg()(picture(64, 64), [asked])
    assert str(caught.value) == f"little-vgg has no layer '{asked}' (did you mean '{hint}'?); its layers: {ranges}"
