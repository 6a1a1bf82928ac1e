"""Distil a narrow VGG-19 (`lite`) from a larger encoder, on a laptop's two cores.

    python training/distill.py --teacher FILE --photos DIR --paintings DIR --state lite.ckpt --out lite.safetensors

Each of the student's thirteen activations predicts the teacher's at the same depth through a linear head. What makes it
quick: a hint at every layer instead of six (Romero et al. 2015); Muon (Jordan 2024), whose orthogonalised updates care
little that activations of a ReLU network are badly conditioned; a first convolution in whitened coordinates, where it
is nearly solved in minutes; and pictures from style optimisations against the student itself (`iterates.py`).

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

import torch
from torch import Tensor

from iterates import Iterates
from pictures import Pictures, load_folder
from student import KEPT, LAYERS, Student
from teachers import Teacher, load_teacher, some_positions

HINT = 0.25
"""Weight of a layer whose head is not shipped; those that are weigh 1."""

State = dict[str, Tensor]


@torch.no_grad()
def unexplained(student: Student, teacher: Teacher, images: list[Tensor]) -> dict[str, float]:
    """Residual over total variance of the teacher's features, over all pictures, positions and channels, by layer."""
    residual, square, total, count = (dict.fromkeys(LAYERS, 0.0) for _ in range(4))
    sums: dict[str, Tensor | float] = dict(total)
    for image in images:
        targets = teacher(image, lambda _, f: f)
        for n, guess in student.guesses(image).items():
            target = targets[n].double()
            residual[n] += float((guess - target).square().sum())
            square[n] += float(target.square().sum())
            sums[n] = sums[n] + target.sum((0, 2, 3))
            count[n] += target[0, 0].numel()
    return {n: residual[n] / (square[n] - float(torch.as_tensor(sums[n]).square().sum()) / count[n]) for n in LAYERS}


def optimizers_of(student: Student, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for matrices, AdamW for vectors."""
    matrices = [p for p in student.parameters() if p.ndim == 2]
    vectors = [p for p in student.parameters() if p.ndim == 1]
    muon = torch.optim.Muon(matrices, lr=rate, momentum=0.95, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(vectors, lr=rate, betas=(0.9, 0.99), weight_decay=0.0)]


def train_step(student: Student, teacher: Teacher, images: Tensor, optimizers: list[torch.optim.Optimizer]) -> State:
    """One step on a batch; returns each layer's share of unexplained variance."""
    thin = some_positions()
    targets = teacher(images, thin)
    shares = {}
    for n, guess in student.guesses(images, thin).items():
        shares[n] = (guess - targets[n]).square().mean() / student.units[n] ** 2
    loss = torch.stack([share * (1.0 if n in KEPT else HINT) for n, share in shares.items()]).sum()
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
        if value.is_floating_point():
            average[name].lerp_(value, 1 - keep)
        else:
            average[name].copy_(value)


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
    student.eval()
    yield
    student.load_state_dict(own)
    student.train()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True, help="collaborative distillation's file, or VGG-19's")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs")
    parser.add_argument("--paintings", type=Path, required=True, help="a folder of paintings")
    parser.add_argument("--state", type=Path, default=Path("lite.ckpt"), help="resumed from if it is there")
    parser.add_argument("--out", type=Path, default=Path("lite.safetensors"))
    parser.add_argument("--steps", type=int, default=5500, help="steps in all, the decay included")
    parser.add_argument("--decay", type=int, default=2500, help="the last steps, over which the rate falls to zero")
    parser.add_argument("--iterates-from", type=int, default=1500, help="the step from which iterates are mixed in")
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--crop", type=int, default=176)
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    teacher = load_teacher(args.teacher)
    photos, paintings = load_folder(args.photos), load_folder(args.paintings)
    held = [(p[None].float() / 255)[..., :384, :384] for p in photos[::25] + paintings[::8]]
    del photos[::25], paintings[::8]
    pictures = Pictures(photos, paintings, args.crop)
    calibration = torch.cat([pictures() for _ in range(48)])
    student = Student(teacher(calibration, lambda _, f: f), calibration)
    optimizers = optimizers_of(student, args.rate)
    average, start = {k: v.clone() for k, v in student.state_dict().items()}, 0
    if args.state.exists():
        state = torch.load(args.state, weights_only=True)
        student.load_state_dict(state["student"])
        average, start = state["average"], state["step"]
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        random.seed(args.seed + start)
        torch.manual_seed(args.seed + start)
    iterates, began = Iterates(pictures), time.time()
    log: State = {}
    for step in range(start, args.steps):
        factor = min(1.0, (step + 1) / 100) * min(1.0, (args.steps - step) / args.decay)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = args.rate * factor
        batch = [pictures() for _ in range(args.batch)]
        if step >= args.iterates_from:
            batch[0] = iterates(student)
        # The decay runs on fixed statistics, as the shipped network does.
        student.norms.train(step < args.steps - args.decay)
        images = torch.cat(batch).contiguous(memory_format=torch.channels_last)
        for n, share in train_step(student, teacher, images, optimizers).items():
            log[n] = torch.lerp(log[n], share, 0.02) if n in log else share
        with torch.no_grad():
            follow(average, student, step)
        if (step + 1) % 50 == 0:
            shares = {n: round(float(v), 3) for n, v in log.items()}
            print(json.dumps({"step": step + 1, "seconds": round(time.time() - began), "train": shares}), flush=True)
        if (step + 1) % args.every == 0 or step + 1 == args.steps:
            save(args.state, step + 1, student, average, optimizers)
            with averaged(student, average):
                report = {n: round(v, 4) for n, v in unexplained(student, teacher, held).items()}
                about = {"teacher": args.teacher.name, "steps": step + 1, "unexplained": {n: report[n] for n in KEPT}}
                student.export(args.out, about)
            print(json.dumps({"step": step + 1, "held": report}), flush=True)


if __name__ == "__main__":
    main()
