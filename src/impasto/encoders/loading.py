"""`load`: an encoder by name, with weights."""

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
"""Types of 16 bits."""

Builder = Callable[["Path | None", str, "Progress | None"], Encoder]
"""Makes an encoder from a weight file (None: the default), a pooling and a callback of the download."""


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

    weights: a file with other weights, `.safetensors` or `.pth`, with torchvision's keys or those of the original (for
        `lite`, its own). By default `vgg19` has the original weights if the extra `impasto[vgg19]` is installed, and
        torchvision's, which were trained anew, otherwise.
    pooling: "max" as trained, or "average" (Gatys et al. 2016).
    dtype: of weights and activations; bfloat16 networks accept float32 pictures (see `HALVES`).
    on_progress: called with the bytes received and the total of a download.

    Raises UsageError for an unknown name or pooling and for a file that does not fit, ImpastoError for a failed
    download and for a damaged file of the extra.

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
        if parameter.ndim == 4:  # the memory layout of images
            parameter.data = parameter.data.contiguous(memory_format=layout(parameter.device))
    return encoder


def convert(network: nn.Module, dtype: torch.dtype) -> None:
    """Convert the weights to `dtype`; to a wider type also the constants, which would shift all pictures if they had 8
    bits."""
    if dtype not in HALVES:
        network.to(dtype=dtype)
        return
    for parameter in network.parameters():
        parameter.data = parameter.data.to(dtype)


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 faster than float32: CUDA from compute capability 8 (Ampere) on.

    `torch.cuda.is_bf16_supported` also returns True where bfloat16 is emulated.
    """
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def _lite(weights: Path | None, pooling: str, _: Progress | None) -> Encoder:
    from impasto.encoders.lite import load_lite  # noqa: PLC0415 (the others do not need its file)

    return load_lite(pooling=pooling, weights=weights)


def _torchvision(name: str, plan: Callable[..., VGG | ResNet]) -> Builder:
    """Return a builder of `plan(pooling=...)` from a file with torchvision's keys, or those of the original VGG-19."""

    def build(weights: Path | None, pooling: str, on_progress: Progress | None) -> Encoder:
        with torch.device("meta"):  # no memory and no random numbers for values that the file replaces
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
"""Names for `load`."""
