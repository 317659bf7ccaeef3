"""``frozen``: the user's layers of a registry with prices in place of formulas, for pickles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import cast

from ..core.errors import FormulaError, error_text, module_at
from ..core.ops import Ops
from ..core.trace import OUTSIDE, Call, Trace
from ..rules.binding import CallFormula
from ..rules.registry import Entry, Formula, Registry
from ..rules.resolver import Resolver
from ..rules.table import Table
from .price import Prices, price_of


class KnownPrices(CallFormula):
    """The prices that a formula gave to the calls of one trace."""

    def __init__(self, source: str, prices: dict[Call, Ops]) -> None:
        self.source = source
        self.prices = prices

    def __call__(self, path: str, call: Call) -> Ops:
        if call in self.prices:
            return self.prices[call]
        what = (
            f"the formula ({self.source}) gave no price for this call before the report was pickled"
        )
        fix = "use the report that was not pickled"
        raise FormulaError(error_text(module_at(path), what, fix))


def frozen(registry: Registry, trace: Trace, prices: Prices) -> Registry:
    """``registry`` with known prices in place of the user's formulas.

    hookcount's own formulas, which every process has, are not replaced.
    """
    *users, last = registry.layers()
    if not last.home:
        users, base = [*users, last], None
    else:
        base = last
    known = _known(registry, users, trace, prices)
    for layer in reversed(users):
        base = Registry(base, name=layer.name)
        base.table = Table(layer.name, "", _entries(layer, known))
    assert base is not None
    return base


def _known(
    registry: Registry, layers: list[Registry], trace: Trace, prices: Prices
) -> dict[Entry, dict[Call, Ops]]:
    """By entry of the layers, the prices of all calls that it may have to answer for."""
    entries = [each for layer in layers for each in layer.table.entries.values()]
    known: dict[Entry, dict[Call, Ops]] = {each: {} for each in entries if callable(each.price)}
    if not known:
        return known
    # conventions differ in which modules get a formula of a class: "mro" includes all
    resolver = Resolver(registry, matches="mro")
    for call, path in {call: path for path, call in _calls(trace)}.items():
        for entry in resolver.all_of(call):
            if entry in known:
                with suppress(FormulaError):  # a formula for a class need not fit all subclasses
                    found = price_of(path, call, entry, prices)
                    if found is not None:
                        known[entry][call] = found
    return known


def _calls(trace: Trace) -> Iterator[tuple[str, Call]]:
    for run in trace.runs:
        if run.call is not None:
            yield run.path, run.call
        yield from ((run.path, op.call) for op in run.ops)
    yield from ((OUTSIDE, op.call) for _, op in trace.outside)


def _entries(layer: Registry, known: dict[Entry, dict[Call, Ops]]) -> list[Entry]:
    """The entries of a layer, without formulas and fakes of the user."""
    found = []
    for entry in layer.table.entries.values():
        price = entry.price
        if entry in known:
            price = cast(Formula, KnownPrices(entry.source, known[entry]))
        found.append(replace(entry, price=price, fake=None))
    names = {entry.target for entry in found}
    by_name = {entry.target: entry for entry in found}
    # another process may not know a class by the path that the user gave
    for cls, name in layer.table.imported().items():
        real = f"{cls.__module__}.{cls.__qualname__}"
        if real not in names:
            found.append(replace(by_name[name], target=real))
    return found
