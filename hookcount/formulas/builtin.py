"""``BUILTIN``: the registry that the files of this folder fill with hookcount's own formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from ..rules.registry import FREE, OBSERVED, Formula, Kind, Registry, Target

F = TypeVar("F", bound=Formula)


class _Builtin(Registry):
    """A registry that does not check the parameter names of its formulas. A test checks them.

    Another version of a library may name them differently, and must not break the import.
    """

    def check_names(self, name: str, target: Target, formula: Formula) -> None:
        pass


BUILTIN = _Builtin(name="hookcount's own formulas", home=f"{__name__}:BUILTIN")
formula = BUILTIN.register


def repeats(*targets: str) -> Callable[[F], F]:
    """Say which part of the price of each target computes again what the forward had.

    The targets are ops of a backward pass that have a formula. This part is in their price.
    """

    def put(part: F) -> F:
        for each in targets:
            BUILTIN.table.put_repeats(each, part)
        return part

    return put


def free(targets: Iterable[Target], kind: Kind | None = None) -> None:
    """Register each target as free: it costs nothing, and nobody is warned about it."""
    for target in targets:
        BUILTIN.register(target, FREE, kind=kind)


def observed(targets: Iterable[Target], kind: Kind | None = None) -> None:
    """Declare that each module class has no formula: its ops and submodules are priced."""
    for target in targets:
        BUILTIN.register(target, OBSERVED, kind=kind)
