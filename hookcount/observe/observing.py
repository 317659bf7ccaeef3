"""An observation: an observer is active, and so are its hooks, patches and modes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from .distributed import placement_unseen
from .eager import eagerly
from .elsewhere import followed
from .exported import graphs_seen
from .hooks import hooked, unnoticed
from .module_tree import ModuleTree, wrapped_as
from .observer import Observer, observers_here
from .own_thread import own_functions, own_gradients, own_random_functions
from .scripted import scripts_seen
from .undo.settings import ModeStacks

Modes = list[AbstractContextManager[object]]
"""Modes and patches that a run needs besides its dispatch mode."""


@contextmanager
def observing(observer: Observer, tree: ModuleTree, modes: Modes) -> Iterator[None]:
    """Make ``observer`` active for the block, with its hooks and modes."""
    stack = observers_here()
    stack.append(observer)
    try:
        with ExitStack() as entered:
            entered.enter_context(eagerly())
            entered.enter_context(placement_unseen())
            in_company = observer.given is not None and observer.given.in_company
            if in_company or any(map(wrapped_as, tree.types)):
                entered.enter_context(unnoticed())
            entered.enter_context(hooked(observer))
            entered.enter_context(followed(observer))
            entered.enter_context(graphs_seen(observer, tree))
            entered.enter_context(scripts_seen(observer, tree))
            if observer.given is not None:
                entered.enter_context(own_functions())
                if in_company:
                    entered.enter_context(own_random_functions())
                    entered.enter_context(own_gradients())
            for mode in modes:
                entered.enter_context(mode)
            left_on = ModeStacks()
            try:
                yield
            finally:
                if observer.given is not None:
                    observer.given.settings.close()
                left_on.restore()
    finally:
        stack.remove(observer)
