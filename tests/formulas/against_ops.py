"""A module's formula against the ops that the module runs: both ways of pricing a module must agree."""

import copy
import warnings

import torch
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

import hookcount
from hookcount.formulas import SHIPPED
from hookcount.ops import KINDS


def by_formula(module, *args, **kwargs):
    """What the module's formula says, with nothing left uncounted."""
    return _complete(hookcount.Counter(registry=SHIPPED, run="real"), module, args, kwargs)


def by_ops(module, *args, **kwargs):
    """What the ops that run inside say, with no module's formula asked."""
    registry = hookcount.Registry(base=SHIPPED, name="op by op")
    for cls in {type(each) for each in module.modules()}:
        registry.register(cls, hookcount.OBSERVED)
    return _complete(hookcount.Counter(registry=registry, run="real"), module, args, kwargs)


def by_torch(module, *args, **kwargs):
    """The multiply-accumulates by torch's own counter, which counts two operations for each."""
    with FlopCounterMode(display=False) as counter:
        copy.deepcopy(module)(*args, **kwargs)
    twice = counter.get_total_flops()
    assert twice % 2 == 0
    return twice // 2


def assert_formula_matches_ops(module, *args, kinds=KINDS, meta=True, oracle=True, **kwargs):
    """The module's formula and its ops agree in ``kinds``, on the device and, decomposed as torch does it there, on meta.

    ``oracle``: the multiply-accumulates are also those of torch's own counter, on meta with gradients, where no fused op that it
    does not know hides any. It is to be off only where the counter lacks an op all the same.
    """
    expected = by_formula(module, *args, **kwargs)
    found = {"as it runs": by_ops(module, *args, **kwargs)}
    if meta:
        there, (meta_args, meta_kwargs) = copy.deepcopy(module).to("meta"), _on_meta((args, kwargs))
        found["on meta"] = by_ops(there, *meta_args, **meta_kwargs)
        if oracle:
            with torch.enable_grad():
                assert expected.macs == by_torch(there, *meta_args, **meta_kwargs), module
    for how, ops in found.items():
        for kind in kinds:
            assert getattr(expected, kind) == getattr(ops, kind), f"{kind} {how}: formula {expected}, ops {ops}, of {module}"


def _complete(counter, module, args, kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error", hookcount.UncountedWarning)
        return counter.count(module, *args, **kwargs).total


def _on_meta(values):
    return pytree.tree_map(lambda value: value.to("meta") if isinstance(value, torch.Tensor) else value, values)
