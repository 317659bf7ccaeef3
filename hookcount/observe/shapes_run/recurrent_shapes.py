"""Output shapes of the fused op of recurrent layers on the CPU."""

from __future__ import annotations

import torch

from .meta_tensors import Made, empty


def onednn_layer(
    input: torch.Tensor,
    weight: torch.Tensor,
    weight_hh: torch.Tensor,
    bias: torch.Tensor,
    bias_hh: torch.Tensor,
    hx: torch.Tensor,
    cx: torch.Tensor,
    reverse: bool,
    batch_sizes: object,
    mode: int,
    hidden: int,
    *rest: object,
) -> Made:
    """[T, N, H], [N, H], [N, H] = layer([T, N, I], [N, H], [N, H]), one layer in one direction.

    The last output is scratch memory for the backward pass. Its size is unknown, so it has none.
    """
    states = [empty(each.shape, each.dtype) for each in (hx, cx)]
    output = empty((*input.shape[:-1], hidden), input.dtype)
    return output, *states, empty((0,), torch.uint8)


def onednn_layer_backward(
    input: torch.Tensor,
    weight: torch.Tensor,
    weight_hh: torch.Tensor,
    bias: torch.Tensor,
    bias_hh: torch.Tensor,
    hx: torch.Tensor,
    cx: torch.Tensor,
    *rest: object,
) -> Made:
    """The gradients of the input, of the weights and biases, and of the states, in that order."""
    gates = weight.shape[:1]  # without biases, the op takes zeros of the shapes of the weights
    shapes = (input.shape, weight.shape, weight_hh.shape, gates, gates, hx.shape, cx.shape)
    return tuple([empty(each, torch.float32) for each in shapes])
