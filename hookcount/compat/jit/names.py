"""The names of ops in a jit trace."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from ...rules.registry import Op, target_name
from ..shared import refused


def aten(names: str) -> frozenset[str]:
    """Full names of ATen ops, from their short names with spaces between.

    >>> sorted(aten("mul add_"))
    ['aten::add_', 'aten::mul']
    """
    return frozenset(f"aten::{name}" for name in names.split())


PRIM = "prim::"
"""The namespace of nodes that are no ops."""
CONVOLUTIONS = aten("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d")
_CELLS = aten("lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell")
OPENED = CONVOLUTIONS | _CELLS
"""Composite ops that a jit trace opens.

A convolution runs as ``aten::_convolution``. A recurrent cell runs as its matrix products.
"""


_RENAMED = {"aten::convolution": "aten::_convolution", "aten::detach_": "aten::detach"}
_OTHER_NAMES = {
    **{f"arc{name}": f"a{name}" for name in ("cos", "cosh", "sin", "sinh", "tan", "tan2", "tanh")},
    **{
        f"special_{name}": name
        for name in (
            *("digamma", "erf", "erfc", "erfinv", "exp2", "expm1", "i0", "log1p", "logit"),
            *("log_softmax", "logsumexp", "polygamma", "round", "sinc", "softmax", "xlogy"),
        )
    },
    "special_expit": "sigmoid",
    "special_gammainc": "igamma",
    "special_gammaincc": "igammac",
    "special_gammaln": "lgamma",
    "special_multigammaln": "mvlgamma",
    "special_psi": "digamma",
    "absolute": "abs",
    "adjoint": "mH",
    "clip": "clamp",
    "concat": "cat",
    "concatenate": "cat",
    "det": "linalg_det",
    "divide": "div",
    "fix": "trunc",
    "ger": "outer",
    "greater": "gt",
    "greater_equal": "ge",
    "inverse": "linalg_inv",
    "less": "lt",
    "less_equal": "le",
    "linalg_matmul": "matmul",
    "matrix_exp": "linalg_matrix_exp",
    "matrix_power": "linalg_matrix_power",
    "moveaxis": "movedim",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "orgqr": "linalg_householder_product",
    "row_stack": "vstack",
    "subtract": "sub",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "true_divide": "div",
}
"""ATen ops that a jit trace shows under another name. In-place forms do as their op does."""


@cache
def traced_as(op: Op) -> Op:
    """The op that a jit trace shows for an ATen op.

    >>> traced_as(torch.ops.aten.multiply_.Tensor).name()
    'aten::mul_.Tensor'
    """
    namespace, _, name = target_name(op).partition(".")[0].partition("::")
    in_place = name[len(name.rstrip("_")) :]
    other = _OTHER_NAMES.get(name.removesuffix("_"))
    if namespace != "aten" or other is None:
        return op
    packet = getattr(torch.ops.aten, other + in_place)
    overloads = (getattr(packet, each) for each in packet.overloads())
    return next((each for each in overloads if _types(each) == _types(op)), op)


def _types(op: Any) -> list[str]:
    return [str(argument.type) for argument in op._schema.arguments]


def jit_name(op: object) -> str:
    """The name of an op in a jit trace, without its overload.

    >>> jit_name(torch.ops.aten.convolution.default), jit_name(torch.ops.aten.mul.Tensor)
    ('aten::_convolution', 'aten::mul')
    """
    name = target_name(op)
    if name.startswith(PRIM):  # it has no overload
        return name
    name = name.partition(".")[0]
    return _RENAMED.get(name, name)


def op_name(where: str, name: object) -> str:
    """``name``, if it has the form of an op's name. ``where`` begins the message of an error.

    Raises ``InputError`` for any other value.
    """
    if not isinstance(name, str) or "::" not in name:
        raise refused(where, "this is no op's name", "write the namespace too, as in 'aten::relu'")
    return name


def checked_name(where: str, given: object) -> str:
    """The name of an op, if a run can show it. ``where`` begins the message of an error.

    Raises ``InputError`` for a value that is no op's name, and for an op that never appears.
    """
    name = op_name(where, given)
    if name in CONVOLUTIONS or name == "aten::convolution":
        raise refused(
            where, "every convolution appears as 'aten::_convolution'", "use 'aten::_convolution'"
        )
    if name in OPENED:
        what = "this op appears as the ops that it runs"
        raise refused(where, what, "name these ops, for example 'aten::linear'")
    return name
