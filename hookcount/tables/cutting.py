"""Text that fits: control characters made visible, long text cut so that it stays apart."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

MARK = "…"
"""It stands for what was cut."""
_BEFORE_A_UNIT = re.compile(r"(?<=\d) (?=\w)|(?<=\d [kMGTPEZY]) (?=\w)")
_TOGETHER = "\0"


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def middle(text: str, width: int, head: int | None = None) -> str:
    """Text of at most ``width`` columns, cut in the middle. ``head``: the columns before the cut.

    >>> middle("ShiftedWindowAttention", 11), middle("ReLU", 11), middle("abcdef", 4, 0)
    ('Shift…ntion', 'ReLU', '…def')
    """
    if cells(text) <= width:
        return text
    if width < 1:
        return ""
    before = (width - 1) // 2 if head is None else head
    return first(text, before) + MARK + first(text[::-1], width - 1 - before)[::-1]


def apart(texts: Sequence[str], width: int) -> list[str] | None:
    """Different texts, each cut to ``width``, if they are different then. Else None.

    The cut is in the middle if that keeps them different, else nearer to an end.

    >>> apart(["conv_1_of_a", "conv_2_of_a"], 8), apart(["aXa", "aYa"], 2)
    (['c…1_of_a', 'c…2_of_a'], None)
    """
    if width < 1:
        return None
    half = (width - 1) // 2
    for head in dict.fromkeys((half, half // 2, (half + width) // 2, 0, width - 2, width - 1)):
        if 0 <= head < width:
            found = [middle(text, width, head) for text in texts]
            if len(set(found)) == len(texts):
                return found
    return None


def numbered(texts: Sequence[str], width: int) -> list[str]:
    """Different texts. Those that are too long are cut at the end and numbered.

    >>> numbered(["abcdef", "abcdeg", "x"], 4)
    ['ab…1', 'ab…2', 'x']
    """
    ends = [f"{MARK}{place}" for place, _ in enumerate(texts, 1)]
    return [
        text if cells(text) <= width else first(text, width - len(end)) + end
        for text, end in zip(texts, ends, strict=True)
    ]


def all_apart(texts: Sequence[str], width: int) -> list[str]:
    """Text cut to a width: different text stays different, by a number if no cut does.

    >>> all_apart(["conv_1_of_a", "conv_2_of_a", "conv_1_of_a"], 8)
    ['c…1_of_a', 'c…2_of_a', 'c…1_of_a']
    """
    different = list(dict.fromkeys(texts))
    found = apart(different, width) or numbered(different, width)
    short = dict(zip(different, found, strict=True))
    return [short[each] for each in texts]


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text. A number and its unit stay together.

    >>> wrapped("25.6 M params, 4.09 G MACs", 20)
    ['25.6 M params,', '4.09 G MACs']
    """
    lines = textwrap.wrap(_BEFORE_A_UNIT.sub(_TOGETHER, text), width)
    return [each.replace(_TOGETHER, " ") for each in lines]


def first(text: str, width: int) -> str:
    """The first characters of a text that take at most ``width`` columns."""
    kept = text[: max(0, width)]
    while not kept.isascii() and cells(kept) > width:
        kept = kept[:-1]
    return kept
