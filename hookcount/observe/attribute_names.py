"""The attributes of modules by their names: which are the user's own, and which hold hooks."""

from __future__ import annotations

from collections import OrderedDict
from operator import itemgetter

from .module_tree import TORCHS_OWN

NO_HOOKS: dict[str, OrderedDict[int, object]] = {
    name: OrderedDict()
    for name in (
        "_backward_pre_hooks",
        "_backward_hooks",
        "_forward_hooks",
        "_forward_hooks_with_kwargs",
        "_forward_hooks_always_called",
        "_forward_pre_hooks",
        "_forward_pre_hooks_with_kwargs",
        "_state_dict_hooks",
        "_state_dict_pre_hooks",
        "_load_state_dict_pre_hooks",
        "_load_state_dict_post_hooks",
    )
}
"""The attributes of a module without hooks."""

Attributes = tuple[object, "itemgetter[object]"]
"""An object that only equal names share, and a getter of a module's attributes."""

_attributes_of: dict[tuple[str, ...], Attributes] = {}
"""By the names of a module's attributes: see ``attributes_of``."""


def attributes_of(names: tuple[str, ...]) -> Attributes:
    """A mark of these names, and a getter of ``training`` and of the user's own attributes."""
    known = _attributes_of.get(names)
    return _read(names) if known is None else known


def _read(names: tuple[str, ...]) -> Attributes:
    mine = [name for name in names if name not in TORCHS_OWN]
    training = "training" if "training" in names else names[0]
    # with a single name an itemgetter would return no tuple
    attributes: itemgetter[object] = itemgetter(training, training, *mine)
    if len(_attributes_of) > 10_000:
        _attributes_of.clear()
    return _attributes_of.setdefault(names, (object(), attributes))
