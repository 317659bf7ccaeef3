"""``Facts``: the numbers that rules of thumb need. They are given, or read from what ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import NamedTuple

from ...core.errors import InputError, error_text, near
from ...core.integers import as_int
from ...pricing.price import RECOMPUTE
from ..roles.operands import factors, op_name
from ..roles.pairs import Site, site_of
from ..roles.paths import parent, within
from ..roles.roles import FEED, HEAD, PRODUCTS, PROJECTIONS
from .held import Parameters
from .ran import Ran
from .work import Work


class Fact(NamedTuple):
    """A number that rules need: what it is, its least value, and how it is read from a run.

    ``read`` returns None if the run does not show it.
    """

    what: str
    least: int
    read: Callable[[Facts], int | None]


class Facts:
    """The facts of one report. ``given``: those that replace what the report shows.

    ``used``: the facts that were asked for, by name.
    """

    def __init__(self, ran: Ran, given: Mapping[str, int]) -> None:
        self.ran = ran
        self.parameters = Parameters(ran)
        self.work = Work(ran, self.parameters)
        self._given = checked(given)
        self.used: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        """The value of a fact. Raises ``InputError`` if it is not given and the run hides it."""
        if name not in self.used:
            value = self._given.get(name)
            if value is None:
                value = FACTS[name].read(self)
            if value is None:
                what = "the run does not show it"
                raise InputError(error_text(FACTS[name].what, what, f"give {name}=..."))
            self.used[name] = value
        return self.used[name]

    def or_given(self, name: str, value: int) -> int:
        """The value of a fact that each rule defines in its own way, unless it was given."""
        return self.used.setdefault(name, self._given.get(name, value))

    def fresh(self) -> Facts:
        """The same facts, of which none was asked for."""
        made = object.__new__(Facts)
        vars(made).update(vars(self), used={})
        return made


def checked(given: Mapping[str, int]) -> dict[str, int]:
    """Given facts as ints. Raises ``InputError`` for an unknown name, or for another value."""
    found: dict[str, int] = {}
    for name, value in given.items():
        if name not in FACTS:
            use = near(name, FACTS) or list(FACTS)
            fix = f"use {' or '.join(use)}"
            raise InputError(
                error_text(f"{name}={value!r}", "no rule of thumb has such a fact", fix)
            )
        least, number = FACTS[name].least, as_int(value)
        if type(number) is not int or number < least:
            what = f"this cannot be {FACTS[name].what}"
            raise InputError(error_text(f"{name}={value!r}", what, f"give an int from {least}"))
        found[name] = number
    return found


def _sequence(facts: Facts) -> int | None:
    """The length of a query, if it is a size of the ids or there are none. Or their last size."""
    ran = facts.ran
    shape, query = ran.shape(), _query(facts)
    if shape is None:
        return None
    ids = ran.ids() is not None
    if query is not None and (query[-2] in shape or not ids):
        return query[-2]
    return shape[-1] if shape and (ids or len(shape) > 1) else None


def _layers(facts: Facts) -> int | None:
    ran = facts.ran
    owners = [each for each in ran.blocks.owners if within(each, ran.part)]
    first = ran.passes[0] if ran.passes else ()
    return sum(ran.runs[index].path in owners for index in first) or None


def _heads(facts: Facts) -> int | None:
    shape = _query(facts)
    if shape is None or len(shape) != 3:
        return shape[1] if shape is not None and len(shape) == 4 else None
    first = facts.ran.shape()
    if first is None:
        return None
    heads, rest = divmod(shape[0] * facts["sequence"], prod(first))
    return heads if heads and not rest else None


def _head_size(facts: Facts) -> int | None:
    shape = _query(facts)
    return None if shape is None else shape[-1]


def _query(facts: Facts) -> tuple[int, ...] | None:
    """The shape of the query of the first attention, with batch and heads in one or two sizes."""
    first = next(iter(facts.ran.products(PRODUCTS)), None)
    if first is None or first.call is None:
        return None
    taken, name = factors(first.call), op_name(first.call)
    rank = {"bmm": 3, "baddbmm": 3}.get(name, 4 if name.startswith("_scaled_dot_product") else 0)
    return tuple(taken[0]) if taken and len(taken[0]) == rank else None


def _sites(facts: Facts, role: str) -> list[Site]:
    """The products of a role, in order. One that ran several times is there once."""
    return list(dict.fromkeys(site_of(piece) for piece in facts.ran.products(role)))


def _projections(facts: Facts) -> list[Site]:
    """The projections of the first attention."""
    found = _sites(facts, PROJECTIONS)
    attentions = [
        each for each in facts.ran.blocks.attentions if within(each.owner, facts.ran.part)
    ]
    return [site for site in found if attentions and within(site.path, attentions[0].scope)]


def _hidden(facts: Facts) -> int | None:
    return next((site.widths[0] for site in _projections(facts)), None)


def _kv_heads(facts: Facts) -> int | None:
    """From the sizes of the projections: hidden x (2 x heads + 2 x kv_heads) x head_size."""
    of_all = sum(site.widths[0] * site.widths[1] for site in _projections(facts))
    heads = facts["heads"]
    pairs, rest = divmod(of_all, 2 * facts["hidden"] * facts["head_size"])
    return pairs - heads if not rest and 1 <= pairs - heads <= heads else None


def _feed(facts: Facts) -> list[Site]:
    """The products of the first feed-forward."""
    found = _sites(facts, FEED)
    if not found:
        return []
    blocks = facts.ran.blocks.blocks
    top = next((each for each in blocks if within(found[0].path, each)), parent(found[0].path))
    return [site for site in found if within(site.path, top)]


def _ffn(facts: Facts) -> int | None:
    """The width of the input of the product that returns to the hidden size."""
    hidden = facts["hidden"]
    return next((each.widths[0] for each in _feed(facts) if each.widths[1] == hidden), None)


def _ffn_products(facts: Facts) -> int | None:
    of_all = sum(site.widths[0] * site.widths[1] for site in _feed(facts))
    products, rest = divmod(of_all, facts["hidden"] * facts["ffn"])
    return products if not rest and products in (2, 3) else None


def _vocab(facts: Facts) -> int | None:
    ids = facts.ran.ids() if facts.ran.passes else None
    if ids is not None:
        return ids.table.shape[0]
    heads = facts.ran.products(HEAD)
    return site_of(heads[-1]).widths[1] if heads else None


def _recompute(facts: Facts) -> int:
    return int(facts.work.of(RECOMPUTE) > 0)


FACTS: dict[str, Fact] = {
    "n": Fact("the number of parameters of the rule", 1, lambda facts: None),
    "tokens": Fact("the number of tokens", 1, lambda facts: facts.ran.tokens()),
    "sequence": Fact("the number of tokens in a sequence", 1, _sequence),
    "layers": Fact("the number of layers that attend", 1, _layers),
    "heads": Fact("the number of heads", 1, _heads),
    "kv_heads": Fact("the number of heads of keys and values", 1, _kv_heads),
    "head_size": Fact("the size of a head", 1, _head_size),
    "hidden": Fact("the hidden size", 1, _hidden),
    "ffn": Fact("the width of the feed-forward", 1, _ffn),
    "ffn_products": Fact("the number of products of a feed-forward", 2, _ffn_products),
    "vocab": Fact("the size of the vocabulary", 1, _vocab),
    "recompute": Fact("how many times the step runs a forward again", 0, _recompute),
}
"""The facts by name."""
