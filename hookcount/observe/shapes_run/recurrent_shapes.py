"""Output shapes of the fused ops of recurrent layers and cells."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .meta_tensors import Made, empty

Held = torch.Tensor | None


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


def cudnn_layers(
    input: torch.Tensor,
    weight: Sequence[torch.Tensor],
    weight_stride0: int,
    weight_buf: Held,
    hx: torch.Tensor,
    cx: Held,
    mode: int,
    hidden: int,
    projected: int,
    layers: int,
    batch_first: bool,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_sizes: Sequence[int],
    dropout_state: Held,
) -> Made:
    """[T, N, D O], [L D, N, O], [L D, N, H] = layers([T, N, I]): L layers in D directions.

    O is the size of the projection, or else H. Packed sequences have no axis T. The fourth output
    is scratch memory of an unknown size, so it has none. The last one has all weights.
    """
    wide = (projected or hidden) * (1 + bidirectional)
    if batch_first and not batch_sizes:
        rows, steps, _ = input.shape
        output = empty((steps, rows, wide), input.dtype).transpose(0, 1)
    else:
        output = empty((*input.shape[:-1], wide), input.dtype)
    cell = empty((0,) if cx is None else cx.shape, input.dtype)
    all_weights = empty((sum(each.numel() for each in weight),), input.dtype)
    state = empty(hx.shape, input.dtype)
    return output, state, cell, empty((0,), torch.uint8), all_weights


def cudnn_layers_backward(
    input: torch.Tensor,
    weight: Sequence[torch.Tensor],
    weight_stride0: int,
    weight_buf: torch.Tensor,
    hx: torch.Tensor,
    cx: Held,
    *rest: object,
) -> Made:
    """The gradients of the input, of the states, and of the weights in a list, in that order."""
    of_cell = None if cx is None else empty(cx.shape, cx.dtype)
    of_weights = [empty(each.shape, each.dtype) for each in weight]
    return empty(input.shape, input.dtype), empty(hx.shape, hx.dtype), of_cell, of_weights


def lstm_cell(
    input_gates: torch.Tensor, hidden_gates: torch.Tensor, cx: torch.Tensor, *rest: object
) -> Made:
    """[N, H], [N, H], [N, 4 H] = cell([N, 4 H], [N, 4 H], [N, H]), with the gates."""
    dtype = input_gates.dtype
    return empty(cx.shape, dtype), empty(cx.shape, dtype), empty(input_gates.shape, dtype)


def lstm_cell_backward(
    grad_hy: Held,
    grad_cy: Held,
    cx: torch.Tensor,
    cy: torch.Tensor,
    gates: torch.Tensor,
    has_bias: bool,
) -> Made:
    """[N, 4 H], [N, H], [4 H] = gradients of the gates, of the cell's state, and of the bias."""
    if grad_hy is None and grad_cy is None:
        return None
    bias = empty(gates.shape[1:], gates.dtype) if has_bias else None
    return empty(gates.shape, gates.dtype), empty(cx.shape, cx.dtype), bias


def gru_cell(
    input_gates: torch.Tensor, hidden_gates: torch.Tensor, hx: torch.Tensor, *rest: object
) -> Made:
    """[N, H], [N, 5 H] = cell([N, 3 H], [N, 3 H], [N, H]), with what the backward pass needs."""
    rows, hidden = hx.shape
    return empty(hx.shape, hx.dtype), empty((rows, 5 * hidden), hx.dtype)


def gru_cell_backward(grad_hy: torch.Tensor, workspace: torch.Tensor, has_bias: bool) -> Made:
    """2 [N, 3 H], [N, H], 2 [3 H] = gradients of both gates, of the state, and of both biases."""
    rows, hidden = grad_hy.shape
    gates = [empty((rows, 3 * hidden), workspace.dtype) for _ in range(2)]
    biases = [empty((3 * hidden,), workspace.dtype) if has_bias else None for _ in range(2)]
    return *gates, empty(grad_hy.shape, grad_hy.dtype), *biases
