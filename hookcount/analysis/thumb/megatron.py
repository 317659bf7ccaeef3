"""The rules of Megatron-LM: that of its code, and that of the paper of 2021."""

from __future__ import annotations

from ..roles.roles import FEED, HEAD, PRODUCTS, PROJECTIONS
from .facts import Facts
from .rule import Counted, Parts, Rule


def count(facts: Facts) -> Counted:
    """Each product by its sizes, three times: forward, and the gradients of its two operands.

    Attention counts half of its scores, as with a causal mask. The head is always there. It has
    ``vocab`` outputs, which Megatron-LM pads.
    """
    hidden, tokens = facts["hidden"], 6 * facts["tokens"]
    query = facts["heads"] * facts["head_size"]
    layers = tokens * facts["layers"]
    keys_and_values = 2 * facts["kv_heads"] * facts["head_size"]
    parts = {
        PROJECTIONS: layers * hidden * (query + keys_and_values + query),
        PRODUCTS: layers * query * facts["sequence"],
        FEED: layers * hidden * facts["ffn"] * facts["ffn_products"],
        HEAD: tokens * hidden * facts["vocab"],
    }
    return Counted(parts)


def count_2021(facts: Facts) -> Counted:
    """Equation 3 of the paper, for layers with a feed-forward of 4 x hidden and full attention.

    The paper has it for a forward that runs again: 24 x 4 = 96. Programs that use it have 24 x 3 =
    72 without. Then it counts the head at 4.5 FLOPs for each weight and token, not at 6.
    """
    recompute = facts["recompute"]
    parts, whole = _of_2021(facts, 3), _of_2021(facts, 3 + recompute)
    return Counted(parts, sum(whole.values()) - sum(parts.values()))


def _of_2021(facts: Facts, forwards: int) -> Parts:
    hidden = facts["hidden"]
    layers = 2 * forwards * facts["tokens"] * facts["layers"] * hidden
    return {
        PROJECTIONS: layers * 4 * hidden,
        FEED: layers * 8 * hidden,
        PRODUCTS: layers * 2 * facts["sequence"],
        HEAD: 3 * forwards * facts["tokens"] * hidden * facts["vocab"] // 2,
    }


RULES = (
    Rule(
        "megatron",
        "6 x tokens x (layers x (hidden x head_size x (2 x heads + 2 x kv_heads)"
        " + heads x head_size x sequence + hidden x ffn x ffn_products) + hidden x vocab)",
        "NVIDIA/Megatron-LM, megatron/training/training.py, commit 001b00c: "
        "num_floating_point_operations",
        3,
        count,
        {PRODUCTS: "it counts half of the scores, as with a causal mask"},
    ),
    Rule(
        "megatron 2021",
        "24 x (3 + recompute) x tokens x layers x hidden^2"
        " x (1 + sequence / (6 x hidden) + vocab / (16 x layers x hidden))",
        "Narayanan et al. 2021, Efficient Large-Scale Language Model Training on GPU Clusters "
        "Using Megatron-LM, arXiv 2104.04473, equation 3",
        3,
        count_2021,
        {HEAD: "as the paper has it for a forward that runs again"},
    ),
)
"""The rules of this file."""
