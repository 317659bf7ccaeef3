"""Testing formulas: ``check_formula`` holds a module's formula to the ops that its forward runs.

>>> import torch, hookcount
>>> from hookcount.testing import check_formula
>>> check_formula(torch.nn.Linear(8, 4), torch.zeros(2, 8)).formula    # 2 * 8 * 4 products, 2 * 4 bias adds
Ops(macs=64, adds=8)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from .core.errors import HookcountError, RegistrationError, UncountedError, UncountedWarning, place
from .core.ops import KINDS, Ops, flops
from .counter import Counter
from .observe.places import type_name
from .observe.specs import tensors
from .pricing.price import Record
from .report import Report
from .rules.registry import OBSERVED, Registry
from .rules.resolver import Resolver


class FormulaDiffersError(HookcountError, AssertionError):
    """A formula and the ops that ran do not agree; ``comparison`` has both."""

    def __init__(self, comparison: Comparison) -> None:
        super().__init__(comparison.text())
        self.comparison = comparison


@dataclass(frozen=True)
class Comparison:
    """One call of a module priced twice: by its formula, and op by op with the formula taken away.

    Both are of the module and all that it calls. ``ran`` is what the ops cost, at the paths where they ran.
    """

    type: str
    source: str
    """Where the formula is written."""
    formula: Ops
    ops: Ops
    ran: tuple[Record, ...]

    def differing(self) -> dict[str, int]:
        """By how much the formula says more than the ops, for each kind in which they differ."""
        by = {kind: getattr(self.formula, kind) - getattr(self.ops, kind) for kind in KINDS}
        return {kind: more for kind, more in by.items() if more}

    def check(self, kinds: Iterable[str] = KINDS) -> Comparison:
        """This comparison, if formula and ops agree in ``kinds``; else raises ``FormulaDiffersError``."""
        if set(kinds) & set(self.differing()):
            raise FormulaDiffersError(self)
        return self

    def text(self) -> str:
        """The kinds that differ, and what ran."""
        lines = [f"the formula for {self.type} ({self.source}) is not what its forward runs:"]
        for kind, more in self.differing().items():
            said, found = getattr(self.formula, kind), getattr(self.ops, kind)
            lines.append(f"  {kind}: {said} by the formula, {found} by the ops ({more:+})")
        lines.append("what ran, op by op:" if self.ran else "nothing ran that costs anything.")
        most = sorted(self.ran, key=lambda record: flops(record.ops), reverse=True)
        for record in most[:20]:
            costs = ", ".join(
                f"{kind}={getattr(record.ops, kind)}" for kind in KINDS if getattr(record.ops, kind)
            )
            lines.append(f"  {record.target} in {place(record.path)}, {record.calls} x: {costs}")
        if len(most) > 20:
            lines.append(f"  and {len(most) - 20} more")
        return "\n".join(lines)


def check_formula(module: nn.Module, /, *args: Any, **kwargs: Any) -> Comparison:
    """Run ``module(*args, **kwargs)`` once and hold the formula registered for its class to what ran, in every kind.

    The formula is taken away and the same call priced by its ops, and by the formulas of the modules that it calls. It is a
    real run, on meta one of shapes alone; the module is left as it was. Returns the comparison.

    Raises ``FormulaDiffersError``, an ``AssertionError``, if they differ; ``UncountedError`` if an op that ran has no formula, or
    none could be seen; ``RegistrationError`` if the module has no formula to check.
    """
    return compare(module, args, kwargs).check()


def compare(
    module: nn.Module,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    registry: Registry | None = None,
    without: Iterable[type] | None = None,
) -> Comparison:
    """What ``check_formula`` checks, to look at or to ``check`` in some kinds only.

    ``registry``: formulas as for a ``Counter``. ``without``: the classes whose formulas are taken away; if not given, the
    module's own.
    """
    kwargs = dict(kwargs or {})
    held = (*module.parameters(), *module.buffers(), *tensors((args, kwargs)))
    counter = Counter(registry, run="shapes" if any(tensor.is_meta for tensor in held) else "real")
    entry = Resolver(counter.registry).module(module)
    if without is None and (entry is None or entry.price is OBSERVED):
        raise RegistrationError(
            f"{type_name(module)} has no formula to check (a class with a forward of its own does not inherit one). "
            "To fix it: register one for its class."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncountedWarning)
        priced = counter.count(module, *args, **kwargs)
    opened = Registry(counter.registry, name="op by op")
    for cls in {type(module)} if without is None else set(without):
        opened.register(cls, OBSERVED)
    by_ops = Report(replace(priced.priced, registry=opened))
    for report in (priced, by_ops):
        if report.uncounted:
            raise UncountedError(f"there is nothing to compare with: {report.explain_uncounted()}")
    source = entry.source if entry is not None else "no formula of its own"
    return Comparison(type_name(module), source, priced.total, by_ops.total, by_ops.records)
