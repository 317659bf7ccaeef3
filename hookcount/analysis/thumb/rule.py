"""``Rule`` and ``Estimate``: a rule of thumb, and what it gives for one report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ...rules.convention import Unit
from .facts import Facts

Parts = dict[str, int]
"""FLOPs by part: a role of products, or what else a rule counts."""


class Counted(NamedTuple):
    """What a rule counts: FLOPs by part, and beside them those of forwards that run again."""

    parts: Parts
    recompute: int = 0


@dataclass(frozen=True)
class Rule:
    """A rule of thumb. ``hookcount.Estimate`` has the rules by name.

    ``forwards``: how many times it counts a forward: 1, or 3 with the backward pass.
    ``count``: its FLOPs. ``notes``: by part, why it differs from what ran.
    """

    name: str
    formula: str
    source: str
    forwards: int
    count: Callable[[Facts], Counted]
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """The FLOPs that a rule of thumb gives. ``report.rule(name)`` makes one.

    A multiply-accumulate is two FLOPs. The rules count matrix products and convolutions only.

    ====================================  ==========================================================
    rule                                  FLOPs
    ====================================  ==========================================================
    ``2ND``                               a forward: 2 for each parameter and token
    ``2ND without embeddings``            as ``2ND``, without tables in which rows are looked up
    ``6ND``                               forward and backward: 6 for each parameter and token
    ``6ND without embeddings``            as ``6ND``, without tables in which rows are looked up
    ``transformers``                      as ``6ND``, without the weights of ``nn.Embedding``
    ``torchtitan``                        as ``6ND``, without tables that no product uses; and the
                                          products of attention, 12 x layers x heads x head_size x
                                          sequence for each token
    ``megatron``                          each product by its sizes, half of those of attention
    ``megatron 2021``                     24 x (3 + recompute) x tokens x layers x hidden^2 x
                                          (1 + sequence / (6 hidden) + vocab / (16 layers hidden))
    ``2 + recompute``                     the forward that was counted, times 3 + recompute
    ====================================  ==========================================================

    **Facts.** A fact that is not given is read from the first pass of the model:

    - ``n``: the elements of the parameters. A shared one counts once.
    - ``tokens``: the ids of the first look-up that has as many as an input of the model; or else
      the rows of the first product with a weight. Those of all passes are added up.
    - ``sequence``: the length of the first query, if the input of these ids has such a size, or if
      there are none. Otherwise the last size of that input.
    - ``layers``: calls of modules that attend.
    - ``heads``, ``head_size``: those of the query of the first attention.
    - ``hidden``, ``kv_heads``: from the projections of the first attention.
    - ``ffn``, ``ffn_products``: the width and the products of the first feed-forward, 3 if gated.
    - ``vocab``: the rows of the table of these ids, or the width of the head.
    - ``recompute``: 1 if a forward runs again in the step, as with checkpointing. Else 0.

    ``facts``: those that the rule used. ``parts``: its FLOPs by what they count.
    """

    name: str
    formula: str
    source: str
    """Where the rule is from."""
    figure: int
    """FLOPs."""
    facts: dict[str, int]
    parts: Parts

    @property
    def unit(self) -> Unit:
        """The unit of ``figure``."""
        return "FLOPs"

    @property
    def n(self) -> int | None:
        """The number of parameters that the rule counts. None if it counts none."""
        return self.facts.get("n")

    @property
    def tokens(self) -> int | None:
        """The number of tokens. None if the rule needs none."""
        return self.facts.get("tokens")

    def __str__(self) -> str:
        facts = ", ".join(f"{name} = {value:,}" for name, value in self.facts.items())
        return f"{self.name}: {self.figure:,} FLOPs = {self.formula}, with {facts or 'no facts'}"
