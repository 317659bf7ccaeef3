"""Fakes for mixtures of experts whose code loops over the experts.

Such code reads from values which tokens each expert gets. Shapes do not show where a token goes,
only that it goes to k of n experts. So the total does not depend on the routing. In a shapes-only
run these modules choose by turns. Row t chooses experts t k, t k + 1, ... t k + k - 1, modulo n.
Everything else is the module's own code, priced op by op. A module whose code has a static path
(``grouped_mm``, ``batched_mm``) runs that path and needs no fake.

In some models the work does depend on the routing: tokens beyond an expert's capacity are dropped,
or some experts do nothing. Then the count is that of an even routing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from ...rules.registry import Op, Registry
from ..values import OpArgs, OpKwargs, OpResult

BEARABLE = 2**27
"""The most elements that a tensor of indices may have. A mask of experts x choices x tokens has
256 x 8 x 65,536."""


def turns(rows: int, k: int, n: int, first: int = 0) -> torch.Tensor:
    """[rows, k] indices below n, chosen by turns.

    The first row begins at ``first``. Each other row begins where the row before it ended.
    """
    return ((torch.arange(rows * k) + first) % max(n, 1)).view(rows, k)


class ByTurns(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes top-k and arg-max of data return real indices, chosen by turns.

    Ops whose tensors are all real indices or masks are computed.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._maxima = 0  # a second arg-max, among the remaining experts, chooses another one

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self, func: Op, types: object, args: OpArgs = (), kwargs: OpKwargs | None = None
    ) -> OpResult:
        kwargs = kwargs or {}
        if _only_indices(args, kwargs):  # computed at any size: a mask of experts x tokens is large
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
        self,
        out: OpResult,
        given: torch.Tensor,
        k: int,
        dim: int = -1,
        *rest: object,
        **kwargs: object,
    ) -> OpResult:
        """The values and indices ``out`` of ``topk``, with the indices chosen by turns."""
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
        *rest: object,
        **kwargs: object,
    ) -> torch.Tensor:
        """The indices ``out`` of ``max`` or ``argmax``, chosen by turns."""
        if not out.is_meta:
            return out
        with _disable_current_modes():
            chosen = turns(
                out.numel(), 1, given.numel() if dim is None else given.shape[dim], self._maxima
            ).view(out.shape)
        self._maxima += 1
        return chosen


def _only_indices(args: OpArgs, kwargs: OpKwargs) -> bool:
    """Whether an op's tensors are all real and hold ids or masks.

    For an op without tensors: whether it makes ids or a mask of at most ``BEARABLE`` elements.
    """
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


def _flat(values: Iterable[object]) -> Iterator[object]:
    """The values, with lists and tuples opened one level deep."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


def by_turns(module: nn.Module, *args: object, **kwargs: object) -> object:
    """A fake that runs the module's own forward, with its choices among data made by turns."""
    with ByTurns():
        return module.forward(*args, **kwargs)


def experts_by_turns(
    module: Any, hidden_states: torch.Tensor, chosen: torch.Tensor, weights: torch.Tensor
) -> object:
    """A fake for a module of experts without their router.

    Its ``forward`` receives the experts that a router chose for each token, [tokens, k]. The fake
    passes choices by turns instead. It returns ``NotImplemented`` where the arguments are not of
    this form.
    """
    if chosen.dim() != 2 or chosen.is_floating_point() or not hasattr(module, "num_experts"):
        return NotImplemented  # the block around the experts may have a fake
    with _disable_current_modes():
        even = turns(chosen.shape[0], chosen.shape[1], module.num_experts)
    with ByTurns():
        return module.forward(hidden_states, even, weights)


EXPERTS = Registry(name="hookcount's own fakes", home=f"{__name__}:EXPERTS")
"""The fakes of experts. A user's fake goes before them."""

_HOMES = ("transformers.models.*.modeling_*.", "transformers_modules.*.modeling_*.")
"""transformers, and code from the Hub, whose module has a hash in its name."""

_ROUTE_AND_LOOP = (
    "*SparseMoeBlock *SparseMoEBlock *MoeBlock *MoE *Moe *MOE *MoELayer *SparseMLP *TopKGating "
    "DbrxFFN GptOssMLP"
)

for _home in _HOMES:
    EXPERTS.register_fake(f"{_home}*Experts", experts_by_turns)
    for _name in _ROUTE_AND_LOOP.split():
        EXPERTS.register_fake(_home + _name, by_turns)
