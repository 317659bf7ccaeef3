"""A random model from a seed: its steps, and the inputs that it takes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from . import functions, modules
from .program import Program, Step, results

GRAD_MODES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no_grad": torch.no_grad,
    "grad": torch.enable_grad,
    "inference": torch.inference_mode,
}
LARGEST = 5_000
"""Elements of a value."""


@dataclass
class Made:
    """A random model and its inputs. It is to run in its grad mode."""

    seed: int
    model: Program
    args: tuple[Tensor, ...]
    kwargs: dict[str, Any]
    grad_mode: str

    def mode(self) -> AbstractContextManager[Any]:
        return GRAD_MODES[self.grad_mode]()

    def steps(self) -> str:
        return ", ".join(each.name for each in self.model.steps)


def made(seed: int) -> Made:
    """The model of a seed. Each step ran once while the model was made, so that it fits."""
    rng = Random(seed)
    torch.manual_seed(seed)
    model = Program(rng.choice(["tensor", "tuple", "dict", "object"]))
    model.train(rng.random() < 0.4)
    args, kwargs = _inputs(rng), _options(rng)
    built = Made(seed, model, args, kwargs, rng.choice(list(GRAD_MODES)))
    with built.mode():
        values = [each.clone() for each in args]
        for _ in range(rng.randint(3, 12)):
            _add_step(rng, model, values, kwargs)
        # a step in place that failed may have changed a value, so the whole must fit again
        while model.steps and not _fits(built):
            model.steps.pop()
    return built


def _fits(built: Made) -> bool:
    """Whether a copy of the model runs."""
    try:
        model, args = copy.deepcopy((built.model, built.args))
        model(*args, **built.kwargs)
    except Exception:
        return False
    return True


def _add_step(rng: Random, model: Program, values: list[Tensor], options: dict[str, Any]) -> None:
    """Add a step that takes one of the values, and the values that it gives."""
    # the latest values are the likeliest
    at = max(rng.randrange(len(values)), rng.randrange(len(values)))
    count = len(model.parts)
    step: Step | None
    if rng.random() < 0.45:
        step = rng.choice(modules.MAKERS)(rng, model, values[at], at)
    else:
        step = rng.choice(functions.MAKERS)(rng, values, at)
    if step is None:
        return
    for part in list(model.parts.values())[count:]:
        part.train(model.training)
    try:
        found = results(step.run(model, values, options))
    except Exception:
        found = []
    if not found or any(each.numel() > LARGEST or not each.numel() for each in found):
        for name in list(model.parts)[count:]:
            del model.parts[name]
        return
    model.steps.append(step)
    values += found


def _inputs(rng: Random) -> tuple[Tensor, ...]:
    kind = rng.choice(["vectors", "tokens", "tokens", "image", "ids", "two"])
    batch, width = rng.randint(1, 3), rng.choice([4, 6, 8])
    if kind == "vectors":
        return (torch.randn(batch, width),)
    if kind == "image":
        return (torch.randn(batch, rng.choice([2, 3, 4]), 8, rng.choice([6, 8])),)
    tokens = torch.randn(batch, rng.randint(2, 5), width)
    if kind == "ids":
        return (torch.randint(0, 8, tokens.shape[:2]), tokens)
    return (tokens, torch.randn_like(tokens)) if kind == "two" else (tokens,)


def _options(rng: Random) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if rng.random() < 0.4:
        given["scale"] = rng.choice([0.5, 2, torch.tensor(0.5)])
    if rng.random() < 0.3:
        given["flip"] = True
    if rng.random() < 0.3:
        given["times"] = rng.randint(0, 3)
    if rng.random() < 0.2:
        given["bias"] = torch.randn(1)
    return given
