"""The textbook loop that tutorials and course work share: what Impasto is measured against.

VGG-19 in PyTorch's default layout, cut behind the deepest layer; loss modules in line behind the convolutions that
they watch; Gram matrices over everything; torch.optim.LBFGS with its defaults (history of 100, 20 evaluations a step);
pixels clamped before each evaluation. The weights are frozen, as the better of the tutorials do. In our own words, from
the published algorithm (Gatys et al. 2016) and the seeds' settings.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.encoders.vgg import MEAN, STD, VGG19

STYLE = ("1_1", "2_1", "3_1", "4_1", "5_1")
CONTENT = "4_2"


class Normalise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(-1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.std


class ContentLoss(nn.Module):
    loss: Tensor

    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.target = target.detach()

    def forward(self, x: Tensor) -> Tensor:
        self.loss = F.mse_loss(x, self.target)
        return x


class StyleLoss(nn.Module):
    loss: Tensor

    def __init__(self, target: Tensor, head: nn.Module | None = None) -> None:
        super().__init__()
        self.head = head or nn.Identity()
        self.target = self.gram(self.head(target)).detach()

    @staticmethod
    def gram(x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        flat = x.view(batch * channels, height * width)
        return torch.mm(flat, flat.t()) / (batch * channels * height * width)

    def forward(self, x: Tensor) -> Tensor:
        self.loss = F.mse_loss(self.gram(self.head(x)), self.target)
        return x


def network(seed: int = 0) -> list[tuple[str, nn.Module]]:
    """VGG-19 to relu5_1 with random weights of He's scale: the time of a step does not depend on them."""
    torch.manual_seed(seed)
    layers: list[tuple[str, nn.Module]] = []
    channels = 3
    for stage, widths in enumerate(VGG19, 1):
        for i, width in enumerate(widths, 1):
            conv = nn.Conv2d(channels, width, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight)
            layers += [(f"conv{stage}_{i}", conv), (f"relu{stage}_{i}", nn.ReLU())]
            channels = width
            if stage == len(VGG19):
                return layers
        layers.append((f"pool{stage}", nn.MaxPool2d(2)))
    return layers


def state(seed: int = 0) -> dict[str, Tensor]:
    """The same weights under Impasto's names."""
    convs = ((name, layer) for name, layer in network(seed) if name.startswith("conv"))
    return {
        f"convs.{name}.{part}": getattr(layer, part).detach() for name, layer in convs for part in ("weight", "bias")
    }


Layers = Sequence[tuple[str, nn.Module]]
Heads = Mapping[str, nn.Module]


def build(
    content: Tensor, style: Tensor, layers: Layers, heads: Heads
) -> tuple[nn.Sequential, list[ContentLoss], list[StyleLoss]]:
    """A network with its losses in line, and the losses. `heads`: what is put before a Gram matrix ("1_1", ...)."""
    model, contents, styles = nn.Sequential(), [], []
    for name, layer in layers:
        model.append(layer)
        kind, place = name[:4], name[4:]
        with torch.no_grad():
            content, style = layer(content), layer(style)
            if kind == "relu" and place == CONTENT:
                contents.append(ContentLoss(content))
                model.append(contents[-1])
            if kind == "relu" and place in STYLE:
                styles.append(StyleLoss(style, heads.get(place)))
                model.append(styles[-1])
    return model.eval().requires_grad_(False), contents, styles


def run(  # noqa: PLR0917 (the textbook's own order)
    content: Tensor,
    style: Tensor,
    iterations: int,
    style_weight: float = 1e6,
    layers: Layers | None = None,
    heads: Heads | None = None,
) -> tuple[Tensor, list[float]]:
    """Style transfer from the photo; returns the picture and the seconds of each evaluation.

    `layers`: another network than the random one, with the names of VGG-19's layers.
    """
    layers = [("normalise", Normalise()), *network()] if layers is None else layers
    model, contents, styles = build(content, style, layers, heads or {})
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image])
    ends = [time.perf_counter()]

    def closure() -> Tensor:
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        model(image)
        loss = style_weight * sum((s.loss for s in styles), torch.zeros(())) + sum(c.loss for c in contents)
        loss.backward()
        ends.append(time.perf_counter())
        return loss

    while len(ends) <= iterations:
        optimizer.step(closure)
    with torch.no_grad():
        image.clamp_(0, 1)
    return image.detach(), [b - a for a, b in pairwise(ends)]
