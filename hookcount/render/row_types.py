"""What the rows of a folded tree are: types of modules, or the ops that a module ran itself."""

from __future__ import annotations

from collections.abc import Sequence

from ..analysis.folding.row import Row
from ..pricing.price import Record


class Texts:
    """The types of rows. A row ``(itself)`` has the ops that have its MACs."""

    def __init__(self, records: Sequence[Record], rows: Sequence[Row]) -> None:
        wanted = {row.path for row in rows if row.kind == "itself"}
        self._ops: dict[str, list[Record]] = {}
        for each in records if wanted else ():
            if each.path in wanted and each.by == "op" and each.ops.macs:
                self._ops.setdefault(each.path, []).append(each)

    def type(self, row: Row) -> str:
        """The type of the modules, or the ops."""
        if row.kind != "itself":
            return row.type
        found = sorted(self._ops.get(row.path, ()), key=lambda each: -each.ops.macs)
        return ", ".join(dict.fromkeys(_short(each.target) for each in found))


def _short(target: str) -> str:
    """An op's name without its namespace and its device.

    >>> _short("aten::_scaled_dot_product_flash_attention_for_cpu")
    'scaled_dot_product_flash_attention'
    """
    return target.rpartition("::")[2].strip("_").removesuffix("_for_cpu")
