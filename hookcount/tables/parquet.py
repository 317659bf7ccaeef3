"""A frame as a Parquet file, through pyarrow."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..core.errors import needed
from ..core.names import clean

if TYPE_CHECKING:
    import pandas as pd

_INT64 = 2**63
_EXACT = 10**28
"""Python sums ``Decimal`` with 28 digits."""


def parquet(frame: pd.DataFrame) -> bytes:
    """A Parquet file. ``pandas.read_parquet`` gives the frame back, with its ``attrs``.

    A column whose sum is at least 2**63 holds decimals, or texts from 28 digits on, because Parquet
    has no larger integers. ``attrs["decimals"]`` and ``attrs["texts"]`` name these columns.

    Raises ``MissingPackageError`` without pyarrow.
    """
    arrow: Any = needed("pyarrow", "parquet", "to write a Parquet file")
    needed("pyarrow.parquet", "parquet", "to write a Parquet file")
    columns: dict[str, Any] = {}
    kinds: dict[str, list[str]] = {"decimals": [], "texts": []}
    for name, values in frame.items():
        found = [
            None if absent else each for each, absent in zip(values, values.isna(), strict=True)
        ]
        whole = [abs(each) for each in found if type(each) is int]
        if found and whole and sum(whole) >= _INT64 and values.dtype == object:
            exact = sum(whole) < _EXACT
            kinds["decimals" if exact else "texts"].append(str(name))
            kind: Any = Decimal if exact else str
            found = [None if each is None else kind(each) for each in found]
            columns[str(name)] = arrow.array(
                found, arrow.decimal128(38) if exact else arrow.string()
            )
        else:
            columns[str(name)] = arrow.array([_encodable(each) for each in found])
    attrs: dict[Any, Any] = dict(frame.attrs)
    attrs.update((name, large) for name, large in kinds.items() if large)
    table = arrow.table(columns).replace_schema_metadata({"PANDAS_ATTRS": json.dumps(attrs)})
    made = io.BytesIO()
    arrow.parquet.write_table(table, made)
    return made.getvalue()


def _encodable(value: object) -> object:
    """A value that Parquet can hold: its texts are UTF-8."""
    if not isinstance(value, str):
        return value
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return clean(value)
    return value
