"""Softmax and its relations: every row along ``dim`` is normalised by itself."""

from __future__ import annotations

from typing import Any

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from .arithmetic import log_softmax, softmax
from .builtin import formula, observed
from .elementwise import FIGURES


def rows_along(size: Size, dim: int) -> tuple[int, int]:
    """How many rows lie along ``dim``, and how long each is. A scalar is one row of one."""
    n = size[dim] if len(size) else 1
    return (size.numel() // n if n else 0), n


def log_sum_exp(rows: int, n: int) -> Ops:
    """max x + log(sum(exp(x - max x))): n - 1 compares, n subtractions, n exps, n - 1 adds, a log, an add, per row of n."""
    return Ops(adds=n + n - 1 + 1, compares=n - 1, specials=n + 1) * rows if n else NOTHING


@formula("aten::_softmax", kind="softmax")
@formula("aten::_safe_softmax", kind="softmax")
def softmax_op(self: Size, dim: int) -> Ops:
    """[*, n] = softmax([*, n]): see arithmetic.softmax.

    ``_safe_softmax`` also gives zeros for a row of nothing but -inf. That guard is not counted, so that attention costs
    the same whether torch runs it as one op or as several.
    """
    return softmax(*rows_along(self, dim))


@formula("aten::_masked_softmax", kind="softmax")
def masked_softmax(self: Size, dim: int | None = None) -> Ops:
    """[*, n] = softmax(masked([*, n])): the mask selects, which is free."""
    return softmax(*rows_along(self, -1 if dim is None else dim))


@formula("aten::_log_softmax", kind="softmax")
def log_softmax_op(self: Size, dim: int) -> Ops:
    """[*, n] = log_softmax([*, n]): see arithmetic.log_softmax."""
    return log_softmax(*rows_along(self, dim))


@formula("aten::logsumexp", kind="softmax")
def logsumexp(self: Size, out: Size) -> Ops:
    """[*] = logsumexp([*, n]): see log_sum_exp; dim may be several, or empty for all."""
    rows = out.numel()
    return log_sum_exp(rows, self.numel() // rows) if rows else NOTHING


@formula("aten::logcumsumexp", kind="softmax")
@formula("aten::_logcumsumexp", kind="softmax")
def logcumsumexp(self: Size, dim: int) -> Ops:
    """[*, n] = logcumsumexp([*, n]): n - 1 logaddexps per row."""
    rows, n = rows_along(self, dim)
    return FIGURES["logaddexp"][0] * (rows * max(n - 1, 0))


def _dim(module: Any, input: Size) -> int:
    """The dim of a softmax module; where none is given torch takes 0 for 0, 1 or 3 dimensions, and else 1."""
    if module.dim is not None:
        return int(module.dim)
    return 0 if len(input) in (0, 1, 3) else 1


@formula(nn.Softmax, kind="softmax")
def softmax_module(module: nn.Module, input: Size) -> Ops:
    """[*, n] = softmax([*, n]) along module.dim."""
    return softmax(*rows_along(input, _dim(module, input)))


@formula(nn.Softmin, kind="softmax")
def softmin(module: nn.Module, input: Size) -> Ops:
    """[*, n] = softmax(-[*, n]) along module.dim: a negation per element more."""
    return softmax(*rows_along(input, _dim(module, input))) + Ops(adds=input.numel())


@formula(nn.Softmax2d, kind="softmax")
def softmax2d(input: Size) -> Ops:
    """[N, C, H, W] = softmax([N, C, H, W]) along C."""
    return softmax(*rows_along(input, -3))


@formula(nn.LogSoftmax, kind="softmax")
def log_softmax_module(module: nn.Module, input: Size) -> Ops:
    """[*, n] = log_softmax([*, n]) along module.dim."""
    return log_softmax(*rows_along(input, _dim(module, input)))


# which clusters are evaluated depends on the targets: its ops tell
observed([nn.AdaptiveLogSoftmaxWithLoss])
