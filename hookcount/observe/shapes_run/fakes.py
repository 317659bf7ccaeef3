"""In a shapes-only run, what replaces a forward that needs values.

The forward itself is tried first. Where it cannot go on without values, what it ran is forgotten, and the fake that is
registered for its class runs instead: op by op, in the same module's row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any

from torch import nn

from ...core.errors import DataNeededError
from ...rules.registry import Fake, Registry
from ..dispatch import Run
from ..observer import Observer, observers_here
from ..patches import patched
from .experts import EXPERTS


@contextmanager
def faked(observer: Observer, registry: Registry) -> Iterator[None]:
    """Inside the block, the classes of the observed model that have a fake fall back on it."""
    observer.fakes = _fakes(observer.modules, registry)
    with ExitStack() as undo:
        for owner in observer.fakes:
            undo.enter_context(patched(owner, "forward", functools.partial(_or_fake, owner)))
        yield


def _fakes(modules: list[nn.Module], registry: Registry) -> dict[type, Fake]:
    """The fakes by the class that has the forward they stand for."""
    found: dict[type, Fake] = {}
    for cls in {type(module) for module in modules}:
        fake = registry.fake(cls) or EXPERTS.fake(cls)
        owner = next(base for base in cls.__mro__ if "forward" in vars(base))
        if fake is not None and owner is not nn.Module:
            found[owner] = fake
    return found


def _or_fake(owner: type, own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def forward(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        observer = next((each for each in reversed(observers_here()) if each.listening()), None)
        fake = None if observer is None else observer.fakes.get(owner)
        if observer is None or fake is None or id(module) in observer.faking:
            return own(module, *args, **kwargs)
        mark = observer.mark()
        try:
            return own(module, *args, **kwargs)
        except (RuntimeError, TypeError, DataNeededError) as error:
            if not for_want_of_values(error):
                raise
            observer.back_to(mark)
            observer.faking.add(id(module))
            try:
                out = fake(module, *args, **kwargs)
            finally:
                observer.faking.discard(id(module))
            if out is NotImplemented:
                raise
            return out

    return forward


def for_want_of_values(error: Exception) -> bool:
    """Whether values were missing. An error that an op raises on shapes (they do not fit, say) is the model's own.

    ``tolist()`` of a meta tensor, or a kernel called from outside of the dispatcher, raises without any op.
    """
    return isinstance(error, DataNeededError) or not _through_dispatch(error.__traceback__)


def _through_dispatch(traceback: TracebackType | None) -> bool:
    while traceback is not None:
        if traceback.tb_frame.f_code is Run.__torch_dispatch__.__code__:
            return True
        traceback = traceback.tb_next
    return False
