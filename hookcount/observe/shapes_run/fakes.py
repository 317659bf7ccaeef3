"""Replaces a forward that needs values by a fake, in a shapes-only run.

The forward itself is tried first. If it fails without values, the ops that it ran are forgotten.
Then the fake that is registered for its class runs instead. The fake's ops count for the same
module.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from torch import nn

from ...core.errors import DataNeededError
from ...rules.registry import Fake, Registry
from ..dispatch import Run
from ..observer import Observer, observers_here
from ..patches import patched
from ..undo.attempt import Attempt
from .experts import EXPERTS


@contextmanager
def faked(observer: Observer, registry: Registry) -> Iterator[None]:
    """For the block, let the model's classes that have a fake fall back on it."""
    observer.fakes = _fakes(observer.modules, registry)
    with ExitStack() as undo:
        for owner in observer.fakes:
            undo.enter_context(patched(owner, "forward", functools.partial(_or_fake, owner)))
        yield


def _fakes(modules: list[nn.Module], registry: Registry) -> dict[type, Fake]:
    """Each fake, by the class that defines the forward which it replaces."""
    found: dict[type, Fake] = {}
    for cls in {type(module) for module in modules}:
        fake = registry.fake(cls) or EXPERTS.fake(cls)
        owner = next(base for base in cls.__mro__ if "forward" in vars(base))
        if fake is not None and owner is not nn.Module:
            found[owner] = fake
    return found


def _or_fake(owner: type, own: Callable[..., object]) -> Callable[..., object]:
    """The forward ``own`` of the class ``owner``, which falls back on its fake."""

    @functools.wraps(own)
    def forward(module: nn.Module, *args: object, **kwargs: object) -> object:
        observer = next((each for each in reversed(observers_here()) if each.listening()), None)
        fake = None if observer is None else observer.fakes.get(owner)
        if observer is None or fake is None or id(module) in observer.faking:
            return own(module, *args, **kwargs)
        mark, attempt = observer.mark(), Attempt(observer.given, module, args, kwargs)
        try:
            return own(module, *attempt.args, **attempt.kwargs)
        except (RuntimeError, TypeError, DataNeededError) as error:
            if not for_want_of_values(error):
                raise
            observer.back_to(mark)
            attempt.undo()
            observer.faking.add(id(module))
            try:
                out = fake(module, *args, **kwargs)
            finally:
                observer.faking.discard(id(module))
            if out is NotImplemented:
                raise
            observer.origins.know(out)
            return out
        finally:
            attempt.end()

    return forward


def for_want_of_values(error: Exception) -> bool:
    """Whether an error was raised because values were missing.

    An error that an op raises about shapes (they do not fit, for example) is the model's own.
    ``tolist()`` of a meta tensor raises without any op. So does a kernel that bypasses the
    dispatcher.
    """
    return isinstance(error, DataNeededError) or not _through_dispatch(error.__traceback__)


def _through_dispatch(traceback: TracebackType | None) -> bool:
    """Whether an error passed through the dispatch mode, so that an op raised it."""
    while traceback is not None:
        if traceback.tb_frame.f_code is Run.__torch_dispatch__.__code__:
            return True
        traceback = traceback.tb_next
    return False
