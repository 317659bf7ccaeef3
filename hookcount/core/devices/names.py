"""Finds a device by its name, or by the name that a driver reports."""

from __future__ import annotations

import re
from collections import Counter

from ..errors import InputError, UnknownDeviceError, near
from .amd import ROWS as AMD
from .apple import ROWS as APPLE
from .cpus import ROWS as CPUS
from .google import ROWS as GOOGLE
from .nvidia import ROWS as NVIDIA
from .nvidia_cards import ROWS as CARDS
from .nvidia_jetson import ROWS as JETSON
from .row import DeviceRow

ALL: tuple[DeviceRow, ...] = (*NVIDIA, *CARDS, *JETSON, *AMD, *GOOGLE, *APPLE, *CPUS)
"""Every device of the table."""

_MAKERS = ("nvidia", "amd", "google", "apple", "intel", "geforce", "tesla", "instinct", "cloud")


def find(name: str) -> DeviceRow:
    """The row of a name. Case, hyphens and the maker's name do not matter.

    Raises ``UnknownDeviceError``, which has the nearest names, for any other name: a name that fits
    several variants, such as ``A100``, is none of them.
    """
    if not isinstance(name, str):
        raise InputError(
            f"{name!r} is no name of a device.\n"
            "  To fix it: give a text such as 'H100 SXM', or hookcount.Device.of(...) for a device "
            "of this machine."
        )
    plain = _plain(name)
    row = _BY_NAME.get(plain) or _BY_NAME.get(_SPACED.get(plain.replace(" ", ""), ""))
    if row is not None:
        return row
    named = _variants(plain) or [_BY_NAME[each].name for each in near(plain, _BY_NAME, 6)]
    hint = f"Names alike: {', '.join(dict.fromkeys(named))}." if named else "No name is alike."
    raise UnknownDeviceError(
        f"There is no device named {name!r}. {hint}\n"
        "  To fix it: give one of the names in hookcount.devices(), or measure this machine "
        "with hookcount.Device.calibrate()."
    )


def _variants(plain: str) -> list[str]:
    """The names of the rows of which a name has each word: ``a100 80gb`` fits two."""
    words = set(plain.split())
    return [row.name for name, row in _BY_NAME.items() if words and words <= set(name.split())]


def reported_as(name: str) -> tuple[DeviceRow, ...]:
    """The rows of which the driver, or the operating system, reports the name ``name``."""
    plain = _plain(name)
    return tuple(each for each in ALL if plain in map(_plain, each.reported))


def _plain(name: str) -> str:
    """A name in lower case, without the maker's name and marks.

    >>> _plain("NVIDIA A100-SXM4-40GB"), _plain("Intel(R) Xeon(R) Platinum 8480+")
    ('a100 sxm4 40gb', 'xeon platinum 8480+')
    """
    words = re.split(r"[^a-z0-9+.]+", re.sub(r"\((?:r|tm|c)\)|[®™]", " ", name.lower()))
    kept = [each for each in words if each and each not in _MAKERS]
    return re.sub(r"(?<=\d) (?=gb\b)", "", " ".join(kept))


def _by_name() -> dict[str, DeviceRow]:
    """The rows by name. A reported name is a name too, unless several devices report it."""
    found: dict[str, DeviceRow] = {}
    for row in ALL:
        for name in {_plain(each) for each in (row.name, *row.also)}:
            if name in found:
                raise ValueError(f"two devices have the name {name!r}")
            found[name] = row
    reported = Counter(name for row in ALL for name in {_plain(each) for each in row.reported})
    for row in ALL:
        for name in map(_plain, row.reported):
            if reported[name] == 1:
                found.setdefault(name, row)
    return found


_BY_NAME = _by_name()
_SPACED = {name.replace(" ", ""): name for name in _BY_NAME}
"""The names that are found without their spaces, such as ``rtx4090``."""
