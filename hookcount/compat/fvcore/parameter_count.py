"""The parameters of each module, as counts and as a table of text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from torch import nn

from .pipe_table import pipe_table


def parameter_count(model: nn.Module) -> defaultdict[str, int]:
    """The elements of each parameter, and of all parameters in each module, by name.

    ``""`` is the model. A shared parameter counts under its first name.
    """
    counts: defaultdict[str, int] = defaultdict(int)
    for name, parameter in model.named_parameters():
        counts[""] += parameter.numel()
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            counts[".".join(parts[:depth])] += parameter.numel()
    return counts


def parameter_shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shape of each parameter, by name."""
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def children(name: str, names: Mapping[str, object]) -> Iterator[str]:
    """The names that are directly below a name, in their order."""
    above = f"{name}." if name else ""
    for each in names:
        if each and each.startswith(above) and "." not in each[len(above) :]:
            yield each


def parameter_count_table(model: nn.Module, max_depth: int = 3) -> str:
    """The table of ``parameter_count``. A parameter has its shape instead of its elements.

    It has the names with at most ``max_depth`` parts.
    """
    return pipe_table(*parameter_rows(model, max_depth))


def parameter_rows(model: nn.Module, max_depth: int) -> tuple[list[str], list[list[str]]]:
    """The titles and rows of ``parameter_count_table``."""
    counts, shapes = parameter_count(model), parameter_shapes(model)

    def rows(above: str, depth: int) -> Iterator[list[str]]:
        for name in children(above, counts) if depth <= max_depth else ():
            shape = shapes.get(name)
            indent = " " * depth
            yield [indent + name, indent + (_size(counts[name]) if shape is None else str(shape))]
            if shape is None:
                yield from rows(name, depth + 1)

    whole = ["model", _size(counts[""])]
    return ["name", "#elements or shape"], [whole, *rows("", 1)]


def _size(elements: int) -> str:
    for least, unit, letter in ((1e8, 1e9, "G"), (1e5, 1e6, "M"), (1e2, 1e3, "K")):
        if elements > least:
            return f"{elements / unit:.1f}{letter}"
    return str(elements)
