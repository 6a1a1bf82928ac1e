"""How much sooner Impasto is where 500 textbook iterations come to.

    python -m benchmarks.reach --vgg19 FILE --content PHOTO --style PAINTING
    python -m benchmarks.reach --teacher FILE --content PHOTO --style PAINTING

Where a picture is, the network judges that the textbook loop itself looks through: the share of the photo's style
distance that is gone, and the distance of the content. That is VGG-19, by a file with torchvision's keys, or a narrow
one with heads into its space (Wang et al. 2020, the file that `training/README.md` names), in whose stead VGG-19 with
random weights tells the time. Impasto runs with `lite`, in whole processes, at some strengths; the fastest run counts
that is at least as near to the painting and to the photo as the textbook's picture. Both times are of one run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
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


def textbook_process(args: argparse.Namespace) -> float:
    """Seconds of one process of the textbook loop with VGG-19."""
    command = [sys.executable, "-m", "benchmarks.side", "textbook", "--content", args.content, "--style", args.style]
    began = time.perf_counter()
    told = subprocess.run(
        [*command, "--size", str(args.size), "--iterations", str(args.iterations)],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - began
    steps = json.loads(told.stdout.splitlines()[-1])["steps"]
    print(f"textbook, VGG-19: {seconds:.0f} s, {statistics.median(steps):.2f} s an iteration", flush=True)
    return seconds


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--vgg19", type=Path, metavar="FILE")
    network.add_argument("--teacher", type=Path, metavar="FILE")
    parser.add_argument("--content", required=True)
    parser.add_argument("--style", required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument(
        "--style-weight", type=float, nargs="+", default=[20.0], help="of the textbook loop; neural-style has 100 to 5"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-time", action="store_true", help="only tell where both come to")
    parser.add_argument("--keep", type=Path, help="a folder for all pictures")
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name:
        folder = args.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        compare(args, folder)


def compare(args: argparse.Namespace, folder: Path) -> None:
    """Print where both come to, and their times."""
    judge = vgg19(args.vgg19) if args.vgg19 else teacher(args.teacher)
    photo, painting = load(args.content).pixels, load(args.style).pixels
    size = fitted_size(photo.shape[-2:], args.size)
    photo = resize(photo, size).clamp(0, 1)
    painting = resize(painting, fitted_size(painting.shape[-2:], args.size)).clamp(0, 1)
    aims, slow = [], []
    for weight in args.style_weight:
        made, steps = textbook.run(photo, painting, args.iterations, weight, judge.layers, judge.heads)
        slow.append(sum(steps))
        write(folder / f"textbook-{weight:g}.png", made)
        aims.append(judge.place(photo, painting, made))
        print(f"textbook, style weight {weight:g}: {len(steps)} iterations, {slow[-1]:.0f} s, {aims[-1]}", flush=True)
    found = {}
    for quality in QUALITIES:
        for strength in STRENGTHS:
            file = folder / f"{quality}-{strength}.png"
            seconds = ours(args, quality, strength, file)
            found[quality, strength] = judge.place(photo, painting, load(file).pixels)
            print(f"{quality}, strength {strength}: {seconds:.1f} s, {found[quality, strength]}", flush=True)
    reached = [next((key for key, place in found.items() if place.reaches(aim)), None) for aim in aims]
    if args.no_time:
        for weight, key in zip(args.style_weight, reached, strict=True):
            print(f"style weight {weight:g}: reached by {key}")
        return
    chosen = [key for key in dict.fromkeys(reached) if key]
    times = {key: [ours(args, *key, folder / "again.png") for _ in range(args.repeats)] for key in chosen}
    slow = slow if args.vgg19 else [textbook_process(args)] * len(slow)
    for key in chosen:
        times[key] += [ours(args, *key, folder / "again.png") for _ in range(args.repeats)]
    for weight, key, long in zip(args.style_weight, reached, slow, strict=True):
        if key is None:
            print(f"style weight {weight:g}: none of these runs is as near to both")
            continue
        median = statistics.median(times[key])
        ratio = f"{long / median:.0f} times as fast"
        print(f"style weight {weight:g}: reached by {key[0]}, strength {key[1]}, in {median:.1f} s, {ratio}")


if __name__ == "__main__":
    main()
