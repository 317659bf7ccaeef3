"""Testing formulas: ``check_formula`` compares a module's formula with the ops of its forward.

>>> import torch, hookcount
>>> from hookcount.testing import check_formula
>>> found = check_formula(torch.nn.Linear(8, 4), torch.zeros(2, 8))
>>> found.formula                                          # 2 * 8 * 4 products, 2 * 4 bias adds
Ops(macs=64, adds=8)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from torch import nn

from .core.errors import (
    HookcountError,
    RegistrationError,
    UncountedError,
    UncountedWarning,
    error_text,
    module_at,
)
from .core.ops import KINDS, Ops, flops
from .counter import Counter
from .observe.contained import tensors
from .observe.module_tree import type_name
from .pricing.price import Record
from .report import Report
from .rules.registry import OBSERVED, Registry
from .rules.resolver import Resolver


class FormulaDiffersError(HookcountError, AssertionError):
    """A formula and the ops of the forward differ. ``comparison`` has both counts."""

    def __init__(self, comparison: FormulaComparison) -> None:
        super().__init__(comparison.text())
        self.comparison = comparison


@dataclass(frozen=True)
class FormulaComparison:
    """One call of a module, priced twice: by its formula, and op by op without the formula.

    Both counts include the modules that the module calls.
    """

    type: str
    source: str
    """The ``file:line`` of the formula."""
    formula: Ops
    """The count by the formula."""
    ops: Ops
    """The count op by op."""
    ran: tuple[Record, ...]
    """The costs of the ops, by path and target. They sum to ``ops``."""

    def differing(self) -> dict[str, int]:
        """The formula's count minus that of the ops, for each kind in which they differ."""
        by = {kind: getattr(self.formula, kind) - getattr(self.ops, kind) for kind in KINDS}
        return {kind: more for kind, more in by.items() if more}

    def check(self, kinds: Iterable[str] = KINDS) -> FormulaComparison:
        """This comparison, if formula and ops agree in ``kinds``.

        Otherwise raises ``FormulaDiffersError``.
        """
        if set(kinds) & set(self.differing()):
            raise FormulaDiffersError(self)
        return self

    def text(self) -> str:
        """The kinds that differ, and the costs of the ops."""
        lines = [f"the formula for {self.type} ({self.source}) differs from its ops:"]
        for kind, more in self.differing().items():
            by_formula, by_ops = getattr(self.formula, kind), getattr(self.ops, kind)
            lines.append(f"  {kind}: {by_formula} by the formula, {by_ops} by the ops ({more:+})")
        lines.append("costs of the ops:" if self.ran else "no op that ran has a cost.")
        most = sorted(self.ran, key=lambda record: flops(record.ops), reverse=True)
        for record in most[:20]:
            costs = ", ".join(
                f"{kind}={getattr(record.ops, kind)}" for kind in KINDS if getattr(record.ops, kind)
            )
            lines.append(
                f"  {record.target} in {module_at(record.path)}, {record.calls} x: {costs}"
            )
        if len(most) > 20:
            lines.append(f"  and {len(most) - 20} more")
        return "\n".join(lines)


def check_formula(module: nn.Module, /, *args: object, **kwargs: object) -> FormulaComparison:
    """Run ``module(*args, **kwargs)`` once and compare the formula of its class with its ops.

    The same call is priced again without the formula: by its ops, and by the formulas of the
    modules that it calls. The two counts must be equal in every kind. The module runs for real, or
    shapes-only on the meta device. The run leaves the module unchanged. Returns the comparison.

    Raises ``FormulaDiffersError``, an ``AssertionError``, if the counts differ. Raises
    ``UncountedError`` if an op that ran has no formula, or if no op was visible. Raises
    ``RegistrationError`` if the module has no formula.
    """
    return compare_formula(module, args, kwargs).check()


def compare_formula(
    module: nn.Module,
    args: tuple[object, ...] = (),
    kwargs: Mapping[str, object] | None = None,
    *,
    registry: Registry | None = None,
    without: Iterable[type] | None = None,
) -> FormulaComparison:
    """The comparison that ``check_formula`` makes, without the check.

    ``registry``: formulas as for a ``Counter``. ``without``: the classes whose formulas are not
    used in the second count. The default is the module's class.

    Raises ``UncountedError`` and ``RegistrationError`` as ``check_formula`` does.
    """
    kwargs = dict(kwargs or {})
    held = (*module.parameters(), *module.buffers(), *tensors((args, kwargs)))
    counter = Counter(registry, run="shapes" if any(tensor.is_meta for tensor in held) else "real")
    entry = Resolver(counter.registry).module(module)
    if without is None and (entry is None or entry.price is OBSERVED):
        what = "the class has no formula to check (with its own forward, it inherits none)"
        raise RegistrationError(
            error_text(type_name(module), what, "register a formula for its class")
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncountedWarning)
        by_formula = counter.count(module, *args, **kwargs)
    without_formulas = Registry(counter.registry, name="op by op")
    for cls in {type(module)} if without is None else set(without):
        without_formulas.register(cls, OBSERVED)
    by_ops = Report(replace(by_formula.priced, registry=without_formulas))
    for report in (by_formula, by_ops):
        if report.uncounted:
            raise UncountedError(f"the counts cannot be compared: {report.explain_uncounted()}")
    source = entry.source if entry is not None else "no formula of its own"
    return FormulaComparison(
        type_name(module), source, by_formula.total, by_ops.total, by_ops.records
    )
