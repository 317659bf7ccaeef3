"""A module's formula against the ops that the module runs: both prices must agree."""

import copy

import torch
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from hookcount.core.ops import KINDS
from hookcount.formulas import BUILTIN
from hookcount.testing import compare_formula


def compared(module, *args, **kwargs):
    """hookcount's own formulas against the ops, with the formulas of the module removed."""
    return compare_formula(
        module, args, kwargs, registry=BUILTIN, without={type(each) for each in module.modules()}
    )


def by_formula(module, *args, **kwargs):
    """What the module's formula says, with nothing left uncounted."""
    return compared(module, *args, **kwargs).formula


def by_ops(module, *args, **kwargs):
    """What the ops that run inside say, with no module's formula asked."""
    return compared(module, *args, **kwargs).ops


def by_torch(module, *args, **kwargs):
    """The multiply-accumulates by torch's own counter, which counts two operations for each."""
    with FlopCounterMode(display=False) as counter:
        copy.deepcopy(module)(*args, **kwargs)
    twice = counter.get_total_flops()
    assert twice % 2 == 0
    return twice // 2


def assert_formula_matches_ops(module, *args, kinds=KINDS, meta=True, oracle=True, **kwargs):
    """The module's formula and its ops agree in ``kinds``, on the device and on meta.

    On meta, torch decomposes the ops.

    ``oracle``: the multiply-accumulates are also those of torch's own counter, on meta with
    gradients. There, no fused op hides any from it. Switch it off where the counter lacks an op.
    """
    expected = compared(module, *args, **kwargs).check(kinds).formula
    if meta:
        there, (meta_args, meta_kwargs) = copy.deepcopy(module).to("meta"), _on_meta((args, kwargs))
        assert compared(there, *meta_args, **meta_kwargs).check(kinds).formula == expected, module
        if oracle:
            with torch.enable_grad():
                assert expected.macs == by_torch(there, *meta_args, **meta_kwargs), module


def _on_meta(values):
    return pytree.tree_map(
        lambda value: value.to("meta") if isinstance(value, torch.Tensor) else value, values
    )
