"""Maps each module to its dotted path or paths, as ``named_modules`` does.

Wrappers such as DDP are skipped: the user's module has the wrapper's path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch import nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from ..core.lifetimes import ByIdentity
from ..core.trace import Place, TensorFact
from .layout import is_module
from .originals import Original, with_originals

T = TypeVar("T")

_WRAPPERS = {
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.distributed.fsdp.fully_sharded_data_parallel.FullyShardedDataParallel": (
        "_fsdp_wrapped_module"
    ),
    "torch.distributed.algorithms._checkpoint.checkpoint_wrapper.CheckpointWrapper": (
        "_checkpoint_wrapped_module"
    ),
}
TORCHS_OWN = frozenset(vars(nn.Module()))
"""The attributes that torch gives every module. All other attributes are the user's."""

_UNFLATTENED = ("InterpreterModule", "UnflattenedModule")
"""The classes of ``torch.export.unflatten``. ``_ty`` is the name of the class that each had."""

_wrapped_as: ByIdentity[str] = ByIdentity()
_known = _wrapped_as.values


def wrapped_as(cls: type) -> str:
    """The attribute in which a wrapper class keeps the user's module; empty for other classes."""
    known = _known.get(id(cls))
    if known is None:
        names = [f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__]
        found = next((_WRAPPERS[name] for name in names if name in _WRAPPERS), "")
        known = _wrapped_as.put(cls, found)
    return known


def unwrap(module: nn.Module) -> nn.Module:
    """The module inside ``torch.compile``, DDP, FSDP or DataParallel, however many wrap it."""
    *_, inner = layers(module)
    return inner


def layers(module: nn.Module) -> Iterator[nn.Module]:
    """A module, then the modules that wrappers keep inside it, down to the user's own."""
    yield module
    while attribute := wrapped_as(type(module)):
        module = getattr(module, attribute)
        yield module


def type_name(module: nn.Module) -> str:
    """A module's class name, as reports show it; of a scripted or exported one the original's."""
    if isinstance(module, (torch.jit.ScriptModule, Original)):
        original = getattr(module, "original_name", None)
        if isinstance(original, str):
            return original
    name = type(module).__name__
    if name in _UNFLATTENED and isinstance(vars(module).get("_ty"), str):
        return str(vars(module)["_ty"]).rpartition(".")[2]
    return name


class ModuleTree:
    """The modules of a model with their paths, and the paths of modules from outside of it.

    ``walked`` has the path and module of each place, parents first. A shared module appears at each
    of its places, and cycles are cut. ``modules`` (wrappers too), ``parameters`` and ``buffers``
    list each object once, and ``types`` the classes of the modules. ``around`` are the wrappers
    around the model itself, outermost first.
    """

    def __init__(self, model: nn.Module, around: Iterable[nn.Module] = ()) -> None:
        self.model = model
        self.around = tuple(around)
        self._strangers: list[tuple[str, nn.Module]] = []
        self._originals: dict[str, Original] = {}
        self._index()

    def _index(self) -> None:
        self.walked: list[tuple[str, nn.Module]] = []
        found: dict[int, nn.Module] = {}
        _walk(self.model, "", self.walked, found, set())
        self.modules = list(found.values())
        self.types = frozenset(map(type, self.modules))
        self.parameters = _distinct(
            [module._parameters for module in self.modules if module._parameters]
        )
        self.buffers = _distinct([module._buffers for module in self.modules if module._buffers])
        self._paths: dict[int, list[str]] = {}
        for path, module in (*self.walked, *self._strangers, *self._originals.items()):
            self._paths.setdefault(id(module), []).append(path)

    def forget_strangers(self) -> None:
        """Forget the modules from outside the tree, so that the next run starts afresh."""
        if self._strangers or self._originals:
            self._strangers.clear()
            self._originals.clear()
            self._index()

    def original(self, path: str, type: str) -> Original:
        """What stands for a module of a model that became a graph. ``path``: where it was."""
        found = self._originals.get(path)
        if found is None:
            found = self._originals[path] = Original(type)
            self._paths[id(found)] = [path]
        return found

    def of(self, module: nn.Module, caller: str) -> str:
        """The path at which the module at path ``caller`` calls ``module``.

        A shared module has several paths. The one with the longest common beginning with the
        caller's path is taken, and of several the shortest: a module calls its own child.
        """
        paths = self._paths.get(id(module))
        if paths is None:
            paths = self._meet(module, caller)
        if len(paths) == 1:
            return paths[0]
        return max(paths, key=lambda path: (_shared_prefix(path, caller), -path.count(".")))

    def _meet(self, module: nn.Module, caller: str) -> list[str]:
        """The paths of a module that is called for the first time and has none yet."""
        self._index()  # forward may have added the module to the tree
        if id(module) not in self._paths:
            name = f"<{type_name(module)}>"
            base = f"{caller}.{name}" if caller else name
            met: list[tuple[str, nn.Module]] = []
            _walk(module, base, met, {}, set())
            own = {id(each) for _, each in self.walked}  # these keep their paths
            met = [(path, child) for path, child in met if id(child) not in own]
            self._strangers += met
            for path, child in met:
                self._paths.setdefault(id(child), []).append(path)
        return self._paths[id(module)]

    def walk(self) -> list[tuple[str, nn.Module]]:
        """The path and module of each place of the tree as it is now, parents first."""
        walked: list[tuple[str, nn.Module]] = []
        _walk(self.model, "", walked, {}, set())
        return walked

    def facts(self) -> tuple[Place, ...]:
        """The places as frozen facts about the tree as it is now, one for each path."""
        found = [
            Place(
                path, type_name(module), id(module), tensor_facts(module), not module._modules, True
            )
            for path, module in self.walk()
        ]
        if self._strangers:  # model.parameters() does not include their tensors either
            known = {place.path for place in found}
            strangers = {path: module for path, module in self._strangers if path not in known}
            found += [
                Place(path, type_name(each), id(each), (), not each._modules, False)
                for path, each in strangers.items()
            ]
        return tuple(with_originals(found, self._originals) if self._originals else found)


def _distinct(named: list[dict[str, T | None]]) -> list[T]:
    """Each parameter or buffer once, in order."""
    found: dict[int, Any] = {id(each): each for held in named for each in held.values()}
    found.pop(id(None), None)
    return list(found.values())


def _walk(
    module: nn.Module,
    path: str,
    walked: list[tuple[str, nn.Module]],
    found: dict[int, nn.Module],
    above: set[int],
) -> None:
    """Add the places of ``module`` and of everything below it to ``walked``.

    ``found`` gets each module by its id. ``above`` holds the ids of the modules that enclose this
    one: a module inside itself is a cycle.
    """
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
            if child is not None and is_module(child):
                _walk(child, f"{path}.{name}" if path else name, walked, found, above)
        above.discard(key)


def _shared_prefix(path: str, caller: str) -> int:
    """How many names two paths have in common at their beginning."""
    count = 0
    for mine, theirs in zip(path.split("."), caller.split("."), strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def tensor_facts(module: nn.Module) -> tuple[TensorFact, ...]:
    """A module's own parameters and buffers, without those of its children.

    The packed weights of a quantized module are included.
    """
    facts = [
        _fact(id(each), name, each, each.requires_grad, False)
        for name, each in module._parameters.items()
        if each is not None
    ]
    if module._buffers:
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
    """The packed weights of a quantized module. ``parameters()`` does not list them."""
    unpacked = value.unpack()
    for index, each in enumerate(unpacked if isinstance(unpacked, tuple) else (unpacked,)):
        if isinstance(each, torch.Tensor):
            # Each unpacking makes new tensors. So the key comes from the packed object.
            yield _fact(id(value) + index, f"{name}[{index}]", each, False, False)


_PLAIN = (torch.Tensor, nn.Parameter)
_dtype_names: dict[torch.dtype, str] = {}


def _fact(
    key: int, name: str, tensor: torch.Tensor, trainable: bool, is_buffer: bool
) -> TensorFact:
    count, dtype = tensor.numel(), tensor.dtype
    known = _dtype_names.get(dtype)
    if known is None:
        known = _dtype_names[dtype] = str(dtype).removeprefix("torch.")
    stored = count * dtype.itemsize if type(tensor) in _PLAIN else _stored(tensor)
    return TensorFact(key, name, count, stored, known, trainable, is_buffer)


def _stored(tensor: Any) -> int:
    """The size of a tensor in bytes.

    A tensor made of other tensors has the size of those: one that torchao quantized, for example.
    A DTensor has the size of the part that this rank holds.
    """
    if is_traceable_wrapper_subclass(tensor):
        names, _ = tensor.__tensor_flatten__()
        inner = [getattr(tensor, name) for name in names]
        return sum(_stored(each) for each in inner if isinstance(each, torch.Tensor))
    elements: int = tensor.numel()
    return elements * int(tensor.element_size())
