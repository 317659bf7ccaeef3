"""Where a module stands: the tree that ``named_modules`` shows, seen through wrappers, with a place per path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from ..trace import Place, TensorFact

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
        known = _wrapped_as[cls] = next((_WRAPPERS[name] for name in names if name in _WRAPPERS), "")
    return known


def unwrap(module: nn.Module) -> nn.Module:
    """The module inside ``torch.compile``, DDP, FSDP or DataParallel, however deep."""
    while attribute := wrapped_as(type(module)):
        module = getattr(module, attribute)
    return module


def type_name(module: nn.Module) -> str:
    """The class name a person reads; of a ScriptModule, the name of the class that was scripted."""
    original = vars(module).get("original_name") or getattr(module, "original_name", None)
    return original if isinstance(original, str) else type(module).__name__


def walk(module: nn.Module, path: str, above: tuple[int, ...] = ()) -> Iterator[tuple[str, nn.Module]]:
    """Each place beneath ``module`` and itself, parents first; a shared module at each of its places; cycles cut."""
    module = unwrap(module)
    if id(module) in above:
        return
    yield path, module
    for name, child in module._modules.items():
        if child is not None:
            yield from walk(child, f"{path}.{name}" if path else name, (*above, id(module)))


class Places:
    """The places of a model, growing when a module runs that is not in the tree."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._paths: dict[int, list[str]] = {}
        self._strangers: list[tuple[str, nn.Module]] = []
        self._index()

    def _index(self) -> None:
        self._paths.clear()
        for path, module in walk(self.model, ""):
            self._paths.setdefault(id(module), []).append(path)
        for path, module in self._strangers:
            self._paths.setdefault(id(module), []).append(path)

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
            for path, child in walk(module, base):
                self._strangers.append((path, child))
                self._paths.setdefault(id(child), []).append(path)
        return self._paths[id(module)]

    def facts(self) -> tuple[Place, ...]:
        """The places as frozen facts, as the tree stands now; one per path."""
        found = {path: (module, True) for path, module in walk(self.model, "")}
        for path, module in self._strangers:
            found.setdefault(path, (module, False))
        return tuple(
            Place(
                path,
                type_name(module),
                id(module),
                tensor_facts(module) if registered else (),  # model.parameters() does not know them either
                not module._modules,
                registered,
            )
            for path, (module, registered) in found.items()
        )


def _shared_prefix(path: str, caller: str) -> int:
    count = 0
    for mine, theirs in zip(path.split("."), caller.split("."), strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def tensor_facts(module: nn.Module) -> tuple[TensorFact, ...]:
    """A module's own parameters and buffers, not its children's; of a quantized module also its packed weights."""
    facts = [_fact(id(each), name, each, each.requires_grad) for name, each in module.named_parameters(recurse=False)]
    facts += [_fact(id(each), name, each, False, is_buffer=True) for name, each in module.named_buffers(recurse=False)]
    for name, value in vars(module).items():
        if isinstance(value, torch.ScriptObject) and hasattr(value, "unpack"):
            facts += _packed(name, value)
    return tuple(facts)


def _packed(name: str, value: Any) -> Iterator[TensorFact]:
    """The weights that a quantized module keeps packed, where ``parameters()`` does not find them."""
    unpacked = value.unpack()
    for index, each in enumerate(unpacked if isinstance(unpacked, tuple) else (unpacked,)):
        if isinstance(each, torch.Tensor):
            yield _fact(id(value) + index, f"{name}[{index}]", each, False)  # unpacked anew each time: the pack is the identity


def _fact(key: int, name: str, tensor: torch.Tensor, trainable: bool, is_buffer: bool = False) -> TensorFact:
    return TensorFact(
        key=key,
        name=name,
        count=tensor.numel(),
        bytes=tensor.numel() * tensor.element_size(),
        dtype=str(tensor.dtype).removeprefix("torch."),
        trainable=trainable,
        is_buffer=is_buffer,
    )
