"""Parameters by role: each has the role of the module that holds it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from ...core.trace import Place, Trace
from .blocks import Blocks
from .fused import ENCODER_LAYER
from .paths import parent
from .pieces import Piece
from .roles import EMBEDDINGS, FEED, NORMS, PROJECTIONS, REST, Role

Assigned = tuple[Piece, Role]
"""A piece of work and its role."""

_WITHOUT_WEIGHT = ("rest", "attention", "activations", "sampling")
"""Sorts of work that use no parameter, unless their role is norms or embeddings."""

_IN_ENCODER_LAYER = {"LayerNorm": NORMS, "Linear": FEED, "TransformerEncoderLayer": REST}
"""The role of each type of module in an encoder layer that ran as one op. Others: projections."""


class Holders:
    """The roles of the modules that hold parameters.

    ``looks_up``: paths of modules that look rows up in a table.
    """

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
        for piece, (role, _) in assigned:
            if piece.sort not in _WITHOUT_WEIGHT or role in (NORMS, EMBEDDINGS):
                self._roles.setdefault(piece.at, set()).add(role)
            if ENCODER_LAYER in piece.target:
                self._fused.add(piece.at)

    def parameters(self, places: Iterable[Place]) -> dict[str, int]:
        """Elements of all parameters by role, of those that ``places`` hold."""
        counted: dict[str, int] = {}
        for _, role, elements in self._each(places):
            counted[role] = counted.get(role, 0) + elements
        return counted

    def role_at(self, places: Iterable[Place]) -> dict[str, str]:
        """The role of the parameters at each path. If they have several, it is that of the rest."""
        found: dict[str, str] = {}
        for path, role, _ in self._each(places):
            found[path] = role if found.get(path, role) == role else REST
        return found

    def _each(self, places: Iterable[Place]) -> Iterator[tuple[str, str, int]]:
        """The path, the role and the elements of each parameter.

        A shared parameter is only where it is met first.
        """
        met: set[int] = set()
        for place in places:
            role = self._role(place)
            for fact in place.tensors:
                if not fact.is_buffer and fact.key not in met:
                    met.add(fact.key)
                    embeds = role == REST and "embed" in fact.name.lower()
                    yield place.path, EMBEDDINGS if embeds else role, fact.elements

    def _role(self, place: Place) -> str:
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
