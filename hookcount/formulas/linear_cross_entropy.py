"""Linear layer and cross-entropy as one op, which never holds all logits at once."""

from __future__ import annotations

from torch import Size

from ..core.ops import Ops
from .arithmetic import bias, log_softmax, matmul
from .builtin import formula, observed
from .loss import REDUCTIONS, nll


@formula("torch_nn::_linear_cross_entropy_batch_chunked", kind="linear")
def linear_cross_entropy(
    input: Size,
    linear_weight: Size,
    target: Size,
    linear_bias: Size | None,
    weight: Size | None,
    reduction: str,
) -> Ops:
    """[], ... = cross_entropy(linear([N, k], [C, k]), [N] or [N, C]).

    The products, the bias, the log-softmax and the losses. A target [N, C] holds probabilities:
    each logit is multiplied by its probability (and by its class weight), and all are added up.
    A mean is one division.

    In grad mode torch computes the gradients in the same call. They belong to the backward pass,
    and are not counted here. So a forward costs the same in chunks and as a whole. With label
    smoothing torch does not use this op.
    """
    samples, classes = input[0], linear_weight[0]
    logits = samples * classes
    ops = matmul(samples, input[1], classes) + log_softmax(samples, classes)
    if linear_bias is not None:
        ops = ops + bias(logits)
    if len(target) == 2:
        products = 1 if weight is None else 2
        return ops + Ops(adds=logits, muls=products * logits, specials=int(reduction == "mean"))
    return ops + nll(samples, weight, REDUCTIONS[reduction])


@formula("torch_nn::_linear_cross_entropy_batch_chunked_no_reduction", kind="linear")
def linear_cross_entropy_each(
    input: Size, linear_weight: Size, target: Size, linear_bias: Size | None, weight: Size | None
) -> Ops:
    """[N], ... = cross_entropy(linear([N, k], [C, k]), [N]), without a reduction."""
    return linear_cross_entropy(input, linear_weight, target, linear_bias, weight, "none")


observed(["torch.nn.LinearCrossEntropyLoss"])
