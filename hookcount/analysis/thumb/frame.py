"""Rules of thumb side by side, as a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...core.errors import InputError, failure
from ...pricing.priced import Priced
from ...tables import exact
from ..frames import facts as facts_of
from .facts import Facts
from .ran import Ran
from .rule import Estimate, Rule
from .rules import RULES, apply

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("rule", "figure", "unit", "counted", "ratio", "n", "tokens", "formula", "error")


def by_rule(priced: Priced, given: Mapping[str, int]) -> pd.DataFrame:
    """One row per rule: its figure, beside the FLOPs that were counted of what it is for."""
    facts = Facts(Ran(priced), given)
    rows: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for rule in RULES.values():
        found: Estimate | None = None
        error = ""
        mine = facts.fresh()
        try:
            found = apply(rule, mine).estimate
        except InputError as failed:
            error = failure(failed)
        counted = _counted(rule, mine)
        ratio = found.figure / counted if found is not None and counted else None
        values = (
            rule.name,
            None if found is None else found.figure,
            "FLOPs",
            counted,
            ratio,
            None if found is None else found.n,
            None if found is None else found.tokens,
            rule.formula,
            error,
        )
        for name, value in zip(COLUMNS, values, strict=True):
            rows[name].append(value)
    if not any(rows["error"]):
        del rows["error"]
    frame = exact.frame(rows)
    frame.attrs.update(facts_of(priced))
    return frame


def _counted(rule: Rule, facts: Facts) -> int | None:
    """The FLOPs of what a rule is for. None if no backward pass was counted.

    For a forward it is 2 x its MACs. For a step these are the FLOPs of the model, or those of the
    hardware if the rule counts forwards that run again.
    """
    totals = facts.ran.priced.step_totals
    if rule.forwards == 1:
        return 2 * sum(facts.work.forward.values())
    if totals is None:
        return None
    return totals.hardware_flops if facts.used.get("recompute") else totals.model_flops
