"""``scaling``: how a model's counts grow with the size of its input."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from torch import nn

from .conventions import DEFAULT, Convention
from .count import Counter, checked
from .errors import InputError, ModelError, UncountedWarning, tell
from .growth import Growth, fit
from .inputs import arguments
from .ops import NOTHING, Ops, flops
from .report import Report
from .roles import REST, ROLES, split

if TYPE_CHECKING:
    import pandas as pd

Inputs = Callable[[int], Any]
Count = Literal["macs", "flops"]

SIZES = (64, 96, 128, 160, 192, 224, 256, 288)
"""Counted if no sizes are given: what most models take, also those that halve their input five times."""
PROBES = (101, 203)
"""Counted then too, as far as the model takes them: they have no common step with the others."""


@dataclass(frozen=True)
class Point:
    """The counts at one size ``n``: of the whole model, by the path where the work was done, by role."""

    n: int
    total: Ops
    params: int
    by_path: Mapping[str, Ops] = field(repr=False)
    by_role: Mapping[str, Ops] = field(repr=False)


@dataclass(frozen=True)
class Scaling:
    """A model's counts at several sizes n, and the polynomials that they are. ``print`` shows them.

    ``refused``: sizes of hookcount's own choice at which the model did not run. ``uncounted``: targets that ran and nothing
    priced, so that the figures are lower bounds.
    """

    model: str
    points: tuple[Point, ...]
    types: Mapping[str, str] = field(repr=False)
    refused: tuple[int, ...] = ()
    uncounted: tuple[str, ...] = ()

    @cached_property
    def macs(self) -> Growth:
        """Multiply-accumulates by n: ``scaling.macs(4096)``, ``scaling.macs.polynomial``."""
        return self._growth("macs", {point.n: point.total for point in self.points})

    @cached_property
    def flops(self) -> Growth:
        """Floating-point operations by n."""
        return self._growth("flops", {point.n: point.total for point in self.points})

    @property
    def params(self) -> int:
        """Parameters, which no size of the input changes."""
        return self.points[0].params

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that were counted."""
        return tuple(point.n for point in self.points)

    def to_dataframe(self, count: Count = "macs") -> pd.DataFrame:
        """The modules that own each power: one row per path that does work itself, in the order of the tree, with what stands
        before each power of n in its ``macs`` or ``flops``. The columns sum to the model's polynomial.

        Coefficients are exact: ints, or Fractions where they are none. ``growth`` is the row in words; a row that is no
        polynomial has no coefficients.
        """
        rows = [({"path": path, "type": self.types.get(path, "")}, growth) for path, growth in self._by_path(count).items()]
        return _frame(rows, ["path", "type"])

    def by_role(self, count: Count = "macs") -> pd.DataFrame:
        """One row per role (see ``report.by_role``), with what stands before each power of n."""
        return _frame([({"role": role}, growth) for role, growth in self._by_role(count).items()], ["role"])

    def points_frame(self) -> pd.DataFrame:
        """One row per size: ``n``, ``macs``, ``flops``, ``params``."""
        import pandas as pd

        rows = [(each.n, each.total.macs, flops(each.total), each.params) for each in self.points]
        return pd.DataFrame(rows, columns=["n", "macs", "flops", "params"])

    def __str__(self) -> str:
        return "\n".join(self._lines())

    # -- the parts -------------------------------------------------------------------------------------------------

    def _growth(self, count: Count, ops: Mapping[int, Ops]) -> Growth:
        what, of = ("MACs", _macs) if count == "macs" else ("FLOPs", flops)
        return fit(what, {n: of(each) for n, each in ops.items()})

    def _parts(self, count: Count, names: Iterable[str], of: Callable[[Point], Mapping[str, Ops]]) -> dict[str, Growth]:
        """The growth of each part of the model, at the sizes at which the whole is a polynomial."""
        if count not in ("macs", "flops"):
            raise InputError(f"no such count: {count!r}. To fix it: ask for 'macs' or 'flops'.")
        whole = self.macs if count == "macs" else self.flops
        points = [point for point in self.points if point.n not in whole.missed]
        return {name: self._growth(count, {each.n: of(each).get(name, NOTHING) for each in points}) for name in names}

    def _by_path(self, count: Count) -> dict[str, Growth]:
        paths = dict.fromkeys([*self.types, *(path for point in self.points for path in point.by_path)])
        found = self._parts(count, paths, lambda point: point.by_path)
        return {path: growth for path, growth in found.items() if any(value for _, value in growth.points)}

    def _by_role(self, count: Count) -> dict[str, Growth]:
        return self._parts(count, ROLES, lambda point: point.by_role)

    def _lines(self) -> Iterator[str]:
        yield f"{self.model}, params = {self.params:,} at every n"
        counts: tuple[tuple[Count, Growth], ...] = (("macs", self.macs), ("flops", self.flops))
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
                    yield f"  {role}: {'not a polynomial' if growth.polynomial is None else growth.polynomial}"
        if self.refused:
            yield f"The model does not run at n = {', '.join(map(str, self.refused))}."
        if self.uncounted:
            yield f"Not counted, so lower bounds: {', '.join(self.uncounted)}"

    def _culprits(self, count: Count, whole: Growth) -> Iterator[str]:
        yield "  " + ", ".join(f"{whole.what}({n}) = {value:,}" for n, value in whole.points)
        odd = [path for path, growth in self._by_path(count).items() if growth.polynomial is None]
        if odd:
            more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
            yield f"  no polynomial either, by themselves: {', '.join(path or 'the model itself' for path in odd[:5])}{more}"


def scaling(model: nn.Module, inputs: Inputs, sizes: Iterable[int] | None = None, counter: Counter | None = None) -> Scaling:
    """Count ``model`` at several sizes n and find the polynomials that its counts are: MACs(n) = a n^2 + b n + c, exactly.

    ``inputs(n)`` gives what the model is called with at size n: a tensor, a tuple of arguments or a dict of keyword arguments;
    meta tensors will do. A polynomial, of degree 4 or less, is fitted to as few sizes as it takes and checked on all others.

    ``sizes``: at least 4; the more, the more it is checked. If not given, 64 to 288 by steps of 32, and two that are off that
    step, if the model runs at them. ``counter``: a way to count; if not given, shapes alone are run.

    Raises ``InputError`` for fewer than 4 different sizes, for what ``inputs`` gives that is none of these, and where the model
    fails: it names the size and the module.
    """
    return scale(model, inputs, sizes, counter or Counter(run="shapes"), DEFAULT)


def scale(model: nn.Module, inputs: Inputs, sizes: Iterable[int] | None, counter: Counter, convention: Convention) -> Scaling:
    """As ``scaling``, by a counter and under a convention."""
    checked(model)
    if not callable(inputs):
        raise InputError(f"scaling(inputs={inputs!r}): not a function. To fix it: give one that makes the input of size n.")
    points: dict[int, Point] = {}
    types: dict[str, str] = {}
    refused: list[int] = []
    uncounted: dict[str, str] = {}
    for n in _sizes(sizes) if sizes is not None else sorted((*SIZES, *PROBES)):
        report = _counted(model, inputs, n, counter) if sizes is not None or n in SIZES else _probed(model, inputs, n, counter)
        if report is None:
            refused.append(n)
            continue
        if convention is not report.convention:
            report = report.under(convention)
        points[n] = _point(n, report)
        types |= {each.path: each.type for each in report._trace.places}
        uncounted |= {each.target: report.doubts() for each in report.uncounted}
    if uncounted:
        warnings.warn(UncountedWarning(next(iter(uncounted.values()))), stacklevel=3)
    return Scaling(types[""], tuple(points.values()), types, tuple(refused), tuple(uncounted))


def again(report: Report, inputs: Inputs, sizes: Iterable[int] | None) -> Scaling:
    """``scaling`` of the model that a report was made of, as it is now, with the report's formulas and under its convention."""
    model = report._model()
    if model is None:
        raise ModelError(
            "the model that this report was made of is gone, or was counted in a `with` block: a report keeps no model alive. "
            "To fix it: call hookcount.scaling(model, inputs)."
        )
    counter = Counter(report._registry, run="shapes" if report.run == "shapes" else "auto")
    return scale(model, inputs, sizes, counter, report.convention)


def _sizes(sizes: Iterable[int]) -> list[int]:
    given = list(sizes)
    for n in given:
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
            raise InputError(f"scaling: the size {n!r} is no whole number above 0. To fix it: give whole numbers above 0.")
    found = sorted(set(given))
    if len(found) < 4:
        raise InputError(
            f"scaling needs at least 4 different sizes, not {len(found)}: some polynomial goes through any 3. "
            "To fix it: give more, or none."
        )
    return found


def _counted(model: nn.Module, inputs: Inputs, n: int, counter: Counter) -> Report:
    args, kwargs = _arguments(inputs, n)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UncountedWarning)
            return counter.count(model, *args, **kwargs)
    except Exception as error:
        what = f"counting failed with {type(error).__name__}: {error}"
        where = next((text for text in reversed(getattr(error, "__notes__", [])) if text.startswith("hookcount: raised in ")), "")
        where = where.removeprefix("hookcount: raised in ").partition(" while it was")[0]
        fix = "give sizes= at which the model runs; where values are needed, counter=hookcount.Counter()"
        raise InputError(tell(f"at n = {n}" + (f", in {where}" if where else ""), what, fix)) from error


def _probed(model: nn.Module, inputs: Inputs, n: int, counter: Counter) -> Report | None:
    try:
        return _counted(model, inputs, n, counter)
    except InputError:
        return None


def _arguments(inputs: Inputs, n: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    try:
        given = inputs(n)
    except Exception as error:
        raise InputError(tell(f"inputs({n})", f"raised {type(error).__name__}: {error}", "make it give an input")) from error
    return arguments(f"inputs({n})", given)


def _point(n: int, report: Report) -> Point:
    by_path: dict[str, Ops] = {}
    for record in report.records:
        by_path[record.path] = by_path.get(record.path, NOTHING) + record.ops
    roles = split(report)
    return Point(n, report.total, report.params, by_path, {role: roles.ops(role) for role in ROLES})


def _macs(ops: Ops) -> int:
    return ops.macs


def _frame(rows: list[tuple[dict[str, str], Growth]], first: list[str]) -> pd.DataFrame:
    import pandas as pd

    degree = max((growth.polynomial.degree for _, growth in rows if growth.polynomial is not None), default=0)
    frame = pd.DataFrame([named for named, _ in rows], columns=first)
    for power in range(degree, -1, -1):
        values = [None if each.polynomial is None else each.polynomial.coefficient(power) for _, each in rows]
        exact = [int(each) if each is not None and each.denominator == 1 else each for each in values]
        name = "1" if power == 0 else "n" if power == 1 else f"n^{power}"
        frame[name] = pd.Series(exact, dtype=object).infer_objects()
    frame["growth"] = [str(each.polynomial) if each.polynomial is not None else "not a polynomial" for _, each in rows]
    return frame
