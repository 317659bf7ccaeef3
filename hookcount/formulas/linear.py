"""Matrix products: ``nn.Linear``, ``nn.Bilinear``, and the ATen ops that run a product.

In ``addmm`` and its relatives, adding ``self`` is an add per output. Each of the factors ``beta``
and ``alpha`` is a mul per output, unless it is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from .arithmetic import Scalar, matmul
from .arithmetic import bias as bias_adds
from .builtin import formula
from .elementwise import gelu_figure


@formula(nn.Linear, kind="product")
def linear_module(module: nn.Linear, input: Size, out: Size) -> Ops:
    """[*, n] = linear([*, k]): a dot product of length k and an add for the bias, per output.

    Subclasses that keep this forward, such as ``NonDynamicallyQuantizableLinear``, cost the same.
    """
    return _product_and_bias(input, out, biased=module.bias is not None)


@formula("aten::linear", kind="product")
@formula("aten::mkldnn_linear", kind="product")
def linear(input: Size, weight: Size, bias: Size | None = None, *, out: Size) -> Ops:
    """[*, n] = [*, k] @ [n, k]^T + [n].

    Per output a dot product of length k, and an add for the bias, if any.
    """
    return _product_and_bias(input, out, biased=bias is not None)


def _product_and_bias(input: Size, out: Size, *, biased: bool) -> Ops:
    ops = matmul(prod(input[:-1]), input[-1], prod(out[len(input) - 1 :]))
    return ops + bias_adds(prod(out)) if biased else ops


@formula(nn.Bilinear, kind="product")
def bilinear_module(module: nn.Bilinear, out: Size) -> Ops:
    """[*, o] = x1^T A_o x2 + b_o, x1 of shape [*, i], x2 of shape [*, j].

    torch contracts first over i, then over j. Per row, x1^T A takes o * i * j multiply-accumulates,
    and the product with x2 takes o * j. The bias is one add per output.
    """
    rows = prod(out[:-1])
    features, first, second = module.weight.shape
    ops = matmul(rows, first, features * second) + matmul(rows * features, second, 1)
    return ops if module.bias is None else ops + bias_adds(prod(out))


@formula("aten::_trilinear", kind="product")
def trilinear(
    i1: Size,
    i2: Size,
    i3: Size,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
) -> Ops:
    """out = sum over ``sumdim`` of i1 * i2 * i3, axes of size one inserted at ``expand1`` etc.

    Two contractions, one after the other. The first multiplies i1 and i2, and sums over the axes
    that i3 lacks. The second multiplies the result and i3, and sums over the other axes.
    """
    shapes = [_expanded(i1, expand1), _expanded(i2, expand2), _expanded(i3, expand3)]
    first = [max(pair) for pair in zip(shapes[0], shapes[1], strict=True)]
    gone = [axis for axis in sumdim if axis in expand3]
    left = [1 if axis in gone else size for axis, size in enumerate(first)]
    second = [max(pair) for pair in zip(left, shapes[2], strict=True)]
    return Ops(macs=prod(first) + prod(second))


def _expanded(shape: Size, axes: Sequence[int]) -> list[int]:
    sizes = list(shape)
    for axis in sorted(axes):
        sizes.insert(axis, 1)
    return sizes


@formula("aten::mm", kind="product")
@formula("aten::_int_mm", kind="product")
def mm(self: Size, mat2: Size) -> Ops:
    """[m, n] = [m, k] @ [k, n]: m * k * n."""
    return matmul(self[0], self[1], mat2[1])


@formula("aten::matmul", kind="product")
def nested_matmul(self: Size, out: Size) -> Ops:
    """[*, m, n] = [*, m, k] @ [*, k, n]: m * k * n, per sequence of a nested tensor.

    The op has a kernel of its own for nested tensors only. For others it is made of other ops.
    """
    return matmul(prod(out), self[-1], 1)


@formula("aten::bmm", kind="product")
def bmm(self: Size, mat2: Size) -> Ops:
    """[b, m, n] = [b, m, k] @ [b, k, n]: b * m * k * n."""
    return matmul(self[1], self[2], mat2[2], self[0])


@formula("aten::mv", kind="product")
def mv(self: Size) -> Ops:
    """[m] = [m, k] @ [k]: m * k."""
    return matmul(self[0], self[1], 1)


@formula("aten::dot", kind="product")
@formula("aten::vdot", kind="product")
def dot(self: Size) -> Ops:
    """[] = [k] . [k]: k. The conjugate that ``vdot`` takes is not counted."""
    return matmul(1, self[0], 1)


def _scaled_sum(product: Ops, outputs: int, beta: Scalar, alpha: Scalar) -> Ops:
    """[outputs] = beta * self + alpha * product.

    Per output an add, and a mul for each factor that is not 1. With beta = 0 torch does not read
    ``self``, so nothing is added.
    """
    scales = (beta not in (0, 1)) + (alpha != 1)
    return product + Ops(adds=outputs if beta != 0 else 0, muls=scales * outputs)


@formula("aten::addmm", kind="product")
def addmm(mat1: Size, mat2: Size, *, beta: Scalar = 1, alpha: Scalar = 1, out: Size) -> Ops:
    """[m, n] = beta * self + alpha * [m, k] @ [k, n]."""
    return _scaled_sum(mm(mat1, mat2), prod(out), beta, alpha)


@formula("aten::baddbmm", kind="product")
def baddbmm(batch1: Size, batch2: Size, *, beta: Scalar = 1, alpha: Scalar = 1, out: Size) -> Ops:
    """[b, m, n] = beta * self + alpha * [b, m, k] @ [b, k, n]."""
    return _scaled_sum(bmm(batch1, batch2), prod(out), beta, alpha)


@formula("aten::addbmm", kind="product")
def addbmm(batch1: Size, batch2: Size, *, beta: Scalar = 1, alpha: Scalar = 1, out: Size) -> Ops:
    """[m, n] = beta * self + alpha * sum over b of [b, m, k] @ [b, k, n].

    The product is one contraction, over b and k.
    """
    return _scaled_sum(bmm(batch1, batch2), prod(out), beta, alpha)


@formula("aten::addmv", kind="product")
def addmv(mat: Size, *, beta: Scalar = 1, alpha: Scalar = 1, out: Size) -> Ops:
    """[m] = beta * self + alpha * [m, k] @ [k]."""
    return _scaled_sum(mv(mat), prod(out), beta, alpha)


@formula("aten::ger", kind="product")
@formula("aten::outer", kind="product")
def outer(out: Size) -> Ops:
    """[m, n] = [m] x [n]: nothing is summed, so m * n muls and no multiply-accumulate."""
    return Ops(muls=prod(out))


@formula("aten::addr", kind="product")
def addr(*, beta: Scalar = 1, alpha: Scalar = 1, out: Size) -> Ops:
    """[m, n] = beta * self + alpha * [m] x [n]."""
    return _scaled_sum(outer(out), prod(out), beta, alpha)


@formula("aten::_addmm_activation", kind="product")
def addmm_activation(
    mat1: Size,
    mat2: Size,
    *,
    beta: Scalar = 1,
    alpha: Scalar = 1,
    use_gelu: bool = False,
    out: Size,
) -> Ops:
    """[m, n] = relu(addmm(...)), or gelu(addmm(...)): ``addmm`` and the activation."""
    each = gelu_figure("none") if use_gelu else Ops(compares=1)
    return addmm(mat1, mat2, beta=beta, alpha=alpha, out=out) + each * prod(out)


@formula("aten::linear_backward", kind="product")
@formula("aten::mkldnn_linear_backward", kind="product")
def linear_backward(self: Size, grad_output: Size, output_mask: Sequence[bool]) -> Ops:
    """dx = g @ W, dW = g^T @ x, db = sum of g over rows.

    Each gradient is counted only where ``output_mask`` is true. db takes rows - 1 adds per feature.
    """
    rows, features = prod(grad_output[:-1]), grad_output[-1]
    product = matmul(rows, self[-1], features)
    summed = Ops(adds=max(rows - 1, 0) * features)
    parts = (product, product, summed)
    return sum((part for part, wanted in zip(parts, output_mask, strict=True) if wanted), NOTHING)


@formula("aten::mkldnn_linear_backward_input", kind="product")
def mkldnn_linear_backward_input(grad_output: Size, weight: Size) -> Ops:
    """dx = g @ W: a product."""
    return matmul(prod(grad_output[:-1]), grad_output[-1], weight[-1])


@formula("aten::mkldnn_linear_backward_weights", kind="product")
def mkldnn_linear_backward_weights(grad_output: Size, input: Size, bias_defined: bool) -> Ops:
    """dW = g^T @ x, db = sum of g over rows: see ``linear_backward``."""
    return linear_backward(input, grad_output, (False, True, bias_defined))


@formula("aten::matmul_backward", kind="product")
def nested_matmul_backward(grad: Size, self: Size, mask: Sequence[bool]) -> Ops:
    """dx = g @ y^T, dy = x^T @ g, for x @ y of nested tensors: see ``nested_matmul``."""
    return matmul(prod(grad), self[-1], 1) * sum(mask)


@formula("aten::_foreach_mm", kind="product")
def foreach_mm(self: Sequence[Size], mat2: Sequence[Size]) -> Ops:
    """[m, n] = [m, k] @ [k, n], for each pair of the two lists: m * k * n."""
    return sum(
        (matmul(left[0], left[1], right[1]) for left, right in zip(self, mat2, strict=True)), Ops()
    )
