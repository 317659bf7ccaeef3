"""Generators of random numbers, global ones and the user's own."""

import random
from random import random as draw

import numpy
import torch

from .making import Does, Sample, both, kind, x
from .objects import Plain

both("torch.Generator", lambda m, y, c: torch.rand(3, generator=c) is None, lambda: seeded(), 0)
both(
    "torch.Generator in an object",
    lambda m, y, c: torch.rand(3, generator=c.g) is None,
    lambda: Plain(g=seeded()),
    0,
)
both("torch.Generator, seeded anew", lambda m, y, c: c.manual_seed(7) is None, lambda: seeded(), 0)
both(
    "torch.Generator that decides the path",
    lambda m, y, c: 1 + int(torch.randint(5, (), generator=c)),
    lambda: seeded(),
    1 + int(torch.randint(5, (), generator=torch.Generator().manual_seed(3))),
)
both(
    "random.Random",
    lambda m, y, c: c.randint(1, 9),
    lambda: random.Random(3),
    random.Random(3).randint(1, 9),
)
both(
    "numpy Generator",
    lambda m, y, c: int(c.integers(1, 9)),
    lambda: numpy.random.default_rng(3),
    int(numpy.random.default_rng(3).integers(1, 9)),
)
both(
    "numpy Generator with Philox",
    lambda m, y, c: int(c.integers(1, 9)),
    lambda: numpy.random.Generator(numpy.random.Philox(3)),
    int(numpy.random.Generator(numpy.random.Philox(3)).integers(1, 9)),
)
both(
    "numpy RandomState",
    lambda m, y, c: int(c.randint(1, 9)),
    lambda: numpy.random.RandomState(3),
    int(numpy.random.RandomState(3).randint(1, 9)),
)
both(
    "bound method of a generator",
    lambda m, y, c: int(c(1, 9)),
    lambda: numpy.random.default_rng(3).integers,
    int(numpy.random.default_rng(3).integers(1, 9)),
)


def seeded():
    """A generator with a state of its own."""
    return torch.Generator().manual_seed(3)


def draws(name, step, times=0, **options):
    """A kind that draws from a global generator."""
    kind(f"random: {name}", times, **options)(lambda: Sample(Does(step), (x(),)))


draws("torch.rand", lambda m, y: torch.rand(3) is None)
draws("torch.rand like an activation", lambda m, y: torch.rand_like(y) is None)
draws("dropout", lambda m, y: torch.nn.functional.dropout(y, 0.5) is None)
draws("in place on an activation", lambda m, y: y.clone().normal_() is None)
draws("torch.randint that decides the path", lambda m, y: int(torch.randint(5, (1,))[0] >= 0), 1)
draws("torch.randperm", lambda m, y: len(torch.randperm(3)), 3)
draws("torch.manual_seed", lambda m, y: torch.manual_seed(5) is None)
draws("torch.seed", lambda m, y: torch.seed() is None)
draws("torch.random.set_rng_state", lambda m, y: torch.set_rng_state(seeded().get_state()) or 0)
draws("the default generator, by name", lambda m, y: torch.default_generator.manual_seed(4) is None)
draws("random.random", lambda m, y: random.random() > 2)
draws("from random import random", lambda m, y: draw() > 2)
draws("random.seed", lambda m, y: random.seed(4) is not None)
draws("random.shuffle", lambda m, y: random.shuffle([1, 2, 3]) is not None)
draws("numpy.random.rand", lambda m, y: numpy.random.rand() > 2)
draws("numpy.random.seed", lambda m, y: numpy.random.seed(4) is not None)
draws("numpy.random.shuffle", lambda m, y: numpy.random.shuffle([1, 2]) is not None)


@kind("random: fork_rng", 1, leaves_nothing=True)
def forks():
    def step(m, y):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            torch.rand(4)

    return Sample(Does(step), (x(),))


OPEN = []
"""What was entered and not left. It is global, since the end of its life changes the state."""


@kind("random: fork_rng left open", 1)
def fork_left():
    def step(m, y):
        fork = torch.random.fork_rng(devices=[])
        fork.__enter__()
        torch.manual_seed(3)
        OPEN.append(fork)

    def undo():
        while OPEN:
            OPEN.pop().__exit__(None, None, None)

    return Sample(Does(step), (x(),), undo=undo)


@kind("random: three generators at once", 0)
def three():
    def step(m, y):
        torch.rand(1), random.random(), numpy.random.rand()
        return 0

    return Sample(Does(step), (x(),))
