"""What plotly needs of an icicle and of a treemap with ``branchvalues="total"``."""

from __future__ import annotations

from typing import Any


def check_sums(trace: Any) -> None:
    """The cells in a cell are at most as much as the cell, and each has a cell around it."""
    assert trace.branchvalues == "total"
    assert len(set(trace.ids)) == len(trace.ids)
    value = dict(zip(trace.ids, trace.values, strict=True))
    within: dict[str, int] = {}
    for parent, size in zip(trace.parents, trace.values, strict=True):
        assert isinstance(size, int)
        within[parent] = within.get(parent, 0) + size
    assert trace.parents.count("") == 1
    assert within.pop("") == max(trace.values)
    for parent, size in within.items():
        assert size <= value[parent], parent
