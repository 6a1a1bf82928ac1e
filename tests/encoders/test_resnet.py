from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.encoders.resnet import ResNet
from impasto.encoders.vgg import MEAN, STD
from impasto.errors import UsageError

BLOCKS, WIDTH = (2, 2, 1, 2), 4


def published(blocks: tuple[int, ...] = BLOCKS, width: int = WIDTH) -> dict[str, Tensor]:
    """Torchvision's keys with random weights and random statistics in every batch norm."""
    generator = torch.Generator().manual_seed(6)
    state: dict[str, Tensor] = {}

    def conv(name: str, norm: str, *shape: int) -> None:
        spread = torch.Size(shape[1:]).numel() ** -0.5
        state[f"{name}.weight"] = spread * torch.randn(*shape, generator=generator)
        state[f"{norm}.weight"] = 1 + 0.3 * torch.randn(shape[0], generator=generator)
        state[f"{norm}.bias"] = 0.3 * torch.randn(shape[0], generator=generator)
        state[f"{norm}.running_mean"] = 0.3 * torch.randn(shape[0], generator=generator)
        state[f"{norm}.running_var"] = 0.2 + torch.rand(shape[0], generator=generator)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    conv("conv1", "bn1", width, 3, 7, 7)
    channels = width
    for stage, count in enumerate(blocks):
        inner = width * 2**stage
        for i in range(count):
            at = f"layer{stage + 1}.{i}"
            conv(f"{at}.conv1", f"{at}.bn1", inner, channels, 1, 1)
            conv(f"{at}.conv2", f"{at}.bn2", inner, inner, 3, 3)
            conv(f"{at}.conv3", f"{at}.bn3", 4 * inner, inner, 1, 1)
            if i == 0:
                conv(f"{at}.downsample.0", f"{at}.downsample.1", 4 * inner, channels, 1, 1)
            channels = 4 * inner
    return state | {"fc.weight": torch.zeros(10, channels), "fc.bias": torch.zeros(10)}


def unfolded(state: dict[str, Tensor], image: Tensor) -> dict[str, Tensor]:
    """The paper's network in evaluation, batch norms apart, with the stride in the 3x3 convolutions."""

    def conv(x: Tensor, name: str, norm: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        mean, variance = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        return F.batch_norm(x, mean, variance, state[f"{norm}.weight"], state[f"{norm}.bias"])

    x = (image - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    result = {"conv1": conv(x, "conv1", "bn1", 2)}
    result["relu1"] = result["conv1"].relu()
    x = result["pool1"] = F.max_pool2d(result["relu1"], 3, 2, 1)
    for stage, count in enumerate(BLOCKS):
        for i in range(count):
            at, stride = f"layer{stage + 1}.{i}", 2 if stage and i == 0 else 1
            y = conv(x, f"{at}.conv1", f"{at}.bn1").relu()
            y = conv(y, f"{at}.conv2", f"{at}.bn2", stride).relu()
            y = conv(y, f"{at}.conv3", f"{at}.bn3")
            shortcut = conv(x, f"{at}.downsample.0", f"{at}.downsample.1", stride) if i == 0 else x
            x = result[at] = (y + shortcut).relu()
    return result


def test_equals_the_unfolded_network_at_every_layer() -> None:
    state = published()
    network = ResNet("tiny", BLOCKS, WIDTH)
    network.load_state_dict(network.from_torchvision(state, "a file"))
    image = torch.rand(2, 3, 75, 66, generator=torch.Generator().manual_seed(7))
    expected = unfolded(state, image)
    result = network(image, network.layers)
    assert list(network.layers) == list(expected) == list(result)
    for name, features in expected.items():
        torch.testing.assert_close(
            result[name], features, rtol=1e-4, atol=1e-4, msg=lambda text, n=name: f"{n}: {text}"
        )


def test_resnet50() -> None:
    with torch.device("meta"):
        network = ResNet("resnet50")
    # Torchvision counts 25 557 032 parameters; less the classifier's, and less one of the batch norms' two a channel.
    assert sum(p.numel() for p in network.parameters()) == 25_557_032 - 2048 * 1000 - 1000 - 26_560
    layers = network.layers
    assert len(layers) == 3 + 16
    assert (layers["layer4.2"].channels, layers["layer4.2"].stride, layers["layer4.2"].convolution) == (2048, 32, 49)
    assert layers["layer4.2"].receptive_field == 427  # 483 with the stride in the first 1x1
    assert {*network.default_content, *network.default_style} < set(layers)


def test_published_keys() -> None:
    narrow = ResNet("narrow", width=4)
    state = published((3, 4, 6, 3))
    assert len(state) == 53 * 6 + 2  # as many as the published file has
    folded = narrow.from_torchvision(state, "a file")
    assert {key: value.shape for key, value in folded.items()} == {k: v.shape for k, v in narrow.state_dict().items()}
    assert all(value.dtype == torch.float32 for value in folded.values())


def test_wrong_file() -> None:
    network, state = ResNet("tiny", BLOCKS, WIDTH), published()
    with pytest.raises(UsageError, match=r"net.pth does not fit tiny: 'conv1.weight' has shape \(8, 3, 7, 7\)"):
        network.from_torchvision(published(BLOCKS, 8), "net.pth")
    with pytest.raises(UsageError, match=r"no place for its 'layer2.2.conv1.weight' of shape \(8, 32, 1, 1\)"):
        network.from_torchvision(published((2, 3, 1, 2)), "net.pth")
    del state["layer1.0.downsample.1.running_var"]
    with pytest.raises(UsageError, match=r"it has no 'layer1.0.downsample.1.running_var', .* shape \(16,\)"):
        network.from_torchvision(state, "net.pth")


def test_a_file_without_batch_counters_will_do() -> None:
    network = ResNet("tiny", BLOCKS, WIDTH)
    state = {key: value for key, value in published().items() if not key.endswith("num_batches_tracked")}
    assert set(network.from_torchvision(state, "an old file")) == set(network.state_dict())


def test_average_pooling_does_not_darken_the_border() -> None:
    pool = ResNet("tiny", BLOCKS, WIDTH, "average").pool1
    assert torch.equal(pool(torch.ones(1, 1, 9, 8)), torch.ones(1, 1, 5, 4))


def test_convolutions_inside_blocks_are_refused_with_the_block() -> None:
    network = ResNet("tiny", BLOCKS, WIDTH)
    assert network.resolve("conv_1") == "conv1"
    assert network.resolve("relu_1") == "relu1"
    for asked, block in (
        ("conv_2", "layer1.0"),
        ("conv_4", "layer1.0"),
        ("conv_5", "layer1.1"),
        ("relu_22", "layer4.1"),
    ):
        with pytest.raises(UsageError, match=f"tiny offers whole blocks: '{asked}' is inside {block}; ask for {block}"):
            network.resolve(asked)
    for asked in ("conv_0", "conv_23", "layer5.0"):
        with pytest.raises(UsageError, match=r"its layers: conv1, relu1, pool1, layer1\.0 to layer4.1, conv_1, relu_1"):
            network.resolve(asked)
