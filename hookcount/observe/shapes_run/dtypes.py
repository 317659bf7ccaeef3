"""Refuses dtypes that a kernel refuses and torch's shapes-only implementation takes."""

from __future__ import annotations

import torch

from ..values import OpArgs

_PAIR, _THREE = (0, 1), (0, 1, 2)
_ALIKE: dict[str, tuple[int, ...]] = {
    **{f"aten::{name}": _PAIR for name in ("mm", "bmm", "mv", "dot", "vdot", "linalg_cross")},
    **{f"aten::{name}": _PAIR for name in ("grid_sampler_2d", "grid_sampler_3d")},
    **{f"aten::{name}": _PAIR for name in ("complex", "polar")},
    **{f"aten::{name}": _THREE for name in ("addmm", "addmv", "baddbmm", "addbmm")},
    **{f"aten::{name}": _THREE for name in ("convolution", "conv_tbc")},
    **{
        f"aten::_scaled_dot_product_{name}": _THREE
        for name in (
            *("flash_attention", "flash_attention_for_cpu", "efficient_attention"),
            *("cudnn_attention", "fused_attention_overrideable"),
        )
    },
    "aten::index_put": (0, 2),
    "aten::index_add": (0, 3),
}
"""The positions of tensors that must be of one dtype."""
_NORMS = {
    "aten::native_layer_norm": 2,
    "aten::native_group_norm": 1,
    "aten::native_batch_norm": 1,
    "aten::_native_batch_norm_legit": 1,
    "aten::_native_batch_norm_legit_no_training": 1,
}
"""Ops that take a weight and a bias from this position on. They are of the input's dtype, or in
single precision beside an input in half precision."""
_HALF = (torch.float16, torch.bfloat16)


def check(name: str, args: OpArgs) -> None:
    """Raise ``RuntimeError`` if the op ``name`` refuses the dtypes of ``args``."""
    name = name.removesuffix("_")
    positions, first = _ALIKE.get(name), _NORMS.get(name)
    if positions is not None:
        given = [args[position] for position in positions if position < len(args)]
        found = [each.dtype for each in given if isinstance(each, torch.Tensor)]
        if len(set(found)) > 1:
            raise RuntimeError(f"{name} takes tensors of one dtype, but got {_names(found)}")
    if first is not None:
        input = args[0].dtype
        held = [each.dtype for each in args[first : first + 2] if isinstance(each, torch.Tensor)]
        if not {input, *([torch.float32] if input in _HALF else [])}.issuperset(held):
            raise RuntimeError(
                f"{name} takes a weight and bias of its input's dtype, "
                f"but got {_names([input, *held])}"
            )


def _names(dtypes: list[torch.dtype]) -> str:
    return ", ".join(str(each).removeprefix("torch.") for each in dtypes)
