"""Columns of a DataFrame that keep integers of any size exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_INT64, _FLOAT = 2**63, 2**53


def column(values: Sequence[object]) -> pd.Series[Any]:
    """Values as a Series. Integers have the dtype ``int64`` only if their sum fits into it too.

    Otherwise the column holds Python ints, whose sums are exact. The same goes for integers beside
    floats that no float can hold. A missing value is None, and the others stay as they are.

    >>> column([2**62, 2**62]).sum() == 2**63
    True
    >>> column([1, None]).tolist()
    [1, None]
    """
    import pandas as pd

    found = list(values)
    total = _sum(found)
    mixed = any(type(value) is float for value in found) and total >= _FLOAT
    as_they_are = not found or None in found or mixed or total >= _INT64
    try:
        return pd.Series(found, dtype=object if as_they_are else None)
    except UnicodeEncodeError:  # pandas keeps texts in UTF-8, which holds no half a character
        return pd.Series(found, dtype=object)


def nullable(values: Sequence[object]) -> pd.Series[Any]:
    """Integers of which some may be missing: ``Int64`` if their sum fits, else Python ints.

    A missing value is ``pandas.NA``.
    """
    import pandas as pd

    missing = [pd.NA if value is None else value for value in values]
    return pd.Series(missing, dtype=object if _sum(values) >= _INT64 else "Int64")


def _sum(values: Sequence[object]) -> int:
    """The sum of all integers among the values, without their signs."""
    return sum([abs(value) for value in values if type(value) is int])


def frame(columns: Mapping[str, Sequence[object]]) -> pd.DataFrame:
    """Columns as a DataFrame. Integers of any size stay exact."""
    import pandas as pd

    return pd.DataFrame({name: column(values) for name, values in columns.items()})


def numeric(found: pd.DataFrame) -> list[str]:
    """The columns that hold numbers, also those that hold Python ints."""
    return [
        str(name)
        for name in found.columns
        if found[name].dtype.kind in "iuf"
        or (len(found) and all(type(each) is int for each in found[name]))
    ]
