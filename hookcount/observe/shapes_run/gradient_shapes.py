"""Output shapes of the ops that backward passes run most.

Each rule takes the op's arguments and returns None where it does not apply. ``wanted`` says which
of the gradients the op computes; the others are None.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .meta_tensors import Made, empty, like

Wanted = Sequence[bool]
Held = torch.Tensor | None


def _plain(*tensors: torch.Tensor) -> bool:
    """Whether tensors are contiguous, of one floating-point dtype."""
    first = tensors[0]
    return first.is_floating_point() and all(
        each.is_contiguous() and each.dtype == first.dtype for each in tensors
    )


def elementwise(grad: torch.Tensor, given: torch.Tensor, *rest: object, **options: object) -> Made:
    """[*] = gradient([*], [*]) of an elementwise op, from its input or its output."""
    return like(grad) if grad.shape == given.shape and _plain(grad, given) else None


def softmax(grad: torch.Tensor, output: torch.Tensor, dim: int, dtype: torch.dtype) -> Made:
    """[*] = gradient([*], [*]) of a softmax whose input had the dtype of the gradient."""
    return elementwise(grad, output) if dtype == grad.dtype else None


def batch_norm(
    grad: torch.Tensor,
    input: torch.Tensor,
    weight: Held,
    mean: Held,
    var: Held,
    kept_mean: Held,
    kept_invstd: Held,
    train: bool,
    eps: float,
    wanted: Wanted,
) -> Made:
    """[N, C, *], [C], [C] = gradients of the input, the weight and the bias of a batch norm."""
    if weight is None or grad.shape != input.shape or not _plain(grad, input, weight):
        return None
    per_channel = [empty(weight.shape, weight.dtype) if each else None for each in wanted[1:]]
    return like(input) if wanted[0] else None, *per_channel


def layer_norm(
    grad: torch.Tensor,
    input: torch.Tensor,
    shape: Sequence[int],
    mean: torch.Tensor,
    rstd: torch.Tensor,
    weight: Held,
    bias: Held,
    wanted: Wanted,
) -> Made:
    """[*, *shape], [*shape], [*shape] = gradients of the input, the weight and the bias.

    The kernel of the CPU makes contiguous ones. torch's own shapes-only ones follow the strides.
    """
    given = [each for each in (grad, input, weight, bias) if each is not None]
    if grad.shape != input.shape or {each.dtype for each in given} != {grad.dtype}:
        return None
    made = [
        None if each is None or not wants else empty(each.shape, each.dtype)
        for each, wants in zip((weight, bias), wanted[1:], strict=True)
    ]
    return empty(input.shape, input.dtype) if wanted[0] else None, *made


def convolution(
    grad: torch.Tensor,
    input: torch.Tensor,
    weight: torch.Tensor,
    bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    wanted: Wanted,
) -> Made:
    """[N, Ci, *I], [Co, Ci/g, *K], [Co] = gradients of the input, the weight and the bias."""
    if not _plain(grad, input, weight):
        return None
    shapes = (input.shape, weight.shape, (grad.shape[1],))
    return tuple(
        empty(shape, grad.dtype) if wants else None
        for shape, wants in zip(shapes, wanted, strict=True)
    )


def into_zeros(grad: torch.Tensor, sizes: Sequence[int], *rest: object) -> Made:
    """[*sizes] = gradient of what a slice or a selection was taken from."""
    return empty(sizes, grad.dtype)


def cudnn_batch_norm(
    input: torch.Tensor, grad: torch.Tensor, weight: torch.Tensor, *rest: object
) -> Made:
    """[N, C, *], [C], [C] = gradients of the input, the weight and the bias of cuDNN's batch norm.

    The op computes all three.
    """
    per_channel = empty(weight.shape, weight.dtype), empty(weight.shape, weight.dtype)
    return like(input), *per_channel


def rms_norm(
    grad: torch.Tensor,
    input: torch.Tensor,
    shape: Sequence[int],
    rstd: torch.Tensor,
    weight: Held,
    wanted: Wanted,
) -> Made:
    """[*, *shape], [*shape] = gradients of the input and the weight of an RMS norm."""
    of_weight = weight is not None and wanted[1]
    return (
        empty(input.shape, input.dtype) if wanted[0] else None,
        empty(weight.shape, weight.dtype) if weight is not None and of_weight else None,
    )


def native_dropout(grad: torch.Tensor, mask: torch.Tensor, scale: float) -> Made:
    """[*] = gradient([*]) of a dropout."""
    return like(grad) if grad.is_floating_point() else None
