"""MACs of a forward and a backward pass by torch's ``FlopCounterMode``, with its gaps mended.

- Its formula for the backward pass of a convolution is wrong for groups, up to 24 times too much.
- It has no formula for a grouped product, which experts of transformers use.
- It counts four products in the backward pass of fused attention. The kernel has a fifth one, which
  computes the scores again. ``four_products`` takes it off a report.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from hookcount import Report

Shape = tuple[int, ...]


def _of_convolution(
    grad: Shape,
    inputs: Shape,
    weight: Shape,
    bias: Shape,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    transposed: bool,
    more: Shape,
    groups: int,
    mask: list[bool],
    **_: object,
) -> int:
    """Each output element takes one filter. A transposed convolution has an input one instead."""
    pixels = math.prod(inputs if transposed else grad)
    return 2 * pixels * math.prod(weight[1:]) * (mask[0] + mask[1])


def _of_groups(first: Shape, second: Shape, *_: object, **__: object) -> int:
    """Each row of the first meets one matrix of the second, or each group one part of the rows.

    [m, k] x [g, k, n], [k, m] x [m, n] in g parts of m, or [g, m, k] x [k, n] in g parts of n.
    """
    per_group = len(first) == 3 and len(second) == 2
    return 2 * math.prod(first[1:] if per_group else first) * second[-1]


def _mended() -> dict[Any, Any]:
    mended: dict[Any, Any] = {torch.ops.aten.convolution_backward: _of_convolution}
    if hasattr(torch.ops.aten, "_grouped_mm"):
        mended[torch.ops.aten._grouped_mm] = _of_groups
    return mended


def summed(out: Any) -> Any:
    """The sum of all floating-point tensors in an output that require grad."""
    if isinstance(out, torch.Tensor):
        return out.sum() if out.requires_grad else 0
    if not isinstance(out, (dict, list, tuple)):
        return 0
    return sum(map(summed, out.values() if isinstance(out, dict) else out))


def oracle(model: torch.nn.Module, *args: Any, **kwargs: Any) -> int:
    """MACs of the forward and of the backward pass, with checkpoints run again."""
    with FlopCounterMode(display=False, custom_mapping=_mended()) as mode:
        summed(model(*args, **kwargs)).backward()
    flops: int = mode.get_total_flops()
    return flops // 2


def four_products(report: Report) -> int:
    """The MACs of a step, where the backward pass of a fused attention has four products."""
    fifth = sum(
        record.ops.macs // 5
        for record in report.backward.records
        if "attention" in record.target and "backward" in record.target
    )
    return report.step.macs - fifth


def first_states(report: Report) -> int:
    """The MACs of the gradients of first states, which the kernel of an LSTM computes too.

    The oracle runs the steps of an LSTM one by one. The first states are zeros there, which need no
    gradient. Each direction of each layer has [batch, 4 hidden] x [4 hidden, hidden].
    """
    total = 0
    for run in report.priced.trace.runs:
        lstm = run.call.module if run.call is not None else None
        if isinstance(lstm, torch.nn.LSTM) and run.phase == "forward":
            batch = run.call.args[0].shape[0 if lstm.batch_first else 1]
            directions = lstm.num_layers * (2 if lstm.bidirectional else 1)
            total += directions * batch * 4 * lstm.hidden_size * lstm.hidden_size
    return total
