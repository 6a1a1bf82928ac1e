"""Image synthesis: starting points, parameterizations, optimisers, and the loop over scales."""

from collections.abc import Callable
from functools import partial

from impasto.synthesis.checkpoint import State, discard_state, load_state, save_state
from impasto.synthesis.descent import Descent, Evaluate, Evaluation
from impasto.synthesis.first_order import Adam, RMSprop
from impasto.synthesis.lbfgs import LBFGS
from impasto.synthesis.loop import Scale, Step, synthesise
from impasto.synthesis.noise import generator, noise, pink_noise
from impasto.synthesis.optimizer import Measure, Optimizer, Point
from impasto.synthesis.parameterization import PARAMETERIZATIONS, PERIODIC_PARAMETERIZATIONS, Parameterization, Pixels

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "lbfgs": LBFGS,
    "lbfgs-wolfe": partial(LBFGS, line_search="wolfe"),
    "adam": Adam,
    "adam-carried": partial(Adam, carry=True),
    "rmsprop": RMSprop,
}
"""Optimisers by name: each factory returns an optimiser from its settings, which all have defaults."""

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
