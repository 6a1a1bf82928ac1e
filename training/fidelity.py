"""How near a network of `lite`'s kind comes to VGG-19: its features, and the gradients that it gives an optimiser.

    python training/fidelity.py --photos DIR --paintings DIR [DIR ...] [--network FILE ...]

Unexplained variance: residual over total variance of VGG-19's features (after the ReLU) on the pictures that
`distill.py` holds out. Cosine: of the angle between the gradients by pixels of one style and content loss, as VGG-19
and as the network give them, at a photo in the painting's colours and half-way from it to noise of the painting's
colours; the median over pairs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from impasto import encoders
from impasto.encoders import Encoder
from impasto.encoders.lite import OWN, Lite, load_lite
from impasto.image import match_colors, resize
from impasto.losses import gram, relative
from impasto.losses.feature import distance, energy, into_space, positions
from pictures import held_out, load_folder

STYLE = Lite.default_style
LAYERS = (*STYLE[:4], "relu4_2", STYLE[4])
SIDE = 256
BALANCE = 50.0
"""Weight of the style beside the content's 1: `strength` 0.5 (see impasto/tasks/objective/weights.py)."""


@torch.no_grad()
def unexplained(network: Lite, teacher: Encoder, images: list[Tensor]) -> dict[str, float]:
    """Residual over total variance of the teacher's features, over all pictures, positions and channels, by layer."""
    sums: dict[str, list[Tensor]] = {n: [torch.zeros((), dtype=torch.float64)] * 4 for n in LAYERS}
    for image in images:
        targets, found = teacher(image, LAYERS), network(image, LAYERS)
        for n in LAYERS:
            target = positions(targets[n])[0].double()
            guess = into_space(positions(found[n])[0], network.head(n)).double()
            news = ((guess - target).square().sum(), target.square().sum(), target.sum(0), torch.tensor(len(target)))
            sums[n] = [old + new for old, new in zip(sums[n], news, strict=True)]
    return {n: float(r / (square - total.square().sum() / count)) for n, (r, square, total, count) in sums.items()}


def gradient(network: Encoder, image: Tensor, style: Mapping[str, Tensor], content: Tensor) -> Tensor:
    """The gradient by pixels of the normalised loss of strength 0.5."""
    leaf, total = image.clone().requires_grad_(), image.new_zeros(())
    found = network(leaf, LAYERS)
    for n in STYLE:
        total = total + BALANCE / len(STYLE) * relative(gram(found[n], network.metric(n)), style[n])
    space = network.metric("relu4_2")
    total = total + distance(found["relu4_2"], content, space) / energy(content, space)
    return torch.autograd.grad(total, leaf)[0]


def cosines(networks: list[Encoder], photo: Tensor, painting: Tensor) -> list[float]:
    """The cosine between the first network's gradient and each of the others', at two pictures each."""
    start = match_colors(photo, painting)
    noise = torch.rand(photo.shape, generator=torch.Generator().manual_seed(0))
    grads: list[list[Tensor]] = []
    for network in networks:
        with torch.no_grad():
            style = {n: gram(f, network.metric(n)) for n, f in network(painting, STYLE).items()}
            content = network(photo, ["relu4_2"])["relu4_2"]
        places = (start, torch.lerp(start, match_colors(noise, painting), 0.5))
        grads.append([gradient(network, place, style, content).flatten() for place in places])
    theirs = grads[0]
    return [
        median(float(torch.cosine_similarity(a, b, dim=0)) for a, b in zip(theirs, ours, strict=True))
        for ours in grads[1:]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", type=Path, nargs="+", default=[OWN], help="files of lite's kind")
    parser.add_argument("--teacher", type=Path, help="a weight file of VGG-19; by default the one that Impasto finds")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, required=True, nargs="+")
    parser.add_argument("--pairs", type=int, default=12)
    args = parser.parse_args()
    teacher = encoders.load("vgg19", weights=args.teacher)
    networks = [load_lite(path) for path in args.network]
    photos, paintings = load_folder(args.photos), [p for folder in args.paintings for p in load_folder(folder)]
    images = [(p[None].float() / 255)[..., :384, :384] for p in held_out(photos, paintings)[0]]
    photos, paintings = photos[::25], paintings[::40]
    for path, network in zip(args.network, networks, strict=True):
        figures = {n: round(v, 3) for n, v in unexplained(network, teacher, images).items()}
        print(f"{path}: unexplained {figures}", flush=True)
    found: list[list[float]] = []
    for photo, painting in list(zip(photos, paintings, strict=False))[: args.pairs]:
        squares = [resize(p[None].float() / 255, (SIDE, SIDE)).clamp(0, 1) for p in (photo, painting)]
        found.append(cosines([teacher, *networks], *squares))
    for path, values in zip(args.network, zip(*found, strict=True), strict=True):
        print(f"{path}: cosine {median(values):.3f} (least {min(values):.3f}, most {max(values):.3f})")


if __name__ == "__main__":
    main()
