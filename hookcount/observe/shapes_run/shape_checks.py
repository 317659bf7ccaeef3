"""Refuses shapes that a kernel refuses and torch's shapes-only implementation takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from ..values import OpArgs


def check_shapes(name: str, args: OpArgs) -> None:
    """Raise ``RuntimeError`` if the op ``name`` refuses the shapes of ``args``."""
    find = _CHECKS.get(name)
    wrong = None if find is None else next(find(*args), None)
    if wrong is not None:
        raise RuntimeError(f"{name} {wrong}")


def _convolution(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    *rest: object,
) -> Iterator[str]:
    """What is wrong with [N, Co, *O] = convolution([N, Ci, *I], weight).

    The weight is [Co, Ci / groups, *K], and [Ci, Co / groups, *K] if ``transposed``.
    """
    shapes = f"(input {list(input.shape)}, weight {list(weight.shape)}, groups {groups})"
    axes = input.dim() - 2
    if weight.dim() != input.dim() or axes < 1:
        yield f"takes an input and a weight of as many axes {shapes}"
        return
    each = stride, padding, dilation, *([output_padding] if transposed else [])
    if any(len(sizes) not in (1, axes) for sizes in each):
        yield f"takes one size for each of {axes} axes {shapes}"
        return
    runs = 0 not in input.shape[:2]  # no kernel runs for an empty batch
    if min(*padding, *output_padding) < 0 or min(*stride, *(dilation if runs else ()), groups) < 1:
        yield f"takes no negative padding, and a stride, dilation and groups of at least 1 {shapes}"
        return
    if min(weight.shape[2:]) < 1 or weight.shape[0] % groups or weight.shape[0] < groups:
        yield f"takes a kernel of at least 1, and whole groups of channels {shapes}"
    taken, given = weight.shape[1] * groups, weight.shape[0]
    if transposed:
        taken, given = given, taken
    if input.shape[1] != taken:
        yield f"takes an input of {taken} channels {shapes}"
    if bias is not None and tuple(bias.shape) != (given,):
        yield f"takes a bias of {given} elements, but got {list(bias.shape)} {shapes}"
    if runs and 0 in input.shape[2:]:
        yield f"takes no input with an empty axis {shapes}"
    if (
        transposed
        and runs
        and any(
            more >= max(step, spread)
            for more, step, spread in zip(
                *(_each_axis(sizes, axes) for sizes in (output_padding, stride, dilation)),
                strict=True,
            )
        )
    ):
        yield f"takes an output_padding below its stride or its dilation {shapes}"


def _each_axis(sizes: Sequence[int], axes: int) -> Sequence[int]:
    return sizes if len(sizes) == axes else list(sizes) * axes


def _upsampling(input: torch.Tensor, size: Sequence[int], *rest: object) -> Iterator[str]:
    """What is wrong with [N, C, *O] = upsample([N, C, *I]). The batch may be empty."""
    if 0 in (*input.shape[1:], *size):
        yield f"takes no empty axis (input {list(input.shape)}, output {list(size)})"


_CHECKS: dict[str, Callable[..., Iterator[str]]] = {
    "aten::convolution": _convolution,
    "aten::_convolution": _convolution,
    "aten::upsample_bilinear2d": _upsampling,
    "aten::_upsample_bilinear2d_aa": _upsampling,
    "aten::upsample_bicubic2d": _upsampling,
}
"""By the name of an op, what finds the faults in its arguments."""
