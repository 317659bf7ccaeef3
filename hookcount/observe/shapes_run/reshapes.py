"""Ops that change the shape of their first argument in place (``unsqueeze_``, ``resize_``)."""

from __future__ import annotations

from ...rules.registry import Op
from ..contained import op_tensors
from ..values import OpArgs, OpKwargs, OpResult
from .data import Data


def reshaped(data: Data, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
    """Run such an op on data. A real tensor gets the new shape too, and another stand-in."""
    own, *others = args
    given = op_tensors((*others, *kwargs.values()))
    if own.is_meta:
        return func(own, *data.mapped(others), **data.mapped_kwargs(kwargs))
    if any(each.is_meta for each in given):  # set_(activation), resize_as_(activation)
        made = func(data.stand_in(own), *data.mapped(others), **data.mapped_kwargs(kwargs))
        data.reshape(own, made)
        return own
    made = func(*args, **kwargs)
    data.forget(own)
    return made
