"""How much sooner Impasto is where 500 textbook iterations come to: `python -m benchmarks.reach --teacher FILE ...`.

Where that is, is judged in VGG-19's space by a distilled VGG-19 with heads into it (Wang et al. 2020, the file that
`training/README.md` names): the share of the style distance that is gone, and the distance of the content. The textbook
loop optimises these very distances, on the judge's own network; its time is that of VGG-19 itself, whose weights change
no time and are random here. Impasto runs with `lite`, whole processes, at some strengths; the fastest run counts that
is at least as near to the painting and to the photo as the textbook's picture. Both times are of one run.
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


class Teacher:
    """The judge, as layers with VGG-19's names, and its heads."""

    def __init__(self, file: Path) -> None:
        self.weights = load_file(str(file))
        self.layers: list[tuple[str, nn.Module]] = [("input", self._conv("conv0", 0))]
        for stage, count in enumerate(STAGES, 1):
            if stage > 1:
                self.layers.append((f"pool{stage - 1}", nn.MaxPool2d(2)))
            for i in range(1, count + 1):
                self.layers += [(f"conv{stage}_{i}", self._conv(f"conv{stage}{i}", 1)), (f"relu{stage}_{i}", nn.ReLU())]
        self.heads = {place: self._conv(f"conv{place.replace('_', '')}_aux", 0) for place in textbook.STYLE}

    def _conv(self, name: str, padding: int) -> nn.Conv2d:
        weight = self.weights[f"{name}.weight"]
        conv = nn.Conv2d(*weight.shape[1::-1], weight.shape[2], padding=padding, padding_mode="reflect")
        conv.load_state_dict({"weight": weight, "bias": self.weights[f"{name}.bias"]})
        return conv.requires_grad_(False)

    @torch.no_grad()
    def seen(self, x: Tensor) -> dict[str, Tensor]:
        """Gram matrices in VGG-19's space, and the content's features."""
        found = {}
        for name, layer in self.layers:
            x = layer(x)
            if name == f"relu{textbook.CONTENT}":
                found["content"] = x
            elif name.startswith("relu") and name[4:] in textbook.STYLE:
                found[name] = textbook.StyleLoss.gram(self.heads[name[4:]](x))
        return found

    def place(self, photo: Tensor, painting: Tensor, picture: Tensor) -> Place:
        """Where a picture is between the two."""
        p, a, x = self.seen(photo), self.seen(painting), self.seen(picture)

        def away(found: dict[str, Tensor]) -> float:
            layers = [name for name in a if name != "content"]
            return statistics.fmean(float((found[n] - a[n]).square().sum() / a[n].square().sum()) for n in layers)

        content = float((x["content"] - p["content"]).square().sum() / p["content"].square().sum())
        return Place(away(x) / away(p), content)


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
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--content", required=True)
    parser.add_argument("--style", required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--style-weight", type=float, nargs="+", default=[1e6], help="of the textbook loop")
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
    teacher, photo, painting = Teacher(args.teacher), load(args.content).pixels, load(args.style).pixels
    size = fitted_size(photo.shape[-2:], args.size)
    photo = resize(photo, size).clamp(0, 1)
    painting = resize(painting, fitted_size(painting.shape[-2:], args.size)).clamp(0, 1)
    aims = []
    for weight in args.style_weight:
        made, _ = textbook.run(photo, painting, args.iterations, weight, teacher.layers, teacher.heads)
        write(folder / f"textbook-{weight:g}.png", made)
        aims.append(teacher.place(photo, painting, made))
        print(f"textbook, {args.iterations} iterations, style weight {weight:g}: {aims[-1]}", flush=True)
    found = {}
    for quality in QUALITIES:
        for strength in STRENGTHS:
            file = folder / f"{quality}-{strength}.png"
            seconds = ours(args, quality, strength, file)
            found[quality, strength] = teacher.place(photo, painting, load(file).pixels)
            print(f"{quality}, strength {strength}: {seconds:.1f} s, {found[quality, strength]}", flush=True)
    reached = [next((key for key, place in found.items() if place.reaches(aim)), None) for aim in aims]
    if args.no_time:
        for weight, key in zip(args.style_weight, reached, strict=True):
            print(f"style weight {weight:g}: reached by {key}")
        return
    chosen = [key for key in dict.fromkeys(reached) if key]
    times = {key: [ours(args, *key, folder / "again.png") for _ in range(args.repeats)] for key in chosen}
    slow = textbook_process(args)
    for key in chosen:
        times[key] += [ours(args, *key, folder / "again.png") for _ in range(args.repeats)]
    for weight, key in zip(args.style_weight, reached, strict=True):
        if key is None:
            print(f"style weight {weight:g}: none of these runs is as near to both")
            continue
        median = statistics.median(times[key])
        print(
            f"style weight {weight:g}: {key[0]}, strength {key[1]}, {median:.1f} s, {slow / median:.0f} times as fast"
        )


if __name__ == "__main__":
    main()
