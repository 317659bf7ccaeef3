"""``Row``: a row of the folded tree. It stands for one module or for several equal ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ...core.ops import Ops
from ...pricing.tree import Node

Kind = Literal["module", "itself", "others"]


@dataclass(frozen=True, eq=False)
class Row:
    """One module, or several equal modules, at one place of the folded tree.

    The ``own`` of all rows sum to the total of the model. If a row stands for N modules, so does
    each row beneath: it has the corresponding modules of all N.
    """

    name: str
    kind: Kind
    """``"itself"``: the work that a module with children did itself. ``"others"``: several rows
    that are shown as one."""
    nodes: tuple[Node, ...]
    """All modules that this row stands for."""
    children: tuple[Row, ...]
    own: Ops
    """The work of all ``nodes`` that no row beneath has."""
    total: Ops
    """The work of all ``nodes``, with the rows beneath."""
    own_params: int
    """The parameters of all ``nodes`` that no row beneath has. A shared tensor counts once."""
    uncounted: int
    """The uncounted calls in all ``nodes``, with the rows beneath."""
    left_out: int
    """The number of modules beneath that have no row."""

    @property
    def count(self) -> int:
        """How many modules this row gives the figures of one of. Of a sum, it is 1."""
        return 1 if self.kind == "others" else len(self.nodes)

    @property
    def type(self) -> str:
        """The type of the modules. Empty if the row is no module."""
        return self.nodes[0].type if self.kind == "module" else ""

    @property
    def path(self) -> str:
        """The path of the first module."""
        return self.nodes[0].path

    def params(self) -> list[int]:
        """The parameters of each module, or one sum. A row ``(itself)`` has none."""
        if self.kind == "itself":
            return [0] * len(self.nodes)
        each = [node.params for node in self.nodes]
        return [sum(each)] if self.kind == "others" else each

    def works(self) -> list[Ops]:
        """The work of each module, or one sum."""
        if self.kind == "others":
            return [self.total]
        return [node.own if self.kind == "itself" else node.total for node in self.nodes]

    def __iter__(self) -> Iterator[Row]:
        """This row and all rows beneath, parents first."""
        waiting = [self]
        while waiting:
            row = waiting.pop()
            yield row
            waiting.extend(reversed(row.children))
