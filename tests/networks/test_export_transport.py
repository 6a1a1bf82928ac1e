"""A network of transport as ONNX, run by onnxruntime, against PyTorch."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from tests.networks.test_transport_net import picture
from tests.painters import moving

from impasto.networks import AnyStyle
from impasto.tasks.export import export


@pytest.mark.parametrize("size", [(45, 38), (96, 120), (131, 67)])
def test_the_graphs_paint_as_the_network_does(tmp_path, size):
    network = AnyStyle(moving()).eval()
    export(network, tmp_path / "any.onnx")
    photo, painting = picture(*size), picture(70, 90, 4)
    with torch.inference_mode():
        code = network.code(painting)
        expected = network(photo, code)
    coder, painter = (onnxruntime.InferenceSession(str(tmp_path / name)) for name in ("any.painter.onnx", "any.onnx"))
    (exported_code,) = coder.run(None, {"painting": painting.numpy()})
    np.testing.assert_allclose(exported_code, code, atol=1e-4)
    (result,) = painter.run(None, {"image": photo.numpy(), "code": exported_code})
    assert np.abs(result - expected.numpy()).max() < 1 / 255
