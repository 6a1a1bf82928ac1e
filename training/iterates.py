"""Pictures in the middle of being optimised against the student.

An optimiser seeks out what a small network gets wrong; training on its iterates teaches the student exactly that.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import torch
from torch import Tensor

from impasto.encoders.vgg import VGG
from impasto.losses import gram, relative
from impasto.synthesis import Adam
from pictures import Pictures
from student import Student

STYLE = VGG.default_style


@dataclass
class Canvas:
    """One picture on its way from a photo (or noise) to a painting's style."""

    image: Tensor
    style: dict[str, Tensor]
    content: Tensor
    weight: float
    left: int
    optimizer: Adam = field(default_factory=lambda: Adam(rate=random.choice([0.01, 0.02, 0.04])))


class Iterates:
    """A pool of `count` such pictures; a call moves one of them one step and returns it, `(1, 3, crop, crop)`."""

    def __init__(self, pictures: Pictures, count: int = 24, life: int = 120) -> None:
        self.pictures, self.count, self.life = pictures, count, life
        self.pool: list[Canvas] = []

    def __call__(self, student: Student) -> Tensor:
        while len(self.pool) < self.count:
            self.pool.append(self._start(student))
        index = random.randrange(self.count)
        if not self.pool[index].left:
            self.pool[index] = self._start(student)
        self._step(student, self.pool[index])
        return self.pool[index].image

    def _start(self, student: Student) -> Canvas:
        photo, painting = self.pictures.crop("photos"), self.pictures.crop("paintings")
        start = photo if random.random() < 0.7 else torch.rand_like(photo)
        with torch.no_grad():
            features = student(painting)
            style = {n: gram(features[n], student.space(n)) for n in STYLE}
            content = student(photo)["relu4_2"]
        weight = random.choice([0.0, 0.01, 0.05])
        return Canvas(start, style, content, weight, random.randint(self.life // 4, self.life))

    def _step(self, student: Student, canvas: Canvas) -> None:
        x = canvas.image.clone().requires_grad_()
        features = student(x)
        loss = canvas.weight * relative(features["relu4_2"], canvas.content)
        for n in STYLE:
            loss = loss + relative(gram(features[n], student.space(n)), canvas.style[n]) / len(STYLE)
        (gradient,) = torch.autograd.grad(loss, x)
        canvas.image = (canvas.image + canvas.optimizer.move(gradient)).clamp(0, 1)
        canvas.left -= 1
