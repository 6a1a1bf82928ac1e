"""Runs that are killed at random times and continue from their checkpoints; see test_resume.py.

python killed.py FOLDER writes the pictures of an undisturbed run and of a killed one, and prints the step that stood in
the checkpoint at each death. The lives are forks of one process, so that torch is imported once.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from impasto.image import resize
from impasto.synthesis import OPTIMIZERS, PARAMETERIZATIONS, Scale, checkpoint, generator, noise, synthesise

DEATHS = 10
STEPS = 100


def live(folder: Path, name: str) -> None:
    """Go on from the checkpoint, if there is one, to the end; then write the picture."""
    file = folder / f"{name}.checkpoint"

    def objective(size):
        target = resize(noise((12, 16), generator(1)), size)

        def evaluate(picture, step):
            return (picture - target).square().mean() + (picture - target)[..., ::2].pow(4).mean(), {}

        return evaluate

    scales = [
        Scale(size, STEPS, lambda size=size: objective(size), OPTIMIZERS["lbfgs-wolfe"]) for size in ((6, 8), (12, 16))
    ]
    resume = checkpoint.load_state(file, name) if file.exists() else None
    for step in synthesise(noise((6, 8), generator(0)), scales, resize, PARAMETERIZATIONS["pyramid"], resume):
        checkpoint.save_state(file, step.state(), name)
    (folder / name).write_bytes(step.image().numpy().tobytes())


def wait_for_a_step(file: Path) -> None:
    """Until there is another checkpoint than now."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    while not file.exists() or file.stat().st_mtime_ns == before:
        time.sleep(0.0005)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    live(folder, "undisturbed")
    draws, file = random.Random(0), folder / "killed.checkpoint"
    for death in range(DEATHS + 1):
        child = os.fork()
        if not child:
            live(folder, "killed")
            os._exit(0)
        if death < DEATHS:
            wait_for_a_step(file)  # however slow the machine is
            time.sleep(draws.uniform(0, 0.01))
            os.kill(child, signal.SIGKILL)
            sys.stdout.write(f"{checkpoint.load_state(file, 'killed').done}\n")
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        if killed != (death < DEATHS) or (status and not killed):
            sys.exit(f"life {death} ended with status {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
