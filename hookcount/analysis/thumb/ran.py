"""``Ran``: what the forwards of a report ran, as rules of thumb read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

from torch import Size

from ...conventions import DEFAULT
from ...core.trace import Call, ModuleRun, Spec, leaves
from ...pricing.part import outermost
from ...pricing.priced import Priced
from ..roles.operands import factors, op_name
from ..roles.paths import within
from ..roles.pieces import Piece
from ..roles.rules import assign

_WITH_A_WEIGHT = ("weight", "projection", "feed")


class LookUp(NamedTuple):
    """The ids and the table of a look-up, and the path of the module that ran it."""

    path: str
    ids: Spec
    table: Spec


class Ran:
    """The forwards of a report: their passes, their look-ups, and their work by role.

    A pass is a call of the model that no other call holds. In the report of a part of a model, a
    pass is a call of that part. Paths begin at the whole model. The formulas are hookcount's own,
    whatever the convention of the report.
    """

    def __init__(self, priced: Priced) -> None:
        self.priced = priced.under(DEFAULT)
        self.whole, self.part = outermost(self.priced)
        self.runs = self.whole.trace.runs
        found = assign(self.whole)
        self.blocks, self._kinds = found.blocks, found.kinds
        self.work = [
            (piece, role) for piece, (role, _) in found.pieces if within(piece.path, self.part)
        ]
        """The pieces of the part, each with its role."""
        self.places = [each for each in self.whole.trace.places if within(each.path, self.part)]
        self.passes = _passes(self.runs, self.part)
        """By pass, the indices of its runs."""
        self.look_ups = [list(self._look_ups(each)) for each in self.passes]
        """By pass, the look-ups of rows in a table, in order."""

    def products(self, role: str) -> list[Piece]:
        """The products of a role, those that ran first first."""
        found = [piece for piece, mine in self.work if mine == role and piece.ops.macs]
        return sorted(found, key=lambda piece: piece.run)

    def tokens(self) -> int | None:
        """The tokens of all passes. None if nothing shows them."""
        found = [self._of_pass(place) for place in range(len(self.passes))]
        return None if not found or None in found else sum(prod(each or ()) for each in found)

    def shape(self) -> Size | None:
        """The shape of the tokens in the first pass. None if nothing shows it."""
        return self._of_pass(0) if self.passes else None

    def ids(self, place: int = 0) -> LookUp | None:
        """The first look-up of a pass whose ids are as many as those in an input of the model.

        Its ids have the shape of that input: a model may flatten or transpose it.
        """
        call = self.runs[self.passes[place][0]].call
        given = () if call is None else leaves((call.args, call.kwargs))
        inputs = [spec for spec in given if not spec.arithmetic]
        for each in self.look_ups[place]:
            same = [spec for spec in inputs if prod(spec.shape) == prod(each.ids.shape)]
            if same:
                alike = (spec for spec in same if spec.shape == each.ids.shape)
                return each._replace(ids=next(alike, same[0]))
        return None

    def _of_pass(self, place: int) -> Size | None:
        """The shape of the tokens in a pass: of its ids, or of the rows of its first product."""
        ids = self.ids(place)
        if ids is not None:
            return ids.ids.shape
        rows = self._rows(place)
        if rows is not None:
            return rows
        found = self.look_ups[place]
        return found[0].ids.shape if found else None

    def _rows(self, place: int) -> Size | None:
        """The shape of the rows of the first product with a weight."""
        weighed = [piece for piece, _ in self.work if piece.sort in _WITH_A_WEIGHT]
        first = min(weighed, key=lambda piece: (piece.run < 0, piece.run), default=None)
        if first is None or first.call is None:
            return None
        for index in self.passes[place]:
            run = self.runs[index]
            call = _same(run, first.call) if run.path == first.at else None
            if call is not None:
                return next((Size(shape[:-1]) for shape in factors(call)), None)
        return None

    def _look_ups(self, indices: Sequence[int]) -> Iterator[LookUp]:
        for index in indices:
            for op in self.runs[index].ops:
                if self._kinds.of(op.call) == "embedding":
                    given = list(leaves((op.call.args, op.call.kwargs)))
                    ids = next((spec for spec in given if not spec.arithmetic), None)
                    table = next((spec for spec in given if spec.arithmetic), None)
                    if ids is not None and table is not None:
                        yield LookUp(self.runs[index].path, ids, table)


def _passes(runs: Sequence[ModuleRun], part: str) -> list[list[int]]:
    number: dict[int, int] = {}
    found: list[list[int]] = []
    for index, run in enumerate(runs):
        if run.phase != "forward" or run.of_step or not within(run.path, part):
            continue
        above = run.parent
        while above is not None and above not in number:
            above = runs[above].parent
        if above is None:
            found.append([])
        number[index] = len(found) - 1 if above is None else number[above]
        found[number[index]].append(index)
    return found


def _same(run: ModuleRun, call: Call) -> Call | None:
    """The call of the module, or of its first op that has the name of ``call``."""
    if call.module is not None:
        return run.call
    return next((op.call for op in run.ops if op_name(op.call) == op_name(call)), None)
