"""Softmax and related functions: each row along ``dim`` is normalised separately."""

from __future__ import annotations

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from .arithmetic import log_softmax, softmax
from .builtin import formula, observed
from .elementwise import FIGURES


def rows_along(size: Size, dim: int) -> tuple[int, int]:
    """The number of rows along ``dim``, and the length of each. A scalar is a row of one."""
    n = size[dim] if len(size) else 1
    return (size.numel() // n if n else 0), n


def log_sum_exp(rows: int, n: int) -> Ops:
    """[rows] = max x + log(sum(exp(x - max x))), x of shape [rows, n].

    Per row: n - 1 compares, n subtractions, n exps, n - 1 adds, a log, an add.
    """
    return Ops(adds=n + n - 1 + 1, compares=n - 1, specials=n + 1) * rows if n else NOTHING


@formula("aten::_softmax", kind="softmax")
@formula("aten::_safe_softmax", kind="softmax")
def softmax_op(self: Size, dim: int) -> Ops:
    """[*, n] = softmax([*, n]): see ``arithmetic.softmax``.

    ``_safe_softmax`` also returns zeros for a row in which all values are -inf. That test is not
    counted. So attention costs the same as one op and as several.
    """
    return softmax(*rows_along(self, dim))


@formula("aten::_masked_softmax", kind="softmax")
def masked_softmax(self: Size, dim: int | None = None) -> Ops:
    """[*, n] = softmax(masked([*, n])): see ``arithmetic.softmax``. Masking is free."""
    return softmax(*rows_along(self, -1 if dim is None else dim))


@formula("aten::_log_softmax", kind="softmax")
def log_softmax_op(self: Size, dim: int) -> Ops:
    """[*, n] = log_softmax([*, n]): see ``arithmetic.log_softmax``."""
    return log_softmax(*rows_along(self, dim))


@formula("aten::logsumexp", kind="softmax")
def logsumexp(self: Size, out: Size) -> Ops:
    """[*] = logsumexp([*, n]): see ``log_sum_exp``. It may reduce several dimensions, or all."""
    rows = out.numel()
    return log_sum_exp(rows, self.numel() // rows) if rows else NOTHING


@formula("aten::logcumsumexp", kind="softmax")
@formula("aten::_logcumsumexp", kind="softmax")
def logcumsumexp(self: Size, dim: int) -> Ops:
    """[*, n] = logcumsumexp([*, n]): n - 1 logaddexps per row."""
    rows, n = rows_along(self, dim)
    return FIGURES["logaddexp"][0] * (rows * max(n - 1, 0))


def _dim(dim: int | None, input: Size) -> int:
    """The ``dim`` of a softmax module.

    Without one, torch takes 0 for an input of 0, 1 or 3 dimensions, else 1.
    """
    if dim is not None:
        return dim
    return 0 if len(input) in (0, 1, 3) else 1


@formula(nn.Softmax, kind="softmax")
def softmax_module(module: nn.Softmax, input: Size) -> Ops:
    """[*, n] = softmax([*, n]) along ``module.dim``: see ``arithmetic``."""
    return softmax(*rows_along(input, _dim(module.dim, input)))


@formula(nn.Softmin, kind="softmax")
def softmin(module: nn.Softmin, input: Size) -> Ops:
    """[*, n] = softmax(-[*, n]) along ``module.dim``: a softmax, and a negation per element."""
    return softmax(*rows_along(input, _dim(module.dim, input))) + Ops(adds=input.numel())


@formula(nn.Softmax2d, kind="softmax")
def softmax2d(input: Size) -> Ops:
    """[N, C, H, W] = softmax([N, C, H, W]) along C: see ``arithmetic.softmax``."""
    return softmax(*rows_along(input, -3))


@formula(nn.LogSoftmax, kind="softmax")
def log_softmax_module(module: nn.LogSoftmax, input: Size) -> Ops:
    """[*, n] = log_softmax([*, n]) along ``module.dim``: see ``arithmetic``."""
    return log_softmax(*rows_along(input, _dim(module.dim, input)))


# The targets decide which clusters are evaluated, so its ops are priced.
observed([nn.AdaptiveLogSoftmaxWithLoss])
