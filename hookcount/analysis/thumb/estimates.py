"""``Estimates``: the methods of a report that apply rules of thumb."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from ...conventions import CONVENTIONS
from ...core.errors import InputError, error_text
from ...pricing.priced import Priced
from .frame import by_rule
from .rule import Estimate
from .rules import RULES, applied

if TYPE_CHECKING:
    import pandas as pd


class Estimates:
    """Estimates the FLOPs of ``priced`` by rules of thumb."""

    priced: Priced

    def rule(self, name: str, **facts: int) -> Estimate:
        """The FLOPs that a rule of thumb gives for this run, such as ``report.rule("6ND")``.

        ``hookcount.Estimate`` has the rules, and the facts that they read from the run. ``facts``
        replace these: ``tokens=4096``. Raises ``InputError`` for an unknown name, and for a fact
        that neither is given nor shows in the run.
        """
        return applied(self.priced, name, facts)[0].estimate

    def by_rule(self, **facts: int) -> pd.DataFrame:
        """One row per rule of thumb.

        Columns: its figure, ``counted``, the ratio of the two, the parameters and tokens, and the
        formula. ``counted``: ``model_flops``, or ``hardware_flops`` for a rule that counts forwards
        that run again, or 2 x the MACs of the forward for ``"2ND"``. If a rule lacks a fact, its
        figure is None, and a column ``error`` says why.
        """
        return by_rule(self.priced, facts)


def is_rule(name: object, facts: dict[str, int]) -> TypeGuard[str]:
    """Whether a name is that of a rule, and not of a convention.

    Raises ``InputError`` for a name that is neither, and for facts without a rule.
    """
    if isinstance(name, str) and name in RULES:
        return True
    if isinstance(name, str) and name not in CONVENTIONS:
        what = "this names no convention and no rule of thumb"
        rules = ", ".join(map(repr, RULES))
        fix = f"use one of {', '.join(CONVENTIONS)}; or one of the rules {rules}"
        raise InputError(error_text(repr(name), what, fix))
    if facts:
        what = "facts go with a rule of thumb only"
        raise InputError(error_text(f"{next(iter(facts))}=...", what, "leave them out"))
    return False
