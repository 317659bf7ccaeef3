"""``clever_format``: numbers as short texts."""

from __future__ import annotations

from collections.abc import Iterable

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))


def clever_format(nums: float | Iterable[float], format: str = "%.2f") -> str | tuple[str, ...]:
    """Each number in the largest of the units T, G, M and K that it exceeds, else with a ``B``.

    The result is a text for one number, and a tuple of texts for several.

    >>> clever_format(4133742592.0), clever_format([25557032, 1000], "%.3f")
    ('4.13G', ('25.557M', '1000.000B'))
    """
    texts = [_short(number, format) for number in (nums if isinstance(nums, Iterable) else (nums,))]
    return texts[0] if len(texts) == 1 else tuple(texts)


def _short(number: float, format: str) -> str:
    for step, name in _STEPS:
        if number > step:
            return format % (number / step) + name
    return format % number + "B"
