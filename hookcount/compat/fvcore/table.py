"""The tables of fvcore: parameters and flops of each module, as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from torch import nn

from ...core.units import si
from ...observe.module_tree import unwrap
from ..counting import depth_of
from ..shared import refused
from .analysis import FlopCountAnalysis


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


def parameter_count_table(model: nn.Module, max_depth: int = 3) -> str:
    """The table of ``parameter_count``. A parameter has its shape instead of its elements.

    It has the names with at most ``max_depth`` parts.
    """
    shapes = _shapes(model)
    rows = [
        (_indented(name), _indent(name) + (str(shapes[name]) if name in shapes else si(count)))
        for name, count in _in_order(parameter_count(model))
        if depth_of(name) <= max_depth
    ]
    return _table(("name", "#elements or shape"), rows)


def flop_count_table(
    flops: FlopCountAnalysis,
    max_depth: int = 3,
    activations: object = None,
    show_param_shapes: bool = True,
) -> str:
    """A table with a row for each module that has parameters or flops.

    It has the names with at most ``max_depth`` parts. With ``show_param_shapes`` each parameter has
    a row too.

    Raises ``InputError`` for ``activations``, which cannot be counted here.
    """
    _no_activations(activations)
    model = unwrap(flops.model)
    shapes, params, counts = _shapes(model), parameter_count(model), _quiet(flops).by_module()
    uncalled = flops.uncalled_modules()
    rows: list[tuple[str, ...]] = []
    for name, own in _in_order({**dict.fromkeys(counts, 0), **params}):
        if depth_of(name) > max_depth or not (own or counts[name] or not name):
            continue
        if name in shapes:
            if show_param_shapes:
                rows.append((_indented(name), _indent(name) + str(shapes[name]), ""))
            continue
        count = "" if name in uncalled else _indent(name) + si(counts[name])
        rows.append((_indented(name), _indent(name) + si(own), count))
    return _table(("module", "#parameters" + " or shape" * show_param_shapes, "#flops"), rows)


def flop_count_str(flops: FlopCountAnalysis, activations: object = None) -> str:
    """The model as in ``str(model)``, with ``#params`` and ``#flops`` of each module with either.

    A module in which no op ran has ``#flops: N/A``.

    Raises ``InputError`` for ``activations``, which cannot be counted here.
    """
    _no_activations(activations)
    model = unwrap(flops.model)
    params, counts = parameter_count(model), _quiet(flops).by_module()
    uncalled = flops.uncalled_modules()

    def lines(module: nn.Module, name: str) -> list[str]:
        inner = [line for line in module.extra_repr().split("\n") if line]
        if name in uncalled or params.get(name) or counts[name]:
            count = "N/A" if name in uncalled else si(counts[name])
            inner.append(f"#params: {si(params.get(name, 0))}, #flops: {count}")
        children = [(key, child) for key, child in module._modules.items() if child is not None]
        for key, child in children:
            first, *rest = lines(unwrap(child), f"{name}.{key}" if name else key)
            inner += [f"({key}): {first}", *rest]
        opened = f"{type(module).__name__}("
        if len(inner) < 2 and not children:
            return [opened + "".join(inner) + ")"]
        return [opened, *(f"  {line}" for line in inner), ")"]

    return "\n".join(lines(model, ""))


def _quiet(flops: FlopCountAnalysis) -> FlopCountAnalysis:
    """The analysis, with its warnings off from now on."""
    return (
        flops.unsupported_ops_warnings(False)
        .uncalled_modules_warnings(False)
        .tracer_warnings("none")
    )


def _no_activations(activations: object) -> None:
    if activations is not None:
        fix = "leave activations out, or call fvcore for them"
        raise refused("activations=...", "activations cannot be counted here", fix)


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def _in_order(counts: dict[str, int]) -> Iterable[tuple[str, int]]:
    """Each name after the name that it belongs to. Siblings keep their order in ``counts``."""
    places: dict[str, tuple[int, ...]] = {}
    for index, name in enumerate(sorted(counts, key=depth_of)):
        above = name.rpartition(".")[0]
        places[name] = (*places.get(above, ()), index) if name else ()
    return ((name, counts[name]) for name in sorted(counts, key=places.__getitem__))


def _indent(name: str) -> str:
    return " " * depth_of(name)


def _indented(name: str) -> str:
    return _indent(name) + (name or "model")


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table in the layout of fvcore: all cells of a column are padded to one width.

    ``tables.rows.markdown`` does not pad, so its text would differ from that of fvcore.
    """
    cells = [titles, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join(":" + "-" * (width + 1) for width in widths) + "|")
    return "\n".join(lines)
