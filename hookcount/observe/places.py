"""Where a module stands: the tree that ``named_modules`` shows, seen through wrappers, with a place per path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from ..core.trace import Place, TensorFact

_WRAPPERS = {
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.distributed.fsdp.fully_sharded_data_parallel.FullyShardedDataParallel": "_fsdp_wrapped_module",
    "torch.distributed.algorithms._checkpoint.checkpoint_wrapper.CheckpointWrapper": "_checkpoint_wrapped_module",
}
TORCHS_OWN = frozenset(vars(nn.Module()))
"""The attributes that torch gives every module; what else is there is the user's."""

_wrapped_as: dict[type, str] = {}


def wrapped_as(cls: type) -> str:
    """The attribute under which a wrapper class keeps the user's module; empty for any other class."""
    known = _wrapped_as.get(cls)
    if known is None:
        names = [f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__]
        known = _wrapped_as[cls] = next(
            (_WRAPPERS[name] for name in names if name in _WRAPPERS), ""
        )
    return known


def unwrap(module: nn.Module) -> nn.Module:
    """The module inside ``torch.compile``, DDP, FSDP or DataParallel, however deep."""
    while attribute := wrapped_as(type(module)):
        module = getattr(module, attribute)
    return module


def type_name(module: nn.Module) -> str:
    """The class name a person reads; of a ScriptModule, the name of the class that was scripted."""
    if isinstance(module, torch.jit.ScriptModule):
        original = getattr(module, "original_name", None)
        if isinstance(original, str):
            return original
    return type(module).__name__


class Places:
    """The places of a model, growing when a module runs that is not in the tree.

    ``walked``: each place and the module there, parents first; a shared module at each of its places; cycles cut.
    ``modules``, ``parameters``, ``buffers``: each once; wrappers too.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._strangers: list[tuple[str, nn.Module]] = []
        self._index()

    def _index(self) -> None:
        self.walked: list[tuple[str, nn.Module]] = []
        found: dict[int, nn.Module] = {}
        _walk(self.model, "", self.walked, found, set())
        self.modules = list(found.values())
        self.parameters = _distinct(
            [module._parameters for module in self.modules if module._parameters]
        )
        self.buffers = _distinct([module._buffers for module in self.modules if module._buffers])
        self._paths: dict[int, list[str]] = {}
        for path, module in (*self.walked, *self._strangers):
            self._paths.setdefault(id(module), []).append(path)

    def forget_strangers(self) -> None:
        """Be as before a run."""
        if self._strangers:
            self._strangers.clear()
            self._index()

    def of(self, module: nn.Module, caller: str) -> str:
        """The path at which ``module`` is called from ``caller``: of its places the one nearest to the caller's."""
        paths = self._paths.get(id(module))
        if paths is None:
            paths = self._meet(module, caller)
        if len(paths) == 1:
            return paths[0]
        return max(paths, key=lambda path: _shared_prefix(path, caller))

    def _meet(self, module: nn.Module, caller: str) -> list[str]:
        self._index()  # forward may have added it to the tree
        if id(module) not in self._paths:
            name = f"<{type_name(module)}>"
            base = f"{caller}.{name}" if caller else name
            met: list[tuple[str, nn.Module]] = []
            _walk(module, base, met, {}, set())
            self._strangers += met
            for path, child in met:
                self._paths.setdefault(id(child), []).append(path)
        return self._paths[id(module)]

    def facts(self) -> tuple[Place, ...]:
        """The places as frozen facts, as the tree stands now; one per path."""
        walked: list[tuple[str, nn.Module]] = []
        _walk(self.model, "", walked, {}, set())
        found = [
            Place(
                path, type_name(module), id(module), tensor_facts(module), not module._modules, True
            )
            for path, module in walked
        ]
        if self._strangers:  # model.parameters() does not know theirs either
            known = {place.path for place in found}
            strangers = {path: module for path, module in self._strangers if path not in known}
            found += [
                Place(path, type_name(each), id(each), (), not each._modules, False)
                for path, each in strangers.items()
            ]
        return tuple(found)


def _distinct(named: list[dict[str, Any]]) -> list[Any]:
    found = {id(each): each for held in named for each in held.values()}
    found.pop(id(None), None)
    return list(found.values())


def _walk(
    module: nn.Module,
    path: str,
    walked: list[tuple[str, nn.Module]],
    found: dict[int, nn.Module],
    above: set[int],
) -> None:
    while attribute := wrapped_as(type(module)):
        found[id(module)] = module
        module = getattr(module, attribute)
    key = id(module)
    if key in above:
        return
    walked.append((path, module))
    found[key] = module
    if module._modules:
        above.add(key)
        for name, child in module._modules.items():
            if child is not None:
                _walk(child, f"{path}.{name}" if path else name, walked, found, above)
        above.discard(key)


def _shared_prefix(path: str, caller: str) -> int:
    count = 0
    for mine, theirs in zip(path.split("."), caller.split("."), strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def tensor_facts(module: nn.Module) -> tuple[TensorFact, ...]:
    """A module's own parameters and buffers, not its children's; of a quantized module also its packed weights."""
    facts = [
        _fact(id(each), name, each, each.requires_grad)
        for name, each in module._parameters.items()
        if each is not None
    ]
    facts += [
        _fact(id(each), name, each, False, True)
        for name, each in module._buffers.items()
        if each is not None
    ]
    if torch.ScriptObject in map(type, vars(module).values()):
        for name, value in vars(module).items():
            if type(value) is torch.ScriptObject and hasattr(value, "unpack"):
                facts += _packed(name, value)
    return tuple(facts)


def _packed(name: str, value: Any) -> Iterator[TensorFact]:
    """The weights that a quantized module keeps packed, where ``parameters()`` does not find them."""
    unpacked = value.unpack()
    for index, each in enumerate(unpacked if isinstance(unpacked, tuple) else (unpacked,)):
        if isinstance(each, torch.Tensor):
            yield _fact(
                id(value) + index, f"{name}[{index}]", each, False
            )  # unpacked anew each time: the pack is the identity


_PLAIN = (torch.Tensor, nn.Parameter)
_dtype_names: dict[torch.dtype, str] = {}


def _fact(
    key: int, name: str, tensor: torch.Tensor, trainable: bool, is_buffer: bool = False
) -> TensorFact:
    count, dtype = tensor.numel(), tensor.dtype
    known = _dtype_names.get(dtype)
    if known is None:
        known = _dtype_names[dtype] = str(dtype).removeprefix("torch.")
    return TensorFact(key, name, count, _stored(tensor), known, trainable, is_buffer)


def _stored(tensor: Any) -> int:
    """Bytes. A tensor made of others (quantized by torchao, a DTensor) takes what those take."""
    if type(tensor) not in _PLAIN and is_traceable_wrapper_subclass(tensor):
        names, _ = tensor.__tensor_flatten__()
        return sum(_stored(getattr(tensor, name)) for name in names)
    elements: int = tensor.numel()
    return elements * int(tensor.element_size())
