"""``compare``: models side by side, under one convention or several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from torch import nn

from .analysis.frames import figures
from .conventions import Convention, named
from .core.arguments import arguments
from .core.errors import FormulaError, InputError, error_text, failure
from .core.release import VERSIONS
from .counter import count, countable
from .report import Report
from .tables.exact import column

if TYPE_CHECKING:
    from .analysis.compared import Comparison

Counted: TypeAlias = Report | tuple[nn.Module, object]
"""A report, or a model and its input, which is counted.

The input is a tensor, a tuple of positional arguments, or a dict of keyword arguments.
"""


_COLUMNS = ("model", "params", "uncounted", "error")


def compare(
    models: Mapping[str, Counted] | Iterable[str],
    conventions: Convention | str | Iterable[Convention | str] = "default",
) -> Comparison:
    """One row per model, one column per convention.

    ``models``: a dict from names of rows to reports or to pairs ``(model, input)``, which are
    counted. The input is a tensor, a tuple of positional arguments, or a dict of keyword arguments.
    ``models`` may also be a list of names as on the command line, ``["resnet50", "vit_b_16"]``.
    These models are built without weights and counted on their default inputs.

    Columns: ``model``, ``params``, each convention's headline under the convention's name, and
    ``uncounted``: the number of uncounted targets. ``df.attrs["units"]`` has the unit of each
    convention, ``"MACs"`` or ``"FLOPs"``, and ``df.attrs["versions"]`` those of hookcount and
    torch. If a formula of a convention fails for a model, that
    figure is None, and a column ``error`` says why.

    The result is a DataFrame. Its ``plot()`` is a figure of plotly (``pip install
    'hookcount[plot]'``), with bars for each model and a panel for each unit.

    Raises ``InputError`` for any other value, for an unknown convention, for two conventions of the
    same name, and for one with the name of another column. Raises ``ModelError`` for a model that
    cannot be built or counted.

    >>> import torch
    >>> net = nn.Linear(8, 4)
    >>> models = {"one": (net, torch.zeros(1, 8)), "two": (net, torch.zeros(2, 8))}
    >>> frame = compare(models, ["default", "torch"])
    >>> frame[["model", "default", "torch"]].values.tolist()   # rows * 8 * 4 MACs; 2 FLOPs per MAC
    [['one', 32, 64], ['two', 64, 128]]
    """
    from .analysis.compared import Comparison

    chosen = [conventions] if isinstance(conventions, (Convention, str)) else list(conventions)
    under = [named(each) for each in chosen]
    names = [each.name for each in under]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        what = f"two conventions are called {repeated[0]!r}"
        raise InputError(
            error_text("compare", what, "give each convention once, with its own name")
        )
    if taken := [name for name in names if name in _COLUMNS]:
        what = f"a convention is called {taken[0]!r}, as a column is"
        raise InputError(error_text("compare", what, "give the convention another name"))
    reports = _reports(models)
    found = [
        [each.priced.figure_under(convention) for convention in under] for each in reports.values()
    ]
    columns: dict[str, object] = {
        "model": column(list(reports)),
        "params": figures([each.params for each in reports.values()]),
        **{name: figures([row[place] for row in found]) for place, name in enumerate(names)},
        "uncounted": [len(each.uncounted) for each in reports.values()],
    }
    errors = [_errors(names, row) for row in found]
    frame = Comparison({**columns, "error": errors} if any(errors) else columns)
    frame.attrs["units"] = {each.name: each.unit for each in under}
    frame.attrs["versions"] = dict(VERSIONS)
    return frame


def _errors(names: list[str], figures: list[int | FormulaError]) -> str:
    """The conventions that gave no figure for one model, each with the reason."""
    return "; ".join(
        f"{name}: {failure(each)}"
        for name, each in zip(names, figures, strict=True)
        if isinstance(each, FormulaError)
    )


def _reports(models: Mapping[str, Counted] | Iterable[str]) -> dict[str, Report]:
    """A report for each model, by the name of its row."""
    if isinstance(models, Mapping):
        return {str(name): _report(str(name), given) for name, given in models.items()}
    if isinstance(models, str) or not isinstance(models, Iterable):
        one_name = isinstance(models, str)
        what = "models is one name" if one_name else f"models is of type {type(models).__name__}"
        raise InputError(
            error_text(f"compare({models!r})", what, "give a list of names, or a dict")
        )
    return {name: _built(name) for name in models}


def _report(name: str, given: object) -> Report:
    if isinstance(given, Report):
        return given
    if isinstance(given, tuple) and len(given) == 2 and countable(given[0]):
        args, kwargs = arguments(f"compare: the input of {name!r}", given[1])
        return count(given[0], *args, **kwargs)
    what = f"the value is of type {type(given).__name__}"
    raise InputError(error_text(f"compare: {name!r}", what, "give a report, or (model, input)"))


def _built(name: object) -> Report:
    """The report of the model called ``name``, on its default input."""
    from .models import build

    if not isinstance(name, str):
        what = f"a value of type {type(name).__name__} is no name of a model"
        fix = "give a dict with a name for each model: {'mine': (model, input)}"
        raise InputError(error_text("compare", what, fix))
    built = build(name)
    if missing := built.missing_inputs():
        what = f"forward needs {', '.join(missing)}, for which there is no default"
        raise InputError(error_text(f"compare: {name!r}", what, "give {'name': (model, input)}"))
    return count(built.model, *(built.args or ()), **built.kwargs)
