"""Distil a narrow VGG-19 (`lite`) from VGG-19, on a laptop's two cores.

    python training/distill.py --photos DIR --paintings DIR [DIR ...] --state lite.ckpt --out lite.safetensors

Each of the student's thirteen activations predicts VGG-19's at the same depth, after the ReLU, through a linear head.
What makes it quick: a start from VGG-19's own filters (`starting.py`), a hint at every layer instead of six (Romero et
al. 2015), Muon (Jordan 2024), whose orthogonalised updates care little that activations are badly conditioned, and
bfloat16 for teacher and student. Pictures from style optimisations against the student itself are among the crops
(`iterates.py`).

The rate is constant, then falls to zero over the last `--decay` steps. To make a longer run of a finished one, start
again from the state of a step before its decay with a larger `--steps`.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from impasto.process import prepare_process

prepare_process()

import torch  # noqa: E402 (after the process is prepared)
from torch import Tensor  # noqa: E402

from iterates import Iterates  # noqa: E402
from pictures import Pictures, held_out, load_folder  # noqa: E402
from starting import start  # noqa: E402
from student import KEPT, LAYERS, Student, whitening  # noqa: E402
from teachers import Teacher, load_teacher, some_positions  # noqa: E402

HINT = 0.25
"""Weight of a layer whose head is not shipped; those that are weigh 1."""

SOURCE = (
    "VGG-19 by Karen Simonyan and Andrew Zisserman (Very Deep Convolutional Networks for Large-Scale Image "
    "Recognition, 2014), Visual Geometry Group, University of Oxford, CC BY 4.0"
)
"""Where the teacher's weights come from; the student starts from them."""

State = dict[str, Tensor]


@torch.no_grad()
def unexplained(student: Student, teacher: Teacher, images: list[Tensor]) -> dict[str, float]:
    """Residual over total variance of the teacher's features, over all pictures, positions and channels, by layer."""
    residual, square, total, count = (dict.fromkeys(LAYERS, 0.0) for _ in range(4))
    sums: dict[str, Tensor | float] = dict(total)
    for image in images:
        targets = teacher(image, LAYERS)
        for n, guess in student.guesses(image).items():
            target = targets[n].double()
            residual[n] += float((guess - target).square().sum())
            square[n] += float(target.square().sum())
            sums[n] = sums[n] + target.sum((0, 2, 3))
            count[n] += target[0, 0].numel()
    return {n: residual[n] / (square[n] - float(torch.as_tensor(sums[n]).square().sum()) / count[n]) for n in LAYERS}


def report(student: Student, teacher: Teacher, held: list[Tensor], step: int) -> dict[str, float]:
    """The unexplained variance on pictures that were held out, printed as a line."""
    figures = {n: round(v, 4) for n, v in unexplained(student, teacher, held).items()}
    print(json.dumps({"step": step, "held": figures}), flush=True)
    return figures


def optimizers_of(student: Student, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for matrices, AdamW for vectors."""
    matrices = [p for p in student.parameters() if p.ndim == 2]
    vectors = [p for p in student.parameters() if p.ndim == 1]
    muon = torch.optim.Muon(matrices, lr=rate, momentum=0.95, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(vectors, lr=rate, betas=(0.9, 0.99), weight_decay=0.0)]


def train_step(
    student: Student, teacher: Teacher, images: Tensor, optimizers: list[torch.optim.Optimizer], usual: State
) -> State:
    """One step on a batch; returns each layer's share of unexplained variance.

    A layer's share counts by the square root of what it usually is (`usual`): between the sum of shares, in which
    deep layers alone would matter, and the sum of their logarithms, in which the shallow ones would.
    """
    thin = some_positions()
    targets = teacher(images, LAYERS)
    with torch.autocast("cpu", torch.bfloat16):
        guesses = student.guesses(images, thin)
    shares = {}
    for n, guess in guesses.items():
        shares[n] = (guess.float() - thin(n, targets[n]).float()).square().mean() / student.unit(n) ** 2
    weights = {n: (1.0 if n in KEPT else HINT) / float(usual.get(n, shares[n].detach())) ** 0.5 for n in shares}
    loss = torch.stack([share * weights[n] for n, share in shares.items()]).sum()
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    return {n: share.detach() for n, share in shares.items()}


def follow(average: State, student: Student, step: int) -> None:
    """Exponential moving average of the weights, over about a thousand steps."""
    keep = min(0.999, (step + 1) / (step + 10))
    for name, value in student.state_dict().items():
        average[name].lerp_(value, 1 - keep)


def save(path: Path, step: int, student: Student, average: State, optimizers: list[torch.optim.Optimizer]) -> None:
    state = {"student": student.state_dict(), "average": average, "step": step}
    temporary = path.with_suffix(".tmp")
    torch.save(state | {"optimizers": [o.state_dict() for o in optimizers]}, temporary)
    temporary.replace(path)


@contextmanager
def averaged(student: Student, average: State) -> Iterator[None]:
    """Within it the student has its averaged weights."""
    own = {k: v.clone() for k, v in student.state_dict().items()}
    student.load_state_dict(average)
    yield
    student.load_state_dict(own)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, help="a weight file of VGG-19; by default the one that Impasto finds")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs")
    parser.add_argument("--paintings", type=Path, required=True, nargs="+", help="folders of paintings")
    parser.add_argument("--state", type=Path, default=Path("lite.ckpt"), help="resumed from if it is there")
    parser.add_argument("--out", type=Path, default=Path("lite.safetensors"))
    parser.add_argument("--steps", type=int, default=12000, help="steps in all, the decay included")
    parser.add_argument("--decay", type=int, default=6000, help="the last steps, over which the rate falls to zero")
    parser.add_argument("--iterates-from", type=int, default=500, help="the step from which iterates are mixed in")
    parser.add_argument("--rate", type=float, default=0.005)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--crop", type=int, default=176)
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def begin(args: argparse.Namespace, teacher: Teacher, pictures: Pictures, path: Path) -> Student:
    """The student of the first step; its start is made once and kept in `path`."""
    widths = {n: f.shape[1] for n, f in teacher(torch.zeros(1, 3, 32, 32), LAYERS).items()}
    if path.exists():
        student = Student(widths)
        student.load_state_dict(torch.load(path, weights_only=True))
        return student
    batches = [torch.cat([pictures() for _ in range(args.batch)]) for _ in range(24)]
    scale = Student(widths).normalised
    student = Student(widths, whitening(scale(torch.cat(batches[:8]))))
    start(student, teacher, lambda: batches)
    torch.save(student.state_dict(), path)
    return student


def main() -> None:
    args = arguments()
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    teacher = load_teacher(args.teacher, torch.bfloat16)
    paintings = [p for folder in args.paintings for p in load_folder(folder)]
    kept, photos, paintings = held_out(load_folder(args.photos), paintings)
    held = [(p[None].float() / 255)[..., :384, :384] for p in kept]
    pictures = Pictures(photos, paintings, args.crop)
    student = begin(args, teacher, pictures, args.state.with_suffix(".start"))
    optimizers = optimizers_of(student, args.rate)
    average, first = {k: v.clone() for k, v in student.state_dict().items()}, 0
    if args.state.exists():
        state = torch.load(args.state, weights_only=True)
        student.load_state_dict(state["student"])
        average, first = state["average"], state["step"]
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        random.seed(args.seed + first)
        torch.manual_seed(args.seed + first)
    else:
        report(student, teacher, held, 0)
    iterates, began = Iterates(pictures), time.time()
    usual: State = {}
    for step in range(first, args.steps):
        factor = min(1.0, (step + 1) / 100) * min(1.0, (args.steps - step) / args.decay)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = args.rate * factor
        batch = [pictures() for _ in range(args.batch)]
        if step >= args.iterates_from:
            batch[0] = iterates(student)
        images = torch.cat(batch).contiguous(memory_format=torch.channels_last)
        for n, share in train_step(student, teacher, images, optimizers, usual).items():
            usual[n] = torch.lerp(usual[n], share, 0.02) if n in usual else share
        with torch.no_grad():
            follow(average, student, step)
        if (step + 1) % 50 == 0:
            shares = {n: round(float(v), 3) for n, v in usual.items()}
            print(json.dumps({"step": step + 1, "seconds": round(time.time() - began), "train": shares}), flush=True)
        if (step + 1) % args.every == 0:
            save(args.state, step + 1, student, average, optimizers)
            with averaged(student, average):
                report(student, teacher, held, step + 1)
    save(args.state, args.steps, student, average, optimizers)
    with averaged(student, average):
        figures = report(student, teacher, held, args.steps)
        about = {"teacher": SOURCE, "steps": args.steps, "unexplained": {n: figures[n] for n in KEPT}}
        pictures_of = {"photographs": len(photos), "paintings": len(paintings), "held out": len(held)}
        student.export(args.out, about | {"pictures": pictures_of}, torch.float16)


if __name__ == "__main__":
    main()
