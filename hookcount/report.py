"""``Report``: the face of a count. Totals, tree, tables and text; each is made by the reader or renderer of its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .analysis import frames, match, reconcile
from .analysis.coverage import Coverage, cover
from .analysis.roles import frame as roles_frame
from .analysis.scaling.scaling import Count, Inputs, Scaling, scale
from .analysis.uncounted import explain
from .conventions import CONVENTIONS, named
from .core.errors import ModelError, UncountedError
from .core.ops import Ops
from .pricing.price import Charge, Record, Uncounted
from .pricing.priced import Priced
from .pricing.tree import Node
from .render import data, text
from .rules.convention import Convention, Unit
from .tables.files import text_or_file
from .tables.grid import html, plain

if TYPE_CHECKING:
    import pandas as pd

Again = Callable[[str], Count | None]
"""Given how the model was run: a function that counts it again, or None if the model is gone."""


class Reuse(NamedTuple):
    """Cache statistics: hits and misses for op shapes (shapes-only runs) and for formula results."""

    op_hits: int
    op_misses: int
    formula_hits: int
    formula_misses: int


class Report:
    """What a count found. Counts are exact ints. ``print(report)`` shows the tree, ``report.to_dataframe()`` the rows.

    It holds no tensor of the model and no activation.
    """

    def __init__(self, priced: Priced, again: Again | None = None) -> None:
        self.priced = priced
        self._again = again
        priced.sums  # noqa: B018 (a formula that fails raises here, not when a figure is read)

    def __getstate__(self) -> dict[str, Any]:
        return {"priced": self.priced, "_again": None}

    # -- totals ----------------------------------------------------------------------------------------------------

    @property
    def tree(self) -> Node:
        """The model's root, with what is beneath it."""
        return self.priced.tree

    @property
    def total(self) -> Ops:
        """Every operation counted, by kind."""
        return self.priced.total

    @property
    def macs(self) -> int:
        """Multiply-accumulates of contractions (matrix products, convolutions, attention, recurrent gates)."""
        return self.priced.macs

    @property
    def flops(self) -> int:
        """Floating-point operations of what the convention sees: two per MAC, one per other primitive operation."""
        return self.priced.flops

    @property
    def convention(self) -> Convention:
        """The convention that this report is under."""
        return self.priced.convention

    @property
    def headline(self) -> int:
        """The one figure of ``report.convention``, in ``report.unit``. Under a tool's convention: what that tool prints."""
        return self.priced.headline

    @property
    def unit(self) -> Unit:
        """The unit of ``headline``: ``"MACs"`` or ``"FLOPs"``."""
        return self.priced.unit

    @property
    def params(self) -> int:
        """Elements of all parameters, each tensor once."""
        return self.priced.params

    @property
    def param_bytes(self) -> int:
        """Bytes of all parameters as stored, each tensor once."""
        return self.priced.param_bytes

    @property
    def run(self) -> str:
        """How the model was run for the count: ``"shapes"`` or ``"real"``."""
        return self.priced.run

    @property
    def reuse(self) -> Reuse:
        """How often a result was known from an equal call before."""
        trace, sums = self.priced.trace, self.priced.sums
        return Reuse(trace.ops_known, trace.ops_worked_out, sums.known, sums.worked_out)

    @property
    def records(self) -> tuple[Record, ...]:
        """The cost of each target at each path, the finest grain there is. Their sum is the total."""
        return self.priced.records

    def charges(self) -> Iterator[Charge]:
        """What ran forward, each piece of work once, with its price."""
        return self.priced.charges()

    # -- conventions -----------------------------------------------------------------------------------------------

    def under(self, convention: Convention | str) -> Report:
        """The same run under another convention: the same tree, other prices.

        ``convention``: the name of one of hookcount's, or one of your own. Raises ``InputError`` for an unknown name.
        """
        return Report(self.priced.under(named(convention)), self._again)

    def reconcile(self, to: Convention | str | float) -> reconcile.Reconciliation:
        """From this report's headline to another convention's, line by line, the biggest first.

        The lines sum to the difference. ``to`` a number: to the convention that comes nearest to it, and the rest that it
        leaves unexplained.
        """
        if isinstance(to, (Convention, str)):
            return reconcile.reconcile(self.priced, self.priced.under(named(to)))
        nearest = match.candidates(self.priced, to)[0]
        end = self.priced.under(nearest.convention)
        return reconcile.reconcile(self.priced, end, times=nearest.times, published=to)

    def match(self, figure: float) -> tuple[match.Match, ...]:
        """The conventions that give a published figure, rounded or cut off to its digits, nearest first.

        Tried are hookcount's own, the tools', their double where they are MACs, and modules only. Empty if none fits.
        """
        return tuple(
            each for each in match.candidates(self.priced, figure) if match.fits(each, figure)
        )

    def by_convention(self, conventions: Iterable[Convention | str] | None = None) -> pd.DataFrame:
        """One row per convention, of all hookcount's if none are given.

        Columns: its figure, in its unit; the tool that it mirrors; whether it is tested to be exact.
        """
        chosen = CONVENTIONS.values() if conventions is None else map(named, conventions)
        return frames.by_convention(self.priced, chosen)

    # -- what is not counted ---------------------------------------------------------------------------------------

    @property
    def uncounted(self) -> tuple[Uncounted, ...]:
        """What ran and nothing priced: ``target``, ``by`` (module or op), ``paths``, ``calls``. Empty is complete."""
        return self.priced.uncounted

    @property
    def backward_seen(self) -> bool:
        """Whether a backward pass ran in the observed block. Its work is in the trace, but in no count."""
        return self.priced.backward_seen

    def require_complete(self) -> Report:
        """This report, if nothing went uncounted. Else raises ``UncountedError``, which says how to register it."""
        if self.uncounted:
            raise UncountedError(self.explain_uncounted())
        return self

    def explain_uncounted(self) -> str:
        """The text of the warning: each uncounted target, where it ran, and the lines to paste. Empty if complete."""
        return explain(self.uncounted)

    def coverage(self) -> Coverage:
        """Can you trust a figure? How much came from module formulas, how much from ops between modules.

        Ops between modules have their path and source line. The rest is free or uncounted.
        """
        return cover(self.charges(), self.uncounted)

    # -- tables ----------------------------------------------------------------------------------------------------

    def to_dataframe(self) -> pd.DataFrame:
        """One row per place of a module, parents first.

        ``own_*`` columns sum to the total. ``macs``, ``flops``, ``params`` and ``param_bytes`` are of the whole subtree.
        Shapes are text. ``df.attrs`` has the convention and the units.
        """
        return frames.modules(self.priced)

    def by_type(self) -> pd.DataFrame:
        """Own counts by module type, largest first; they sum to the total."""
        return frames.by_type(self.priced)

    def by_op(self) -> pd.DataFrame:
        """Counts by the formula that priced them, a module's (its class) or an op's (``aten::bmm``), largest first."""
        return frames.by_op(self.priced)

    def by_role(self) -> pd.DataFrame:
        """Counts by role: attention projections and products, feed-forward, convolution, norms, embeddings, head.

        They sum to the total. ``hookcount.Split`` has the rules, which go by structure first.
        """
        return roles_frame.frame(self.priced)

    def scaling(self, inputs: Inputs, sizes: Iterable[int] | None = None) -> Scaling:
        """How the counts of this report's model grow with the size of its input: see ``hookcount.scaling``.

        It runs the model again, as it is now. Raises ``ModelError`` if the model is gone: a report keeps none alive.
        """
        count = None if self._again is None else self._again(self.run)
        if count is None:
            raise ModelError(
                "the model that this report was made of is gone, or was counted in a `with` block: a report keeps no "
                "model alive. To fix it: call hookcount.scaling(model, inputs)."
            )
        return scale(count, inputs, sizes, self.convention)

    def top(self, n: int = 10, by: str = "own_macs") -> pd.DataFrame:
        """The ``n`` rows of ``to_dataframe()`` with the most in column ``by``."""
        return frames.top(self.priced, n, by)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """``to_dataframe()`` as CSV: written to ``path``, or returned without one.

        Raises ``OutputError``, an ``OSError``, if it cannot be written.
        """
        return text_or_file(data.csv(self.priced), path)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Totals, convention, what is uncounted and all rows as JSON: written to ``path``, or returned without one.

        Raises ``OutputError``, an ``OSError``, if it cannot be written.
        """
        return text_or_file(data.json(self.priced), path)

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """The rows that people read, as a Markdown table: written to ``path``, or returned without one.

        Raises ``OutputError``, an ``OSError``, if it cannot be written.
        """
        return text_or_file(data.markdown(self.priced), path)

    # -- text ------------------------------------------------------------------------------------------------------

    def summary(self) -> str:
        """One line: parameters, their bytes, MACs, FLOPs, the run."""
        return text.summary(self.priced)

    def __str__(self) -> str:
        return plain(text.tree(self.priced))

    def __repr__(self) -> str:
        more = f", {len(self.uncounted)} uncounted" if self.uncounted else ""
        return f"<hookcount.Report macs={self.macs} flops={self.flops} params={self.params}{more}>"

    def _repr_html_(self) -> str:
        return html(text.tree(self.priced))
