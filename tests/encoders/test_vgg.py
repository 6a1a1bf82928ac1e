from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from impasto.encoders.vgg import MEAN, STD, VGG, VGG16, VGG19
from impasto.errors import UsageError


def torchvision_style(network: VGG, pooling: type[nn.Module] = nn.MaxPool2d) -> nn.Sequential:
    """The same plan as one flat list of modules, numbered as torchvision numbers them, with random weights."""
    modules: list[nn.Module] = []
    channels = 3
    for stage, widths in enumerate(network.widths):
        modules += [pooling(2, 2)] if stage else []
        for width in widths:
            modules += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    plain = nn.Sequential(*modules)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.normal_(0, 0.3, generator=generator)
    return plain


def published(plain: nn.Sequential) -> dict[str, Tensor]:
    return {f"features.{key}": value for key, value in plain.state_dict().items()} | {
        "classifier.0.bias": torch.ones(7)
    }


@pytest.mark.parametrize(("pooling", "module"), [("max", nn.MaxPool2d), ("average", nn.AvgPool2d)])
def test_equals_the_plain_network_at_every_layer(tiny: VGG, pooling: str, module: type[nn.Module]) -> None:
    plain = torchvision_style(tiny, module)
    network = VGG("tiny", tiny.widths, pooling)
    network.load_state_dict(network.from_torchvision(published(plain), "a file"))
    network, plain = (
        network.double(),
        plain.double().requires_grad_(False),
    )  # both round by orders of sums that depend on the processor
    image = torch.rand(2, 3, 67, 50, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    result = network(image, network.layers)
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))  # float32, as in the network
    x = (image - mean) / deviation
    assert len(plain) == len(network.layers)
    for name, step in zip(network.layers, plain, strict=True):
        x = step(x)
        torch.testing.assert_close(result[name], x, rtol=1e-10, atol=1e-10 * x.abs().max().item(), msg=name)


@pytest.mark.parametrize(
    ("widths", "indices"),
    [
        (VGG16, [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]),
        (VGG19, [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]),
    ],
)
def test_published_keys(widths: tuple[tuple[int, ...], ...], indices: list[int]) -> None:
    with torch.device("meta"):
        network = VGG("real", widths)
        state = {}
        for i, module in zip(indices, network.convs.values(), strict=True):
            state |= {f"features.{i}.weight": module.weight.clone(), f"features.{i}.bias": module.bias.clone()}
        ours = network.from_torchvision(state, "a file")
    assert {name: t.shape for name, t in ours.items()} == {name: t.shape for name, t in network.state_dict().items()}
    assert network.layers["relu4_2"].receptive_field == (76 if len(indices) == 13 else 84)


def test_wrong_file(tiny: VGG) -> None:
    state = published(torchvision_style(VGG("other", ((4, 4), (6, 7), *tiny.widths[2:]))))
    with pytest.raises(UsageError, match=r"vgg.pth does not fit tiny: 'features.7.weight' has shape \(7, 6, 3, 3\)"):
        tiny.from_torchvision(state, "vgg.pth")
    state = published(torchvision_style(tiny))
    with pytest.raises(UsageError, match=r"no place for its 'features\.99\.bias'"):
        tiny.from_torchvision(state | {"features.99.bias": torch.zeros(2)}, "vgg.pth")
    del state["features.28.bias"]
    with pytest.raises(UsageError, match=r"it has no 'features.28.bias', which should have shape \(8,\)"):
        tiny.from_torchvision(state, "vgg.pth")


def test_the_image_is_left_as_it_was(tiny: VGG) -> None:
    image = torch.rand(1, 3, 32, 32)
    before = image.clone()
    tiny(image, ["relu1_1"])
    assert torch.equal(image, before)
