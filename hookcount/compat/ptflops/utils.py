"""``hookcount.compat.ptflops.utils``: MACs and parameters as texts, as in ``ptflops.utils``."""

from __future__ import annotations

from collections.abc import Iterable

_MACS = ((10**9, "GMac"), (10**6, "MMac"), (10**3, "KMac"))
_PARAMS = ((10**6, "M"), (10**3, "k"))
_UNITS_OF_PARAMS = ((10**9, "B"), (10**6, "M"), (10**3, "K"))


def flops_to_string(flops: float, units: str | None = None, precision: int = 2) -> str:
    """MACs as a text in GMac, MMac or KMac. Without ``units``, in the largest unit that fits.

    >>> flops_to_string(4101800000), flops_to_string(4101800000, "MMac", 1), flops_to_string(999)
    ('4.1 GMac', '4101.8 MMac', '999 Mac')
    """
    return _in_units(flops, _MACS, _MACS, units, precision) or f"{flops} Mac"


def params_to_string(params_num: int, units: str | None = None, precision: int = 2) -> str:
    """Parameters as a text in B, M or K. Without ``units``, in M or k, the larger that fits.

    >>> params_to_string(25557032), params_to_string(25557032, "K", 1), params_to_string(999)
    ('25.56 M', '25557.0 K', '999')
    """
    return _in_units(params_num, _PARAMS, _UNITS_OF_PARAMS, units, precision) or str(params_num)


def _in_units(
    count: float,
    reached: Iterable[tuple[int, str]],
    known: Iterable[tuple[int, str]],
    units: str | None,
    precision: int,
) -> str | None:
    """A count in ``units``, or in the first unit of ``reached`` that is not larger than the count.

    None for units that are not in ``known``, and for a count below every unit.
    """
    for step, name in reached if units is None else known:
        if name == units or (units is None and count >= step):
            return f"{round(count / float(step), precision)} {name}"
    return None
