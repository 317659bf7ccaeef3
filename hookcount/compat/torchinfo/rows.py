"""The rows of ``torchinfo.summary``: one per call of a module, and one per uncalled container."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ...conventions.torchinfo import positions
from ...core.integers import as_int
from ...core.trace import Call, ModuleRun
from ...observe.module_tree import type_name, wrapped_as
from .enums import ColumnSettings
from .layer_info import LayerInfo
from .sizes import Sizeless, sizes_of


@dataclass(eq=False)
class Spot:
    """A module at one place in the tree of a model, with wrappers, as torchinfo walks it."""

    name: str
    module: nn.Module
    parent: Spot | None = None

    @property
    def above(self) -> tuple[Spot, ...]:
        """The spots around this one, the outermost first."""
        return (*self.parent.above, self.parent) if self.parent else ()


def spots_of(model: nn.Module) -> list[Spot]:
    """All spots of a model, parents first. A module that is inside itself is left out there."""
    found: list[Spot] = []

    def walk(spot: Spot) -> None:
        found.append(spot)
        around = {id(spot.module), *(id(each.module) for each in spot.above)}
        for name, child in spot.module._modules.items():
            if child is not None and id(child) not in around:
                walk(Spot(name, child, spot))

    walk(Spot(type(model).__name__, model))
    return found


def rows_held(spots: Iterable[Spot]) -> list[LayerInfo]:
    """The rows of a model that is not run: each module at each of its spots."""
    make = _Rows(None)
    return _numbered(_marked([make.row(spot) for spot in spots], set()))


def rows_called(
    spots: Iterable[Spot],
    runs: Iterable[ModuleRun],
    modules: Mapping[str, nn.Module],
    batch_dim: int | None,
) -> list[LayerInfo]:
    """The rows of a run, in the order of the calls. ``modules``: by their paths in the trace.

    As in torchinfo, a module with several spots has its last one. The modules of TorchScript come
    before all others, and have no calls. Raises ``FailedRunError`` for an output without a size.
    """
    last = {id(spot.module): spot for spot in spots}
    make = _Rows(batch_dim)
    rows = [(spot, make.row(spot)) for spot in spots if _scripted(spot)]
    uncalled = {id(spot): row for spot, row in rows}
    sizeless = Sizeless()
    for index, run in enumerate(runs):
        if run.phase == "forward" and run.path in modules:
            spot = last.get(id(modules[run.path]))
            if spot is not None and not _scripted(spot):
                sizeless.note(index, run)
                called = [each for each in (*spot.above, spot) if _leads_to(each, spot)]
                rows += [(each, make.called(each, run.call)) for each in called]
    sizeless.check()
    return _numbered(_with_containers(rows, make, uncalled))


def _scripted(spot: Spot) -> bool:
    return isinstance(spot.module, torch.jit.ScriptModule)


def _leads_to(spot: Spot, inner: Spot) -> bool:
    """Whether the call of ``spot`` is a call of ``inner``, through wrappers such as DDP."""
    module = spot.module
    while module is not inner.module and (attribute := wrapped_as(type(module))):
        module = getattr(module, attribute)
    return module is inner.module


class _Rows:
    """Makes rows. The parameters of a module are read once."""

    def __init__(self, batch_dim: int | None) -> None:
        self._batch_dim = batch_dim
        self._known: dict[int, list[tuple[str, nn.Parameter, int]]] = {}

    def row(self, spot: Spot) -> LayerInfo:
        """The row of a module that is not called."""
        module, counts = spot.module, self._parameters(spot.module)
        return LayerInfo(
            var_name=spot.name,
            class_name=type_name(module),
            layer_id=id(module),
            depth=len(spot.above),
            is_leaf_layer=not any(module.children()),  # an empty container is no child there
            num_params=sum(count for _, _, count in counts),
            trainable_params=sum(count for _, each, count in counts if each.requires_grad),
            param_bytes=sum(count * each.element_size() for _, each, count in counts),
            kernel_size=_kernel_size(module),
            counted={
                id(each): (count, count if each.requires_grad else 0) for _, each, count in counts
            },
            inner_layers=_inner(counts if spot.parent else [c for c in counts if "." not in c[0]]),
            held=weakref.ref(module),
        )

    def called(self, spot: Spot, call: Call | None) -> LayerInfo:
        """The row of a call. None: its forward raised."""
        layer = self.row(spot)
        if call is not None:
            layer.executed = True
            layer.input_size, _, _ = sizes_of(call.args, self._batch_dim)
            layer.output_size, flat, item = sizes_of(call.out, self._batch_dim)
            layer.output_bytes = item * prod(flat)
            is_nested = any(isinstance(each, list) for each in layer.output_size)
            layer.macs = sum(
                # torchinfo takes the sizes in an inner list for one size
                count * positions(layer.class_name, name, [prod(flat)] if is_nested else flat)
                for name, _, count in self._parameters(spot.module)
            )
        return layer

    def _parameters(self, module: nn.Module) -> list[tuple[str, nn.Parameter, int]]:
        known = self._known.get(id(module))
        if known is None:
            known = self._known[id(module)] = list(_counted(module))
        return known


def _counted(module: nn.Module) -> Iterator[tuple[str, nn.Parameter, int]]:
    """The name, the parameter and the number of elements of each parameter that has a shape.

    A pruned parameter has the number of elements that its mask keeps, and its name without
    ``_orig``.
    """
    shaped = [(name, each) for name, each in module.named_parameters() if not is_lazy(each)]
    for name, parameter in shaped:
        plain = name.removesuffix("_orig")
        owner, _, last = plain.rpartition(".")
        mask = getattr(module.get_submodule(owner), f"{last}_mask", None) if plain != name else None
        if isinstance(mask, torch.Tensor):
            yield plain, parameter, mask.numel() if mask.is_meta else int(mask.sum())
        else:
            yield name, parameter, parameter.numel()


def _kernel_size(module: nn.Module) -> int | list[int] | None:
    kernel: Any = as_int(getattr(module, "kernel_size", None))
    if isinstance(kernel, torch.Tensor):
        kernel = None if kernel.is_meta else kernel.tolist()
    return kernel if kernel is None or isinstance(kernel, int) else list(kernel)


def _inner(
    counts: list[tuple[str, nn.Parameter, int]],
) -> dict[str, dict[ColumnSettings, str]]:
    """The cells of the parameters of a row. The second axis of a weight is shown first."""
    found: dict[str, dict[ColumnSettings, str]] = {}
    for index, (name, parameter, count) in enumerate(counts):
        shape = list(parameter.shape)
        if name == "weight":
            shape[:2] = shape[:2][::-1]
        knee = "└─" if index == len(counts) - 1 else "├─"
        found[name] = {
            ColumnSettings.KERNEL_SIZE: str(shape),
            ColumnSettings.NUM_PARAMS: f"{knee}{count:,}",
        }
    return found


def _with_containers(
    rows: list[tuple[Spot, LayerInfo]], make: _Rows, uncalled: dict[int, LayerInfo]
) -> list[LayerInfo]:
    """All rows, each after the rows of the uncalled modules above it, such as a ``ModuleList``.

    An uncalled module has one row at each of its spots. If its submodules are called with a
    sibling between, this row is in the list several times, and is then recursive.
    """
    met = {layer.layer_id for _, layer in rows}
    _marked([layer for _, layer in rows], set())
    found: list[LayerInfo] = []
    above: dict[int, int] = {}
    for spot, layer in rows:
        for depth, place in enumerate(spot.above[1:], 1):
            if above.get(depth) != id(place.module):
                if id(place) not in uncalled:
                    uncalled[id(place)] = make.row(place)
                found += _marked([uncalled[id(place)]], met)
                above[depth] = id(place.module)
        found.append(layer)
        above = {depth: key for depth, key in above.items() if depth < layer.depth} | {
            layer.depth: layer.layer_id
        }
    return found


def _marked(layers: list[LayerInfo], met: set[int]) -> list[LayerInfo]:
    """The layers, where each one whose module is in ``met`` is marked as recursive.

    The modules of the layers are added to ``met``.
    """
    for layer in layers:
        layer.is_recursive = layer.layer_id in met
        met.add(layer.layer_id)
    return layers


def _numbered(layers: list[LayerInfo]) -> list[LayerInfo]:
    """The layers, each with its number among the rows of its depth, and the rows beneath it.

    A layer that is in the list several times has the number and the rows of its last place.
    """
    numbers: dict[int, int] = {}
    under_way: list[LayerInfo] = []
    for layer in layers:
        layer.depth_index = numbers[layer.depth] = numbers.get(layer.depth, 0) + 1
        while under_way and under_way[-1].depth >= layer.depth:
            under_way.pop()
        layer.children = []
        for each in under_way:
            each.children.append(layer)
        under_way.append(layer)
    return layers
