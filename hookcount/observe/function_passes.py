"""The backward passes of a user's ``autograd.Function``: one patch for all who want them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch.autograd.function import BackwardCFunction

from .patches import Undo, patched, shared

Around = Callable[[Any, tuple[Any, ...], Callable[[], Any]], Any]
"""``around(node, gradients, run)`` calls ``run()`` and returns its result, or one instead of it."""

_around: list[Around] = []


@contextmanager
def around_each(around: Around) -> Iterator[None]:
    """For the block, call ``around`` in place of the backward pass of each function."""
    with ExitStack() as undo:
        for name in sorted({"apply", "apply_boxed"} & vars(BackwardCFunction).keys()):
            undo.enter_context(patched(BackwardCFunction, name, _passing))
        undo.enter_context(shared(("function passes", around), lambda: _added(around)))
        yield


def _added(around: Around) -> Undo:
    _around.append(around)
    return lambda: _around.remove(around)


def _passing(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def function(node: Any, *gradients: Any) -> Any:
        run = functools.partial(own, node, *gradients)
        # a boxed call has one list, which the function may empty
        boxed = len(gradients) == 1 and isinstance(gradients[0], list)
        given = tuple(gradients[0]) if boxed else gradients
        for around in tuple(_around):
            run = functools.partial(around, node, given, run)
        return run()

    return function
