"""Keeps the settings of the thread and of the process that a forward may change."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from operator import is_
from typing import Any

import torch
from torch.overrides import _get_current_function_mode_stack, _pop_mode, _push_mode
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack
from torch.utils._python_dispatch import _pop_mode as _pop_dispatch_mode
from torch.utils._python_dispatch import _push_mode as _push_dispatch_mode

from ..patches import Undo, shared
from .process_settings import PROCESS
from .setting import Setting
from .thread_settings import THREAD


class Settings:
    """The settings at the start of a run."""

    def __init__(self) -> None:
        self._thread = [(each, each.read()) for each in THREAD]
        self._process = [(each, each.read()) for each in PROCESS.values()]
        self._device = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
        self.opened: list[Any] = []
        """The blocks of ``inference_mode`` and ``catch_warnings`` that the forward is in."""
        self._noted = ExitStack()
        self._names: set[str] = set()

    def note(self, name: str) -> None:
        """This thread is about to change a setting of the process.

        The setting is put back when the last count that changed it ends.
        """
        if name not in self._names:
            self._names.add(name)
            self._noted.enter_context(shared(("setting", name), lambda: _undo(PROCESS[name])))

    def close(self) -> None:
        """Leave the blocks that the forward left open."""
        while self.opened:
            self.opened[-1].__exit__(None, None, None)

    def restore_thread(self) -> None:
        """Put back the settings of this thread."""
        for each, before in self._thread:
            if each.read() != before:
                each.write(before)
        if getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None) is not self._device:
            torch._GLOBAL_DEVICE_CONTEXT.device_context = self._device

    def restore_process(self, others_ran: Callable[[], bool]) -> None:
        """Put back the settings of the process.

        If another thread ran, only those that were noted: any other change may be its own.
        """
        self._noted.close()
        for each, before in self._process:
            if each.read() != before and not others_ran():
                each.write(before)


def _undo(setting: Setting) -> Undo:
    before = setting.read()

    def undo() -> None:
        setting.write(before)

    return undo


class ModeStacks:
    """The modes that are active in this thread, innermost last."""

    def __init__(self) -> None:
        self._functions = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
        self._dispatches = _get_current_dispatch_mode_stack()

    def restore(self) -> None:
        """Take off the modes that a forward left on, and put on those that it took off."""
        now = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
        if not _same(now, self._functions):
            for _ in now:
                _pop_mode()  # type: ignore[no-untyped-call]
            for mode in self._functions:
                _push_mode(mode)  # type: ignore[no-untyped-call]
        now = _get_current_dispatch_mode_stack()
        if not _same(now, self._dispatches):
            for _ in now:
                _pop_dispatch_mode()
            for mode in self._dispatches:
                _push_dispatch_mode(mode)


def _same(now: list[Any], before: list[Any]) -> bool:
    return len(now) == len(before) and all(map(is_, now, before))
