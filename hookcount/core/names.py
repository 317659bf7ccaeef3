"""Names of modules as text that does no harm in a terminal, a table or a file."""

from __future__ import annotations


def clean(name: str) -> str:
    """A name without line breaks, control codes, and marks that change the order of letters.

    Each such character is shown as Python would write it. Any other name stays as it is.

    >>> clean("layer1.0"), clean("a\\nb"), clean("\\x1b[31mred")
    ('layer1.0', 'a\\\\nb', '\\\\x1b[31mred')
    """
    if name.isprintable():
        return name
    return "".join([each if each.isprintable() else _escaped(each) for each in name])


def shortened(name: str, width: int) -> str:
    """A name of at most ``width`` characters. A longer one is cut in the middle.

    >>> shortened("encoder.layers.11", 20), shortened("encoder.layers.11", 9)
    ('encoder.layers.11', 'enco…s.11')
    """
    if len(name) <= width:
        return name
    after = (width - 1) // 2
    return f"{name[: width - 1 - after]}…{name[len(name) - after :]}"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
