"""``Report``: the result of a count. It forwards to the readers and renderers of a ``Priced``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from .analysis import frames, match, reconcile
from .analysis.checks import Checks
from .analysis.coverage import Coverage, cover
from .analysis.phased import Phased
from .analysis.reading import read
from .analysis.roles import frame as roles_frame
from .analysis.scaling.again import (
    Again,
    counted_again,
    of_a_copy,
    of_a_part,
    of_a_phase,
)
from .analysis.scaling.scaling import Inputs, Scaling, scale
from .analysis.thumb.estimates import Estimates, is_rule
from .analysis.thumb.lines import reconcile_with
from .conventions import CONVENTIONS, named
from .core.errors import InputError, error_text
from .core.ops import Ops
from .core.portable import Portable
from .pricing.part import Part
from .pricing.price import Charge, Record
from .pricing.priced import Priced
from .pricing.tree import Node
from .render.difference import Difference, difference
from .render.figures.drawn import Drawn
from .render.files import Files
from .render.shown import Shown
from .rules.convention import Convention, Unit

if TYPE_CHECKING:
    import pandas as pd


class Reuse(NamedTuple):
    """Cache statistics for op shapes (shapes-only runs) and for formula results."""

    op_hits: int
    op_misses: int
    formula_hits: int
    formula_misses: int


class Report(Shown, Portable, Checks, Estimates, Files, Drawn, Phased):
    """The result of a count. Counts are exact ints.

    ``print(report)`` shows the tree, ``report.to_dataframe()`` gives the rows. A report holds no
    tensor of the model, no activation, and only a weak reference to the model.

    A report can be pickled, whatever the model is made of. It has the same figures in another
    process: the user's formulas are replaced by the prices that they gave.
    """

    def __init__(self, priced: Priced, again: Again | None = None) -> None:
        self.priced = priced
        self._again = again
        priced.sums  # noqa: B018 (a formula that fails raises here, not when a figure is read)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Report:
        """The report in a file of ``to_json``, or in its text.

        It has the tree, the totals and the tables of modules, types and ops. What needs the calls
        (``coverage``, ``by_role``, another convention) raises ``InputError``. So does a source that
        is no whole report.
        """
        return cls(read(source), of_a_copy)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_again": of_a_copy}

    def __copy__(self) -> Report:
        made = super().__copy__()
        made._again = of_a_copy
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Report:
        made = memo[id(self)] = copy(self)
        made.priced = deepcopy(self.priced, memo)
        return made

    def _of(self, priced: Priced) -> Report:
        """The report of other figures of this run. It cannot count again."""
        return Report(priced, of_a_phase)

    def __getitem__(self, path: str) -> Report:
        """The report of one module and all beneath it: ``report["layer1.0.conv1"]``.

        Its figures are those of ``report.tree[path]``, and its paths begin at that module. Raises
        ``UnknownModuleError``, a ``LookupError``, for an unknown path.
        """
        return Report(Part(self.priced, path), of_a_part) if path != "" else self

    def __contains__(self, path: object) -> bool:
        return any(node.path == path for node in self.tree)

    # -- totals ------------------------------------------------------------------------------------

    @property
    def tree(self) -> Node:
        """The root of the module tree."""
        return self.priced.tree

    @property
    def total(self) -> Ops:
        """Every operation counted, by kind."""
        return self.priced.total

    @property
    def macs(self) -> int:
        """Multiply-accumulates of contractions: matrix products, convolutions, attention ..."""
        return self.priced.macs

    @property
    def flops(self) -> int:
        """Floating-point operations: two per MAC, one per other primitive operation.

        Only work that the convention sees is included.
        """
        return self.priced.flops

    @property
    def convention(self) -> Convention:
        """The convention of this report."""
        return self.priced.convention

    @property
    def headline(self) -> int:
        """The one figure of ``report.convention``, in ``report.unit``.

        Under a tool's convention it is the figure that the tool prints.
        """
        return self.priced.headline

    @property
    def unit(self) -> Unit:
        """The unit of ``headline``: ``"MACs"`` or ``"FLOPs"``."""
        return self.priced.unit

    @property
    def params(self) -> int:
        """The number of parameters. A shared tensor counts once."""
        return self.priced.params

    @property
    def param_bytes(self) -> int:
        """The bytes of all parameters as stored. A shared tensor counts once."""
        return self.priced.param_bytes

    @property
    def run(self) -> str:
        """How the model ran: ``"shapes"`` or ``"real"``."""
        return self.priced.run

    @property
    def reuse(self) -> Reuse:
        """Cache statistics: how many results were known from an equal call before."""
        trace, sums = self.priced.trace, self.priced.sums
        return Reuse(trace.ops_known, trace.ops_worked_out, sums.known, sums.worked_out)

    @property
    def records(self) -> tuple[Record, ...]:
        """The cost of each target at each path. The costs sum to the total."""
        return self.priced.records

    def charges(self) -> Iterator[Charge]:
        """The work that ran forward, each piece once, with its price."""
        return self.priced.charges()

    # -- conventions -------------------------------------------------------------------------------

    def under(self, convention: Convention | str) -> Report:
        """The same run under another convention: the same tree, other prices.

        ``convention``: a name of a hookcount convention, or a convention of your own. Raises
        ``InputError`` for an unknown name.
        """
        return Report(self.priced.under(named(convention)), self._again)

    def diff(self, other: Report) -> Difference:
        """What changed from ``other``, an earlier count, to this one.

        The result has the modules that were added, removed or changed, and the totals. Rows are
        matched by path. A report of ``Report.from_json`` can be compared too. Raises ``InputError``
        for reports under two conventions.
        """
        priced = getattr(other, "priced", None)
        if not isinstance(priced, Priced):
            what = f"the other count is of type {type(other).__name__}"
            raise InputError(error_text("Report.diff", what, "give a hookcount.Report"))
        return difference(priced, self.priced)

    def reconcile(self, to: Convention | str | float, **facts: int) -> reconcile.Reconciliation:
        """The difference between this report's headline and another convention's, line by line.

        The largest line comes first, and the lines sum to the difference. If ``to`` is a number,
        the nearest convention is taken, and the result also has the unexplained rest. If it is a
        rule of thumb such as ``"6ND"``, the lines begin at 2 x MACs. ``facts`` are those of
        ``rule``. Raises ``InputError`` for an unknown name.
        """
        if is_rule(to, facts):
            return reconcile_with(self.priced, to, facts)
        if isinstance(to, (Convention, str)):
            return reconcile.reconcile(self.priced, self.priced.under(named(to)))
        nearest = match.candidates(self.priced, to)[0]
        end = self.priced.under(nearest.convention)
        return reconcile.reconcile(self.priced, end, times=nearest.times, published=to)

    def match(self, figure: float) -> tuple[match.Match, ...]:
        """The conventions that give a published figure, the nearest first. Empty if none fits.

        A convention fits if its figure, rounded or cut off to the digits of ``figure``, is equal.
        The candidates are hookcount's conventions, also doubled if they count MACs, and also with
        modules only. A convention of which a formula fails is left out.
        """
        return tuple(
            each for each in match.candidates(self.priced, figure) if match.fits(each, figure)
        )

    def by_convention(self, conventions: Iterable[Convention | str] | None = None) -> pd.DataFrame:
        """One row per convention. The default is all conventions of hookcount.

        Columns: the figure and its unit, the tool that the convention mirrors, and whether a test
        shows that the figure is exact. If a formula of a convention fails, its figure is None, and
        a column ``error`` says why. Raises ``InputError`` for an unknown name.
        """
        chosen = CONVENTIONS.values() if conventions is None else map(named, conventions)
        return frames.by_convention(self.priced, chosen)

    def coverage(self) -> Coverage:
        """The sources of each figure, to judge how far the figure can be trusted.

        The sources are module formulas and ops between modules, with path and source line. All
        other work is free or uncounted.
        """
        return cover(self.priced)

    # -- tables ------------------------------------------------------------------------------------

    def to_dataframe(self) -> pd.DataFrame:
        """One row per module, parents first. A shared module has a row at each place.

        ``own_*`` columns sum to the total. ``macs``, ``flops``, ``params`` and ``param_bytes``
        include the modules beneath. Shapes are text. ``df.attrs`` has the convention and the units.

        With a training step there are ``own_backward_macs``, ``backward_macs``, ``recompute_macs``
        and ``optimizer_flops`` too, in every phase, and ``df.attrs["training"]`` has their totals.
        """
        return frames.modules(self.priced)

    def by_type(self) -> pd.DataFrame:
        """Own counts by module type, the largest first. They sum to the total."""
        return frames.by_type(self.priced)

    def by_op(self) -> pd.DataFrame:
        """Counts by the target of the formula: a module class or an op, the largest first."""
        return frames.by_op(self.priced)

    def by_role(self) -> pd.DataFrame:
        """Counts by role. They sum to the total.

        Roles are attention projections and products, feed-forward, convolution, norms, embeddings,
        head and others. ``hookcount.Split`` has the rules, which go by structure first.
        """
        return roles_frame.frame(self.priced)

    def scaling(self, inputs: Inputs, sizes: Iterable[int] | None = None) -> Scaling:
        """How the counts grow with the size of the input: see ``hookcount.scaling``.

        The model runs again, in its present state. Raises ``ModelError`` if the model no longer
        exists, and in a report that was copied or pickled. A report keeps no model alive. A phase
        of a training step raises it too, because only a forward runs again.
        """
        count = counted_again(self._again, self.run)
        return scale(count, inputs, sizes, self.convention)

    def top(self, n: int = 10, by: str = "own_macs") -> pd.DataFrame:
        """The ``n`` rows of ``to_dataframe()`` with the largest values in column ``by``."""
        return frames.top(self.priced, n, by)

    # -- text --------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        more = f", {len(self.uncounted)} uncounted" if self.uncounted else ""
        return f"<hookcount.Report macs={self.macs} flops={self.flops} params={self.params}{more}>"
