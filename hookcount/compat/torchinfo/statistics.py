"""The result of ``torchinfo.summary``: the totals of its rows, and their table as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .layers import LayerInfo

COLUMNS = {
    "kernel_size": "Kernel Shape",
    "input_size": "Input Shape",
    "output_size": "Output Shape",
    "num_params": "Param #",
    "params_percent": "Param %",
    "mult_adds": "Mult-Adds",
    "trainable": "Trainable",
}
"""The columns that can be shown, and their titles."""

ROW_SETTINGS = ("depth", "var_names", "ascii_only", "hide_recursive_layers")
_UNITS = {"T": 1e12, "G": 1e9, "M": 1e6, "": 1}


@dataclass
class Formatting:
    """How the rows are shown. A user may change it after the summary.

    Rows are shown down to ``max_depth``, with the columns ``col_names``. Each column is
    ``col_width`` characters wide. ``row_settings`` are some of ``ROW_SETTINGS``.
    """

    max_depth: int
    verbose: int
    col_names: tuple[str, ...]
    col_width: int
    row_settings: set[str] = field(default_factory=set)


class ModelStatistics:
    """The totals of a summary, its rows (``summary_list``) and their text (``str()``).

    ``total_params`` and ``trainable_params`` are the parameters of the rows without children, and
    the parameters that only a row with children has. A parameter of two rows without children
    counts twice, as in torchinfo. So may one of a module that two containers share, as in timm's
    coat. ``total_mult_adds`` are the MACs of the rows without children.

    In bytes: ``total_input`` has the storages of the inputs with their Python objects.
    ``total_param_bytes`` has the parameters of the rows without children.
    ``total_output_bytes`` has twice the outputs of the rows with parameters and without children.
    """

    def __init__(
        self,
        summary_list: list[LayerInfo],
        input_size: object,
        total_input_size: int,
        formatting: Formatting,
    ) -> None:
        self.summary_list = summary_list
        self.input_size = input_size
        self.total_input = total_input_size
        self.formatting = formatting
        leaves = [layer for layer in summary_list if layer.is_leaf_layer]
        first = [layer for layer in leaves if not layer.is_recursive]
        containers = [
            layer for layer in summary_list if not layer.is_leaf_layer and not layer.is_recursive
        ]
        self.total_mult_adds = sum(layer.macs for layer in leaves)
        self.total_output_bytes = sum(
            2 * layer.output_bytes for layer in leaves if layer.num_params
        )
        self.total_param_bytes = sum(layer.param_bytes for layer in first)
        self.total_params = sum(layer.num_params for layer in first)
        self.total_params += sum(max(layer.leftover_params(), 0) for layer in containers)
        self.trainable_params = sum(layer.trainable_params for layer in first)
        self.trainable_params += sum(
            max(layer.leftover_trainable_params(), 0) for layer in containers
        )

    @staticmethod
    def to_megabytes(num: float) -> float:
        """Bytes in units of 10^6 bytes."""
        return num / 1e6

    @staticmethod
    def to_readable(num: float, units: str = "auto") -> tuple[str, float]:
        """The unit (``"T"``, ``"G"``, ``"M"`` or ``""``), and the number in that unit.

        ``"auto"`` takes the largest unit that is not larger than the number, at least ``"M"``.

        >>> ModelStatistics.to_readable(4089184256), ModelStatistics.to_readable(1500, "")
        (('G', 4.089184256), ('', 1500.0))
        """
        if units == "auto":
            units = "T" if num >= 1e12 else "G" if num >= 1e9 else "M"
        return units, num / _UNITS[units]

    def __str__(self) -> str:
        shown = self.formatting
        name = "Layer (type" + " (var_name)" * ("var_names" in shown.row_settings)
        name += ":depth-idx" * ("depth" in shown.row_settings) + ")"
        rows = [(name, [COLUMNS[column] for column in shown.col_names])]
        for layer in self.summary_list:
            if layer.depth <= shown.max_depth and not (
                layer.is_recursive and "hide_recursive_layers" in shown.row_settings
            ):
                rows += self._rows(layer)
        wide = max(len(row[0]) for row in rows)
        lines = [
            "  ".join(
                [first.ljust(wide), *(cell.ljust(shown.col_width) for cell in cells)]
            ).rstrip()
            for first, cells in rows
        ]
        rule = "=" * (wide + len(shown.col_names) * (shown.col_width + 2))
        return "\n".join([rule, lines[0], rule, *lines[1:], rule, *self._totals(rule), rule])

    __repr__ = __str__

    def _rows(self, layer: LayerInfo) -> Iterable[tuple[str, list[str]]]:
        shown = self.formatting
        yield (
            _start(layer.depth, shown.row_settings) + _name(layer, shown.row_settings),
            self._cells(layer),
        )
        if shown.verbose == 2:
            for name, (shape, count) in layer.inner_layers.items():
                cells = {"kernel_size": str(shape), "num_params": f"{count:,}"}
                yield (
                    _start(layer.depth + 1, shown.row_settings) + name,
                    [cells.get(column, "") for column in shown.col_names],
                )

    def _cells(self, layer: LayerInfo) -> list[str]:
        whole = layer.is_leaf_layer or layer.depth == self.formatting.max_depth
        params = layer.num_params if whole else max(layer.leftover_params(), 0)
        beneath = sum(child.macs for child in layer.children)
        macs = layer.macs if layer.is_leaf_layer else beneath if whole else 0
        percent = "--"
        if params and self.total_params:
            percent = f"{100 * params / self.total_params:.2f}%"
        cells: Mapping[str, str] = {
            "kernel_size": str(layer.kernel_size or "--"),
            "input_size": str(layer.input_size or "--"),
            "output_size": str(layer.output_size or "--"),
            "num_params": _params_cell(layer, params),
            "params_percent": "(recursive)" if layer.is_recursive else percent,
            "mult_adds": f"{macs:,}" if macs else "--",
            "trainable": layer.trainable,
        }
        return [cells[column] for column in self.formatting.col_names]

    def _totals(self, rule: str) -> Iterable[str]:
        yield f"Total params: {self.total_params:,}"
        yield f"Trainable params: {self.trainable_params:,}"
        yield f"Non-trainable params: {self.total_params - self.trainable_params:,}"
        if self.input_size:
            unit, count = self.to_readable(self.total_mult_adds)
            yield f"Total mult-adds ({unit}): {count:,.2f}"
            yield rule
            sizes = self.total_input, self.total_output_bytes, self.total_param_bytes
            titles = (
                "Input size",
                "Forward/backward pass size",
                "Params size",
                "Estimated Total Size",
            )
            for title, size in zip(titles, (*sizes, sum(sizes)), strict=True):
                yield f"{title} (MB): {self.to_megabytes(size):.2f}"


def _params_cell(layer: LayerInfo, params: int) -> str:
    """The cell of the parameters of a row. Frozen parameters are in parentheses."""
    if layer.is_recursive and layer.num_params:
        return "(recursive)"
    if not params:
        return "--"
    frozen = not layer.trainable_params and not layer.is_recursive
    return f"({params:,})" if frozen else f"{params:,}"


def _start(depth: int, settings: set[str]) -> str:
    if not depth:
        return ""
    bar, knee = ("|  ", "+ ") if "ascii_only" in settings else ("│  ", "├─ ")
    return bar * (depth - 1) + knee


def _name(layer: LayerInfo, settings: set[str]) -> str:
    name = layer.class_name
    if "var_names" in settings:
        name += f" ({layer.var_name})"
    return name + (
        f": {layer.depth}-{layer.depth_index}" if "depth" in settings and layer.depth else ""
    )
