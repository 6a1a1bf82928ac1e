"""A scalar to a new image: starting points, optimisers, and the loop over scales."""

from impasto.synthesis.canvas import generator, noise
from impasto.synthesis.loop import Descent, Evaluate, Scale, Step, synthesise
from impasto.synthesis.optimizer import LBFGS, OPTIMIZERS, Adam, Optimizer

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "Adam",
    "Descent",
    "Evaluate",
    "Optimizer",
    "Scale",
    "Step",
    "generator",
    "noise",
    "synthesise",
]
