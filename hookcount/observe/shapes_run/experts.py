"""Mixtures of experts whose code loops over the experts, and reads from values which tokens each of them gets.

Shapes do not tell where a token goes, but to how many experts: k of them, so that the total does not depend on the routing. In a
shapes-only run these modules take their choices by turns: row t chooses t k, t k + 1, ... t k + k - 1 of n, counted round.
Everything else is the module's own code, priced op by op. A module whose code has a static path (``grouped_mm``, ``batched_mm``)
runs that, and needs none of this.

Where tokens beyond an expert's capacity are dropped, or some experts do nothing, the work does depend on the routing: the count
is that of an even one.
"""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from ...rules.registry import Registry

BEARABLE = 2**27
"""Elements of a mask of experts x choices x tokens: 256 x 8 x 65,536."""


def turns(rows: int, k: int, n: int, first: int = 0) -> torch.Tensor:
    """[rows, k] choices of n: each row goes on where the one before it ended, the first row at ``first``."""
    return ((torch.arange(rows * k) + first) % max(n, 1)).view(rows, k)


class ByTurns(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside it, top-k and arg-max of data give real indices, by turns; what is made of real indices alone is computed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._maxima = 0  # a second arg-max, of what the first left, chooses another

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if _only_indices(args, kwargs):  # whatever its size: a mask of experts x tokens is large
            with _disable_current_modes():
                return func(
                    *args,
                    **{**kwargs, "device": "cpu"} if kwargs.get("device") is not None else kwargs,
                )
        out = func(*args, **kwargs)
        if func is torch.ops.aten.topk.default:
            return self._top(out, *args, **kwargs)
        if func is torch.ops.aten.max.dim:
            return type(out)((out[0], self._largest(out[1], *args, **kwargs)))
        if func is torch.ops.aten.argmax.default:
            return self._largest(out, *args, **kwargs)
        return out

    def _top(
        self, out: Any, given: torch.Tensor, k: int, dim: int = -1, *rest: Any, **kwargs: Any
    ) -> Any:
        if not out[1].is_meta:
            return out
        with _disable_current_modes():
            chosen = turns(out[1].numel() // k if k else 0, k, given.shape[dim])
            others = [size for axis, size in enumerate(out[1].shape) if axis != dim % given.dim()]
            return type(out)((out[0], chosen.view(*others, k).movedim(-1, dim)))

    def _largest(
        self,
        out: torch.Tensor,
        given: torch.Tensor,
        dim: int | None = None,
        *rest: Any,
        **kwargs: Any,
    ) -> torch.Tensor:
        if not out.is_meta:
            return out
        with _disable_current_modes():
            chosen = turns(
                out.numel(), 1, given.numel() if dim is None else given.shape[dim], self._maxima
            ).view(out.shape)
        self._maxima += 1
        return chosen


def _only_indices(args: Any, kwargs: Any) -> bool:
    """Whether an op's tensors are all real and hold ids or masks; without any, whether it makes such, of a bearable size."""
    given = [
        value
        for value in (*_flat(args), *_flat(kwargs.values()))
        if isinstance(value, torch.Tensor)
    ]
    if not given:
        dtype = kwargs.get("dtype")
        sizes = [value for value in args if isinstance(value, (list, tuple))]
        whole = dtype is not None and not (dtype.is_floating_point or dtype.is_complex)
        return whole and bool(sizes) and prod(sizes[0]) <= BEARABLE
    return not any(each.is_meta or each.is_floating_point() or each.is_complex() for each in given)


def _flat(values: Any) -> Any:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


def by_turns(module: Any, *args: Any, **kwargs: Any) -> Any:
    """The module's own forward, with what it chooses among data chosen by turns."""
    with ByTurns():
        return module.forward(*args, **kwargs)


def experts_by_turns(
    module: Any, hidden_states: torch.Tensor, chosen: torch.Tensor, weights: torch.Tensor
) -> Any:
    """The forward of experts alone, which are given what a router chose for each token: that, by turns."""
    if chosen.dim() != 2 or chosen.is_floating_point() or not hasattr(module, "num_experts"):
        return NotImplemented  # the block that they are in may know
    with _disable_current_modes():
        even = turns(chosen.shape[0], chosen.shape[1], module.num_experts)
    with ByTurns():
        return module.forward(hidden_states, even, weights)


EXPERTS = Registry(name="hookcount's own fakes")
"""The fakes of experts; those of the user are asked first."""

_HOMES = ("transformers.models.*.modeling_*.", "transformers_modules.*.modeling_*.")
"""transformers, and the code that models on the Hub bring along, under a name with a hash in it."""

_ROUTE_AND_LOOP = "*SparseMoeBlock *SparseMoEBlock *MoeBlock *MoE *Moe *MOE *MoELayer *SparseMLP *TopKGating DbrxFFN GptOssMLP"

for _home in _HOMES:
    EXPERTS.register_fake(f"{_home}*Experts", experts_by_turns)
    for _name in _ROUTE_AND_LOOP.split():
        EXPERTS.register_fake(_home + _name, by_turns)
