"""``Report``: what a count found, as totals, a tree, tables and text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from .conventions import CONVENTIONS, DEFAULT, Convention, named
from .coverage import Coverage, cover
from .errors import OutputError, UncountedError, place
from .match import Match, candidates, fits
from .ops import Ops, flops
from .price import Charge, Priced, Prices, Record, Uncounted, charges, price
from .reconcile import Reconciliation, reconcile
from .registry import Registry
from .trace import Trace
from .tree import Node, grow
from .weak import Weak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

    from .scaling import Scaling


class Reuse(NamedTuple):
    """Calls of ops whose output shapes were known already, or were worked out (a shapes-only run alone has them); and calls of
    modules and ops whose formula's result was known already, or was worked out.
    """

    op_hits: int
    op_misses: int
    formula_hits: int
    formula_misses: int


class Report:
    """A priced trace. Counts are exact ints; ``print(report)`` is the tree; ``report.to_dataframe()`` one row per module.

    It holds no tensor of the model and no activation.
    """

    def __init__(
        self,
        trace: Trace,
        registry: Registry,
        convention: Convention = DEFAULT,
        *,
        memo: Prices | None = None,
        model: object = None,
    ) -> None:
        self._trace = trace
        self._model = Weak(model)
        self._registry = registry
        self.convention = convention
        self._known: Prices = {} if memo is None else memo
        self._priced: Priced = price(trace, convention.resolver(registry), self._known)

    @cached_property
    def tree(self) -> Node:
        """The model's root, with what is beneath it."""
        return grow(self._trace, self._priced)

    # -- totals ----------------------------------------------------------------------------------------------------

    @cached_property
    def total(self) -> Ops:
        """Every operation counted, by kind."""
        return self._priced.total()

    @property
    def macs(self) -> int:
        """Multiply-accumulates of contractions (matrix products, convolutions, attention, recurrent gates)."""
        return self.total.macs

    @property
    def flops(self) -> int:
        """Floating-point operations of what the convention sees: two per MAC, one per other primitive operation."""
        return flops(self.total)

    @property
    def headline(self) -> int:
        """The one figure of ``report.convention``, in ``report.unit``: of another tool's, what that tool prints."""
        return self.convention.figure(self.total)

    @property
    def unit(self) -> str:
        """Of ``headline``: ``"MACs"`` or ``"FLOPs"``."""
        return self.convention.unit

    def under(self, convention: Convention | str) -> Report:
        """The same run under another convention, one of hookcount's by its name or the user's: same tree, other prices.

        Raises ``InputError`` for a name that is none.
        """
        return Report(self._trace, self._registry, named(convention), memo=self._known, model=self._model())

    def reconcile(self, to: Convention | str | float) -> Reconciliation:
        """From this report's headline to another convention's, line by line, the biggest first; the lines sum to the difference.

        ``to`` a number: to the convention that comes nearest to it, and what is then left unexplained.
        """
        if isinstance(to, (Convention, str)):
            return reconcile(self, self.under(to))
        nearest = candidates(self, to)[0]
        return reconcile(self, self.under(nearest.convention), times=nearest.times, published=to)

    def match(self, figure: float) -> tuple[Match, ...]:
        """The conventions that give a published figure, rounded or cut off to its digits, nearest first: hookcount's and the
        tools', their double where they are MACs, and modules only. Empty if none does.
        """
        return tuple(each for each in candidates(self, figure) if fits(each, figure))

    def charges(self) -> Iterator[Charge]:
        """What ran forward, each piece of work once, with what is asked for it."""
        return charges(self._trace, self.convention.resolver(self._registry), self._known)

    @property
    def params(self) -> int:
        """Elements of all parameters, each tensor once."""
        return self.tree.params

    @property
    def param_bytes(self) -> int:
        """Bytes of all parameters as stored, each tensor once."""
        return self.tree.param_bytes

    @property
    def run(self) -> str:
        """How the model was run for the count: ``"shapes"`` or ``"real"``."""
        return self._trace.run

    @property
    def memo(self) -> Reuse:
        """How often a result was known from an equal call before, for the curious."""
        trace, priced = self._trace, self._priced
        return Reuse(trace.ops_known, trace.ops_worked_out, priced.known, priced.worked_out)

    @property
    def records(self) -> tuple[Record, ...]:
        """What each target cost at each path, the finest grain there is; their sum is the total."""
        return self._priced.records

    # -- doubts ----------------------------------------------------------------------------------------------------

    @property
    def uncounted(self) -> tuple[Uncounted, ...]:
        """What ran and nothing priced: ``target``, ``by`` (module or op), ``paths``, ``calls``. Empty is complete."""
        return self._priced.uncounted

    @property
    def backward_seen(self) -> bool:
        """Whether a backward pass ran in the observed block; its work is in the trace, but in no count."""
        return any(run.phase == "backward" for run in self._trace.runs) or any(
            phase == "backward" for phase, _ in self._trace.outside
        )

    def require_complete(self) -> Report:
        """This report, if nothing went uncounted; else raises ``UncountedError`` with what did and how to register it."""
        if self.uncounted:
            raise UncountedError(self.doubts())
        return self

    def doubts(self) -> str:
        """The text of the warning: each uncounted target, where it ran, and the lines to paste. Empty if complete."""
        if not self.uncounted:
            return ""
        return "\n".join(["not everything was counted; the figures are a lower bound.", *map(_doubt, self.uncounted)])

    def coverage(self) -> Coverage:
        """Where the figures come from: modules' formulas, ops between them (with path and source line), what is free, what is
        unknown. It answers "do I trust this number".
        """
        return cover(self.charges(), self.uncounted)

    # -- tables ----------------------------------------------------------------------------------------------------

    def to_dataframe(self) -> pd.DataFrame:
        """One row per place of a module, parents first. ``own_*`` columns sum to the total; ``macs``, ``flops``, ``params``
        and ``param_bytes`` are of the whole subtree. Shapes are text. Convention and units stand in ``df.attrs``.
        """
        from . import frame

        return frame.modules(self)

    def by_type(self) -> pd.DataFrame:
        """Own counts by module type, largest first; they sum to the total."""
        from . import frame

        return frame.by_type(self)

    def by_convention(self, conventions: Iterable[Convention | str] | None = None) -> pd.DataFrame:
        """One row per convention, of hookcount's all if none are given: its figure, in its unit; the tool that it mirrors, and
        whether it is tested to be exact.
        """
        from . import frame

        return frame.by_convention(self, CONVENTIONS.values() if conventions is None else map(named, conventions))

    def by_op(self) -> pd.DataFrame:
        """Counts by what priced them, a module's formula (its class) or an op's (``aten::bmm``), largest first."""
        from . import frame

        return frame.by_op(self)

    def by_role(self) -> pd.DataFrame:
        """Counts by what they are for: attention projections and products, feed-forward, convolution, norms, embeddings, head.
        They sum to the total. The rules, which go by structure first, stand in ``hookcount.roles.Split``.
        """
        from . import roles

        return roles.frame(self)

    def scaling(self, inputs: Callable[[int], Any], sizes: Iterable[int] | None = None) -> Scaling:
        """How the counts of this report's model grow with the size of its input: see ``hookcount.scaling``. It runs the model
        again, as it is now. Raises ``ModelError`` if the model is gone: a report keeps none alive.
        """
        from .scaling import again

        return again(self, inputs, sizes)

    def top(self, n: int = 10, by: str = "own_macs") -> pd.DataFrame:
        """The ``n`` rows of ``to_dataframe()`` with the most in column ``by``."""
        from . import frame

        return frame.top(self, n, by)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write ``to_dataframe()`` as CSV. Raises ``OSError`` naming the path if it cannot be written."""
        _write(path, self.csv())

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write totals, convention, doubts and all rows as JSON. Raises ``OSError`` naming the path."""
        _write(path, self.json())

    def csv(self) -> str:
        """``to_dataframe()`` as CSV text."""
        from .render import data

        return data.csv(self)

    def json(self) -> str:
        """Totals, convention, doubts and all rows as JSON text."""
        from .render import data

        return data.json(self)

    def to_markdown(self) -> str:
        """The rows that people read, as a Markdown table."""
        from .render import data

        return data.markdown(self)

    # -- text ------------------------------------------------------------------------------------------------------

    def summary(self) -> str:
        """One line: parameters, their bytes, MACs, FLOPs, the run."""
        from .render import text

        return text.summary(self)

    def __str__(self) -> str:
        from .render import text

        return text.plain(text.tree(self))

    def __repr__(self) -> str:
        doubts = f", {len(self.uncounted)} uncounted" if self.uncounted else ""
        return f"<hookcount.Report macs={self.macs} flops={self.flops} params={self.params}{doubts}>"

    def _repr_html_(self) -> str:
        from .render import text

        return text.html(text.tree(self))


def _doubt(missed: Uncounted) -> str:
    paths = ", ".join(place(path) for path in missed.paths[:5])
    more = f" and {len(missed.paths) - 5} more" if len(missed.paths) > 5 else ""
    why = "made its output without any visible op" if missed.by == "module" else "has no formula"
    name = "".join(letter if letter.isalnum() else "_" for letter in missed.target.rpartition("::")[2].rpartition(".")[2]).lower()
    return (
        f"  {missed.target} {why}: {missed.calls} call{'s' * (missed.calls != 1)} in {paths}{more}. To count it:\n"
        f'    @hookcount.register("{missed.target}")\n'
        f"    def {name}({missed.signature}):  # each tensor is its torch.Size\n"
        f"        return hookcount.Ops(macs=...)\n"
        f'  or, if it does no arithmetic: hookcount.register("{missed.target}", hookcount.FREE)'
    )


def _write(path: str | os.PathLike[str], text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        why = f"cannot write the report: {error.strerror}. To fix it: give a path in a folder that exists and is writable"
        raise OutputError(error.errno, why, os.fspath(path)) from error
