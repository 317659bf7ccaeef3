"""``Checks``: the methods of a report that raise if it is incomplete or over a limit."""

from __future__ import annotations

from typing import TypeVar

from ..core.errors import UncountedError
from ..pricing.price import Uncounted
from ..pricing.priced import Priced
from .budget import Limit, require_within
from .uncounted import explain

C = TypeVar("C", bound="Checks")


class Checks:
    """Checks ``priced``. A report that passes a check is returned."""

    priced: Priced

    @property
    def uncounted(self) -> tuple[Uncounted, ...]:
        """The targets that ran and that no formula prices. Empty if the count is complete."""
        return self.priced.uncounted

    def require_complete(self: C) -> C:
        """This report, if nothing is uncounted.

        Otherwise raises ``UncountedError``. Its text shows how to register the uncounted targets.
        """
        if self.uncounted:
            raise UncountedError(self.explain_uncounted())
        return self

    def explain_uncounted(self) -> str:
        """The text of the warning. Empty if nothing is uncounted.

        It has each uncounted target, the paths where it ran, and code that registers it.
        """
        return explain(self.uncounted, self.priced.run, self.priced.step_seen)

    def assert_within(
        self: C,
        *,
        macs: Limit | None = None,
        flops: Limit | None = None,
        figure: Limit | None = None,
        params: Limit | None = None,
    ) -> C:
        """This report, if each figure is at most its limit: ``macs="4.2G"``, ``params=26e6``.

        ``figure`` is that of the convention. A pair is the least and the most. Otherwise raises
        ``BudgetError``, an ``AssertionError``. A figure that is a lower bound passes no limit.
        """
        limits = {"macs": macs, "flops": flops, "figure": figure, "params": params}
        require_within(self.priced, limits)
        return self
