"""The registry that the files of this folder fill: hookcount's own formulas, each registered where it is written."""

from __future__ import annotations

from collections.abc import Iterable

from ..registry import FREE, OBSERVED, Registry

SHIPPED = Registry(name="hookcount's own formulas")
formula = SHIPPED.register


def free(targets: Iterable[object]) -> None:
    """Register each target as free."""
    for target in targets:
        SHIPPED.register(target, FREE)


def observed(targets: Iterable[object]) -> None:
    """Declare each module class as priced op by op."""
    for target in targets:
        SHIPPED.register(target, OBSERVED)
