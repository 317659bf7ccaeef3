"""A recurrent layer as the op of a fused kernel, where the CPU would take it: an LSTM by oneDNN.

torch asks whether all tensors are on the CPU. For tensors on meta it would run step by step.
"""

from __future__ import annotations

from typing import cast

import torch

from ..contained import tensors
from ..values import Key, OpArgs
from .memo import Memo, key
from .meta_tensors import META
from .paths import Path, claimed, recorded

_CPU = torch.device("cpu")
_LAYERS = {name: getattr(torch.ops.aten, name) for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")}
_COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd
_FUSED = "aten::mkldnn_rnn_layer"
_BATCH_FIRST = 8


def is_packed(args: OpArgs) -> bool:
    """Whether the arguments of a layer are packed sequences, with the rows of each step."""
    return not isinstance(args[3], bool)


def has_projections(name: str, args: OpArgs) -> bool:
    """Whether a layer projects its output: its two states then have other widths."""
    states = args[2] if is_packed(args) else args[1]
    return name == "lstm" and bool(states[0].shape != states[1].shape)


def fused_path(memo: Memo, args: OpArgs) -> Path | None:
    """The ops as which an LSTM runs on the CPU; None for separate steps."""
    if has_projections("lstm", args):
        return None
    distinct = _key("fused lstm", args)
    if distinct not in memo.paths:
        memo.paths[distinct] = _path(args)
    return memo.paths[distinct]


def stepwise_path(memo: Memo, name: str, args: OpArgs) -> Path:
    """The ops as which a layer runs on the CPU. One product there serves all steps."""
    distinct = _key(name, args)
    if distinct not in memo.paths:
        memo.paths[distinct] = _recorded(name, args)
    return cast(Path, memo.paths[distinct])


def _path(args: OpArgs) -> Path | None:
    with torch._C._DisableTorchDispatch():
        one_step = list(args[0].shape)
        one_step[1 if args[_BATCH_FIRST] else 0] = 1
        first = torch.empty(one_step, dtype=args[0].dtype, device=META)
    return _recorded("lstm", args) if _recorded("lstm", (first, *args[1:])).runs(_FUSED) else None


def _recorded(name: str, args: OpArgs) -> Path:
    floating = None
    if has_projections(name, args) and not torch.is_autocast_enabled("cpu"):
        floating = torch.float64  # in single precision torch warns that oneDNN has no op for it
    asked, op = claimed(args, _CPU, floating), _LAYERS[name].input
    if is_packed(args):
        asked, op = (asked[0], args[1], *asked[2:]), _LAYERS[name].data  # it reads the rows
    return recorded(_CPU, list(tensors(asked)), lambda: op._op_dk(_COMPOSITE, *asked))


def _key(name: str, args: OpArgs) -> Key:
    """Everything that decides which path a layer takes."""
    return (
        name,
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch._C._get_mkldnn_enabled(),
        torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu"),
        key(args),
        tuple(args[1].tolist()) if is_packed(args) else None,
        tuple([each.requires_grad for each in tensors(args)]),
    )
