"""The rows of ``torchinfo.summary``: a layer per call, with the containers that are not called themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

import torch
from torch import nn

from ...core.trace import Call, ModuleRun, Spec
from ...observe.places import type_name
from ...pricing.price import Prices, charges
from ...report import Report
from ...rules.registry import Registry

Modules = Mapping[str, nn.Module]


@dataclass(eq=False)
class LayerInfo:
    """A module at one call, or a container of such. Sizes are of the first tensor that it was given and gave.

    ``num_params``, ``trainable_params`` and ``param_bytes`` are of all parameters in it; ``macs`` of this call alone, where it
    has no children. ``children``: all rows beneath it. ``inner_layers``: its parameters' shapes, by name.
    """

    var_name: str
    class_name: str
    layer_id: int
    depth: int
    is_leaf_layer: bool
    num_params: int
    trainable_params: int
    param_bytes: int
    kernel_size: int | list[int] | None
    inner_layers: dict[str, tuple[list[int], int]] = field(repr=False)
    is_recursive: bool = False
    """The same module has a row above."""
    executed: bool = False
    input_size: list[int] = field(default_factory=list)
    output_size: list[int] = field(default_factory=list)
    output_bytes: int = 0
    macs: int = 0
    depth_index: int = 0
    children: list[LayerInfo] = field(default_factory=list, repr=False)

    @property
    def trainable(self) -> str:
        """``"True"``, ``"False"``, ``"Partial"``, or ``"--"`` without parameters."""
        if not self.num_params:
            return "--"
        return {0: "False", self.num_params: "True"}.get(self.trainable_params, "Partial")

    def leftover_params(self) -> int:
        """Parameters that none of the rows beneath has."""
        return self._leftover[0]

    def leftover_trainable_params(self) -> int:
        """Those of them that are trainable."""
        return self._leftover[1]

    @cached_property
    def _leftover(self) -> tuple[int, int]:
        left, trainable = self.num_params, self.trainable_params
        for child in self.children:
            if not child.is_recursive:
                theirs = (
                    (child.num_params, child.trainable_params)
                    if child.is_leaf_layer
                    else child._leftover
                )
                left, trainable = left - theirs[0], trainable - theirs[1]
        return left, trainable


def layers_called(report: Report, walked: Iterable[tuple[str, nn.Module]]) -> list[LayerInfo]:
    """The rows of a run, in the order of the calls. A module with several places stands at the last."""
    modules = dict(walked)
    last = {id(module): path for path, module in modules.items()}
    prices: Prices = {}
    rows: list[tuple[str, LayerInfo]] = []
    for run in report.priced.trace.runs:
        if run.path in modules and run.phase == "forward":
            path = last[id(modules[run.path])]
            layer = _layer(path, modules[path])
            if run.call is not None:
                _say_what_ran(layer, run.call)
                layer.macs = _macs(report, run, prices) if layer.is_leaf_layer else 0
            rows.append((path, layer))
    return _numbered(_with_containers(rows, modules))


def layers_held(walked: Iterable[tuple[str, nn.Module]]) -> list[LayerInfo]:
    """The rows of a model that is not run: each module at each of its places."""
    return _numbered(_marked([_layer(path, module) for path, module in walked], set()))


def _layer(path: str, module: nn.Module) -> LayerInfo:
    counts = list(_parameters(module))
    kernel = getattr(module, "kernel_size", None)
    return LayerInfo(
        var_name=path.rpartition(".")[2] or type_name(module),
        class_name=type_name(module),
        layer_id=id(module),
        depth=_depth(path),
        is_leaf_layer=not any(module.children()),  # an empty container is no child to torchinfo
        num_params=sum(count for _, _, count in counts),
        trainable_params=sum(count for _, each, count in counts if each.requires_grad),
        param_bytes=sum(count * each.element_size() for _, each, count in counts),
        kernel_size=kernel if kernel is None or isinstance(kernel, int) else list(kernel),
        inner_layers={
            name: (_shown(name, each), count)
            for name, each, count in counts
            if path or "." not in name
        },
    )


def _parameters(module: nn.Module) -> Iterator[tuple[str, nn.Parameter, int]]:
    """Name, parameter and elements; of a pruned one the elements that its mask lets through, under the name without ``_orig``."""
    for name, parameter in module.named_parameters():
        plain = name.removesuffix("_orig")
        owner, _, last = plain.rpartition(".")
        mask = getattr(module.get_submodule(owner), f"{last}_mask", None) if plain != name else None
        if isinstance(mask, torch.Tensor):
            yield plain, parameter, mask.numel() if mask.is_meta else int(mask.sum())
        else:
            yield name, parameter, parameter.numel()


def _shown(name: str, parameter: nn.Parameter) -> list[int]:
    """A parameter's shape; of a weight inputs first."""
    shape = list(parameter.shape)
    return [shape[1], shape[0], *shape[2:]] if name == "weight" and len(shape) > 1 else shape


def _say_what_ran(layer: LayerInfo, call: Call) -> None:
    given, made = _first(call.args), _first(call.out, outermost=True)
    layer.executed = True
    layer.input_size = [] if given is None else list(given.shape)
    if made is not None:
        layer.output_size, layer.output_bytes = list(made.shape), made.itemsize * prod(made.shape)


def _first(value: Any, outermost: bool = False) -> Spec | None:
    """The tensor whose size is shown: the first; of a mapping that is the whole output, the last."""
    while not isinstance(value, Spec):
        if isinstance(value, Mapping):
            items = list(value.values())
            value = items[-1:] if outermost else items
        elif hasattr(value, "tensors"):
            value = [value.tensors]
        if not isinstance(value, (list, tuple)) or not value:
            return None
        value, outermost = value[0], False
    return value


def _macs(report: Report, run: ModuleRun, prices: Prices) -> int:
    """What the report's convention counts of one run alone."""
    alone = replace(report.priced.trace, runs=(run._replace(parent=None),), outside=())
    found = charges(alone, report.convention.resolver(Registry()), prices)
    return sum(report.convention.figure(charge.ops) for charge in found if charge.ops is not None)


def _with_containers(rows: list[tuple[str, LayerInfo]], modules: Modules) -> list[LayerInfo]:
    """Before a row those modules above it that have none, since they are not called (a ``ModuleList``)."""
    met = {layer.layer_id for _, layer in rows}
    _marked([layer for _, layer in rows], set())
    found: list[LayerInfo] = []
    above: dict[int, int] = {}
    for path, layer in rows:
        parts = path.split(".")
        for depth in range(1, layer.depth):
            place = ".".join(parts[:depth])
            if above.get(depth) != id(modules[place]):
                found += _marked([_layer(place, modules[place])], met)
                above[depth] = id(modules[place])
        found.append(layer)
        above = {depth: key for depth, key in above.items() if depth < layer.depth} | {
            layer.depth: layer.layer_id
        }
    return found


def _marked(layers: list[LayerInfo], met: set[int]) -> list[LayerInfo]:
    """With those marked whose module was met before."""
    for layer in layers:
        layer.is_recursive = layer.layer_id in met
        met.add(layer.layer_id)
    return layers


def _numbered(layers: list[LayerInfo]) -> list[LayerInfo]:
    """With their number among the rows of their depth, and all that stands beneath each."""
    numbers: dict[int, int] = {}
    under_way: list[LayerInfo] = []
    for layer in layers:
        layer.depth_index = numbers[layer.depth] = numbers.get(layer.depth, 0) + 1
        while under_way and under_way[-1].depth >= layer.depth:
            under_way.pop()
        for each in under_way:
            each.children.append(layer)
        under_way.append(layer)
    return layers


def _depth(path: str) -> int:
    return path.count(".") + 1 if path else 0
