"""A tool's table of hooks by module class. People add modules of their own to it."""

from __future__ import annotations

from torch import nn

from .shared import Handler, checked_hooks

Hooks = dict[type[nn.Module], Handler]


class HookTable:
    """A table as its tool has it, and what was changed in it since then.

    The table is a plain dict. Another thread may change it at any time: each call goes by one copy.

    >>> class Own(nn.Linear):
    ...     pass
    >>> hooks = {nn.Linear: print, nn.ReLU: print}
    >>> table = HookTable("table", hooks)
    >>> hooks[Own] = hooks.pop(nn.Linear)
    >>> added, removed = table.changes()
    >>> list(added), list(removed)
    ([<class '...Own'>], [<class 'torch.nn.modules.linear.Linear'>])
    """

    def __init__(self, name: str, hooks: Hooks) -> None:
        self.name = name
        self._hooks = hooks
        self._first = dict(hooks)

    def now(self) -> Hooks:
        """A copy of the table.

        Raises ``InputError`` for a key that is no module class, or a hook that is no function.
        """
        now = dict(self._hooks)
        checked_hooks(self._added(now), self.name)
        return now

    def changes(self) -> tuple[Hooks, set[type[nn.Module]]]:
        """The hooks that are new or other ones than the tool's, and the classes without one now.

        Raises ``InputError`` as ``now`` does.
        """
        now = self.now()
        return self._added(now), self._first.keys() - now.keys()

    def _added(self, now: Hooks) -> Hooks:
        return {cls: hook for cls, hook in now.items() if self._first.get(cls) is not hook}
