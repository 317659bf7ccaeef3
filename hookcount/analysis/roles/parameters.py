"""Parameters by role: each has the role of the module that holds it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ...core.trace import Place, Trace
from .blocks import Blocks
from .fused import ENCODER_LAYER
from .paths import parent
from .pieces import Piece
from .roles import EMBEDDINGS, FEED, NORMS, PROJECTIONS, REST

Assigned = tuple[Piece, str]
"""A piece of work and its role."""

_WITHOUT_WEIGHT = ("rest", "attention", "activations", "sampling")
"""Sorts of work that use no parameter, unless their role is norms or embeddings."""

_IN_ENCODER_LAYER = {"LayerNorm": NORMS, "Linear": FEED, "TransformerEncoderLayer": REST}
"""The role of each type of module in an encoder layer that ran as one op. Others: projections."""


def parameters(
    trace: Trace,
    blocks: Blocks,
    looks_up: Collection[str],
    assigned: Sequence[Assigned],
    places: Iterable[Place],
) -> dict[str, int]:
    """Elements of all parameters by role. A shared parameter counts where it is met first.

    ``looks_up``: paths of modules that look rows up in a table. ``places``: those whose parameters
    count.
    """
    holders = _Holders(trace, blocks, looks_up, assigned)
    counted: dict[str, int] = {}
    met: set[int] = set()
    for place in places:
        role = holders.role(place)
        for fact in place.tensors:
            if not fact.is_buffer and fact.key not in met:
                met.add(fact.key)
                embeds = role == REST and "embed" in fact.name.lower()
                mine = EMBEDDINGS if embeds else role
                counted[mine] = counted.get(mine, 0) + fact.elements
    return counted


class _Holders:
    """The roles of the modules that hold parameters."""

    def __init__(
        self,
        trace: Trace,
        blocks: Blocks,
        looks_up: Collection[str],
        assigned: Sequence[Assigned],
    ) -> None:
        self._first = blocks.first
        self._looks_up = looks_up
        self._ran = {each.key: each.path for each in trace.places if each.path in blocks.first}
        """By module, a path at which it ran."""
        self._roles: dict[str, set[str]] = {}
        """By path, the roles of the work there that uses parameters."""
        self._fused: set[str] = set()
        """Paths of encoder layers that ran as one op."""
        for piece, role in assigned:
            if piece.sort not in _WITHOUT_WEIGHT or role in (NORMS, EMBEDDINGS):
                self._roles.setdefault(piece.at, set()).add(role)
            if ENCODER_LAYER in piece.target:
                self._fused.add(piece.at)

    def role(self, place: Place) -> str:
        """The role of the parameters that a module holds itself."""
        embeds = "embed" in place.type.lower()
        path = self._ran.get(place.key, place.path)  # a shared module may not have run at this path
        while path and path not in self._roles and path not in self._first and not embeds:
            path = parent(path)  # it never ran: the module above used its weights
        if path not in self._roles and (path in self._looks_up or embeds):
            return EMBEDDINGS
        if path in self._fused:
            return _IN_ENCODER_LAYER.get(place.type, PROJECTIONS)
        mine = self._roles.get(path, set())
        return next(iter(mine)) if len(mine) == 1 else REST
