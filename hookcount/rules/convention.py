"""``Convention``: how a trace becomes one figure. What other tools do differently is data here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from ..core.errors import InputError
from ..core.ops import KINDS, Ops
from .registry import Registry
from .resolver import Matches, Resolver, Sees

Unit = Literal["MACs", "FLOPs"]


@dataclass(frozen=True)
class Convention:
    """A way to count: which formulas price what ran, and what each kind of operation weighs in the one figure.

    ``unit``: what the figure is called, ``"MACs"`` or ``"FLOPs"``. ``weights``: of each kind of ``Ops``; a kind that is not there
    weighs nothing. ``formulas``: where it differs in structure.

    ``sees``: ``"all"``: its formulas answer before hookcount's own, and what none prices is uncounted. ``"modules"``: the same,
    but no op outside of a module that has a formula. ``"listed"``: nothing but what its formulas list; the rest costs nothing.

    ``matches``: which modules a class's formula is for: those that run its ``forward``, all its subclasses (``"mro"``), or those
    of that very class (``"type"``).

    ``functions``: of ops, those alone that one of these functions of torch ran, as the calling code names it (``OpRun.called``):
    for a tool that puts functions of its own in their place. None: whatever ran it. ``unseen``: none that one of these ran.

    ``mirrors``: the tool and version. ``exact``: tested to give that tool's figure to the integer, but where ``differs`` says so.

    >>> Convention("multiplications", weights={"macs": 1, "muls": 1}).figure(Ops(macs=3, adds=5, muls=2))
    5
    """

    name: str
    unit: Unit = "MACs"
    weights: Mapping[str, int] = field(default_factory=lambda: {"macs": 1}, hash=False)
    formulas: Registry | None = field(default=None, repr=False)
    sees: Sees = "all"
    matches: Matches = "forward"
    functions: frozenset[str] | None = field(default=None, repr=False)
    unseen: frozenset[str] = field(default=frozenset(), repr=False)
    mirrors: str = ""
    exact: bool = False
    differs: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for what, value, known in (
            ("unit", self.unit, get_args(Unit)),
            ("sees", self.sees, get_args(Sees)),
            ("matches", self.matches, get_args(Matches)),
        ):
            if value not in known:
                raise InputError(
                    f"Convention({what}={value!r}): unknown. To fix it: use one of {', '.join(map(repr, known))}."
                )
        if strange := [kind for kind in self.weights if kind not in KINDS]:
            raise InputError(
                f"Convention(weights): no such kind as {strange[0]!r}. To fix it: use {', '.join(KINDS)}."
            )
        if self.sees == "listed" and self.formulas is None:
            raise InputError(
                "Convention(sees='listed') without formulas sees nothing. To fix it: give formulas=Registry()."
            )

    def figure(self, ops: Ops) -> int:
        """Each kind of ``ops`` times its weight."""
        return sum(weight * int(getattr(ops, kind)) for kind, weight in self.weights.items())

    def resolver(self, registry: Registry) -> Resolver:
        """What answers for the classes and ops of a trace; ``registry`` where this convention sees more than it lists."""
        if self.formulas is not None:
            registry = self.formulas if self.sees == "listed" else self.formulas.over(registry)
        return Resolver(
            registry,
            matches=self.matches,
            sees=self.sees,
            functions=self.functions,
            unseen=self.unseen,
        )

    def __str__(self) -> str:
        terms = [
            kind if weight == 1 else f"{weight}*{kind}"
            for kind, weight in self.weights.items()
            if weight
        ]
        return f"{self.unit} = {' + '.join(terms)}"
