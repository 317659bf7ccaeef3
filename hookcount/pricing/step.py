"""What a training step adds to a forward: figures of each module, and of the whole step."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import NamedTuple

from ..core.ops import NOTHING, flops
from .one_call import Prices, price_of
from .price import Charge
from .tree import Node


class StepWork(NamedTuple):
    """The work of one module that is not the forward's. The names are those of columns."""

    own_backward_macs: int = 0
    """MACs of its own backward passes, without the modules beneath."""
    backward_macs: int = 0
    recompute_macs: int = 0
    optimizer_flops: int = 0


class StepTotals(NamedTuple):
    """The work of a training step."""

    forward_macs: int
    backward_macs: int
    recompute_macs: int
    """MACs of forwards that ran again, as with checkpointing."""
    optimizer_flops: int
    fused_recompute_macs: int
    """MACs of the backward pass in which a fused kernel computes again what the forward had."""
    uncounted_calls: int
    """Calls in any phase that no formula prices. All figures are a lower bound if there are any."""

    @property
    def model_flops(self) -> int:
        """Two per MAC of the forward and of the backward pass, without what is computed again."""
        return 2 * (self.forward_macs + self.backward_macs - self.fused_recompute_macs)

    @property
    def hardware_flops(self) -> int:
        """Two per MAC that ran, other than the optimizer's."""
        return 2 * (self.forward_macs + self.backward_macs + self.recompute_macs)


def work_at(backward: Node, recompute: Node, optimizer: Node) -> dict[str, StepWork]:
    """The work of each module, by path. Given are the trees of the phases."""
    found: dict[str, StepWork] = {}
    for node in backward:
        mine = StepWork(own_backward_macs=node.own.macs, backward_macs=node.total.macs)
        found[node.path] = mine
    for node in recompute:
        before = found.get(node.path, StepWork())
        found[node.path] = before._replace(recompute_macs=node.total.macs)
    for node in optimizer:
        before = found.get(node.path, StepWork())
        found[node.path] = before._replace(optimizer_flops=flops(node.total))
    return found


def with_more(tree: Node, whole: Node, more: Container[str]) -> Node:
    """The tree of one phase, with a node for each path of ``more``, which has work in others only.

    ``whole``: the tree of all phases.
    """
    known = {node.path: node for node in tree}

    def made(node: Node) -> Node | None:
        children = tuple([each for each in map(made, node.children) if each is not None])
        mine = known.get(node.path)
        if mine is None:
            if not children and node.path not in more:
                return None
            mine = replace(node, own=NOTHING, total=NOTHING, distinct=())
            mine = replace(mine, calls=0, output_bytes=0, uncounted=0)
        return replace(mine, children=children, leaf=not children)

    return made(whole) or tree


def repeated_macs(charges: Iterable[Charge], prices: Prices) -> int:
    """MACs that kernels of a backward pass compute again, although the forward had them."""
    total = 0
    for path, _, _, ops, calls, entry, call, *_ in charges:
        again = None if entry is None else entry.again
        if ops and again is not None and call is not None:
            part = price_of(path, call, again, prices)
            total += 0 if part is None else part.macs * calls
    return total
