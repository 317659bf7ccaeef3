"""The result of ``torchinfo.summary``: the totals of its rows, and their table as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .enums import Units
from .formatting import FormattingOptions
from .layer_info import LayerInfo

CONVERSION_FACTORS = {
    Units.TERABYTES: 1e12,
    Units.GIGABYTES: 1e9,
    Units.MEGABYTES: 1e6,
    Units.NONE: 1,
}
"""How many pieces are one of a unit."""


class ModelStatistics:
    """The totals of a summary, its rows (``summary_list``) and their text (``str()``).

    ``total_params`` and ``trainable_params`` are the parameters of the rows without children, and
    the parameters that only a row with children has. A parameter of two rows without children
    counts twice, as in torchinfo. Any other one counts once. torchinfo counts some twice if
    blocks share a module, as in timm's coat.
    ``total_mult_adds`` are the MACs of the rows without children.

    In bytes: ``total_input`` has the storages of the inputs with their Python objects, and is None
    without an input.
    ``total_param_bytes`` has the parameters of the rows without children.
    ``total_output_bytes`` has twice the outputs of the rows with parameters and without children.
    """

    def __init__(
        self,
        summary_list: list[LayerInfo],
        input_size: object,
        total_input_size: float | None,
        formatting: FormattingOptions,
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
        params = sum(layer.num_params for layer in first)
        params += sum(max(layer.leftover_params(), 0) for layer in containers)
        trainable = sum(layer.trainable_params for layer in first)
        trainable += sum(max(layer.leftover_trainable_params(), 0) for layer in containers)
        most = _at_most(summary_list, first)
        self.total_params, self.trainable_params = min(params, most[0]), min(trainable, most[1])
        formatting.set_layer_name_width(summary_list)

    @staticmethod
    def float_to_megabytes(num: float) -> float:
        """Numbers of 4 bytes, in units of 10^6 bytes."""
        return num * 4 / 1e6

    @staticmethod
    def to_megabytes(num: float) -> float:
        """Bytes in units of 10^6 bytes."""
        return num / 1e6

    @staticmethod
    def to_readable(num: float, units: Units | str = Units.AUTO) -> tuple[Units, float]:
        """The unit, and the number in that unit.

        ``"auto"`` takes the largest unit that is not larger than the number, at least ``"M"``.

        >>> unit, number = ModelStatistics.to_readable(4089184256)
        >>> unit.value, number
        ('G', 4.089184256)
        """
        unit = Units(units)
        if unit is Units.AUTO:
            large = Units.GIGABYTES if num >= 1e9 else Units.MEGABYTES
            unit = Units.TERABYTES if num >= 1e12 else large
        return unit, num / CONVERSION_FACTORS[unit]

    @staticmethod
    def format_output_num(num: float, units: Units | str) -> str:
        """A number as it comes after its title, with its unit before the colon.

        >>> ModelStatistics.format_output_num(1500000, "auto")
        ' (M): 1.50'
        """
        unit, count = ModelStatistics.to_readable(num, units)
        shown = f"{int(count):,}" if float(count).is_integer() else f"{count:,.2f}"
        return f"{f' ({unit.value})' if unit.value else ''}: {shown}"

    def __repr__(self) -> str:
        shown = self.formatting
        rule = "=" * shown.get_total_width() + "\n"
        rows = shown.layers_to_str(self.summary_list, self.total_params)
        text = rule + shown.header_row() + rule + rows + rule
        frozen = self.total_params - self.trainable_params
        for title, number in (
            ("Total params", self.total_params),
            ("Trainable params", self.trainable_params),
            ("Non-trainable params", frozen),
        ):
            text += f"{title}{self.format_output_num(number, shown.params_units)}\n"
        return (text + self._of_the_run(rule) if self.input_size else text) + rule.rstrip()

    def _of_the_run(self, rule: str) -> str:
        macs = self.format_output_num(self.total_mult_adds, self.formatting.macs_units)
        text = f"Total mult-adds{macs}\n{rule}"
        sizes = self.total_input or 0, self.total_output_bytes, self.total_param_bytes
        for title, size in (
            ("Input size", sizes[0]),
            ("Forward/backward pass size", sizes[1]),
            ("Params size", sizes[2]),
            ("Estimated Total Size", sum(sizes)),
        ):
            text += f"{title} (MB): {self.to_megabytes(size):.2f}\n"
        return text


def _at_most(layers: Iterable[LayerInfo], first: Iterable[LayerInfo]) -> tuple[int, int]:
    """All and trainable parameters, each as often as rows in ``first`` have it, and at least once.

    ``first``: the rows without children, each module once.
    """
    known = {key: counts for layer in layers for key, counts in layer.counted.items()}
    times = Counter(key for layer in first for key in layer.counted)
    counted = [(max(times[key], 1), counts) for key, counts in known.items()]
    return sum(n * each for n, (each, _) in counted), sum(n * each for n, (_, each) in counted)
