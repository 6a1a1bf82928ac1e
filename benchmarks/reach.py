"""How much sooner Impasto is where 500 textbook iterations come to: `python -m benchmarks.reach --vgg19 FILE ...`.

The textbook loop looks through VGG-19, by a file with torchvision's keys. Where a picture is, is the share of the
photo's style distance that is gone, and the distance of the content, as VGG-19 itself sees them; and with `--teacher
FILE` also as a narrow network with heads into its space does (Wang et al. 2020, the file that `training/README.md`
names). Impasto runs with `lite`, in whole processes, at some strengths; of these the fastest one counts that is at
least as near to the painting and to the photo as the textbook's picture. Both times are of one run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks import textbook
from impasto import encoders
from impasto.image import fitted_size, load, resize, write

STAGES = (2, 2, 4, 4, 1)
STRENGTHS = (0.3, 0.4, 0.5, 0.6, 0.7)
QUALITIES = ("draft", "standard")


@dataclass(frozen=True)
class Place:
    """Where a picture is: the share of the photo's style distance that is left, and the relative content distance."""

    style: float
    content: float

    def reaches(self, other: Place) -> bool:
        """Whether it is as near to both, or nearer."""
        return self.style <= other.style and self.content <= other.content

    def __str__(self) -> str:
        return f"{100 * (1 - self.style):.1f} % of the style distance gone, content {self.content:.3f}"


class Judge:
    """A network as layers with VGG-19's names, and what is put before its Gram matrices."""

    def __init__(self, layers: list[tuple[str, nn.Module]], heads: dict[str, nn.Module]) -> None:
        self.layers, self.heads = layers, heads

    @torch.no_grad()
    def seen(self, x: Tensor) -> dict[str, Tensor]:
        """Gram matrices, and the content's features."""
        found = {}
        for name, layer in self.layers:
            x = layer(x)
            if name == f"relu{textbook.CONTENT}":
                found["content"] = x.clone()
            elif name.startswith("relu") and name[4:] in textbook.STYLE:
                found[name] = textbook.StyleLoss.gram(self.heads.get(name[4:], nn.Identity())(x))
        return found

    def place(self, photo: Tensor, painting: Tensor, picture: Tensor) -> Place:
        """Where a picture is between the two."""
        p, a, x = self.seen(photo), self.seen(painting), self.seen(picture)

        def away(found: dict[str, Tensor]) -> float:
            layers = [name for name in a if name != "content"]
            return statistics.fmean(float((found[n] - a[n]).square().sum() / a[n].square().sum()) for n in layers)

        content = float((x["content"] - p["content"]).square().sum() / p["content"].square().sum())
        return Place(away(x) / away(p), content)


def vgg19(file: Path) -> Judge:
    """VGG-19 as far as the textbook looks."""
    network = encoders.load("vgg19", weights=file)
    layers: list[tuple[str, nn.Module]] = [("normalise", textbook.Normalise())]
    for name, layer in textbook.network():
        if isinstance(layer, nn.Conv2d):
            own = {part: network.get_parameter(f"convs.{name}.{part}") for part in ("weight", "bias")}
            layer.load_state_dict(own)
        layers.append((name, layer))
    return Judge(layers, {})


def teacher(file: Path) -> Judge:
    """The narrow network and its heads."""
    weights = load_file(str(file))

    def conv(name: str, padding: int) -> nn.Conv2d:
        weight = weights[f"{name}.weight"]
        made = nn.Conv2d(*weight.shape[1::-1], weight.shape[2], padding=padding, padding_mode="reflect")
        made.load_state_dict({"weight": weight, "bias": weights[f"{name}.bias"]})
        return made.requires_grad_(False)

    layers: list[tuple[str, nn.Module]] = [("input", conv("conv0", 0))]
    for stage, count in enumerate(STAGES, 1):
        if stage > 1:
            layers.append((f"pool{stage - 1}", nn.MaxPool2d(2)))
        for i in range(1, count + 1):
            layers += [(f"conv{stage}_{i}", conv(f"conv{stage}{i}", 1)), (f"relu{stage}_{i}", nn.ReLU())]
    return Judge(layers, {place: conv(f"conv{place.replace('_', '')}_aux", 0) for place in textbook.STYLE})


def ours(args: argparse.Namespace, quality: str, strength: float, file: Path) -> float:
    """Seconds of one process."""
    command = [sys.executable, "-m", "impasto", "stylize", args.content, args.style, "--size", str(args.size), "-q"]
    command += ["--quality", quality, "--strength", str(strength), "-o", str(file), "--checkpoint", "no"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vgg19", type=Path, required=True, metavar="FILE")
    parser.add_argument("--teacher", type=Path, metavar="FILE")
    parser.add_argument("--content", required=True)
    parser.add_argument("--style", required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument(
        "--style-weight", type=float, nargs="+", default=[20.0], help="of the textbook loop; neural-style has 100 to 5"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a folder for all pictures")
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name:
        folder = args.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        compare(args, folder)


def compare(args: argparse.Namespace, folder: Path) -> None:
    """Print where both come to, and their times."""
    network = vgg19(args.vgg19)
    judges = {"VGG-19": network} | ({"the narrow network": teacher(args.teacher)} if args.teacher else {})
    photo, painting = load(args.content).pixels, load(args.style).pixels
    size = fitted_size(photo.shape[-2:], args.size)
    photo = resize(photo, size).clamp(0, 1)
    painting = resize(painting, fitted_size(painting.shape[-2:], args.size)).clamp(0, 1)

    def judged(what: str, seconds: float, picture: Tensor) -> dict[str, Place]:
        places = {name: judge.place(photo, painting, picture) for name, judge in judges.items()}
        print(
            f"{what}: {seconds:.1f} s; " + "; ".join(f"{name}: {place}" for name, place in places.items()), flush=True
        )
        return places

    found = {}
    for key in product(QUALITIES, STRENGTHS):
        file = folder / f"{key[0]}-{key[1]}.png"
        found[key] = judged(f"{key[0]}, strength {key[1]}", ours(args, *key, file), load(file).pixels)
    for weight in args.style_weight:
        made, steps = textbook.run(photo, painting, args.iterations, weight, network.layers, network.heads)
        write(folder / f"textbook-{weight:g}.png", made)
        aim = judged(f"textbook, style weight {weight:g}, {len(steps)} iterations", sum(steps), made)
        for name in judges:
            reached = next((key for key, places in found.items() if places[name].reaches(aim[name])), None)
            if reached is None:
                print(f"{name}: none of these runs is as near to both")
                continue
            times = [ours(args, *reached, folder / "again.png") for _ in range(args.repeats)]
            ratio = sum(steps) / statistics.median(times)
            print(f"{name}: reached by {reached}, in {statistics.median(times):.1f} s, {ratio:.0f} times as fast")


if __name__ == "__main__":
    main()
