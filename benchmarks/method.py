"""Measure what the method does: `python -m benchmarks.method [--masked PHOTO MASK ...] [--out FILE]`.

The page is docs/notebook/method-figures.md unless FILE is given.

What a person would rather see as a table: reconstruction by layer, textures at sets of layers, styles inside masks,
kept colours. On the bundled samples (and photos with masks of your own), `lite`, two seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

import impasto
from impasto import encoders
from impasto.image import SPACES, fit, load, load_mask, resize
from impasto.tasks import compare
from impasto.tasks.objective.layers import parse_layers
from impasto.tasks.scene.areas import resize_clamped
from impasto.tasks.scene.regions import Region

ROOT = Path(__file__).resolve().parent.parent
SIZE = 256
LAYERS = (1, 2, 4, 5, 7, 8, 11)
SEEDS = "A deeper layer determines the pixels less. Two seeds differ in fine noise, which a blur removes."
TEXTURES = ("conv_1-5", "conv_4-8", "conv_7-11", "conv_1,conv_2,conv_5,conv_9,conv_13")


def array(picture: Tensor) -> np.ndarray:
    return picture[0].permute(1, 2, 0).numpy().astype(np.float64)


def same_size(source: str, like: Tensor) -> Tensor:
    return resize(load(source).pixels, (like.shape[-2], like.shape[-1])).clamp(0, 1)


def reconstructions(photo: str, steps: int) -> list[str]:
    """How alike photo and reconstruction are, and what two seeds have apart: all of it, and after a blur."""
    rows = ["| layer | PSNR, dB | SSIM | two seeds, deviation | the same, blurred (sigma 4) |", "|---|---|---|---|---|"]
    for k in LAYERS:
        settings = [
            impasto.ReconstructSettings(size=SIZE, layers=f"conv_{k}", scales=1, steps=steps, seed=seed)
            for seed in (0, 1)
        ]
        first, second = (impasto.reconstruct(photo, each) for each in settings)
        truth = same_size(photo, first)
        psnr, ssim = compare.psnr(first, truth), compare.ssim(first, truth)
        apart = array(first) - array(second)
        smooth = gaussian_filter(apart, (4, 4, 0))
        rows.append(f"| conv_{k} | {psnr:.1f} | {ssim:.3f} | {apart.std():.4f} | {smooth.std():.4f} |")
    return rows


def style_distance(
    picture: Tensor, painting: Tensor, layers: Sequence[str], mask: Tensor | None = None, part: Tensor | None = None
) -> float:
    """The mean over the layers; within masks where there are any."""
    found = compare.style_distance(encoders.load("lite"), picture, painting, layers, mask=mask, part=part)
    return sum(found.values()) / len(found)


def textures(painting: str) -> list[str]:
    """Two seeds at each set of layers: how near both are to the painting, and how far from each other."""
    rows = [
        "| layers | style distance, seed 0 | seed 1 | of noise | pixels of the two, correlation |",
        "|---|---|---|---|---|",
    ]
    encoder = encoders.load("lite")
    for text in TEXTURES:
        settings = [impasto.TextureSettings(size=SIZE, layers=text, quality="fine", seed=seed) for seed in (0, 1)]
        made = [impasto.texture(painting, each) for each in settings]
        layers = list(parse_layers(encoder, text, ()))
        model = same_size(painting, made[0])
        noise = torch.rand(made[0].shape, generator=torch.Generator().manual_seed(0)) * 0.35 + 0.325
        near = [style_distance(picture, model, layers) for picture in (*made, noise)]
        like = np.corrcoef(array(made[0]).ravel(), array(made[1]).ravel())[0, 1]
        rows.append(f"| {text} | {near[0]:.4f} | {near[1]:.4f} | {near[2]:.2f} | {like:.2f} |")
    return rows


def regions(photo: str, mask: str, inside: str, outside: str) -> list[str]:
    """Style distance in a region and in the rest, to its own painting and to the other's."""
    encoder = encoders.load("lite")
    picture = impasto.stylize(photo, outside, impasto.StylizeSettings(size=SIZE * 2), regions=[Region(mask, inside)])
    grid = (picture.shape[-2], picture.shape[-1])
    masks = [resize_clamped(load_mask(mask), grid), 1 - resize_clamped(load_mask(mask), grid)]
    rows = ["| where | own painting | other painting | ratio |", "|---|---|---|---|"]
    paintings = [fit(load(name).pixels, max(grid)).clamp(0, 1) for name in (inside, outside)]
    for k, where in enumerate(("inside the mask", "outside")):
        own, other = (style_distance(picture, paintings[j], encoder.default_style, masks[k]) for j in (k, 1 - k))
        rows.append(f"| {where} | {own:.4f} | {other:.4f} | {other / own:.1f} |")
    return rows


def colors(photo: str, painting: str) -> list[str]:
    """The greatest difference of chroma between result (as 8 bits) and photo, in units of 1/255 of its range."""
    rows = ["| space | greatest | mean |", "|---|---|---|"]
    for name, space in SPACES.items():
        made = impasto.stylize(photo, painting, impasto.StylizeSettings(size=SIZE, keep_color=name))
        eight = (made * 255).round() / 255
        chroma = [space.forward(p)[:, 1:] for p in (eight, same_size(photo, made))]
        scale = {"ycbcr": 1.0, "lab": 255.0, "oklab": 1.0}[name]
        apart = (chroma[0] - chroma[1]).abs() / scale * 255
        rows.append(f"| {name} | {float(apart.max()):.2f} | {float(apart.mean()):.3f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masked", nargs=2, action="append", default=[], metavar=("PHOTO", "MASK"))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "notebook" / "method-figures.md")
    args = parser.parse_args()
    masked = [("sample:coffee", str(ROOT / "docs" / "gallery" / "masks" / "coffee.png")), *args.masked]
    lines = [
        "# The method in figures",
        "",
        f"Made by `python -m benchmarks.method`: `lite`, {SIZE} px, the bundled samples.",
        "",
    ]
    lines += [
        "## Reconstruction from one layer, from noise",
        "",
        f"`sample:astronaut`, {args.steps} steps at one size.",
        "",
    ]
    lines += reconstructions("sample:astronaut", args.steps)
    lines += ["", SEEDS]
    lines += [
        "",
        "## Textures at sets of layers",
        "",
        "`sample:flow`, `--quality fine`, two seeds.",
        "",
        *textures("sample:flow"),
    ]
    lines += [
        "",
        "## Two paintings, one inside a mask",
        "",
        f"`sample:flow` inside, `sample:glass` outside, {2 * SIZE} px.",
    ]
    for photo, mask in masked:
        lines += [
            "",
            f"{Path(photo).stem.removeprefix('sample:')}:",
            "",
            *regions(photo, mask, "sample:flow", "sample:glass"),
        ]
    lines += [
        "",
        "## The photo's colours kept",
        "",
        "`sample:coffee`, `sample:flow`; chroma, 1 is 1/255 of its range.",
        "",
    ]
    lines += colors("sample:coffee", "sample:flow")
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
