"""``Stored``: the figures of a count that were read from a file. There is no trace behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from ..core.errors import InputError, error_text
from ..core.portable import Portable
from ..core.trace import Trace
from ..rules.convention import Convention
from ..rules.registry import Registry
from .price import FORWARD, Charge, Phases, Sums
from .priced import Priced
from .step import StepTotals, StepWork
from .tree import Node


@dataclass(frozen=True)
class StoredNode(Node):
    """A node of which only the texts of the shapes are known."""

    input_texts: tuple[str, ...] = field(default=(), repr=False)
    output_texts: tuple[str, ...] = field(default=(), repr=False)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Each distinct set of input shapes."""
        return self.input_texts

    @property
    def outputs(self) -> tuple[str, ...]:
        """Each distinct set of output shapes."""
        return self.output_texts


class StoredStep(NamedTuple):
    """What a file has of a training step."""

    phases: Phases
    work: Mapping[str, StepWork]
    totals: StepTotals


class Stored(Priced):
    """Figures under one convention, and the tree. What needs the calls raises ``InputError``."""

    def __init__(
        self,
        source: str,
        convention: Convention,
        sums: Sums,
        tree: Node,
        *,
        run: str,
        backward_seen: bool,
        versions: Mapping[str, str],
        step: StoredStep | None = None,
    ) -> None:
        vars(self).update(
            source=source,
            convention=convention,
            sums=sums,
            tree=tree,
            total=sums.total(),
            phases=FORWARD if step is None else step.phases,
            step_work={} if step is None else step.work,
            step_totals=None if step is None else step.totals,
        )
        vars(self)["stored"] = (run, backward_seen, dict(versions))

    @property
    def trace(self) -> Trace:
        """There is none. Raises ``InputError``."""
        self._refuse("it holds no calls")

    @property
    def registry(self) -> Registry:
        """There is none. Raises ``InputError``."""
        self._refuse("it holds no formulas")

    @property
    def run(self) -> str:
        """How the model ran: ``"shapes"`` or ``"real"``."""
        return str(vars(self)["stored"][0])

    @property
    def backward_seen(self) -> bool:
        """Whether a backward pass ran too."""
        return bool(vars(self)["stored"][1])

    @property
    def versions(self) -> dict[str, str]:
        """The versions of hookcount and torch that made the figures."""
        return dict(vars(self)["stored"][2])

    @property
    def origin(self) -> str:
        """Where the figures are from."""
        made = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"from a file of {made}"

    def charges(self) -> Iterator[Charge]:
        """There are none. Raises ``InputError``."""
        self._refuse("it holds no calls")

    def under(self, convention: Convention) -> Priced:
        """These figures, under their own convention. Raises ``InputError`` for any other."""
        if _facts(convention) != _facts(self.convention):
            mine = repr(self.convention.name)
            self._refuse(f"it holds no figures of {convention.name!r}, only those of {mine}")
        return self

    @property
    def step_seen(self) -> bool:
        """Whether a training step was counted."""
        return self.step_totals is not None

    @property
    def rows(self) -> Node:
        """The tree: a file has a row for each node."""
        return self.tree

    def within(self, phases: Phases) -> Priced:
        """A file has one phase. Raises ``InputError`` for any other."""
        if phases != self.phases:
            self._refuse("it holds no other part of a training step")
        return self

    def _refuse(self, what: str) -> NoReturn:
        where = f"the report of {vars(self)['source']}"
        raise InputError(error_text(where, f"as a file, {what}", "count the model again"))

    __getstate__ = Portable.__getstate__
    __copy__ = Portable.__copy__
    __deepcopy__ = Portable.__deepcopy__


def _facts(convention: Convention) -> tuple[object, ...]:
    return convention.name, convention.unit, dict(convention.weights)
