"""``Axis``: figures of any size as numbers that plotly can hold, in a unit with an SI prefix."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.errors import InputError, error_text
from ...core.units import PREFIXES


class Axis:
    """Numbers in the SI prefix that suits the largest. ``title`` names unit and prefix.

    >>> axis = Axis("MACs", [4_089_184_256, 1_000_000])
    >>> axis.title, axis.place(1_000_000)
    ('MACs in G (1 G = 1e9)', 0.001)
    """

    def __init__(self, unit: str, values: Iterable[int]) -> None:
        largest = max(map(abs, values), default=0)
        power = 0
        while power < len(PREFIXES) - 1 and largest >= 1000 ** (power + 1):
            power += 1
        self._step: int = 1000**power
        prefix = PREFIXES[power]
        self.title = f"{unit} in {prefix} (1 {prefix} = 1e{3 * power})" if prefix else unit

    def place(self, value: int) -> float:
        """Where a value is on the axis. Raises ``InputError`` for one that no float holds."""
        try:
            return value / self._step
        except OverflowError:
            what = f"a figure of {len(str(value))} digits is too large to be drawn"
            fix = "look at it in report.to_dataframe()"
            raise InputError(error_text("plot()", what, fix)) from None
