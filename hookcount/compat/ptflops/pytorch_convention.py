"""The convention of ptflops' default backend, with the hooks of a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ...conventions import Convention, named
from ...rules.registry import FREE, OBSERVED, Registry
from ..counting import with_layer
from ..shared import Handled, Handler, checked_hooks
from .inputs import WHERE, invoke_hook
from .pytorch_ops import MODULES

NAME = "ptflops-pytorch"


def pytorch_convention(ignored: Iterable[type], handlers: Mapping[Any, Handler]) -> Convention:
    """The convention with the ignored classes, the given hooks, and those of ``MODULES_MAPPING``.

    A key of ``handlers`` that is no class is left out. The figures of modules are those of all
    samples together. Raises ``InputError`` for a wrong hook.
    """
    pytorch = named(NAME)
    layer = Registry(name=f"the hooks of {WHERE}")
    given = {cls: hook for cls, hook in handlers.items() if isinstance(cls, type)}
    added, removed = MODULES.changes()
    hooks = {**added, **checked_hooks(given, f"{WHERE}(custom_modules_hooks=...)")}
    listed = pytorch.formulas
    for cls in ignored:
        if cls in hooks or (listed is not None and cls in listed and cls not in removed):
            layer.register(cls, FREE, covers="modules")
    for cls, hook in hooks.items():
        if cls not in layer:
            layer.register(cls, Handled(hook, invoke_hook), covers="modules")
    for cls in removed - hooks.keys():
        layer.register(cls, OBSERVED)
    return replace(with_layer(pytorch, layer), per_sample=False)
