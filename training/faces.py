"""Train a small GAN on a folder of pictures and write its generator as ONNX, on one core of a laptop.

    nohup nice -n 15 python training/faces.py --faces DIR --state faces.ckpt --sheets DIR --out faces.onnx &

A DCGAN's generator (`painter.py`) against a critic that looks with the package's own network (`critic.py`), on
pictures changed by DiffAugment. What is kept is the moving average of the generator's weights. A killed run resumes
from `--state`.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from critic import Critic, augment, critic_loss, gradient_penalty, painter_loss
from painter import LATENT, Painter, export
from pictures import SUFFIXES

SIDE = 64
R1, R1_EVERY = 0.1, 8
"""Weight of the gradient penalty, and the steps between two (lazily, Karras et al. 2020)."""


def load_faces(folder: Path) -> Tensor:
    """Every picture of a folder, square and 64 pixels wide, as one uint8 `(N, 3, 64, 64)`."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    faces = [Image.open(p).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS) for p in paths]
    return torch.from_numpy(np.stack([np.asarray(f) for f in faces])).permute(0, 3, 1, 2).contiguous()


def batch_of(faces: Tensor, count: int) -> Tensor:
    """Random faces as float in [0, 1], half of them mirrored."""
    chosen = faces[torch.randint(len(faces), (count,))].float() / 255
    return torch.where(torch.rand(count, 1, 1, 1) < 0.5, chosen.flip(3), chosen)


@torch.no_grad()
def follow(average: Painter, painter: Painter, step: int) -> None:
    """Exponential moving average of the weights, over about a thousand steps."""
    keep = min(0.999, (step + 1) / (step + 10))
    values = painter.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(values[name], 1 - keep)


@torch.no_grad()
def write_sheet(path: Path, painter: Painter, rows: int = 8, columns: int = 14, seed: int = 0) -> None:
    """A grid of samples, the same latents every time."""
    z = torch.randn(rows * columns, LATENT, generator=torch.Generator().manual_seed(seed))
    tiles = painter(z).mul(255).round().byte().view(rows, columns, 3, SIDE, SIDE)
    sheet = tiles.permute(0, 3, 1, 4, 2).reshape(rows * SIDE, columns * SIDE, 3)
    Image.fromarray(sheet.numpy()).save(path, quality=88)


def train_step(
    real: Tensor, painter: Painter, critic: Critic, optimizers: Sequence[torch.optim.Optimizer], penalised: bool
) -> tuple[float, float]:
    """One step of each; the generated batch serves both. Returns the two losses."""
    painting, judging = optimizers
    # Half precision where the processor has it: nearly twice as fast, and the noise of small batches is far larger.
    with torch.autocast("cpu", torch.bfloat16):
        fake = painter(torch.randn(len(real), LATENT)).float()
        seen = critic(augment(torch.cat([real, fake.detach()])))
    halves = [logits.chunk(2) for logits in seen]
    loss = critic_loss([r for r, _ in halves], [f for _, f in halves])
    if penalised:
        loss = loss + R1_EVERY * R1 / 2 * gradient_penalty(critic, augment(real))
    judging.zero_grad(set_to_none=True)
    loss.backward()
    judging.step()
    critic.requires_learning(False)
    with torch.autocast("cpu", torch.bfloat16):
        verdict = painter_loss(critic(augment(fake)))
    painting.zero_grad(set_to_none=True)
    verdict.backward()
    painting.step()
    critic.requires_learning(True)
    return float(loss.detach()), float(verdict.detach())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="a folder of square pictures")
    parser.add_argument("--licence", default="MIT", help="of the weights; that of the pictures may reach them")
    parser.add_argument("--data", default="a folder of pictures", help="what they are, for the metadata")
    parser.add_argument("--state", type=Path, default=Path("faces.ckpt"), help="resumed from if it is there")
    parser.add_argument("--sheets", type=Path, required=True, help="where sheets of samples go")
    parser.add_argument("--out", type=Path, default=Path("faces.onnx"))
    parser.add_argument("--steps", type=int, default=13500, help="steps in all, the decay included")
    parser.add_argument("--decay", type=int, default=4500, help="the last steps, over which the rate falls to zero")
    parser.add_argument("--rate", type=float, default=1.5e-4, help="the painter's")
    parser.add_argument("--critic-rate", type=float, default=4e-4)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints and sheets")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    args.sheets.mkdir(parents=True, exist_ok=True)
    faces = load_faces(args.faces)
    painter, critic = Painter(), Critic(faces[::8].float() / 255)
    for network in (painter, critic):
        network.to(memory_format=torch.channels_last)
    average, start = copy.deepcopy(painter).eval(), 0
    rates = (args.rate, args.critic_rate)
    optimizers = [
        torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=rate, betas=(0.0, 0.99))
        for network, rate in zip((painter, critic), rates, strict=True)
    ]
    if args.state.exists():
        state = torch.load(args.state, weights_only=True)
        start = state["step"]
        painter.load_state_dict(state["painter"])
        average.load_state_dict(state["average"])
        critic.load_state_dict(state["critic"], strict=False)
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        torch.manual_seed(args.seed + start)
    began, log = time.time(), [0.0, 0.0]
    for step in range(start, args.steps):
        for optimizer, rate in zip(optimizers, rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * min(1.0, (args.steps - step) / args.decay)
        penalised = step % R1_EVERY == 0
        losses = train_step(batch_of(faces, args.batch), painter, critic, optimizers, penalised)
        log = [0.98 * old + 0.02 * new for old, new in zip(log, losses, strict=True)]
        follow(average, painter, step)
        done = step + 1
        if done % 50 == 0:
            line = {"step": done, "seconds": round(time.time() - began), "critic": round(log[0], 3)}
            print(json.dumps(line | {"painter": round(log[1], 3)}), flush=True)
        if done % args.every == 0 or done == args.steps:
            state = {"step": done, "painter": painter.state_dict(), "average": average.state_dict()}
            state |= {"critic": critic.learned(), "optimizers": [o.state_dict() for o in optimizers]}
            torch.save(state, args.state.with_suffix(".tmp"))
            args.state.with_suffix(".tmp").replace(args.state)
            write_sheet(args.sheets / f"{done:06d}.png", average)
            trained = f"{done} steps of {args.batch} on {len(faces)} pictures: {args.data}"
            about = {"what": "painted faces of 64 pixels, drawn by a small GAN", "range": "[0, 1]"}
            export(average, args.out, about | {"licence": args.licence, "trained": trained})


if __name__ == "__main__":
    main()
