"""``Scaling``: how the counts of a model grow with the size of its input."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ...conventions import DEFAULT
from ...core.arguments import arguments
from ...core.errors import InputError, UncountedWarning, error_text, said
from ...core.integers import as_int
from ...core.lazily import lazily
from ...core.ops import NOTHING, Ops, flops
from ...pricing.price import Uncounted
from ...pricing.priced import Priced
from ...rules.convention import Convention
from ..roles.roles import REST, ROLES
from ..uncounted import explain
from .drawn import Drawn
from .frame import coefficients
from .growth import Growth, fit
from .point import Point, point_of

if TYPE_CHECKING:
    import pandas as pd

_A_FUNCTION = "give a function that makes the input of size n: lambda n: torch.zeros(1, n)"
Inputs = Callable[[int], object]
"""Makes the input of size n: a tensor, a tuple of arguments, or a dict of keyword arguments."""
Count = Callable[[tuple[object, ...], dict[str, object]], Priced]
"""Counts a model, given its positional and its keyword arguments."""
Which = Literal["macs", "flops"]
"""The count that grows."""

SIZES = (64, 96, 128, 160, 192, 224, 256, 288)
"""The sizes if none are given. Multiples of 32 suit models that halve their input five times."""
PROBES = (101, 203)
"""More sizes if none are given. They share no step with the others. A model may refuse them."""


@dataclass(frozen=True)
class Scaling(Drawn):
    """The counts of a model at several sizes n, and their polynomials. ``print`` shows them.

    ``model``: the type of the model. ``types``: the type of each module by its path.
    ``refused``: sizes of ``PROBES`` at which the model did not run.
    ``uncounted``: targets that ran and that no formula prices. If there are any, the figures are
    lower bounds. ``convention``: the convention of the counts.
    """

    model: str
    points: tuple[Point, ...]
    types: Mapping[str, str] = field(repr=False)
    refused: tuple[int, ...] = ()
    uncounted: tuple[str, ...] = ()
    convention: Convention = field(default=DEFAULT, repr=False)

    @lazily
    def macs(self) -> Growth:
        """Multiply-accumulates by n: ``scaling.macs(4096)``, ``scaling.macs.polynomial``."""
        return self._growth("macs", {point.n: point.total for point in self.points})

    @lazily
    def flops(self) -> Growth:
        """Floating-point operations by n."""
        return self._growth("flops", {point.n: point.total for point in self.points})

    @property
    def params(self) -> int:
        """Elements of all parameters. They do not depend on the size of the input."""
        return self.points[0].params

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that were counted."""
        return tuple(point.n for point in self.points)

    def to_dataframe(self, count: Which = "macs") -> pd.DataFrame:
        """The modules that own each power of n in the model's ``macs`` or ``flops``.

        There is one row per path that does work itself, in the order of the tree. The columns
        ``1``, ``n``, ``n^2`` ... hold the coefficients. Each column sums to the coefficient of the
        model's polynomial. A coefficient is an int, or a Fraction where it is not whole. The column
        ``growth`` holds the polynomial as text. A row without a polynomial has no coefficients.

        Raises ``InputError`` for another ``count``.
        """
        rows = [
            ({"path": path, "type": self.types.get(path, "")}, growth)
            for path, growth in self._by_path(count).items()
        ]
        return coefficients(rows, ["path", "type"])

    def by_role(self, count: Which = "macs") -> pd.DataFrame:
        """One row per role (see ``report.by_role``), with the coefficient of each power of n.

        Raises ``InputError`` if ``count`` is neither ``macs`` nor ``flops``.
        """
        rows = [({"role": role}, growth) for role, growth in self._by_role(count).items()]
        return coefficients(rows, ["role"])

    def points_frame(self) -> pd.DataFrame:
        """One row per size: ``n``, ``macs``, ``flops``, ``params``."""
        import pandas as pd

        rows = [(each.n, each.total.macs, flops(each.total), each.params) for each in self.points]
        return pd.DataFrame(rows, columns=["n", "macs", "flops", "params"])

    def __str__(self) -> str:
        return "\n".join(self._lines())

    # -- the parts ---------------------------------------------------------------------------------

    def _growth(self, count: Which, ops: Mapping[int, Ops]) -> Growth:
        what, of = ("MACs", _macs) if count == "macs" else ("FLOPs", flops)
        return fit(what, {n: of(each) for n, each in ops.items()})

    def _parts(
        self, count: Which, names: Iterable[str], of: Callable[[Point], Mapping[str, Ops]]
    ) -> dict[str, Growth]:
        """The growth of each part of the model, at the sizes where the model's polynomial holds."""
        if count not in ("macs", "flops"):
            raise InputError(f"no such count: {count!r}. To fix it: use 'macs' or 'flops'.")
        whole = self.macs if count == "macs" else self.flops
        points = [point for point in self.points if point.n not in whole.missed]
        return {
            name: self._growth(count, {each.n: of(each).get(name, NOTHING) for each in points})
            for name in names
        }

    def _by_path(self, count: Which) -> dict[str, Growth]:
        paths = dict.fromkeys(
            [*self.types, *(path for point in self.points for path in point.by_path)]
        )
        found = self._parts(count, paths, lambda point: point.by_path)
        return {
            path: growth
            for path, growth in found.items()
            if any(value for _, value in growth.points)
        }

    def _by_role(self, count: Which) -> dict[str, Growth]:
        return self._parts(count, ROLES, lambda point: point.by_role)

    def _lines(self) -> Iterator[str]:
        yield f"{self.model}, params = {self.params:,} at every n"
        counts: tuple[tuple[Which, Growth], ...] = (("macs", self.macs), ("flops", self.flops))
        for count, growth in counts:
            yield str(growth)
            if growth.polynomial is not None:
                listed = [", ".join(map(str, sizes)) for sizes in (growth.fitted, growth.checked)]
                yield f"  fitted to n = {listed[0]}; checked at n = {listed[1]}"
            else:
                yield from self._culprits(count, growth)
        if self.macs.polynomial is not None:
            yield "MACs by role"
            for role, growth in self._by_role("macs").items():
                if role != REST and any(value for _, value in growth.points):
                    yield f"  {role}: {growth.polynomial or 'not a polynomial'}"
        if self.refused:
            yield f"The model does not run at n = {', '.join(map(str, self.refused))}."
        if self.uncounted:
            yield f"Uncounted, so lower bounds: {', '.join(self.uncounted)}"

    def _culprits(self, count: Which, whole: Growth) -> Iterator[str]:
        """The counts themselves, and the paths whose own count is not a polynomial."""
        yield "  " + ", ".join(f"{whole.what}({n}) = {value:,}" for n, value in whole.points)
        odd = [path for path, growth in self._by_path(count).items() if growth.polynomial is None]
        if odd:
            more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
            named = ", ".join(path or "the model itself" for path in odd[:5])
            yield f"  no polynomial either, by themselves: {named}{more}"


def scale(
    count: Count,
    inputs: Inputs,
    sizes: Iterable[int] | None,
    convention: Convention | None = None,
    stacklevel: int = 3,
) -> Scaling:
    """Count at several sizes and find the polynomials.

    ``sizes``: None for ``SIZES`` and, where the model runs, ``PROBES``.
    ``convention``: None for the convention of ``count``.
    ``stacklevel``: the frame that an ``UncountedWarning`` names, counted from this function.

    Raises ``InputError`` for wrong sizes or inputs, and where a count fails.
    """
    if not callable(inputs):
        raise InputError(
            error_text("scaling", f"inputs is of type {type(inputs).__name__}", _A_FUNCTION)
        )
    points: dict[int, Point] = {}
    types: dict[str, str] = {}
    refused: list[int] = []
    uncounted: dict[str, Uncounted] = {}
    used: Convention | None = None
    for n in _sizes(sizes) if sizes is not None else sorted((*SIZES, *PROBES)):
        priced = (
            _counted(count, inputs, n)
            if sizes is not None or n in SIZES
            else _probed(count, inputs, n)
        )
        if priced is None:
            refused.append(n)
            continue
        if convention is not None:
            priced = priced.under(convention)
        used = priced.convention
        points[n] = point_of(n, priced)
        types |= {each.path: each.type for each in priced.trace.places}
        uncounted |= {
            each.target: each for each in priced.uncounted if each.target not in uncounted
        }
    if uncounted:
        warnings.warn(UncountedWarning(explain(uncounted.values())), stacklevel=stacklevel)
    return Scaling(
        types[""],
        tuple(points.values()),
        types,
        tuple(refused),
        tuple(uncounted),
        DEFAULT if used is None else used.figure_alone(),
    )


def _sizes(sizes: Iterable[int]) -> list[int]:
    given = list(map(as_int, sizes))
    for n in given:
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
            raise InputError(
                f"scaling: the size {n!r} is not a whole number above 0. "
                "To fix it: give whole numbers above 0."
            )
    found = sorted(set(given))
    if len(found) < 4:
        raise InputError(
            f"scaling needs at least 4 different sizes, not {len(found)}: "
            "some polynomial goes through any 3. To fix it: give more, or none."
        )
    return found


def _counted(count: Count, inputs: Inputs, n: int) -> Priced:
    """The count at size ``n``. Raises ``InputError``, which names the size and the module."""
    args, kwargs = _arguments(inputs, n)
    try:
        return count(args, kwargs)
    except Exception as error:
        what = f"counting failed with {said(error)}"
        where = _place_in(error)
        fix = (
            "give sizes= at which the model runs; "
            "where values are needed, counter=hookcount.Counter()"
        )
        raise InputError(
            error_text(f"at n = {n}" + (f", in {where}" if where else ""), what, fix)
        ) from error


def _probed(count: Count, inputs: Inputs, n: int) -> Priced | None:
    """The count at size ``n``, or None if the model does not run there."""
    try:
        return _counted(count, inputs, n)
    except InputError:
        return None


def _place_in(error: Exception) -> str:
    """The module in which an error was raised, as the note on the error says. Empty without one."""
    before, after = "hookcount: raised in ", " while it was"
    notes = reversed(getattr(error, "__notes__", []))
    found = next((note for note in notes if note.startswith(before)), "")
    return found.removeprefix(before).partition(after)[0]


def _arguments(inputs: Inputs, n: int) -> tuple[tuple[object, ...], dict[str, object]]:
    try:
        given = inputs(n)
    except Exception as error:
        raise InputError(
            error_text(f"inputs({n})", f"raised {said(error)}", "let it return an input")
        ) from error
    return arguments(f"inputs({n})", given)


def _macs(ops: Ops) -> int:
    return ops.macs
