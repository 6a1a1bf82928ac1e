"""`lite`: the embedded network, a narrow VGG-19 that measures distances in VGG-19's feature space.

It has the layers and strides of VGG-19 with a tenth of the parameters. For each layer of the default losses, a linear
head `A f + b` predicts VGG-19's features (after the ReLU). Distances between these features need no wide tensor. With
`[A | b] = Q R` and orthonormal `Q`, inner products and distances of `A f + b` equal the ones of `R [f; 1]`, which is
as narrow as `f`. `metric` returns `R`.

Training, data and accuracy: `training/README.md` and the metadata of `lite.safetensors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import cast

import torch
from safetensors import safe_open
from torch import Tensor, nn

from impasto.encoders.vgg import VGG
from impasto.errors import UsageError
from impasto.image.atomic import in_utf8

HEAD = "head."
"""Prefix of the keys of heads in a weight file."""

OWN = files("impasto.encoders") / "lite.safetensors"
"""The weight file inside the package."""


class Lite(VGG):
    """A narrow VGG with linear heads that predict the features of a wide network.

    widths: the channels of every convolution, stage by stage.
    heads: the matrix A `(K, C)` and the bias b `(K,)` of each layer with a head.
    pooling: "max" or "average".
    """

    def __init__(
        self, widths: Sequence[Sequence[int]], heads: dict[str, tuple[Tensor, Tensor]], pooling: str = "max"
    ) -> None:
        super().__init__("lite", widths, pooling)
        # Zero padding is a dark border for the first layer. Reflection reduces the unexplained variance of relu1_1 from
        # 0.050 to 0.015, and costs little for three channels.
        cast(nn.Conv2d, self.convs["conv1_1"]).padding_mode = "reflect"
        self._wide: dict[str, int] = {}
        for layer, (weight, bias) in heads.items():
            affine = torch.cat([weight, bias[:, None]], dim=1)
            self._wide[layer] = len(weight)
            isometry = torch.linalg.qr(affine.double(), mode="r").R.to(weight.dtype)
            self.register_buffer(f"metric_{layer}", isometry, persistent=False)
            self.register_buffer(f"head_{layer}", affine, persistent=False)

    def metric(self, layer: str) -> Tensor | None:
        """Return `R`, `(C + 1, C + 1)` and upper triangular (see the module), or None for a layer without a head."""
        matrix: Tensor | None = getattr(self, f"metric_{self.resolve(layer)}", None)
        return matrix

    def head(self, layer: str) -> Tensor | None:
        """Return `[A | b]`, `(K, C + 1)`, which maps C channels to K, or None for a layer without a head."""
        matrix: Tensor | None = getattr(self, f"head_{self.resolve(layer)}", None)
        return matrix

    def aliases(self) -> Mapping[str, str]:
        """Return VGG's aliases, and aliases for the last convolutions of VGG-19, which published settings use.

        VGG-19 has sixteen convolutions, `lite` thirteen. The last one of `lite` stands for the fourteenth to sixteenth,
        which are in the same stage.
        """
        deepest = {f"{kind}_{k}": f"{kind}5_1" for kind in ("conv", "relu") for k in (14, 15, 16)}
        return {**super().aliases(), **(deepest if "conv5_1" in self.convs else {})}

    def channels(self, layer: str) -> int:
        """Return the number of channels that the head predicts; without a head, the number of the layer's channels."""
        return self._wide.get(self.resolve(layer), super().channels(layer))


def load_lite(weights: str | Path | None = None, pooling: str = "max") -> Lite:
    """Return the embedded network, or a network of this kind from `weights`, a file of `training/distill.py`.

    Raises UsageError for a file that cannot be read or has no such network.
    """
    if weights is not None:
        return _read(Path(weights), pooling)
    with as_file(OWN) as path:
        return _read(path, pooling)


def provenance() -> dict[str, str]:
    """Return the metadata of the embedded weights: how they were made."""
    with as_file(OWN) as path, safe_open(str(path), "pt") as file:
        return dict(file.metadata() or {})


def _read(path: Path, pooling: str) -> Lite:
    try:
        with in_utf8(path) as plain, safe_open(plain, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file is not a dict)
    except Exception as error:  # the library has its own errors for missing, damaged and other files
        raise UsageError(f"{path} cannot be read as weights for lite: {error}") from error
    convs = {name.removesuffix(".weight"): t for name, t in tensors.items() if name.startswith("conv") and t.ndim == 4}
    if "conv1_1" not in convs:
        raise UsageError(f"{path} holds no weights for lite; make some with training/distill.py")
    stages: dict[str, list[int]] = {}
    for name in sorted(convs):
        stages.setdefault(name.removeprefix("conv").split("_")[0], []).append(convs[name].shape[0])
    layers = sorted({name.removeprefix(HEAD).rsplit(".", 1)[0] for name in tensors if name.startswith(HEAD)})
    heads = {n: (tensors[f"{HEAD}{n}.weight"].float(), tensors[f"{HEAD}{n}.bias"].float()) for n in layers}
    try:
        state = {f"convs.{n}.{part}": tensors[f"{n}.{part}"].float() for n in convs for part in ("weight", "bias")}
        with torch.random.fork_rng(devices=[]):  # the initial values use the global generator, which must not change
            network = Lite(list(stages.values()), heads, pooling)
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise UsageError(f"{path} is not a network of lite's kind: {error}") from error
    return network
