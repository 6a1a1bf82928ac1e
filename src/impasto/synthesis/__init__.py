"""A scalar to a new image: starting points, parameterizations, optimisers, and the loop over scales."""

from impasto.synthesis.adam import Adam
from impasto.synthesis.checkpoint import State
from impasto.synthesis.checkpoint import discard as discard_state
from impasto.synthesis.checkpoint import load as load_state
from impasto.synthesis.checkpoint import save as save_state
from impasto.synthesis.descent import Descent, Evaluate, Evaluation
from impasto.synthesis.lbfgs import LBFGS
from impasto.synthesis.loop import Scale, Step, synthesise
from impasto.synthesis.noise import generator, noise, pink_noise
from impasto.synthesis.optimizer import OPTIMIZERS, Optimizer
from impasto.synthesis.parameterization import PARAMETERIZATIONS, PERIODIC_PARAMETERIZATIONS, Parameterization, Pixels
from impasto.synthesis.point import Measure, Point
from impasto.synthesis.rmsprop import RMSprop

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "PARAMETERIZATIONS",
    "PERIODIC_PARAMETERIZATIONS",
    "Adam",
    "Descent",
    "Evaluate",
    "Evaluation",
    "Measure",
    "Optimizer",
    "Parameterization",
    "Pixels",
    "Point",
    "RMSprop",
    "Scale",
    "State",
    "Step",
    "discard_state",
    "generator",
    "load_state",
    "noise",
    "pink_noise",
    "save_state",
    "synthesise",
]
