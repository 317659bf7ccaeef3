"""The result of an op on meta tensors.

A rule of hookcount's gives it, or torch's shapes-only implementation. Many of those lay out an
``out=`` that they resize without regard to the strides that the op gives to a new tensor. Some ops
have an implementation only without ``out=``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...core.errors import DataNeededError, said
from ...rules.registry import Op
from ..opfacts import OpFacts
from ..values import OpArgs, OpKwargs, OpResult
from .data import Data
from .dtypes import check
from .output_shapes import output
from .shape_checks import check_shapes

# what torch says of a custom op that runs its kernel on meta
_NO_FAKE = ("no fake impl", "data is not allocated yet")
_INDEXING = frozenset(("aten::index", "aten::_unsafe_index", "aten::index_put"))
_WRONG_OUTS = frozenset(("aten::native_batch_norm",))
"""Ops for whose ``out=`` torch's shapes-only implementation gives another shape."""
_UPDATES = "aten::_fused_"
"""Fused optimizers. Some have no shapes-only implementation, and none makes a tensor."""
_COPIES = ("aten::_fft_", "aten::cholesky_solve")


def result(data: Data, func: Op, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> OpResult:
    """The result of an op on meta tensors.

    Raises ``DataNeededError`` where the shapes depend on values, and where torch has no
    shapes-only implementation.
    """
    if facts.out_names and facts.returns and isinstance(func, torch._ops.OpOverload):
        return _into_outs(data, func, facts, args, kwargs)
    return _new(data, func, facts, args, kwargs)


def _new(data: Data, func: Op, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> OpResult:
    check(facts.name, args)
    check_shapes(facts.name, args)
    if not facts.out_names:
        made = output(facts.name, bool(facts.writes), args, kwargs, data.device)
        if made is not None:
            return made
    if facts.name.startswith(_UPDATES) and not facts.returns:
        return None
    if facts.dynamic and facts.name not in _INDEXING:
        raise data.needed(f"the output of {facts.name} depends on values")
    try:
        return _dense(data, facts, func(*args, **kwargs))
    except NotImplementedError as error:
        raise _lacks_a_fake(data, facts, error) from error
    except RuntimeError as error:
        if facts.torchs_own or not any(each in said(error) for each in _NO_FAKE):
            raise
        raise _lacks_a_fake(data, facts, error) from error


def _dense(data: Data, facts: OpFacts, made: OpResult) -> OpResult:
    """A result. A gradient that is sparse has values that decide its work, and no stand-in."""
    sparse = isinstance(made, torch.Tensor) and made.layout is torch.sparse_coo
    if sparse and torch._C._current_graph_task_id() != -1:
        raise data.needed(f"{facts.name} makes a sparse gradient")
    return made


def _into_outs(
    data: Data, func: torch._ops.OpOverload, facts: OpFacts, args: OpArgs, kwargs: OpKwargs
) -> OpResult:
    """The outputs of an op with ``out=``. Those that get another shape are laid out as new ones."""
    outs: list[torch.Tensor] = [kwargs[name] for name in facts.out_names]
    before = [each.shape for each in outs]
    like: Sequence[torch.Tensor] = ()
    if facts.name not in _WRONG_OUTS:
        try:
            _new(data, func, facts, args, kwargs)
        except DataNeededError:
            like = _without_outs(data, func, facts, args, kwargs)
            if not like:
                raise
    wrong = facts.name in _WRONG_OUTS
    resized = wrong or [each.shape for each in outs] != before
    if not like and resized and (wrong or not _copies(func, facts)):
        like = _without_outs(data, func, facts, args, kwargs)
    if len(like) == len(outs):
        for out, shape, each in zip(outs, before, like, strict=True):
            if each.shape != shape:
                data.reshape(out, each)
    return outs[0] if len(func._schema.returns) == 1 else tuple(outs)


def _copies(func: torch._ops.OpOverload, facts: OpFacts) -> bool:
    """Whether an op makes a new tensor and copies it to its ``out=``, which is then contiguous."""
    return torch.Tag.generated in func.tags or facts.name.startswith(_COPIES)


def _without_outs(
    data: Data, func: torch._ops.OpOverload, facts: OpFacts, args: OpArgs, kwargs: OpKwargs
) -> Sequence[torch.Tensor]:
    """New outputs of an op with ``out=``; none if torch cannot tell."""
    others = {name: each for name, each in kwargs.items() if name not in facts.out_names}
    made = output(facts.name, False, args, others, data.device)
    if made is None:
        try:
            made = func.overloadpacket(*args, **others)
        except Exception:
            return ()
    whole = made if isinstance(made, (tuple, list)) else (made,)
    return [each for each in whole if isinstance(each, torch.Tensor)]


def _lacks_a_fake(data: Data, facts: OpFacts, error: Exception) -> DataNeededError:
    """The error for an op without a shapes-only implementation."""
    what = f"{facts.name} has no shapes-only implementation"
    if facts.torchs_own:
        return data.needed(f"{what} ({_first_line(error)})")
    return data.needed(
        what,
        f"give the op one with torch.library.register_fake({facts.name!r}), a function of the "
        "op's arguments that returns empty tensors of the right shapes, or ",
    )


def _first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters."""
    return str(error).partition("\n")[0][:200]
