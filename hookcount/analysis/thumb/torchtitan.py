"""The rule of torchtitan."""

from __future__ import annotations

from ..roles.roles import PRODUCTS
from .facts import Facts
from .held import Held
from .per_parameter import per_parameter
from .rule import Counted, Rule


def count(facts: Facts) -> Counted:
    """6 for each parameter and token, and both products of attention over the whole sequence.

    An embedding table counts only if the head uses it too. The active parameters of a mixture of
    experts must be given: ``n=...``.
    """
    parts = per_parameter(facts, 6, _multiplies)
    attended = facts["layers"] * facts["heads"] * facts["head_size"] * facts["sequence"]
    return Counted({**parts, PRODUCTS: 12 * attended * facts["tokens"]})


def _multiplies(held: Held) -> bool:
    return held.tied or not held.table


RULES = (
    Rule(
        "torchtitan",
        "(6 x n + 12 x layers x heads x head_size x sequence) x tokens",
        "pytorch/torchtitan, torchtitan/models/utils.py, commit 01c01c8: get_nparams_and_active_"
        "nparams and quadratic_attention_flops_per_token",
        3,
        count,
    ),
)
"""The rule of this file."""
