"""``Held``: a parameter as rules of thumb see it. Which products it is for, if it is for any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from torch import nn

from ...core.trace import OUTSIDE, Place, TensorFact
from ..roles.pairs import site_of
from ..roles.paths import parent
from ..roles.roles import NORMS, OTHER, PRODUCTS
from .ran import Ran

TABLES, BIASES, NO_PRODUCT = "embedding tables", "biases", "other parameters"
OUTSIDE_MODULES = "outside of all modules"
_Places = list[tuple[Place, TensorFact]]
"""A parameter at each of its places."""
_TABLE_CLASSES = ("Embedding", "EmbeddingBag")


class Held(NamedTuple):
    """A parameter. A shared one counts once.

    ``part``: the role of the products that multiply by it. Otherwise ``norms``, ``biases``,
    ``embedding tables`` or ``other parameters``.
    ``table``: whether rows of it are looked up.
    ``tied``: whether a product uses a table too: that of a module which holds it too, or a product
    without a weight of its own that has its size.
    ``of_embedding``: whether it is the ``weight`` of an ``nn.Embedding`` where it is met first.
    """

    part: str
    elements: int
    table: bool
    tied: bool
    of_embedding: bool


class Parameters:
    """The parameters of a report, and the parts of its products by path.

    ``part_at``: by path, the role of the products with a weight that ran there. It is ``other
    contractions`` if they have several roles. ``frozen``: the paths whose parameters, without
    biases, need no gradient.
    """

    def __init__(self, ran: Ran) -> None:
        roles: dict[str, set[str]] = {}
        for piece, role in ran.work:
            if piece.ops.macs and role != PRODUCTS:
                roles.setdefault(piece.at, set()).add(role)
        self.part_at = {
            path: next(iter(mine)) if len(mine) == 1 else OTHER for path, mine in roles.items()
        }
        if OUTSIDE in self.part_at:
            self.part_at[OUTSIDE] = OUTSIDE_MODULES
        self._norms = {piece.at for piece, role in ran.work if role == NORMS}
        called = [(run.path, run.call) for run in ran.runs if run.phase == "forward"]
        self._ran = {path for path, _ in called}
        self._looked_up = {
            (each.path, each.table.shape.numel()) for some in ran.look_ups for each in some
        }
        path_of = {place.path: place.key for place in ran.places}
        self._embeddings = {
            path_of.get(path)
            for path, call in called
            if call is not None
            and isinstance(call.target, type)
            and issubclass(call.target, nn.Embedding)
        }
        found = _by_key(ran.places)
        weights = {
            (self._home(place), fact.trainable)
            for held in found
            for place, fact in held
            if "bias" not in fact.name
        }
        self.frozen = {home for home, _ in weights if (home, True) not in weights}
        self.held = tuple(self._all(ran, found))

    def _all(self, ran: Ran, found: Sequence[_Places]) -> Iterator[Held]:
        borrowed = self._borrowed(ran, found)
        for held in found:
            looking = [self._looks_up(place, fact) for place, fact in held]
            place, fact = held[0]
            part = self._part(held, looking)
            tied = any(looking) and not all(looking)
            if part == TABLES and fact.elements in borrowed:
                part, tied = borrowed.pop(fact.elements), True
            embedding = self._is_embedding(place) and fact.name == "weight"
            yield Held(part, fact.elements, any(looking), tied, embedding)

    def _borrowed(self, ran: Ran, found: Iterable[_Places]) -> dict[int, str]:
        """By size, the parts of products whose weight no parameter of their module can be."""
        own = {(self._home(place), fact.elements) for held in found for place, fact in held}
        sites = [site_of(piece) for piece, role in ran.work if piece.sort == "weight"]
        sizes = [(each.path, each.widths[0] * each.widths[1]) for each in sites]
        return {size: self.part_at[path] for path, size in sizes if (path, size) not in own}

    def _part(self, held: _Places, looking: list[bool]) -> str:
        for (place, fact), looks_up in zip(held, looking, strict=True):
            home = self._home(place)
            if home in self.part_at and not looks_up and "bias" not in fact.name:
                return self.part_at[home]
        place, fact = held[0]
        if any(looking):
            return TABLES
        if self._home(place) in self._norms:
            return NORMS
        return BIASES if "bias" in fact.name else NO_PRODUCT

    def _home(self, place: Place) -> str:
        """The path of the module that uses the parameters of a place.

        It is a module above if the place never ran, or makes the parameters of that module.
        """
        path = place.path.partition(".parametrizations.")[0]
        while path and path not in self._ran:
            path = parent(path)
        return path

    def _looks_up(self, place: Place, fact: TensorFact) -> bool:
        ran = (place.path, fact.elements) in self._looked_up
        return ran or place.type in _TABLE_CLASSES or place.key in self._embeddings

    def _is_embedding(self, place: Place) -> bool:
        return place.key in self._embeddings or place.type == "Embedding"


def _by_key(places: Iterable[Place]) -> list[_Places]:
    """The parameters, each with all of its places."""
    found: dict[int, _Places] = {}
    for place in places:
        for fact in place.tensors:
            if not fact.is_buffer:
                found.setdefault(fact.key, []).append((place, fact))
    return list(found.values())
