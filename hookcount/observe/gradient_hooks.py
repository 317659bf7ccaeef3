"""Hooks that run once a parameter has its gradient, such as an optimizer's step in a backward pass.

A count of a training step leaves them out. Their effects, on the state of an optimizer or on other
ranks, could not be undone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .module_tree import ModuleTree


@contextmanager
def gradient_hooks_off(tree: ModuleTree) -> Iterator[None]:
    """For the block, no hook of ``register_post_accumulate_grad_hook`` runs."""
    with ExitStack() as undo:
        held = [each for module in tree.modules for each in module._parameters.values()]
        for parameter in held:
            hooks = getattr(parameter, "_post_accumulate_grad_hooks", None)
            if hooks:
                undo.callback(hooks.update, dict(hooks))
                hooks.clear()
        yield
