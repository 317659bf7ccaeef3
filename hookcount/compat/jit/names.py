"""The names of ops in a jit trace."""

from __future__ import annotations

from ...rules.registry import target_name
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


def jit_name(op: object) -> str:
    """The name of an op in a jit trace, without its overload.

    >>> import torch
    >>> jit_name(torch.ops.aten.convolution.default), jit_name(torch.ops.aten.mul.Tensor)
    ('aten::_convolution', 'aten::mul')
    """
    name = target_name(op)
    if name.startswith(PRIM):  # it has no overload
        return name
    name = name.partition(".")[0]
    return "aten::_convolution" if name == "aten::convolution" else name


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
