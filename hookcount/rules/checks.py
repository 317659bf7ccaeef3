"""Checks what a user registers for a target."""

from __future__ import annotations

from typing import get_args

from ..core.errors import RegistrationError
from .entry import OBSERVED, Covers, Kind, State


def check(name: str, price: object, covers: object, kind: object) -> None:
    """Raise ``RegistrationError`` if a price cannot be registered with this reach and kind.

    ``name``: that of the target.
    """
    for what, given, known in (
        ("covers", covers, get_args(Covers)),
        ("kind", kind, (None, *get_args(Kind))),
    ):
        if given not in known:
            options = ", ".join(repr(each) for each in known if each is not None)
            raise RegistrationError(
                f"{name}: {what}={given!r} is unknown. To fix it: use one of {options}."
            )
    if not isinstance(price, State) and not callable(price):
        raise RegistrationError(
            f"{name}: {price!r} is no formula. To fix it: register a function of shapes that "
            "returns hookcount.Ops, or hookcount.FREE."
        )
    beneath = covers in ("subtree", "modules")
    if price is OBSERVED and beneath:
        raise RegistrationError(
            f"{name}: OBSERVED pays for nothing, so it cannot cover what runs beneath it. "
            "To fix it: register hookcount.FREE or a formula, or leave out `covers`."
        )
    if beneath and "::" in name:
        raise RegistrationError(
            f"{name}: nothing runs beneath an op, so it cannot cover that. "
            "To fix it: leave out `covers`, or register the module that calls the op."
        )
    if "*" in name:
        raise RegistrationError(
            f"{name}: a formula is for one target. To fix it: register it for each by its name."
        )
