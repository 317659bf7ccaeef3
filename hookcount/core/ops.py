"""``Ops``: how many primitive operations of each kind a call performs."""

from __future__ import annotations

import operator
from dataclasses import dataclass

KINDS = ("macs", "adds", "muls", "compares", "specials")


@dataclass(frozen=True)
class Ops:
    """The number of primitive operations of each kind. Tools weigh the kinds differently.

    - ``macs``: multiply-accumulates of contractions (convolution, matrix product, attention,
      recurrent gates)
    - ``adds``: additions, subtractions and sign changes, as in biases, residuals and sums
    - ``muls``: multiplications outside contractions, as in scales and gates
    - ``compares``: comparisons and selections by magnitude (relu, max, sort, clamp, abs)
    - ``specials``: all costlier operations (division, square root, exp, log, erf, sin, rounding)

    Each count is an exact Python ``int``. Other integers, such as those of numpy, become ``int``.
    ``a + b`` adds kind by kind, ``a * 3`` is the tally of three equal calls.

    Raises ``TypeError`` for a count that is no integer (a ``bool`` is none), and ``ValueError``
    for a negative count.

    >>> Ops(macs=12, adds=4) + Ops(adds=1) * 2
    Ops(macs=12, adds=6)
    """

    macs: int = 0
    adds: int = 0
    muls: int = 0
    compares: int = 0
    specials: int = 0

    def __post_init__(self) -> None:
        for kind in KINDS:
            value = getattr(self, kind)
            if type(value) is not int:
                value = _exact(value, f"Ops({kind}={value!r})")
                object.__setattr__(self, kind, value)
            if value < 0:
                raise ValueError(f"Ops({kind}={value}): a count is never negative")

    @property
    def flops(self) -> int:
        """Floating-point operations: two per MAC, one per other operation.

        >>> Ops(macs=12, adds=4).flops
        28
        """
        return flops(self)

    def __add__(self, other: Ops) -> Ops:
        if not isinstance(other, Ops):
            return NotImplemented
        return _sound(
            self.macs + other.macs,
            self.adds + other.adds,
            self.muls + other.muls,
            self.compares + other.compares,
            self.specials + other.specials,
        )

    def __mul__(self, times: int) -> Ops:
        if type(times) is not int:
            if not hasattr(times, "__index__"):
                return NotImplemented
            times = _exact(times, f"Ops * {times!r}")
        if times < 0:
            raise ValueError(f"Ops * {times}: a count is never negative")
        return _sound(
            self.macs * times,
            self.adds * times,
            self.muls * times,
            self.compares * times,
            self.specials * times,
        )

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return bool(self.macs or self.adds or self.muls or self.compares or self.specials)

    def __repr__(self) -> str:
        inside = ", ".join(f"{kind}={getattr(self, kind)}" for kind in KINDS if getattr(self, kind))
        return f"Ops({inside})"


def _exact(value: object, where: str) -> int:
    """A count as a Python ``int``: anything with ``__index__`` but a ``bool``, also numpy's."""
    if "bool" not in type(value).__name__:
        try:
            return operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
    raise TypeError(
        f"{where}: a count is an int, not {type(value).__name__} (use integers, and // for /)"
    )


def _sound(macs: int, adds: int, muls: int, compares: int, specials: int) -> Ops:
    """``Ops`` of counts that are known to be valid, without checking them again."""
    made: Ops = object.__new__(Ops)
    made.__dict__.update(macs=macs, adds=adds, muls=muls, compares=compares, specials=specials)
    return made


NOTHING = Ops()

FLOPS_ARE = "flops = 2*macs + adds + muls + compares + specials"


def flops(ops: Ops) -> int:
    """The floating-point operations in ``ops``.

    >>> flops(Ops(macs=12, adds=4))
    28
    """
    return 2 * ops.macs + ops.adds + ops.muls + ops.compares + ops.specials
