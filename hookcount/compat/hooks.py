"""The formulas of a convention as the hooks of its tool, which people give for their own modules.

A hook is called as ``hook(module, inputs, out)``. It adds what a call costs to an attribute of the
module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..conventions import Convention
from ..core.ops import NOTHING
from ..core.trace import Call
from ..observe.specs import described
from ..pricing.one_call import price_of
from ..rules.registry import Target, target_name
from .shared import Handler


def hooks_of(convention: Convention, attribute: str) -> Callable[[Target], Handler]:
    """``hooks_of(...)(cls)`` is the tool's hook for modules of a class: it adds to ``attribute``.

    The hook takes modules of any class that have the attributes which the formula reads.
    """

    layers = () if convention.formulas is None else tuple(convention.formulas.layers())

    def hook_for(target: Target) -> Handler:
        entries = [layer.get(target_name(target)) for layer in layers]
        entry = next(each for each in entries if each is not None)

        def hook(module: Any, inputs: Any, out: Any) -> None:
            call = Call(type(module), described(tuple(inputs)), {}, described(out), module)
            cost = convention.figure(price_of("", call, entry, {}) or NOTHING)
            setattr(module, attribute, getattr(module, attribute) + cost)

        return hook

    return hook_for
