"""What tells painted faces from generated ones: a small network of its own, and heads on one that can see already."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.encoders.lite import load_lite

LAYERS = {"relu2_2": (2, 1), "relu3_4": (1, 1), "relu4_4": (1, 4), "relu5_1": (0, 4)}
"""The layers of `lite` that have a head: how often it halves their grid, and the side of the window of a logit.

Two judge brushwork, place by place, on a grid of 8; two judge whole pictures, on all of a grid of 4.
"""
SHARE = 0.25
"""How many pictures are augmented: with all of them, a critic this quick to train hardly told the two apart."""


def augment(images: Tensor) -> Tensor:
    """DiffAugment (Zhao et al. 2020): colour, translation, cutout, drawn for each picture, all differentiable.

    Real and generated pictures go through it alike, so the generator never learns the changes, and the critic cannot
    learn two thousand faces by heart.
    """
    n, _, h, w = images.shape
    brightness, saturation, contrast = torch.rand(3, n, 1, 1, 1)
    x = images + brightness - 0.5
    grey = x.mean(1, keepdim=True)
    x = torch.lerp(grey, x, 2 * saturation)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = torch.lerp(mean, x, 0.5 + contrast)
    down, right = torch.randint(-(h // 8), h // 8 + 1, (2, n, 1, 1))
    rows, columns = torch.arange(h).view(1, h, 1) + down, torch.arange(w).view(1, 1, w) + right
    rows, columns = rows.clamp(-1, h) + 1, columns.clamp(-1, w) + 1
    x = F.pad(x, (1, 1, 1, 1)).permute(0, 2, 3, 1)[torch.arange(n).view(n, 1, 1), rows, columns].permute(0, 3, 1, 2)
    top, left = torch.randint(0, h + 1, (2, n, 1, 1)) - h // 4
    rows, columns = torch.arange(h).view(1, h, 1), torch.arange(w).view(1, 1, w)
    cut = (rows >= top) & (rows < top + h // 2) & (columns >= left) & (columns < left + w // 2)
    changed = torch.rand(n, 1, 1, 1) < SHARE
    return torch.where(changed, x * ~cut[:, None], images).contiguous(memory_format=torch.channels_last)


def _stack(channels: int, widths: list[int], halvings: int, window: int) -> nn.Sequential:
    """Convolutions of `widths`, the first ones halving the grid, then a logit for every window."""
    layers: list[nn.Module] = []
    for i, width in enumerate(widths):
        kernel, stride = (4, 2) if i < halvings else (3, 1)
        layers += [nn.Conv2d(channels, width, kernel, stride, 1), nn.LeakyReLU(0.2)]
        channels = width
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, window))


class Critic(nn.Module):
    """`critic(images)`: a list of logit maps, one of each head and one of its own network on pixels.

    The heads stand on frozen features of `lite`, the network inside the package, as in Sauer et al., *Projected GANs
    Converge Faster* (2021). What learns has no norms: batch norms hid from the heads what tells the batches apart.
    """

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.lite = load_lite().requires_grad_(False).eval()
        with torch.no_grad():
            found = self.lite(images, list(LAYERS))
        self.heads, self.scales = nn.ModuleDict(), {}
        for name, (halvings, window) in LAYERS.items():
            channels = found[name].shape[1]
            # Channels of one scale: what lite gives differs by orders of magnitude.
            self.scales[name] = 1 / (found[name].square().mean((0, 2, 3), keepdim=True).sqrt() + 1e-3)
            self.heads[name] = _stack(channels, [64] * max(halvings, 1), halvings, window)
        self.own = _stack(3, [32, 64, 128, 128], 4, 4)

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.judge(self.look(images))

    def look(self, images: Tensor) -> list[Tensor]:
        """What each judge is given: features of one scale, and the pixels in [-1, 1]."""
        features = self.lite(images, list(LAYERS))
        return [*(features[name] * scale for name, scale in self.scales.items()), 2 * images - 1]

    def judge(self, seen: list[Tensor]) -> list[Tensor]:
        return [judge(x).float() for judge, x in zip([*self.heads.values(), self.own], seen, strict=True)]

    def requires_learning(self, on: bool) -> None:
        """Gradients of what learns, or only those of the images."""
        self.heads.requires_grad_(on)
        self.own.requires_grad_(on)

    def learned(self) -> dict[str, Tensor]:
        """Its state without `lite`."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("lite.")}


def critic_loss(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """The logistic loss of Goodfellow et al. (2014), averaged over each map and over the maps."""
    losses = [F.softplus(-r).mean() + F.softplus(f).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(losses).mean()


def painter_loss(fake: list[Tensor]) -> Tensor:
    """The same with the roles exchanged, which does not saturate."""
    return torch.stack([F.softplus(-f).mean() for f in fake]).mean()


def gradient_penalty(critic: Critic, images: Tensor) -> Tensor:
    """R1 (Mescheder et al. 2018): the squared gradients of each judge's mean logit in what it is given, on faces."""
    seen = [x.detach().requires_grad_() for x in critic.look(images)]
    logits = critic.judge(seen)
    gradients = torch.autograd.grad(
        torch.stack([v.mean((1, 2, 3)).sum() for v in logits]).sum(), seen, create_graph=True
    )
    return torch.stack([g.square().sum((1, 2, 3)).mean() for g in gradients]).mean()
