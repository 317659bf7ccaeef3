"""``Ops``: how many primitive operations of each kind a call performs."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("macs", "adds", "muls", "compares", "specials")


@dataclass(frozen=True)
class Ops:
    """A frozen tally of primitive operations, kept apart by kind because tools disagree per kind.

    ``macs``      multiply-accumulates of contractions: convolution, matrix product, attention, recurrent gates.
    ``adds``      additions, subtractions, sign changes: biases, residuals, sums.
    ``muls``      multiplications outside contractions: scales, gates.
    ``compares``  comparisons and selections by magnitude: relu, max, sort, clamp, abs.
    ``specials``  everything dearer: division, square root, exp, log, erf, sin, rounding.

    All are exact ``int``, never negative. ``a + b`` adds kind by kind, ``a * 3`` repeats.

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
                raise TypeError(
                    f"Ops({kind}={value!r}): a count is an int, not {type(value).__name__}"
                )
            if value < 0:
                raise ValueError(f"Ops({kind}={value}): a count is never negative")

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
            return NotImplemented
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


def _sound(macs: int, adds: int, muls: int, compares: int, specials: int) -> Ops:
    """``Ops`` of figures that came of sound ones: they need no checking again."""
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
