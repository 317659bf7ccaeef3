"""The handles of fvcore, and what the figures of a user's handle are.

A *handle* is called as ``handle(inputs, outputs)`` and counts one call of an op. These take the
values of ``compat.jit.values``, and those of a jit graph too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from numbers import Integral
from typing import Any

from ...core.errors import FormulaError, error_text, module_at
from ...core.trace import Call
from ..jit.names import jit_name
from ..jit.values import Value, values
from ..shared import is_number
from .einsum import products

Handle = Callable[[list[Any], list[Any]], Any]
"""``handle(inputs, outputs)`` counts one call of an op.

It returns a number, or a mapping of names to numbers.
"""

Figures = dict[str, Any]
"""Figures by name: ints, or floats from a handle."""


def get_shape(val: Any) -> list[int] | None:
    """The shape of a value that is a tensor. None for any other value."""
    shape: list[int] | None = val.type().sizes() if val.isCompleteTensor() else None
    return shape


def _shape(value: Any) -> list[int]:
    shape = get_shape(value)
    if shape is None:
        raise ValueError("an input of this op is no tensor of a known shape")
    return shape


# -- activations -----------------------------------------------------------------------------------


def generic_activation_jit(op_name: str | None = None) -> Handle:
    """A handle that counts the elements of the first output.

    With ``op_name`` it counts them under that name, and otherwise under the name of the op.
    """

    def elements(inputs: list[Any], outputs: list[Any]) -> int | Counter[str]:
        """[*] = op(...): 1 per output element."""
        count = prod(_shape(outputs[0]))
        return count if op_name is None else Counter({op_name: count})

    return elements


# -- products --------------------------------------------------------------------------------------


def addmm_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """[b, n] = addmm([b, n], [b, k], [k, n]): a product of length k per output; no sum."""
    return prod(_shape(inputs[1])) * _shape(inputs[2])[-1]


def linear_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """[*, n] = linear([*, k], [n, k]): a product of length k per output; no bias."""
    return prod(_shape(inputs[0])) * _shape(inputs[1])[0]


def bmm_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """[b, m, n] = [b, m, k] x [b, k, n]: a product of length k per output."""
    return prod(_shape(inputs[0])) * _shape(inputs[1])[-1]


def matmul_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """[*, m, n] = [*, m, k] x [*, k, n]: n MACs per element of the left operand.

    The left operand counts once, even if it is broadcast over a batch of the right operand. A
    vector on the right is one column.
    """
    left, right = _shape(inputs[0]), _shape(inputs[1])
    return prod(left) * (right[-1] if len(right) > 1 else 1)


def conv_flop_count(
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    out_shape: Sequence[int],
    transposed: bool = False,
) -> int:
    """[b, n, *O] = convolution([b, c, *I], w): the elements of w for each sample and position.

    The positions are those of the output. For a transposed convolution they are those of the input.
    """
    return x_shape[0] * prod((x_shape if transposed else out_shape)[2:]) * prod(w_shape)


def conv_flop_jit(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    """The count of ``conv_flop_count``, under the name ``conv``."""
    x, w, out = map(_shape, (inputs[0], inputs[1], outputs[0]))
    return Counter({"conv": conv_flop_count(x, w, out, bool(inputs[6].toIValue()))})


def einsum_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """out = einsum(equation, operands): the MACs of the cheapest order of pairs.

    See ``einsum.products``. This count is exact. That of fvcore has four digits.
    """
    return products(inputs[0].toIValue(), [_shape(each) for each in inputs[1].node().inputs()])


# -- norms and elementwise ops ---------------------------------------------------------------------


def norm_flop_counter(affine_arg_index: int) -> Handle:
    """A handle of a norm: 4 per element, 5 with a weight.

    ``affine_arg_index`` is the place of the weight among the inputs.
    """

    def norm(inputs: list[Any], outputs: list[Any]) -> int:
        """[*] = norm([*], weight): 4 per element, 5 with a weight."""
        weighted = get_shape(inputs[affine_arg_index]) is not None
        return (4 + weighted) * prod(_shape(inputs[0]))

    return norm


_norm_in_training = norm_flop_counter(1)


def batchnorm_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """[N, C, *] = batch norm([N, C, *], weight): in eval mode 1 per element, 2 with a weight.

    With the statistics of the batch it costs as much as any other norm.
    """
    if inputs[5].toIValue():
        return int(_norm_in_training(inputs, outputs))
    return (1 + (get_shape(inputs[1]) is not None)) * prod(_shape(inputs[0]))


def elementwise_flop_counter(input_scale: float = 1, output_scale: float = 0) -> Handle:
    """A handle of elementwise work.

    It counts ``input_scale`` per element of the first input, and ``output_scale`` per element of
    the first output.
    """

    def elementwise(inputs: list[Any], outputs: list[Any]) -> float:
        """[*O] = op([*I]): a factor for each element of the input, and one for the output."""
        scaled = ((input_scale, inputs), (output_scale, outputs))
        return sum(scale * prod(_shape(tensors[0])) for scale, tensors in scaled if scale)

    return elementwise


# -- the figures of a handle -----------------------------------------------------------------------


def is_own(handle: Handle) -> bool:
    """Whether a handle is one of this file. Its figures depend only on shapes."""
    return getattr(handle, "__module__", "") == __name__


def figures_from(handle: Handle, call: Call, path: str) -> Figures:
    """The figures of a handle for an op's call at a module's path.

    Raises ``FormulaError`` if the handle raises, or if a figure is no number.
    """
    name = jit_name(call.target)
    inputs, outputs = values(call)
    try:
        count = handle(inputs, outputs)
    except Exception as error:
        what = f"raised {type(error).__name__}: {error}"
        raise FormulaError(_message(path, name, inputs, what)) from error
    by_name = count if isinstance(count, Mapping) else {name.partition("::")[2]: count}
    figures: Figures = {}
    for key, figure in by_name.items():
        if not is_number(figure):
            what = f"returned {figure!r}, which is no number"
            raise FormulaError(_message(path, name, inputs, what))
        figures[key] = int(figure) if isinstance(figure, Integral) else float(figure)
    return figures


def _message(path: str, name: str, inputs: list[Value], what: str) -> str:
    given = ", ".join(
        str(each.type().sizes() if each.isCompleteTensor() else each.held) for each in inputs
    )
    fix = "take lists of inputs and outputs and return a number, or a Counter of names and numbers"
    return error_text(
        module_at(path), f"the handle for {name} {what}; its inputs were ({given})", fix
    )
