"""Models under ``fully_shard``: for the length of a run their parameters are whole.

``fully_shard`` gathers the parameters of a module in a hook before its forward, drops them in a
hook after it, and keeps books on both. A count leaves the books alone: its own hooks replace those
of ``fully_shard``, and whole parameters replace the sharded ones. In a shapes-only run these are
meta tensors. So no rank waits for another.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from ..core.errors import ModelError, error_text, module_at
from .distributed import pausing
from .module_tree import ModuleTree, type_name
from .observer import observers_here
from .parts import dtensor
from .patches import patched

State = Any
"""A ``torch.distributed.fsdp._fully_shard._fsdp_state.FSDPState``: the books of one call of
``fully_shard``."""
Sharded = Any
"""A ``torch.distributed.fsdp._fully_shard._fsdp_param.FSDPParam``: a parameter and its shards."""
Make = Callable[[Sharded], nn.Parameter]
"""Makes the whole parameter of a sharded one."""

_PACKAGE = "torch.distributed.fsdp._fully_shard"


@contextmanager
def gathered(tree: ModuleTree, on_meta: bool, for_a_step: bool) -> Iterator[None]:
    """For the block, the modules under ``fully_shard`` have whole parameters.

    With ``on_meta`` the parameters have only shapes. Otherwise the ranks gather them, module by
    module. ``for_a_step``: an optimizer is to update them, so the modules keep them. Raises
    ``ModelError`` for parameters that have a gathering of their own.
    """
    states = _states(tree)
    if not states:
        yield
        return
    make = _on_meta if on_meta else _to_write_to if for_a_step else _from_all_ranks
    with ExitStack() as undo:
        if not on_meta:
            _refuse_own_gathering(tree, states)
        module = sys.modules[f"{_PACKAGE}._fully_shard"]
        for name in ("unshard", "reshard"):
            undo.enter_context(patched(module.FSDPModule, name, _left_alone))
        units = [_Unit(state, make) for state in states]
        for unit in units:
            undo.callback(unit.undo)
            unit.enter()
            if on_meta or for_a_step:
                unit.gather()
        yield


def _states(tree: ModuleTree) -> list[State]:
    """The books of every call of ``fully_shard`` on modules of the tree."""
    books = sys.modules.get(f"{_PACKAGE}._fsdp_state")
    of: Callable[[nn.Module], State] | None = getattr(books, "_get_module_fsdp_state", None)
    if of is None:
        return []
    found = {id(state): state for state in map(of, tree.modules) if state is not None}
    return list(found.values())


def _groups(state: State) -> list[Any]:
    """The groups of parameters that are gathered together."""
    groups: list[Any] | None = getattr(state, "_fsdp_param_groups", None)
    if groups is None:  # torch 2.6 has at most one
        groups = [state._fsdp_param_group]
    return [group for group in groups if group is not None]


class _Unit:
    """What one call of ``fully_shard`` covers: its modules run on whole parameters for a while."""

    def __init__(self, state: State, make: Make) -> None:
        self._state = state
        self._make = make
        self._running = 0
        self._whole: list[tuple[Sharded, nn.Parameter]] = []
        """Each parameter that is whole now, with the one that the modules had before."""
        self._hooks: list[tuple[dict[int, Any], int, Any]] = []
        """Each hook of ``fully_shard`` that is replaced: where it is, its number, the hook."""

    def enter(self) -> None:
        """Replace the hooks of ``fully_shard``."""
        state = self._state
        for handle in _handles(state._pre_forward_hook_handle):
            self._replace(handle, "_forward_pre_hooks", self._before)
        for handle in _handles(state._post_forward_hook_handle):
            self._replace(handle, "_forward_hooks", self._after)
        # what register_fsdp_forward_method wraps calls these
        state.__dict__.update(_pre_forward=self._before, _post_forward=self._after)

    def _replace(self, handle: Any, where: str, ours: Callable[..., object]) -> None:
        for module in self._state._modules:
            hooks = getattr(module, where)
            if handle.hooks_dict_ref() is hooks and handle.id in hooks:
                self._hooks.append((hooks, handle.id, hooks[handle.id]))
                hooks[handle.id] = ours

    def undo(self) -> None:
        """Put back the parameters and the hooks of ``fully_shard``."""
        self.drop()
        for name in ("_pre_forward", "_post_forward"):
            self._state.__dict__.pop(name, None)
        for hooks, number, hook in self._hooks:
            hooks[number] = hook

    def gather(self) -> None:
        """Give the modules whole parameters, unless they have them already."""
        if self._whole:
            return
        for group in _groups(self._state):
            if not group.is_unsharded:
                for each in group.fsdp_params:
                    info = each._module_info
                    before = getattr(info.module, info.param_name)
                    with pausing(observers_here()), torch.no_grad():
                        whole = self._make(each)
                    self._whole.append((each, before))
                    each._setattr_on_modules(whole)

    def drop(self) -> None:
        """Give the modules the parameters that they had before."""
        while self._whole:
            each, before = self._whole.pop()
            each._setattr_on_modules(before)

    def _before(
        self, module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        """Runs before a forward, as the hook of ``fully_shard`` does: inputs change their dtype."""
        self._running += 1
        self.gather()
        policy = self._state._mp_policy
        if not policy.cast_forward_inputs or policy.param_dtype is None:
            return args, kwargs
        return _cast(args, policy.param_dtype), _cast(kwargs, policy.param_dtype)

    def _after(self, module: nn.Module, args: object, out: object) -> object:
        """Runs after a forward: it drops whole parameters that only a forward uses.

        Outputs change their dtype. A hook that is always called may come without its pre-hook.
        """
        self._running = max(self._running - 1, 0)
        if not self._running and self._make is _from_all_ranks:
            self.drop()
        dtype = self._state._mp_policy.output_dtype
        return out if dtype is None else _cast(out, dtype)


def _handles(handle: Any) -> tuple[Any, ...]:
    """The handles of single hooks: ``fully_shard`` of several modules keeps them together."""
    return tuple(getattr(handle, "handles", (handle,)))


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """``value`` with each floating-point tensor in it as ``dtype``."""
    from torch.distributed.utils import _apply_to_tensors  # there, as fully_shard imports it

    return _apply_to_tensors(
        lambda tensor: tensor.to(dtype) if torch.is_floating_point(tensor) else tensor, value
    )


def _on_meta(each: Sharded) -> nn.Parameter:
    """The whole parameter on meta."""
    return _parameter(each, torch.empty(each._orig_size, dtype=_dtype(each), device="meta"))


def _from_all_ranks(each: Sharded) -> nn.Parameter:
    """The whole parameter, gathered from all ranks that have a shard of it."""
    return _parameter(each, _values(each))


def _to_write_to(each: Sharded) -> nn.Parameter:
    """The whole parameter, with memory of its own."""
    return _parameter(each, _values(each).clone())


def _values(each: Sharded) -> torch.Tensor:
    local: torch.Tensor = each.sharded_param._local_tensor.detach().to(each.device, _dtype(each))
    cls: Any = dtensor()
    if getattr(each.mesh_info, "shard_mesh_size", 1) > 1:
        local = cls.from_local(
            local,
            each.shard_mesh,
            [each.fsdp_placement],
            run_check=False,
            shape=each._orig_size,
            stride=each._contiguous_orig_stride,
        ).full_tensor()
    return local


def _parameter(each: Sharded, whole: torch.Tensor) -> nn.Parameter:
    """The parameter that a module computes with. With tensor parallelism it is a DTensor again."""
    spec = getattr(each, "_unsharded_dtensor_spec", getattr(each, "_tp_spec", None))
    if spec is not None and not getattr(each, "is_spmd_types", False):
        cls: Any = dtensor()
        whole = cls.from_local(
            whole,
            spec.mesh,
            spec.placements,
            run_check=False,
            shape=spec.shape,
            stride=spec.stride,
        )
    return nn.Parameter(whole, requires_grad=each.sharded_param.requires_grad)


def _dtype(each: Sharded) -> torch.dtype:
    """The dtype that a module computes with."""
    own: torch.dtype = each.sharded_param.dtype
    wanted: torch.dtype | None = each.mp_policy.param_dtype
    return own if wanted is None or not own.is_floating_point else wanted


def _refuse_own_gathering(tree: ModuleTree, states: list[State]) -> None:
    """Raise ``ModelError`` for a parameter whose class says how its shards become whole."""
    for state in states:
        for group in _groups(state):
            for each in group.fsdp_params:
                if hasattr(each.sharded_param._local_tensor, "fsdp_pre_all_gather"):
                    module = each._module_info.module
                    path = next((path for path, found in tree.walked if found is module), "")
                    raise ModelError(
                        error_text(
                            module_at(path, type_name(module)),
                            f"its sharded {each._module_info.param_name!r} is gathered by code of "
                            "its own, which a count does not run",
                            "count with run='shapes', or count the model before fully_shard",
                        )
                    )


def _left_alone(own: Callable[..., object]) -> Callable[..., object]:
    """``FSDPModule.unshard`` or ``reshard``. During a count of this thread it does nothing."""

    def left_alone(module: nn.Module, *args: object, **kwargs: object) -> object:
        if any(each.listening() for each in observers_here()):
            return _Done() if args or kwargs else None
        return own(module, *args, **kwargs)

    return left_alone


class _Done:
    """Stands for the handle that ``unshard(async_op=True)`` returns."""

    def wait(self) -> None:
        """Return at once."""
