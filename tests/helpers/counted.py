"""Numbers that count the operations that are done with them."""

import math

from hookcount import Ops


class Tally:
    """What was done so far."""

    def __init__(self):
        self.ops = Ops()

    def of(self, *values):
        """A number for each value, or the one number."""
        plain = [value.item() if hasattr(value, "item") else value for value in values]
        made = [Counted(value, self) for value in plain]
        return made if len(made) > 1 else made[0]


class Counted:
    """A number. Adding it to 0 counts: a gradient is added to what is there."""

    def __init__(self, value, tally):
        self.value, self.tally = value, tally

    def _made(self, value, **ops):
        self.tally.ops = self.tally.ops + Ops(**ops)
        return Counted(value, self.tally)

    def __add__(self, other):
        return self._made(self.value + _value(other), adds=1)

    def __sub__(self, other):
        return self._made(self.value - _value(other), adds=1)

    def __rsub__(self, other):
        return self._made(_value(other) - self.value, adds=1)

    def __mul__(self, other):
        return self._made(self.value * _value(other), muls=1)

    def __truediv__(self, other):
        return self._made(self.value / _value(other), specials=1)

    __radd__, __rmul__ = __add__, __mul__

    def __abs__(self):
        return self._made(abs(self.value), compares=1)

    def __pow__(self, exponent):
        return self._made(self.value**exponent, specials=1)

    def __eq__(self, other):
        self._made(0, compares=1)
        return self.value == _value(other)

    def __gt__(self, other):
        self._made(0, compares=1)
        return self.value > _value(other)

    __hash__ = None

    def sign(self):
        """-1, 0 or 1: two tests."""
        return self._made(float((self.value > 0) - (self.value < 0)), compares=2)

    def exp(self):
        """One evaluation of a function."""
        return self._made(math.exp(self.value), specials=1)

    def tanh(self):
        """1 - 2 / (exp(2 x) + 1)."""
        return 1 - self._made(2 / _value((2 * self).exp() + 1), specials=1)


def _value(number):
    return number.value if isinstance(number, Counted) else number
