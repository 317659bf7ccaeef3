"""What a shapes-only run runs in place of a forward that needs values.

The forward itself is tried first. Where it cannot go on without values, what it ran is forgotten and the fake registered for its
class runs instead, op by op, in the same module's row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any

from torch import nn

from ..errors import DataNeededError
from ..registry import Fake, Registry
from .dispatch import Run
from .observer import Observer


@contextmanager
def faked(observer: Observer, registry: Registry) -> Iterator[None]:
    """Inside the block, the classes of the observed model that have a fake fall back on it."""
    with ExitStack() as undo:
        for owner, fake in _fakes(observer.modules, registry).items():
            own = vars(owner)["forward"]
            undo.callback(setattr, owner, "forward", own)
            setattr(owner, "forward", _or_fake(observer, own, fake))  # noqa: B010 (mypy: a method is not assigned to)
        yield


def _fakes(modules: list[nn.Module], registry: Registry) -> dict[type, Fake]:
    """The fakes by the class that has the forward they stand for."""
    found: dict[type, Fake] = {}
    for cls in {type(module) for module in modules}:
        fake = registry.fake(cls)
        owner = next(base for base in cls.__mro__ if "forward" in vars(base))
        if fake is not None and owner is not nn.Module:
            found[owner] = fake
    return found


def _or_fake(observer: Observer, own: Callable[..., Any], fake: Fake) -> Callable[..., Any]:
    at_work: set[int] = set()  # a fake may call its module's own forward

    @functools.wraps(own)
    def forward(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if not observer.listening() or id(module) in at_work:
            return own(module, *args, **kwargs)
        mark = observer.mark()
        try:
            return own(module, *args, **kwargs)
        except (RuntimeError, TypeError, DataNeededError) as error:
            if not for_want_of_values(error):
                raise
            observer.back_to(mark)
            at_work.add(id(module))
            try:
                out = fake(module, *args, **kwargs)
            finally:
                at_work.discard(id(module))
            if out is NotImplemented:
                raise
            return out

    return forward


def for_want_of_values(error: Exception) -> bool:
    """Whether an op was not to blame: what an op itself raises on shapes (they do not fit, say) is the model's own error.

    ``tolist()`` of a meta tensor, or a kernel called from outside of the dispatcher, raise without any op.
    """
    return isinstance(error, DataNeededError) or not _through_dispatch(error.__traceback__)


def _through_dispatch(traceback: TracebackType | None) -> bool:
    while traceback is not None:
        if traceback.tb_frame.f_code is Run.__torch_dispatch__.__code__:
            return True
        traceback = traceback.tb_next
    return False
