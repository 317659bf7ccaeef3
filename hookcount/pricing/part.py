"""``Part``: one module of a priced trace, and all beneath it, as a ``Priced`` of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

from ..core.lazily import lazily
from ..core.trace import ModuleRun, Place, Trace
from ..rules.convention import Convention
from ..rules.registry import Registry
from ..rules.resolver import Resolver
from .one_call import Prices
from .price import Charge, Phases, Sums, Uncounted
from .priced import Priced
from .step import StepTotals, StepWork
from .stored import Stored
from .tree import Node, grow


def inner(path: str, part: str) -> str:
    """A path at ``part`` or beneath, as seen from there."""
    return path[len(part) + 1 :] if part else path


def outermost(priced: Priced) -> tuple[Priced, str]:
    """The trace that is no part of another, and the path of ``priced`` in it."""
    if not isinstance(priced, Part):
        return priced, ""
    whole, path = outermost(priced.whole)
    return whole, f"{path}.{priced.path}" if path else priced.path


class Part(Priced):
    """The part of ``whole`` at ``path``. Its figures are those of that node, and it is the root.

    What a formula of a module above pays for is not in the part, as it is not in the node.
    """

    whole: Priced
    path: str

    def __init__(self, whole: Priced, path: str) -> None:
        whole.tree[path]  # raises for an unknown path
        vars(self).update(whole=whole, path=path)

    @lazily
    def trace(self) -> Trace:
        """The places of the part, and what ran there."""
        found = self.whole.trace
        places = [self._place(each) for each in found.places if self._has(each.path)]
        if not places or places[0].path:
            places.insert(0, Place("", self.whole.tree[self.path].type, 0, (), True, False))
        return replace(
            found, places=tuple(places), runs=self._runs(found.runs), outside=(), outside_whole=()
        )

    @lazily
    def sums(self) -> Sums:
        """The charges of the part, added up."""
        sums = self.whole.sums
        at = {self._inner(path): n for path, n in sums.uncounted_at.items() if self._has(path)}
        return Sums(
            tuple(
                [
                    each._replace(path=self._inner(each.path))
                    for each in sums.records
                    if self._has(each.path)
                ]
            ),
            self._uncounted(sums),
            at,
            {self._inner(path): n for path, n in sums.calls_at.items() if self._has(path)},
            sums.known,
            sums.worked_out,
        )

    @lazily
    def tree(self) -> Node:
        """The root of the part."""
        if isinstance(self.whole, Stored):
            return self._moved(self.whole.tree[self.path])
        return grow(self.trace, self.sums, self.phases)

    @property
    def convention(self) -> Convention:
        """The convention of the whole."""
        return self.whole.convention

    @property
    def registry(self) -> Registry:
        """The formulas below those of the convention."""
        return self.whole.registry

    @property
    def prices(self) -> Prices:
        """Results of formulas."""
        return self.whole.prices

    @property
    def formulas(self) -> Registry | None:
        """The formulas of the convention."""
        return self.whole.formulas

    @property
    def resolver(self) -> Resolver:
        """Finds the entries, as in the whole."""
        return self.whole.resolver

    @property
    def run(self) -> str:
        """How the model ran."""
        return self.whole.run

    @property
    def phases(self) -> Phases:
        """The parts of a training step that are priced."""
        return self.whole.phases

    @property
    def step_seen(self) -> bool:
        """Whether a training step was counted."""
        return self.whole.step_seen

    @lazily
    def step_work(self) -> Mapping[str, StepWork]:
        """The work of each module beside the forward's, by path."""
        work = self.whole.step_work
        return {self._inner(path): each for path, each in work.items() if self._has(path)}

    @lazily
    def step_totals(self) -> StepTotals | None:
        """The work of the training step in the part. None if a file has only that of the whole."""
        stored = isinstance(outermost(self)[0], Stored)
        return None if stored else super().step_totals

    @lazily
    def rows(self) -> Node:
        """The tree with a node for each module that has work in any phase of the run."""
        return self.tree if isinstance(outermost(self)[0], Stored) else super().rows

    @property
    def backward_seen(self) -> bool:
        """Whether a backward pass ran too."""
        return self.whole.backward_seen

    @property
    def versions(self) -> dict[str, str]:
        """The versions that made the figures."""
        return self.whole.versions

    @property
    def origin(self) -> str:
        """Where the figures are from."""
        return self.whole.origin

    def charges(self) -> Iterator[Charge]:
        """The work of the part, with its prices in the whole."""
        for each in self.whole.charges():
            if self._has(each.path):
                yield each._replace(path=self._inner(each.path))

    def under(self, convention: Convention) -> Priced:
        """The same part of the whole under another convention."""
        return Part(self.whole.under(convention), self.path)

    def _other(self, phases: Phases) -> Priced:
        return Part(self.whole.within(phases), self.path)

    def _has(self, path: str) -> bool:
        return not self.path or path == self.path or path.startswith(f"{self.path}.")

    def _inner(self, path: str) -> str:
        return inner(path, self.path)

    def _place(self, place: Place) -> Place:
        return place._replace(path=self._inner(place.path))

    def _runs(self, runs: tuple[ModuleRun, ...]) -> tuple[ModuleRun, ...]:
        """The runs in the part. The parent of a run is the nearest one that is in the part too."""
        places: dict[int, int] = {}
        found: list[ModuleRun] = []
        for index, run in enumerate(runs):
            if self._has(run.path):
                above = run.parent
                while above is not None and above not in places:
                    above = runs[above].parent
                places[index] = len(found)
                parent = None if above is None else places[above]
                found.append(run._replace(path=self._inner(run.path), parent=parent))
        return tuple(found)

    def _uncounted(self, sums: Sums) -> tuple[Uncounted, ...]:
        """The uncounted targets of the part, with their calls there."""
        mine = [each for each in sums.uncounted if any(map(self._has, each.paths))]
        if not mine:
            return ()
        if isinstance(self.whole, Stored):  # of whose calls only the sum is known
            calls = {each.target: each.calls for each in mine}
        else:
            calls = dict.fromkeys([each.target for each in mine], 0)
            for charge in self.charges():
                if charge.ops is None and charge.target in calls:
                    calls[charge.target] += charge.calls
        return tuple(
            [
                each._replace(
                    paths=tuple([self._inner(path) for path in each.paths if self._has(path)]),
                    calls=calls[each.target],
                )
                for each in mine
            ]
        )

    def _moved(self, node: Node) -> Node:
        """A node of the whole as one of the part."""
        return replace(
            node,
            path=self._inner(node.path),
            depth=node.depth - self.whole.tree[self.path].depth,
            children=tuple([self._moved(child) for child in node.children]),
        )

    def __getstate__(self) -> dict[str, Any]:
        return {"whole": self.whole, "path": self.path}

    def __copy__(self) -> Part:
        return Part(copy(self.whole), self.path)

    def __deepcopy__(self, memo: dict[int, Any]) -> Part:
        made = memo[id(self)] = Part(deepcopy(self.whole, memo), self.path)
        return made
