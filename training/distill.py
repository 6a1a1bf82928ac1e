"""Distil a narrow VGG-19 (`lite`) from a larger encoder.

    python training/distill.py --teacher FILE --photos DIR --paintings DIR --state lite.ckpt --out lite.safetensors

The student keeps VGG-19's layers and strides at a fraction of its width. Each of its thirteen convolutions is asked to predict
the teacher's features at the same depth through a linear head (hints, Romero et al. 2015); the six heads that the losses need
are kept. What makes two cores enough:

- Muon (Jordan 2024): orthogonalised updates do not care that the activations of a ReLU network are badly conditioned;
- the first convolution learns in the whitened space of 3x3 colour patches, where it is nearly solved in minutes;
- a tenth of the images are iterates of style optimisations run against the student itself, that is, pictures on which the
  student is wrong in exactly the way an optimiser exploits;
- a constant rate, then a linear decay (`--decay` steps): a run may be stopped, resumed and ended at any length.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from student import LAYERS, Student, Teacher, Thin, every_position, load_teacher, some_positions
from pictures import Pictures, load_folder

MAIN = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 1.0, "relu4_2": 1.0, "relu5_1": 1.0}
HINT = 0.25


class Flat(nn.Module):
    """A convolution's weight as the matrix (out, in * 9) that Muon wants, optionally in whitened input coordinates."""

    def __init__(self, shape: torch.Size, whiten: Tensor | None = None) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("whiten", whiten)

    def forward(self, matrix: Tensor) -> Tensor:
        return (matrix if self.whiten is None else matrix @ self.whiten).reshape(self.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        flat = weight.flatten(1)
        return flat if self.whiten is None else flat @ torch.linalg.inv(self.whiten)


def patch_whitener(images: Tensor, normalise) -> Tensor:
    """ZCA of the 27 values under the first convolution."""
    patches = F.unfold(normalise(images), 3).transpose(1, 2).reshape(-1, 27)
    value, vector = torch.linalg.eigh(torch.cov(patches.T).double())
    return (vector @ torch.diag((value + 1e-4 * value.mean()).rsqrt()) @ vector.T).float()


class Iterates:
    """Pictures in the middle of being optimised against the student; see the module's docstring."""

    def __init__(self, pictures: Pictures, count: int, batch: int, life: int) -> None:
        self.pictures, self.count, self.batch, self.life = pictures, count, batch, life
        self.pool: list[dict] = []

    def _new(self, student: Student) -> dict:
        photo, painting = self.pictures.crop("photos"), self.pictures.crop("paintings")
        start = photo if random.random() < 0.7 else torch.rand_like(photo)
        with torch.no_grad():
            targets = student.grams(painting), student(photo)["relu4_2"]
        return dict(x=start.clone(), m=torch.zeros_like(start), v=torch.zeros_like(start), t=0, targets=targets,
                    content=random.choice([0.0, 0.01, 0.05]), rate=random.choice([0.01, 0.02, 0.04]),
                    end=random.randint(self.life // 4, self.life))

    def __call__(self, student: Student) -> Tensor:
        student.eval()
        try:
            return self._advance(student)
        finally:
            student.train()

    def _advance(self, student: Student) -> Tensor:
        while len(self.pool) < self.count:
            self.pool.append(self._new(student))
        chosen = random.sample(range(self.count), self.batch)
        for index in chosen:
            if self.pool[index]["t"] >= self.pool[index]["end"]:
                self.pool[index] = self._new(student)
        items = [self.pool[i] for i in chosen]
        x = torch.cat([item["x"] for item in items]).requires_grad_()
        features = student(x)
        loss = x.new_zeros(())
        for k, item in enumerate(items):
            grams, content = item["targets"]
            mine = student.gram_distance({n: f[k:k + 1] for n, f in features.items()}, grams)
            away = (features["relu4_2"][k:k + 1] - content).square().mean() / content.square().mean()
            loss = loss + mine + item["content"] * away
        (grad,) = torch.autograd.grad(loss, x)
        for k, item in enumerate(items):
            g = grad[k:k + 1]
            item["t"] += 1
            item["m"].mul_(0.9).add_(g, alpha=0.1)
            item["v"].mul_(0.99).addcmul_(g, g, value=0.01)
            mean, square = item["m"] / (1 - 0.9 ** item["t"]), item["v"] / (1 - 0.99 ** item["t"])
            item["x"] = (item["x"] - item["rate"] * mean / (square.sqrt() + 1e-12)).clamp(-0.05, 1.05)
        return torch.cat([item["x"] for item in items])


def residuals(student: Student, heads: nn.ModuleDict, teacher: Teacher, images: Tensor,
              thin: Thin = every_position) -> dict[str, tuple[Tensor, Tensor]]:
    with torch.no_grad():
        targets = teacher(images, thin)
    features = student(images)
    return {n: (heads[n](thin(n, features[n])), targets[n]) for n in LAYERS}


@torch.no_grad()
def unexplained(student: Student, heads: nn.ModuleDict, teacher: Teacher, images: list[Tensor]) -> dict[str, float]:
    """Residual over total variance of the teacher's features, summed over pictures, positions and channels."""
    sums = {n: [0.0, 0.0, 0.0, 0] for n in LAYERS}
    for image in images:
        for n, (guess, target) in residuals(student, heads, teacher, image).items():
            s = sums[n]
            s[0] += (guess - target).double().square().sum().item()
            s[1] += target.double().square().sum().item()
            s[2] = s[2] + target.double().sum((0, 2, 3))
            s[3] += target.shape[2] * target.shape[3]
    return {n: s[0] / (s[1] - float((s[2] ** 2).sum()) / s[3]) for n, s in sums.items()}


def make_optimizers(student: Student, heads: nn.ModuleDict, rate: float) -> list[torch.optim.Optimizer]:
    matrices = [p for n, p in [*student.named_parameters(), *heads.named_parameters()] if p.ndim == 2]
    vectors = [p for n, p in [*student.named_parameters(), *heads.named_parameters()] if p.ndim == 1]
    return [torch.optim.Muon(matrices, lr=rate, momentum=0.95, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(vectors, lr=rate, betas=(0.9, 0.99), weight_decay=0.0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--state", type=Path, default=Path("lite.ckpt"))
    parser.add_argument("--out", type=Path, default=Path("lite.safetensors"))
    parser.add_argument("--steps", type=int, default=20000, help="steps in all, the decay included")
    parser.add_argument("--decay", type=int, default=5000, help="the last steps, over which the rate falls to zero")
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--crop", type=int, default=176)
    parser.add_argument("--pooling", default="max")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iterates-from", type=int, default=1500)
    args = parser.parse_args()
    random.seed(args.seed)
    torch.manual_seed(args.seed)

    teacher = load_teacher(args.teacher)
    photos, paintings = load_folder(args.photos), load_folder(args.paintings)
    held = [p for k, p in enumerate(photos) if k % 25 == 0] + [p for k, p in enumerate(paintings) if k % 8 == 0]
    held = [(h[None].float() / 255)[..., :384, :384] for h in held]
    pictures = Pictures([p for k, p in enumerate(photos) if k % 25], [p for k, p in enumerate(paintings) if k % 8], args.crop)

    student = Student(pooling=args.pooling)
    calibration = torch.cat([pictures() for _ in range(48)])
    with torch.no_grad():
        goal = teacher(calibration)
        scale = {n: goal[n].var((0, 2, 3)).sum().sqrt() for n in LAYERS}
    heads = nn.ModuleDict({n: nn.Linear(student.width(n), goal[n].shape[1]) for n in LAYERS})
    whiten = patch_whitener(calibration, student.normalise)
    for n, conv in student.convs.items():
        first = n == "conv1_1"
        if first:
            with torch.no_grad():
                conv.weight.copy_((torch.randn(conv.weight.shape[0], 27) / math.sqrt(27) @ whiten).view_as(conv.weight))
        parametrize.register_parametrization(conv, "weight", Flat(conv.weight.shape, whiten if first else None))

    def predict(head: nn.Linear, n: str, f: Tensor) -> Tensor:
        """The head works on unit-variance targets; `scale` restores the teacher's."""
        return F.conv2d(f, head.weight[..., None, None], head.bias)

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads = heads

        def __getitem__(self, n: str):
            unit = scale[n] / math.sqrt(goal[n].shape[1])
            return lambda f: predict(heads[n], n, f) * unit

    scaled = Scaled()
    with torch.no_grad():
        features = student(calibration)
        for n in LAYERS:  # start from least squares on the untrained features
            f, g = (t.transpose(0, 1).flatten(1).double() for t in (features[n], goal[n] * math.sqrt(goal[n].shape[1]) / scale[n]))
            f1 = torch.cat([f, torch.ones_like(f[:1])])
            gram = f1 @ f1.T / f.shape[1]
            solved = torch.linalg.solve(gram + 1e-3 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype), f1 @ g.T / f.shape[1]).T
            heads[n].weight.copy_(solved[:, :-1])
            heads[n].bias.copy_(solved[:, -1])
    student.bind_heads(heads, scale, {n: goal[n].shape[1] for n in LAYERS})

    optimizers = make_optimizers(student, heads, args.rate)
    both = nn.ModuleDict({"student": student, "heads": heads})
    average = {k: v.clone() for k, v in both.state_dict().items()}
    iterates = Iterates(pictures, count=24, batch=1, life=120)
    start = 0
    if args.state.exists():
        state = torch.load(args.state, weights_only=True)
        both.load_state_dict(state["both"])
        average = state["average"]
        for o, s in zip(optimizers, state["optimizers"]):
            o.load_state_dict(s)
        start = state["step"]
        random.seed(args.seed + start)
        torch.manual_seed(args.seed + start)

    began, log = time.time(), {n: 0.0 for n in LAYERS}
    for step in range(start, args.steps):
        factor = min(1.0, (step + 1) / 100) * min(1.0, (args.steps - step) / args.decay)
        for o in optimizers:
            for group in o.param_groups:
                group["lr"] = args.rate * factor
        images = [pictures() for _ in range(args.batch)]
        if step >= args.iterates_from:
            images[0] = iterates(student)
        student.norms.train(step < args.steps - args.decay)  # the decay runs on fixed statistics, as the shipped network does
        images = torch.cat(images).contiguous(memory_format=torch.channels_last)
        loss = images.new_zeros(())
        for n, (guess, target) in residuals(student, scaled, teacher, images, some_positions()).items():
            share = (guess - target).square().mean((0, 2, 3)).sum() / scale[n] ** 2
            loss = loss + MAIN.get(n, HINT) * share
            log[n] += (share.item() - log[n]) / min(50, step - start + 1)
        for o in optimizers:
            o.zero_grad(set_to_none=True)
        loss.backward()
        for o in optimizers:
            o.step()
        keep = min(0.999, (step + 1) / (step + 10))
        with torch.no_grad():
            for k, v in both.state_dict().items():
                average[k].lerp_(v, 1 - keep) if v.is_floating_point() else average[k].copy_(v)
        if (step + 1) % 50 == 0:
            print(json.dumps({"step": step + 1, "seconds": round(time.time() - began), "train": {n: round(v, 3) for n, v in log.items()}}), flush=True)
        if (step + 1) % 500 == 0 or step + 1 == args.steps:
            temporary = args.state.with_suffix(".tmp")
            torch.save({"both": both.state_dict(), "average": average, "optimizers": [o.state_dict() for o in optimizers], "step": step + 1}, temporary)
            temporary.replace(args.state)
            now = {k: v.clone() for k, v in both.state_dict().items()}
            both.load_state_dict(average)
            both.eval()
            report = unexplained(student, scaled, teacher, held)
            print(json.dumps({"step": step + 1, "held": {n: round(v, 4) for n, v in report.items()}}), flush=True)
            student.export(args.out, report, step + 1)
            both.load_state_dict(now)
            both.train()


main()
