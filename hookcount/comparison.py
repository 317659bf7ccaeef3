"""``compare``: models side by side, under one convention or several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from .conventions import Convention, named
from .core.arguments import arguments
from .core.errors import InputError, tell
from .counter import count
from .report import Report

if TYPE_CHECKING:
    import pandas as pd


def compare(
    models: Mapping[str, Any] | Iterable[str],
    conventions: Convention | str | Iterable[Convention | str] = "default",
) -> pd.DataFrame:
    """One row per model, one column per convention.

    ``models``: by the name that its row shall have a ``Report``, or a pair of a model and its input (a tensor, a tuple of
    positional arguments, or a dict of keyword arguments), which is counted; or names as on the command line, ``["resnet50",
    "vit_b_16"]``, of models that are built without weights and counted on their default input.

    Columns: ``model``, ``params``, each convention's headline by the convention's name, and ``uncounted``: how many targets
    nothing priced. ``df.attrs["units"]`` has the unit of each convention, ``"MACs"`` or ``"FLOPs"``.

    Raises ``InputError`` for what is no such thing, and for two conventions of one name.

    >>> import torch
    >>> net = nn.Linear(8, 4)
    >>> frame = compare({"one": (net, torch.zeros(1, 8)), "two": (net, torch.zeros(2, 8))}, ["default", "torch"])
    >>> frame[["model", "default", "torch"]].values.tolist()          # 1 or 2 rows * 8 * 4; FLOPs are twice the MACs
    [['one', 32, 64], ['two', 64, 128]]
    """
    import pandas as pd

    chosen = [conventions] if isinstance(conventions, (Convention, str)) else list(conventions)
    under = [named(each) for each in chosen]
    names = [each.name for each in under]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"compare: two conventions are called {repeated[0]!r}. To fix it: give each once, under a name of its own."
        )
    reports = _reports(models)
    rows = [
        {
            "model": name,
            "params": report.params,
            **{each.name: report.under(each).headline for each in under},
            "uncounted": len(report.uncounted),
        }
        for name, report in reports.items()
    ]
    frame = pd.DataFrame(rows, columns=["model", "params", *names, "uncounted"])
    frame.attrs["units"] = {each.name: each.unit for each in under}
    return frame


def _reports(models: Mapping[str, Any] | Iterable[str]) -> dict[str, Report]:
    if isinstance(models, Mapping):
        return {str(name): _report(str(name), given) for name, given in models.items()}
    if isinstance(models, str):
        raise InputError(
            f"compare({models!r}): one name. To fix it: give a list of names, or a dict."
        )
    return {name: _built(name) for name in models}


def _report(name: str, given: Any) -> Report:
    if isinstance(given, Report):
        return given
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], nn.Module):
        args, kwargs = arguments(f"compare: the input of {name!r}", given[1])
        return count(given[0], *args, **kwargs)
    raise InputError(
        tell(
            f"compare: {name!r}",
            f"this is a {type(given).__name__}",
            "give a report, or (model, input)",
        )
    )


def _built(name: Any) -> Report:
    from .models import build

    if not isinstance(name, str):
        fix = "give a dict with a name for each, {'mine': (model, input)}"
        raise InputError(tell("compare", f"a {type(name).__name__} is no name of a model", fix))
    built = build(name)
    if missing := built.missing_inputs():
        raise InputError(
            tell(
                f"compare: {name!r}",
                f"its forward needs {', '.join(missing)}",
                "give {'name': (model, input)}",
            )
        )
    return count(built.model, *(built.args or ()), **built.kwargs)
