"""Parameters, flops and activations of each module, as a table and as the text of the model.

The functions with a leading underscore have the names and parameters of those in fvcore, since
some code imports them. They take statistics as ``{module: {statistic: value}}``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from torch import nn

from ...observe.module_tree import type_name
from ..shared import refused
from .jit_analysis import JitModelAnalysis
from .parameter_count import children, parameter_count, parameter_shapes
from .pipe_table import pipe_table

Grouped = dict[str, dict[str, Any]]
"""Statistics by module, then by the name of the statistic; or the other way round."""

_UNITS = (
    (1e14, 1e15, "P"),
    (1e11, 1e12, "T"),
    (1e8, 1e9, "G"),
    (1e5, 1e6, "M"),
    (1e2, 1e3, "K"),
)
_NOT_CALLED = (
    "N/A indicates a possibly missing statistic due to how the module was called. "
    "Missing values are still included in the parent's total."
)
"""The line that fvcore prints first. Scripts look for it."""


# -- statistics ------------------------------------------------------------------------------------


def format_size(x: float, sig_figs: int = 3, hide_zero: bool = False) -> str:
    """A figure in its unit, with at most ``sig_figs`` decimals.

    >>> format_size(110), format_size(110, 2), format_size(100)
    ('0.11K', '0.11K', '100')
    """
    if hide_zero and x == 0:
        return ""
    for least, unit, letter in _UNITS:
        if abs(x) > least:
            return f"{x / unit:.{sig_figs}f}".rstrip("0").rstrip(".") + letter
    return str(x)


_format_size = format_size


def _pretty_statistics(
    statistics: Mapping[str, Mapping[str, float]], sig_figs: int = 3, hide_zero: bool = False
) -> Grouped:
    """The statistics with each figure as a text."""
    return {
        module: {name: format_size(figure, sig_figs, hide_zero) for name, figure in of.items()}
        for module, of in statistics.items()
    }


def _group_by_module(statistics: Mapping[str, Mapping[str, Any]]) -> Grouped:
    """Statistics by module, from statistics by name."""
    grouped: Grouped = {}
    for name, figures in statistics.items():
        for module, figure in figures.items():
            grouped.setdefault(module, {})[name] = figure
    return grouped


def _indicate_uncalled_modules(
    statistics: Mapping[str, Mapping[str, str]],
    stat_name: str,
    uncalled_modules: Collection[str],
    uncalled_indicator: str = "N/A",
) -> Grouped:
    """The statistics, where ``stat_name`` of each uncalled module is ``uncalled_indicator``."""
    marked = {module: dict(of) for module, of in statistics.items()}
    for module in uncalled_modules:
        marked.setdefault(module, {})[stat_name] = uncalled_indicator
    return marked


def _remove_zero_statistics(
    statistics: Mapping[str, Mapping[str, Any]],
    force_keep: AbstractSet[str] | None = None,
    require_trivial_children: bool = False,
) -> Grouped:
    """The statistics of the modules with a figure that is not zero. Children come first.

    ``force_keep`` stay in any case: by default the model. With ``require_trivial_children`` a
    module with a child that stays does so too.
    """
    kept: Grouped = {}
    forced = force_keep or {""}

    def visit(module: str) -> None:
        below = list(children(module, statistics))
        for child in below:
            visit(child)
        parent = require_trivial_children and any(child in kept for child in below)
        if parent or module in forced or any(each != 0 for each in statistics[module].values()):
            kept[module] = dict(statistics[module])

    visit("")
    return kept


def _fill_missing_statistics(
    model: nn.Module, statistics: Mapping[str, Mapping[str, float]]
) -> Grouped:
    """The statistics by name, with a zero for each module that lacks a figure."""
    modules = [name for name, _ in model.named_modules()]
    return {
        name: {**figures, **{each: 0 for each in modules if each not in figures}}
        for name, figures in statistics.items()
    }


# -- the text of a model ---------------------------------------------------------------------------


def _model_stats_str(model: nn.Module, statistics: Mapping[str, Mapping[str, str]]) -> str:
    """The model as in ``str(model)``, with the statistics of each module."""

    def lines(module: nn.Module, name: str) -> list[str]:
        own = [line for line in module.extra_repr().split("\n") if line]
        if statistics.get(name):
            own.append(", ".join(f"{key}: {text}" for key, text in statistics[name].items()))
        below: list[str] = []
        for key, child in module._modules.items():
            if child is None:
                below.append(f"({key}): None")
                continue
            first, *rest = lines(child, f"{name}.{key}" if name else key)
            below += [f"({key}): {first}", *rest]
        opened = f"{type_name(module)}("
        if not below and len(own) < 2:
            return [opened + "".join(own) + ")"]
        return [opened, *(f"  {line}" for line in (*own, *below)), ")"]

    return "\n".join(lines(model, ""))


def flop_count_str(flops: JitModelAnalysis, activations: JitModelAnalysis | None = None) -> str:
    """The model as in ``str(model)``, with ``#params`` and ``#flops`` of each module with either.

    With ``activations`` (an ``ActivationCountAnalysis``) it has ``#acts`` too. A module in which no
    op ran has ``N/A``, and the first line says what this means.
    """
    analyses = _quiet("#acts", flops, activations)
    figures = {"#params": dict(parameter_count(flops.model)), **_by_module(analyses)}
    uncalled = set().union(*(each.uncalled_modules() for each in analyses.values()))
    grouped = _group_by_module(_fill_missing_statistics(flops.model, figures))
    texts = _pretty_statistics(_remove_zero_statistics(grouped, force_keep=uncalled), sig_figs=2)
    for name, analysis in analyses.items():
        texts = _indicate_uncalled_modules(texts, name, analysis.uncalled_modules())
    text = _model_stats_str(flops.model, texts)
    return f"{_NOT_CALLED}\n{text}" if uncalled else text


# -- the table -------------------------------------------------------------------------------------


def _model_stats_table(
    statistics: Mapping[str, Mapping[str, str]],
    max_depth: int = 3,
    stat_columns: Sequence[str] | None = None,
) -> str:
    """A table with a row for each module, down to ``max_depth``: see ``rows_of``."""
    return pipe_table(*rows_of(statistics, max_depth, stat_columns))


def rows_of(
    statistics: Mapping[str, Mapping[str, str]],
    max_depth: int = 3,
    stat_columns: Sequence[str] | None = None,
) -> tuple[list[str], list[list[str]]]:
    """Titles, and a row for each module, down to ``max_depth``.

    A module whose only child has the same figures is in one row with it, under the child's name. A
    name that all rows begin with is left out.
    """
    rows = {module: dict(of) for module, of in statistics.items()}
    columns = list(stat_columns or {name: None for of in rows.values() for name in of})

    def row(name: str, module: str, depth: int) -> list[str]:
        cells = rows[module]
        return [
            " " * depth + name,
            *(" " * depth + cells[each] if each in cells else "" for each in columns),
        ]

    def below(module: str, depth: int) -> Iterator[list[str]]:
        for child in list(children(module, rows)) if depth <= max_depth else ():
            last = _last_of_wrappers(child, rows)
            yield row(last.removeprefix(shared), last, depth)
            yield from below(last, depth + 1)

    root = _last_of_wrappers("", rows)
    shared = f"{root}." if root else ""
    return ["module", *columns], [row(root or "model", root, 0), *below(root, 1)]


def _last_of_wrappers(module: str, rows: Grouped) -> str:
    """The module itself, or the last one of a row of only children with the same figures.

    That one gets the figures of all.
    """
    while True:
        below = list(children(module, rows))
        if len(below) != 1 or rows[module].keys() != rows[below[0]].keys():
            return module
        pairs = {name: (text, rows[below[0]][name]) for name, text in rows[module].items()}
        if any(own and other and own != other for own, other in pairs.values()):
            return module
        module = below[0]
        rows[module] = {name: own or other for name, (own, other) in pairs.items()}


def flop_count_table(
    flops: JitModelAnalysis,
    max_depth: int = 3,
    activations: JitModelAnalysis | None = None,
    show_param_shapes: bool = True,
) -> str:
    """A table with a row for each module that has parameters or flops, down to ``max_depth``.

    With ``activations`` (an ``ActivationCountAnalysis``) it has ``#activations`` too. With
    ``show_param_shapes`` each parameter has a row. A module whose only child has the same figures
    is in one row with it.
    """
    return pipe_table(*rows_of_analyses(flops, max_depth, activations, show_param_shapes))


def rows_of_analyses(
    flops: JitModelAnalysis,
    max_depth: int = 3,
    activations: JitModelAnalysis | None = None,
    show_param_shapes: bool = True,
) -> tuple[list[str], list[list[str]]]:
    """The titles and rows of ``flop_count_table``."""
    of_parameters = "#parameters" + " or shape" * show_param_shapes
    analyses = _quiet("#activations", flops, activations)
    figures = {of_parameters: dict(parameter_count(flops.model)), **_by_module(analyses)}
    grouped = _group_by_module(figures)
    texts = _pretty_statistics(_remove_zero_statistics(grouped, require_trivial_children=True))
    for name, analysis in analyses.items():
        texts = _indicate_uncalled_modules(
            texts, name, analysis.uncalled_modules() & texts.keys(), uncalled_indicator=""
        )
    for name, shape in parameter_shapes(flops.model).items():
        if name in texts and show_param_shapes:
            texts[name][of_parameters] = str(shape)
        else:
            texts.pop(name, None)
    return rows_of(texts, max_depth, list(figures))


def _quiet(
    name: str, flops: JitModelAnalysis, activations: JitModelAnalysis | None
) -> dict[str, JitModelAnalysis]:
    """The analyses by name, with their warnings off from now on. ``name``: of the activations."""
    given = {"#flops": flops} if activations is None else {"#flops": flops, name: activations}
    if activations is not None and not hasattr(activations, "by_module"):
        what = f"{type(activations).__name__} is no analysis"
        fix = "give an ActivationCountAnalysis of the model and its inputs"
        raise refused(f"activations={activations!r}", what, fix)
    for each in given.values():
        each.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        each.tracer_warnings("none")
    return given


def _by_module(analyses: Mapping[str, JitModelAnalysis]) -> dict[str, dict[str, Any]]:
    return {name: dict(each.by_module()) for name, each in analyses.items()}
