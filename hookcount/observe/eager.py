"""Runs compiled code eagerly in a thread that counts: compiled code shows no modules and no ops.

torch's own switch, ``torch.compiler.set_stance``, acts on all threads. So the function that reads
the switch is replaced.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from .observer import observers_here
from .patches import patched


def compiler_is_there() -> bool:
    """Whether the compiler is imported. flex_attention and torch.cond import it themselves."""
    return "torch._dynamo" in sys.modules or "torch.nn.attention.flex_attention" in sys.modules


@contextmanager
def eagerly() -> Iterator[None]:
    """For the block, compiled code runs eagerly in this thread."""
    if not compiler_is_there():
        yield
        return
    from torch._dynamo import eval_frame

    with ExitStack() as patches:
        patches.enter_context(patched(eval_frame, "_callback_from_stance", _instead(None)))
        # torch counts compiled frames, and raises if fullgraph=True gave none
        if hasattr(eval_frame, "set_fullgraph_compiled_frame_count"):
            counter = "set_fullgraph_compiled_frame_count"
            patches.enter_context(patched(eval_frame, counter, _instead(0)))
        yield


def _instead(result: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a function that returns ``result`` in a thread that counts."""

    def make(own: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(own)
        def function(*args: Any, **kwargs: Any) -> Any:
            return result if observers_here() else own(*args, **kwargs)

        return function

    return make
