"""``Convention``: how a trace becomes one figure. The differences between tools are data here."""

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
    """A way to count: which formulas price a trace, and the weight of each kind of operation.

    ``unit``: the unit of the figure, ``"MACs"`` or ``"FLOPs"``. ``weights``: by kind of ``Ops``; a
    kind without a weight counts nothing. ``formulas``: those that differ from hookcount's own.

    ``sees="all"``: its formulas answer before hookcount's own. What none prices is uncounted.
    ``"modules"``: the same, but only modules that have a formula count. ``"listed"``: only its own
    formulas count, and everything else costs nothing.

    ``matches`` says which modules get the formula of a class: those that run its ``forward``
    (``"forward"``), all its subclasses (``"mro"``), or only that class (``"type"``).

    ``unseen``: ignore ops called through these torch functions, as the calling code names them
    (``OpRun.called``).

    ``within``: for tools that read calls of whole functions, as a jit trace shows them. By the name
    of a function, it maps the ops that count there to the targets whose formulas price them. An op
    that any other function of torch ran costs nothing. See ``rules/functions.py``.

    ``replaced``: for tools that put functions of their own in the place of torch's. It has the same
    form. Its names are written as in ``OpRun.called`` and ``OpRun.inside``, with their modules. An
    op inside two of these functions counts twice. All other ops cost nothing.

    ``per_sample``: the work that modules' formulas price is divided by the samples of the model's
    first input. For tools that average it.

    ``mirrors``: the tool and its version. ``exact``: tests hold the figure to the tool's own, to
    the integer, except for the cases in ``differs``. ``backward``: the tool counts backward passes
    too. Otherwise the figure of a training step is not one that the tool gives.

    >>> Convention("products", weights={"macs": 1, "muls": 1}).figure(Ops(macs=3, adds=5, muls=2))
    5
    """

    name: str
    unit: Unit = "MACs"
    weights: Mapping[str, int] = field(default_factory=lambda: {"macs": 1}, hash=False)
    formulas: Registry | None = field(default=None, repr=False)
    sees: Sees = "all"
    matches: Matches = "forward"
    unseen: frozenset[str] = field(default=frozenset(), repr=False)
    within: Mapping[str, Mapping[str, str]] | None = field(default=None, repr=False, hash=False)
    replaced: Mapping[str, Mapping[str, str]] | None = field(default=None, repr=False, hash=False)
    per_sample: bool = field(default=False, repr=False)
    mirrors: str = ""
    exact: bool = False
    differs: tuple[str, ...] = field(default=(), repr=False)
    backward: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        for what, value, kind, fix in (
            ("name", self.name, str, "give a text"),
            ("weights", self.weights, Mapping, "give a dict, such as {'macs': 1}"),
            ("formulas", self.formulas, (Registry, type(None)), "give a hookcount.Registry"),
        ):
            if not isinstance(value, kind):
                raise InputError(
                    f"Convention({what}={value!r}) is of type {type(value).__name__}. "
                    f"To fix it: {fix}."
                )
        for what, value, known in (
            ("unit", self.unit, get_args(Unit)),
            ("sees", self.sees, get_args(Sees)),
            ("matches", self.matches, get_args(Matches)),
        ):
            if value not in known:
                raise InputError(
                    f"Convention({what}={value!r}): unknown. "
                    f"To fix it: use one of {', '.join(map(repr, known))}."
                )
        if strange := [kind for kind in self.weights if kind not in KINDS]:
            raise InputError(
                f"Convention(weights): there is no kind {strange[0]!r}. "
                f"To fix it: use {', '.join(KINDS)}."
            )
        if self.sees == "listed" and self.formulas is None:
            raise InputError(
                "Convention(sees='listed') without formulas sees nothing. "
                "To fix it: give formulas=Registry()."
            )

    def figure(self, ops: Ops) -> int:
        """The figure: each kind of ``ops`` times its weight, in ``unit``."""
        return sum(weight * int(getattr(ops, kind)) for kind, weight in self.weights.items())

    def figure_alone(self) -> Convention:
        """Name, unit and weights, without the formulas."""
        return Convention(self.name, self.unit, self.weights)

    def resolver(self, registry: Registry, formulas: Registry | None = None) -> Resolver:
        """Finds the entries for the modules and ops of a trace under this convention.

        ``registry`` has the formulas beneath those of the convention. ``formulas``: those of the
        convention, by default as they are now.
        """
        formulas = self.formulas if formulas is None else formulas
        if formulas is not None:
            registry = formulas if self.sees == "listed" else formulas.over(registry)
        return Resolver(
            registry,
            matches=self.matches,
            sees=self.sees,
            unseen=self.unseen,
            within=self.within,
            replaced=self.replaced,
            per_sample=self.per_sample,
        )

    def __str__(self) -> str:
        terms = [
            kind if weight == 1 else f"{weight}*{kind}"
            for kind, weight in self.weights.items()
            if weight
        ]
        return f"{self.unit} = {' + '.join(terms)}"
