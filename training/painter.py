"""The generator of faces, a small DCGAN (Radford et al. 2016), and its ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

LATENT = 96
WIDTHS = (160, 128, 96, 64, 32)
"""Channels at 4, 8, 16, 32 and 64 pixels."""
SLOPE = 0.2
OPSET, IR = 17, 8
"""Of 2021 and 2022: every onnxruntime that is still installed reads them."""


class Up(nn.Module):
    """Twice the size, then gates that the latent opens and closes.

    A 4x4 kernel at stride 2 reaches every output pixel as often, so no checkerboard is built in (Odena et al. 2016),
    and costs 4/9 of a 3x3 convolution after nearest upsampling. The gates are the skip-layer excitation of FastGAN
    (Liu et al. 2021), fed by the latent itself.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels, width, 4, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(width, momentum=0.02)
        self.gate = nn.Linear(LATENT, width)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        gate = 2 * self.gate(z).sigmoid()
        return F.leaky_relu(self.norm(self.conv(x)) * gate[:, :, None, None], SLOPE)


class Painter(nn.Module):
    """`painter(z)`: latents `(N, 96)` of unit variance to pictures `(N, 3, 64, 64)` in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Linear(LATENT, WIDTHS[0] * 16)
        self.ups = nn.ModuleList(Up(c, w) for c, w in pairwise(WIDTHS))
        self.end = nn.Conv2d(WIDTHS[-1], 3, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0, 0.02)

    def forward(self, z: Tensor) -> Tensor:
        x = F.leaky_relu(self.start(z), SLOPE).view(-1, WIDTHS[0], 4, 4)
        x = x.contiguous(memory_format=torch.channels_last)
        for up in self.ups:
            x = up(x, z)
        return self.end(x).sigmoid()


class Graph:
    """An ONNX graph in the making: a value is its name, a weight travels as float16 and is widened when loaded."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, array: NDArray[np.generic]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, tensor: Tensor) -> str:
        return self.add("Cast", self.constant(tensor.detach().half().numpy()), to=TensorProto.FLOAT)


def export(painter: Painter, path: Path, about: Mapping[str, object]) -> None:
    """Write `painter` with its batch norms folded: `z` `(N, 96)` float32 to `image` `(N, 3, 64, 64)` in [0, 1].

    Written node by node, so that the file depends on no exporter's version; `about` becomes its metadata.
    """
    graph = Graph()
    x = graph.add("Gemm", "z", graph.weight(painter.start.weight), graph.weight(painter.start.bias), transB=1)
    x = graph.add("LeakyRelu", x, alpha=SLOPE)
    x = graph.add("Reshape", x, graph.constant(np.array([-1, WIDTHS[0], 4, 4])))
    for up in painter.ups:
        gain = up.norm.weight / (up.norm.running_var + up.norm.eps).sqrt()
        folded = (
            graph.weight(up.conv.weight * gain.view(1, -1, 1, 1)),
            graph.weight(up.norm.bias - up.norm.running_mean * gain),
        )
        gate = graph.add("Gemm", "z", graph.weight(up.gate.weight), graph.weight(up.gate.bias), transB=1)
        gate = graph.add("Reshape", graph.add("Sigmoid", gate), graph.constant(np.array([-1, len(gain), 1, 1])))
        gate = graph.add("Mul", gate, graph.constant(np.array(2, np.float32)))
        x = graph.add("ConvTranspose", x, *folded, kernel_shape=[4, 4], strides=[2, 2], pads=[1, 1, 1, 1])
        x = graph.add("LeakyRelu", graph.add("Mul", x, gate), alpha=SLOPE)
    x = graph.add("Conv", x, graph.weight(painter.end.weight), graph.weight(painter.end.bias), pads=[1, 1, 1, 1])
    graph.nodes.append(helper.make_node("Sigmoid", [x], ["image"]))
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", LATENT])
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 64, 64])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "faces", [z], [image], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="impasto",
    )
    helper.set_model_props(model, {name: str(value) for name, value in about.items()})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
