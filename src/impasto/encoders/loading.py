"""`load`: an encoder by name, with its weights, in a number type.

bfloat16 takes half the memory of float32, and half the time on hardware that has it. Only weights and activations have
this type. The mean and deviation of pictures, the matrices of distances, and pictures stay in float32.

bfloat16 has the range of float32 and 8 bits of precision. float16 has 11 bits, but only for values above 6e-5, and the
gradients by the features of a picture of 512 pixels are smaller (see docs/precision.md). It would need scaled losses,
so no setting offers float16.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from impasto.encoders.download import Progress
from impasto.encoders.extractor import Encoder, layout
from impasto.encoders.original import is_original, load_original
from impasto.encoders.resnet import ResNet
from impasto.encoders.state import read_state
from impasto.encoders.vgg import VGG, VGG16, VGG19
from impasto.encoders.weights import fetch, find_packaged
from impasto.errors import choose

HALVES = (torch.bfloat16, torch.float16)
"""Dtypes of 16 bits."""

Builder = Callable[["Path | None", str, "Progress | None"], Encoder]
"""Returns an encoder from a weight file (None for the default), a pooling and a callback of the download."""


def load(
    name: str = "lite",
    *,
    weights: str | Path | None = None,
    pooling: str = "max",
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    on_progress: Progress | None = None,
) -> Encoder:
    """Return the frozen encoder `name`: `lite` (embedded), `vgg16`, `vgg19` or `resnet50` (downloaded at first use).

    weights: a file with other weights, `.safetensors` or `.pth`. The keys are torchvision's or those of the original
        network; `lite` has its own. By default `vgg19` has the original weights if the extra `impasto[vgg19]` is
        installed, and otherwise torchvision's, which were trained from scratch.
    pooling: "max", as in training, or "average" (Gatys et al. 2016).
    device: the device of the network.
    dtype: the dtype of weights and activations. bfloat16 networks accept float32 pictures.
    on_progress: called with the number of received bytes and the total of a download.

    Raises UsageError for an unknown name or pooling, and for a file that does not fit. Raises ImpastoError for a failed
    download, and for a damaged file of the extra.

    >>> encoder = load("lite")
    >>> encoder(torch.rand(1, 3, 64, 64), ["relu2_1"])["relu2_1"].shape[2:]
    torch.Size([32, 32])
    """
    build = choose(BUILDERS, name, "network")
    encoder = build(Path(weights) if weights is not None else None, pooling, on_progress)
    encoder.requires_grad_(False).eval().to(device=device)
    convert(encoder, dtype)
    encoder.half_type = dtype if dtype in HALVES else None
    for parameter in encoder.parameters():
        if parameter.ndim == 4:  # filters have the memory layout of images
            parameter.data = parameter.data.contiguous(memory_format=layout(parameter.device))
    return encoder


def convert(network: nn.Module, dtype: torch.dtype) -> None:
    """Convert the weights of `network` to `dtype` in place.

    Constants are converted only to a wider type, because with 8 bits they would shift all pictures.
    """
    if dtype not in HALVES:
        network.to(dtype=dtype)
        return
    for parameter in network.parameters():
        parameter.data = parameter.data.to(dtype)


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes faster in bfloat16 than in float32: CUDA from compute capability 8 (Ampere) on.

    `torch.cuda.is_bf16_supported` is also True if bfloat16 is emulated.

    >>> has_bfloat16(torch.device("cpu"))
    False
    """
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def _lite(weights: Path | None, pooling: str, _: Progress | None) -> Encoder:
    from impasto.encoders.lite import load_lite  # noqa: PLC0415 (other networks do not need its file)

    return load_lite(pooling=pooling, weights=weights)


def _torchvision(name: str, plan: Callable[..., VGG | ResNet]) -> Builder:
    """Return a builder of `plan(pooling=...)` from a file with torchvision's keys or the original keys of VGG-19."""

    def build(weights: Path | None, pooling: str, on_progress: Progress | None) -> Encoder:
        with torch.device("meta"):  # without memory and random numbers, because the file replaces all values
            encoder = plan(pooling=pooling)
        path = weights or find_packaged(name) or fetch(name, on_progress=on_progress)
        state = read_state(path)
        if isinstance(encoder, VGG) and is_original(state):
            load_original(encoder, state, str(path))
        else:
            encoder.load_state_dict(encoder.from_torchvision(state, str(path)), assign=True)
        return encoder

    return build


BUILDERS: dict[str, Builder] = {
    "lite": _lite,
    "vgg16": _torchvision("vgg16", partial(VGG, "vgg16", VGG16)),
    "vgg19": _torchvision("vgg19", partial(VGG, "vgg19", VGG19)),
    "resnet50": _torchvision("resnet50", partial(ResNet, "resnet50")),
}

NETWORKS = tuple(BUILDERS)
"""The names that `load` accepts."""
