"""The table of ``FlopCounterMode``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ..counting import depth_of

Counts = defaultdict[str, defaultdict[Any, int]]
"""By module and op, the FLOPs."""
Row = tuple[str, str, str]

EVERYWHERE = "Global"
"""The name for all modules, and for what runs outside of them."""
_TITLES = ("Module", "FLOP", "% Total")
_UNITS = ("", "K", "M", "B", "T")


def table(counts: Mapping[str, Mapping[Any, int]], depth: int | None) -> str:
    """A row for each module down to ``depth`` levels (None: for all), and for each of its ops.

    All rows have the unit of the total. A row for the total is there if no module has all FLOPs.
    """
    total = sum(counts.get(EVERYWHERE, {}).values())
    shown = sorted(path for path in counts if path != EVERYWHERE)
    if depth is not None:
        shown = [path for path in shown if depth_of(path) <= depth]
    rows: list[Row] = []
    if any(sum(counts[path].values()) >= total for path in shown):
        indent = ""
    else:
        indent = " "
        rows += _rows(EVERYWHERE, "", counts.get(EVERYWHERE, {}), total)
    for path in shown:
        rows += _rows(path, indent + " " * (depth_of(path) - 1), counts[path], total)
    titles = [f"{title}  " for title in _TITLES]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    rule: Row = ("-" * widths[0], "-" * widths[1], "-" * widths[2])
    return "\n".join(
        "  ".join((first.ljust(widths[0]), second.rjust(widths[1]), third.rjust(widths[2])))
        for first, second, third in (_TITLES, rule, *rows)
    )


def _rows(path: str, indent: str, counts: Mapping[Any, int], total: int) -> Iterator[Row]:
    def row(name: str, flops: int) -> Row:
        part = f"{flops / total:.2%}" if total else "0%"
        return indent + name, _short(flops, total), part

    yield row(path, sum(counts.values()))
    for op, flops in counts.items():
        yield row(f" - {op}", flops)


def _short(flops: int, total: int) -> str:
    """FLOPs in the unit of the total, which has at most four digits before its point."""
    power = min(max((len(str(total)) - 2) // 3, 0), len(_UNITS) - 1)
    return f"{flops / 1000**power:.3f}{_UNITS[power]}" if power else str(flops)
