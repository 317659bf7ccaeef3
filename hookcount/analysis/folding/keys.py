"""When two modules are equal, and when the names of siblings form a run."""

from __future__ import annotations

from collections.abc import Hashable

from ...core.trace import Call, leaves
from ...pricing.tree import Node

_DIGITS = "0123456789"
_LONGEST = 18
"""A longer number is no index."""


class Keys:
    """A number for each node of a tree. Equal nodes have the same number.

    Nodes are equal if they have the same type, calls, shapes, MACs, parameters and uncounted calls,
    and equal children of equal names. FLOPs may differ, as those of a mask in every second block.

    ``alike``: only types and the names of children are compared.
    """

    def __init__(self, tree: Node, *, alike: bool = False) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._of: dict[int, int] = {}
        self._output_of: dict[int, int] = {}
        self._alike = alike
        self._number(tree)

    def equal(self, one: Node, other: Node) -> bool:
        """Whether one row may stand for both siblings."""
        if self._of[id(one)] != self._of[id(other)]:
            return False
        return not self._alike or self._outputs(one) == self._outputs(other)

    def _number(self, node: Node) -> int:
        children = tuple([(child.name, self._number(child)) for child in node.children])
        key: Hashable = (node.type, children)
        if not self._alike:
            calls = tuple([self._shapes(call) for call in node.distinct])
            work = node.total.macs, node.params, node.uncounted
            key = (node.type, node.calls, calls, work, children)
        self._of[id(node)] = number = self._numbers.setdefault(key, len(self._numbers))
        return number

    def _outputs(self, node: Node) -> int:
        """A number for the shapes of the outputs of a node. A node of a file has only texts."""
        found = self._output_of.get(id(node))
        if found is None:
            shapes = [tuple([spec.shape for spec in leaves(call.out)]) for call in node.distinct]
            key = tuple(dict.fromkeys(shapes)) if shapes else node.outputs
            found = self._output_of[id(node)] = self._numbers.setdefault(key, len(self._numbers))
        return found

    def _shapes(self, call: Call) -> int:
        """A number for the shapes of a call."""
        shapes = tuple([spec.shape for spec in leaves((call.args, call.kwargs))])
        outputs = tuple([spec.shape for spec in leaves(call.out)])
        return self._numbers.setdefault((shapes, outputs), len(self._numbers))


def follows(before: str, name: str) -> bool:
    """Whether two names have the same stem and running numbers.

    >>> follows("9", "10"), follows("block1", "block2"), follows("cv1", "bn2"), follows("1", "3")
    (True, True, False, False)
    """
    (stem, number), (other, after) = _split(before), _split(name)
    if stem != other or not number or not after or max(len(number), len(after)) > _LONGEST:
        return False
    return int(after) == int(number) + 1


def least(name: str) -> int:
    """How many siblings a run has at least: three if the names are more than a number.

    Two such siblings are more often two parts with names of their own: ``conv1`` and ``conv2``.
    """
    return 3 if _split(name)[0] else 2


def label(first: str, last: str) -> str:
    """The name of a run of siblings.

    >>> label("0", "31"), label("block_1", "block_3"), label("conv", "conv")
    ('0-31', 'block_1-3', 'conv')
    """
    return first if first == last else f"{first}-{_split(last)[1]}"


def _split(name: str) -> tuple[str, str]:
    stem = name.rstrip(_DIGITS)
    return stem, name[len(stem) :]
