import json
from importlib.resources import files

import pytest
import torch
from safetensors.torch import load_file, save_file

from impasto import encoders
from impasto.encoders.lite import load_lite, provenance
from impasto.errors import UsageError

HEADS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 512, "relu5_1": 512, "relu4_2": 512}


def picture(height: int = 64, width: int = 48) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_the_embedded_network_has_vgg19s_layers_and_strides():
    lite, vgg = encoders.load("lite"), encoders.vgg.VGG("vgg19", encoders.vgg.VGG19)
    assert set(lite.layers) <= set(vgg.layers)
    for name, layer in lite.layers.items():
        theirs = vgg.layers[name]
        assert (layer.stride, layer.receptive_field) == (theirs.stride, theirs.receptive_field)
        assert layer.channels < theirs.channels
    assert lite.resolve("conv_9") == "conv4_1"


def test_the_file_is_small_and_says_where_it_comes_from():
    path = files("impasto.encoders") / "lite.safetensors"
    assert len(path.read_bytes()) < 4_000_000
    about = provenance()
    assert set(json.loads(about["unexplained"])) == set(HEADS)
    assert "teacher" in about


@pytest.mark.parametrize("layer", HEADS)
def test_a_metric_is_the_isometry_of_its_head(layer):
    """|R [f; 1]| equals |A f + b| in the wide space, for inner products too."""
    path = files("impasto.encoders") / "lite.safetensors"
    tensors, lite = load_file(str(path)), load_lite()
    weight, bias = tensors[f"head.{layer}.weight"].double(), tensors[f"head.{layer}.bias"].double()
    assert weight.shape[0] == HEADS[layer]
    f = lite(picture(), [layer])[layer][0].flatten(1).double()
    ones = torch.ones_like(f[:1])
    wide, narrow = weight @ f + bias[:, None], lite.metric(layer).double() @ torch.cat([f, ones])
    torch.testing.assert_close(narrow.T @ narrow, wide.T @ wide, rtol=1e-4, atol=1e-4 * float((wide.T @ wide).max()))


def test_layers_without_a_head_have_no_metric():
    lite = load_lite()
    assert lite.metric("relu3_2") is None
    assert lite.metric("conv4_2") is None


def test_loading_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_lite()
    assert torch.equal(torch.rand(3), expected)


def test_files_that_are_not_lite_are_refused(tmp_path):
    missing, text, foreign = (
        tmp_path / "none.safetensors",
        tmp_path / "text.safetensors",
        tmp_path / "other.safetensors",
    )
    text.write_text("hello")
    save_file({"a": torch.zeros(2)}, str(foreign))
    for path, message in [
        (missing, "cannot be read"),
        (text, "cannot be read"),
        (foreign, "holds no weights for lite"),
    ]:
        with pytest.raises(UsageError, match=message):
            load_lite(path)
    torn = tmp_path / "torn.safetensors"
    save_file({"conv1_1.weight": torch.zeros(4, 3, 3, 3), "conv1_2.weight": torch.zeros(4, 4, 3, 3)}, str(torn))
    with pytest.raises(UsageError, match="not a network of lite's kind"):
        load_lite(torn)
