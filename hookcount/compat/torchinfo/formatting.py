"""The layout of the table of ``torchinfo.summary``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .enums import ColumnSettings, RowSettings, Units, Verbosity
from .layer_info import LayerInfo

HEADER_TITLES = {
    ColumnSettings.KERNEL_SIZE: "Kernel Shape",
    ColumnSettings.INPUT_SIZE: "Input Shape",
    ColumnSettings.OUTPUT_SIZE: "Output Shape",
    ColumnSettings.NUM_PARAMS: "Param #",
    ColumnSettings.PARAMS_PERCENT: "Param %",
    ColumnSettings.MULT_ADDS: "Mult-Adds",
    ColumnSettings.TRAINABLE: "Trainable",
}
"""The columns that can be shown, and their titles."""

_STEP = 5
"""The width of the layers' names is a multiple of this. So far each depth is indented."""


@dataclass
class FormattingOptions:
    """How the rows are shown. A user may change it after the summary.

    Rows are shown down to ``max_depth``, with the columns ``col_names``. Each column is
    ``col_width`` characters wide. ``verbose`` 2 shows the parameters of each row too. The flags
    ``ascii_only``, ``show_var_name``, ``show_depth`` and ``hide_recursive_layers`` come from
    ``row_settings``.
    """

    max_depth: int
    verbose: int
    col_names: tuple[ColumnSettings, ...]
    col_width: int
    row_settings: set[RowSettings] = field(default_factory=set)
    params_units: Units = Units.NONE
    macs_units: Units = Units.AUTO
    layer_name_width: int = 40

    def __post_init__(self) -> None:
        self.ascii_only = RowSettings.ASCII_ONLY in self.row_settings
        self.show_var_name = RowSettings.VAR_NAMES in self.row_settings
        self.show_depth = RowSettings.DEPTH in self.row_settings
        self.hide_recursive_layers = RowSettings.HIDE_RECURSIVE_LAYERS in self.row_settings

    def set_layer_name_width(self, summary_list: Iterable[LayerInfo]) -> None:
        """Make the first column wide enough for the name of each layer."""
        wide = max((len(self._name(each)) + _STEP * each.depth for each in summary_list), default=0)
        if wide + 1 >= self.layer_name_width:
            self.layer_name_width = -(-(wide + 1) // _STEP) * _STEP

    def get_total_width(self) -> int:
        """The number of characters in a line between two parts of the table."""
        return self.layer_name_width + len(self.col_names) * self.col_width

    def header_row(self) -> str:
        name = "Layer (type" + " (var_name)" * self.show_var_name + ":depth-idx" * self.show_depth
        return self.format_row(f"{name})", HEADER_TITLES)

    def format_row(self, layer_name: str, row_values: Mapping[ColumnSettings, str]) -> str:
        """One line: a name, then the cells of the shown columns."""
        cells = [layer_name.ljust(self.layer_name_width)]
        cells += [row_values.get(each, "").ljust(self.col_width) for each in self.col_names]
        return " ".join(cells).rstrip() + "\n"

    def layers_to_str(self, summary_list: Iterable[LayerInfo], total_params: int) -> str:
        """The lines of all rows that are shown."""
        return "".join(
            self.layer_info_to_row(layer, layer.depth == self.max_depth, total_params)
            for layer in summary_list
            if layer.depth <= self.max_depth
            and not (self.hide_recursive_layers and layer.is_recursive)
        )

    def layer_info_to_row(
        self, layer_info: LayerInfo, reached_max_depth: bool, total_params: int
    ) -> str:
        """The lines of one row. At the largest depth it stands for the rows beneath it too."""
        cells = {
            ColumnSettings.KERNEL_SIZE: str(layer_info.kernel_size or "--"),
            ColumnSettings.INPUT_SIZE: str(layer_info.input_size or "--"),
            ColumnSettings.OUTPUT_SIZE: str(layer_info.output_size or "--"),
            ColumnSettings.NUM_PARAMS: layer_info.num_params_to_str(reached_max_depth),
            ColumnSettings.PARAMS_PERCENT: layer_info.params_percent(
                total_params, reached_max_depth
            ),
            ColumnSettings.MULT_ADDS: layer_info.macs_to_str(reached_max_depth),
            ColumnSettings.TRAINABLE: layer_info.trainable,
        }
        start = self.get_start_str(layer_info.depth)
        lines = self.format_row(start + self._name(layer_info), cells)
        if self.verbose == Verbosity.VERBOSE:
            start = self.get_start_str(layer_info.depth + 1)
            for name, shown in layer_info.inner_layers.items():
                lines += self.format_row(start + name, shown)
        return lines

    def get_start_str(self, depth: int) -> str:
        """The lines of the tree to the left of a name."""
        if depth < 2:
            return "" if not depth else "+ " if self.ascii_only else "├─"
        bar, knee = ("|    ", "+ ") if self.ascii_only else ("│    ", "└─")
        return bar * (depth - 1) + knee

    def _name(self, layer: LayerInfo) -> str:
        return layer.get_layer_name(self.show_var_name, self.show_depth)
