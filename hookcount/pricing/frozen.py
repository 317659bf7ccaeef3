"""``frozen``: the user's layers of a registry with prices in place of formulas, for pickles."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import SupportsIndex, cast

from ..core.errors import FormulaError, error_text, module_at
from ..core.ops import Ops
from ..core.trace import OUTSIDE, Call, Trace
from ..rules.binding import CallFormula
from ..rules.registry import Entry, Formula, Registry
from ..rules.resolver import Resolver
from ..rules.table import Pair, Table
from ..rules.targets import class_name
from .one_call import Prices, price_of


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


class KnownTable(Table):
    """The entries of a layer for a pickle, which holds each class as a report does."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[object, ...]:
        return KnownTable, (self.layer, "", tuple(self.pairs()))


def frozen(registry: Registry, trace: Trace, prices: Prices) -> Registry:
    """``registry`` with known prices in place of the user's formulas.

    hookcount's own formulas, which every process has, are not replaced.
    """
    layers = list(registry.layers())
    mine = [layer.table for layer in layers if not _in_every_process(layer.table)]
    entries = [each for table in mine for each in table if callable(each.price)]
    known = _known(registry, entries, trace, prices)
    runs = (run.call for run in trace.runs if run.call is not None)
    classes = {id(base) for call in runs for base in type(call.module).__mro__}
    base: Registry | None = None
    for layer in reversed(layers):
        table = layer.table
        if not _in_every_process(table):
            table = KnownTable(layer.name, "", _pairs(table, known, classes))
        elif base is layer.base:
            base = layer
            continue
        base = Registry(base, name=layer.name)
        base.table = table
    assert base is not None
    return base


def _in_every_process(table: Table) -> bool:
    """Whether another process has the same table: one that hookcount alone fills.

    The layer of ``hookcount.register`` may be empty here and have entries there.
    """
    package = f"{__name__.partition('.')[0]}."
    return bool(table.home and len(table)) and all(
        not callable(entry.price) or getattr(entry.price, "__module__", "").startswith(package)
        for entry in table
    )


def _known(
    registry: Registry, entries: Iterable[Entry], trace: Trace, prices: Prices
) -> dict[Entry, dict[Call, Ops]]:
    """By entry, the prices of all calls that it may have to answer for."""
    known: dict[Entry, dict[Call, Ops]] = {each: {} for each in entries}
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
        yield from ((run.path, op.call) for op in (*run.ops, *run.whole))
    yield from ((OUTSIDE, op.call) for _, op in (*trace.outside, *trace.outside_whole))


def _pairs(
    table: Table, known: dict[Entry, dict[Call, Ops]], classes: Container[int]
) -> Iterator[Pair]:
    """The entries of a layer, without formulas and fakes of the user.

    ``classes``: the ids of those that ran. For any other class its name is enough.
    """
    by_name: dict[str, Entry] = {}
    for key, entry in table.pairs():
        price = entry.price
        if entry in known:
            price = cast(Formula, KnownPrices(entry.source, known[entry]))
        made = replace(entry, price=price, fake=None)
        if isinstance(key, type) and id(key) in classes:
            yield key, made
        else:
            by_name[entry.target] = made
    yield from by_name.items()
    # another process may not know a class by the path that the user gave
    for cls, name in table.named():
        real = class_name(cls)
        if real not in by_name:
            yield real, replace(by_name[name], target=real)
