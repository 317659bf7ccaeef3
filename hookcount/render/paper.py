"""A count, or several models, as a LaTeX table: parameters in M, GMACs and GFLOPs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from ..analysis.frames import facts
from ..analysis.training import names
from ..core.ops import Ops, flops
from ..core.units import PREFIXES, si
from ..pricing.priced import Priced
from ..pricing.tree import Node
from ..tables.latex import escaped, latex

if TYPE_CHECKING:
    import pandas as pd

_NEEDS = r"needs \usepackage{booktabs}"


class _Column:
    """Numbers of one unit. ``usual`` is the power of 1000 that papers use.

    Where the total would have fewer than two digits, or over five before the point, the prefix of
    the total is taken.
    """

    def __init__(self, total: int, usual: int) -> None:
        fits = 10**-2 <= Decimal(total) / 1000**usual < 10**5
        last = len(PREFIXES) - 1
        own = min(max(0, (len(str(total)) - 1) // 3), last)
        self.power = usual if fits else own
        self.prefix = PREFIXES[self.power]
        self.digits = 2 if self.power else 0

    def cell(self, value: int) -> str:
        """The number as LaTeX. Empty for zero."""
        if not value:
            return ""
        scaled = Decimal(value) / 1000**self.power
        least = Decimal(1).scaleb(-self.digits)
        return f"{scaled:,.{self.digits}f}" if scaled >= least / 2 else f"$<${least}"


def paper(priced: Priced, depth: int = 1) -> str:
    """A table of the modules down to ``depth``. The last row is the whole model.

    Each row includes the modules beneath. A row ``(itself)`` has the work of a module between the
    modules that are shown below it. Under a convention other than the default there is a column of
    its figure.
    """
    convention = priced.convention
    parameters, macs = _Column(priced.params, 2), _Column(priced.macs, 3)
    operations, figure = _Column(priced.flops, 3), _Column(priced.headline, 3)
    titles = ["Module", "Type", "Output"]
    default = convention.name == "default"
    numbers = [
        _of_parameters(parameters),
        *([] if default else [f"{figure.prefix}{priced.unit} ({convention.name})"]),
        f"{macs.prefix}MACs",
        f"{operations.prefix}FLOPs",
    ]

    def row(name: str, node: Node | None, params: int, ops: Ops) -> list[str]:
        outputs = node.outputs if node is not None else ()
        own = [] if default else [figure.cell(convention.figure(ops))]
        return [
            name,
            escaped(node.type) if node is not None else "",
            escaped(outputs[0]) if outputs else "",
            parameters.cell(params),
            *own,
            macs.cell(ops.macs),
            operations.cell(flops(ops)),
        ]

    root = priced.tree
    return latex(
        [*titles, *numbers],
        [row(*each) for each in _rows(root, depth)],
        numbers,
        last=row("Total", root, root.params, root.total),
        caption=_caption(priced),
        comments=_comments(priced),
    )


def paper_of_models(frame: pd.DataFrame) -> str:
    """A table of ``compare``: a row per model, parameters in M, and the figures in G.

    A figure that a convention does not give is empty.
    """
    units: dict[str, str] = frame.attrs["units"]
    columns = {"params": _Column(max(frame["params"], default=0), 2)}
    for name in units:
        columns[name] = _Column(max((each for each in frame[name] if _known(each)), default=0), 3)
    titles = {name: f"{columns[name].prefix}{unit}" for name, unit in units.items()}
    if list(units) != ["default"]:
        titles = {name: f"{title} ({name})" for name, title in titles.items()}
    titles = {"params": _of_parameters(columns["params"]), **titles}
    rows = [
        [
            escaped(str(row["model"])),
            *(columns[name].cell(row[name]) if _known(row[name]) else "" for name in columns),
        ]
        for row in frame.to_dict("records")
    ]
    lower = [str(row["model"]) for row in frame.to_dict("records") if row["uncounted"]]
    doubt = f"Some work of {', '.join(lower)} is uncounted: a lower bound." if lower else ""
    said = ", ".join(f"{name} {version}" for name, version in frame.attrs["versions"].items())
    return latex(
        ["Model", *titles.values()],
        rows,
        titles.values(),
        caption=doubt,
        comments=[_NEEDS, said],
    )


def _known(value: object) -> bool:
    """Whether a cell of a frame has a figure."""
    return hasattr(value, "__index__")


def _of_parameters(column: _Column) -> str:
    return f"Params ({column.prefix})" if column.prefix else "Params"


def _rows(node: Node, depth: int) -> Iterator[tuple[str, Node | None, int, Ops]]:
    """The name of each row as LaTeX, its node, parameters and work. The root has no row."""
    indent = r"\quad " * node.depth
    if node.depth < depth and node.children and node.own:
        yield f"{indent}(itself)", None, node.own_params, node.own
    if node.depth >= depth:
        return
    for child in node.children:
        name = rf"{indent}\texttt{{{escaped(child.path if depth == 1 else child.name)}}}"
        yield name, child, child.params, child.total
        yield from _rows(child, depth)


def _caption(priced: Priced) -> str:
    inputs = f" for an input of {priced.tree.inputs[0]}" if priced.tree.inputs else ""
    phases = f" ({names(priced.phases)})" if priced.step_seen else ""
    figures = f"{si(priced.params)} parameters, {si(priced.macs)} MACs{phases}"
    text = f"{priced.tree.type}: {figures}{inputs}."
    if priced.uncounted:
        text += " Some work is uncounted, so the figures are a lower bound."
    return text


def _comments(priced: Priced) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in priced.versions.items())
    found = {name: value for name, value in facts(priced).items() if name != "versions"}
    said = "; ".join(f"{name}: {value}" for name, value in found.items())
    return [_NEEDS, versions, said]
