"""Rules that count FLOPs for each parameter and token: 6 N D and its kin."""

from __future__ import annotations

from collections.abc import Callable

from ..roles.roles import PRODUCTS
from .facts import Facts
from .held import Held
from .rule import Counted, Parts, Rule

AS_GIVEN = "n"
"""The part that is due to an ``n`` that was given."""


def per_parameter(facts: Facts, flops: int, counts: Callable[[Held], bool]) -> Parts:
    """FLOPs for each token and each element of the parameters that count."""
    tokens = facts["tokens"]
    found: Parts = {}
    mine = [held for held in facts.parameters.held if counts(held)]
    for held in mine:
        found[held.part] = found.get(held.part, 0) + flops * tokens * held.elements
    elements = sum(held.elements for held in mine)
    given = facts.or_given("n", elements)
    if given != elements:
        found[AS_GIVEN] = flops * tokens * (given - elements)
    return found


def _rule(name: str, forwards: int, counts: Callable[[Held], bool], n: str, source: str) -> Rule:
    def count(facts: Facts) -> Counted:
        return Counted(per_parameter(facts, 2 * forwards, counts))

    notes = {PRODUCTS: "they have no parameters"}
    return Rule(name, f"{2 * forwards} x {n} x tokens", source, forwards, count, notes)


_KAPLAN = (
    "Kaplan et al. 2020, Scaling Laws for Neural Language Models, arXiv 2001.08361, section 2.1"
)
_TRANSFORMERS = (
    "transformers 5.24, Trainer.floating_point_ops and PreTrainedModel.num_parameters"
    "(exclude_embeddings=True)"
)


def _all(held: Held) -> bool:
    return True


def _no_table(held: Held) -> bool:
    return not held.table


def _no_embedding(held: Held) -> bool:
    return not held.of_embedding


RULES = (
    _rule("2ND", 1, _all, "n", _KAPLAN),
    _rule("2ND without embeddings", 1, _no_table, "n", _KAPLAN),
    _rule("6ND", 3, _all, "n", _KAPLAN),
    _rule("6ND without embeddings", 3, _no_table, "n", _KAPLAN),
    _rule("transformers", 3, _no_embedding, "n", _TRANSFORMERS),
)
"""The rules of this file."""
