"""A linear layer and the cross-entropy of its outputs as one op, which never holds all logits at once."""

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
    """[], ... = cross_entropy(linear([N, k], [C, k]), [N] or [N, C]): the products, the bias, the log-softmax, the losses.

    Where gradients are on, torch works them out in the same call. That is the work of the backward pass and is not counted here,
    so that a forward costs the same in chunks and whole. With a target of probabilities each logit is multiplied by its own (and
    by its class's weight) and added up; a mean is one division. torch takes this op only where no labels are smoothed.
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
    """[N], ... = cross_entropy(linear([N, k], [C, k]), [N]), not reduced."""
    return linear_cross_entropy(input, linear_weight, target, linear_bias, weight, "none")


observed(["torch.nn.LinearCrossEntropyLoss"])
