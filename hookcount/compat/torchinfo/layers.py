"""The rows of ``torchinfo.summary``: one per call of a module, and one per uncalled container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import torch
from torch import nn

from ...core.integers import as_int
from ...core.lazily import lazily
from ...core.trace import Call, ModuleRun, Spec
from ...observe.module_tree import type_name
from ...pricing.price import Prices, charges
from ...report import Report
from ...rules.registry import Registry
from ..counting import depth_of, run_by_itself

Modules = Mapping[str, nn.Module]


@dataclass(eq=False)
class LayerInfo:
    """One call of a module, or a container of modules that are called.

    ``input_size`` and ``output_size`` are the shapes of the first tensor in the input and in the
    output. ``output_bytes`` are the bytes of that output. ``num_params``, ``trainable_params`` and
    ``param_bytes`` are of all parameters in the module and its submodules. ``macs`` are those of
    this call only; 0 for a module with children. ``children`` are all rows beneath this one.
    ``inner_layers`` maps the name of a parameter to its shape and its elements.
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
    """Whether the same module has an earlier row, or this row is in the list several times."""
    executed: bool = False
    input_size: list[int] = field(default_factory=list)
    output_size: list[int] = field(default_factory=list)
    output_bytes: int = 0
    macs: int = 0
    depth_index: int = 0
    children: list[LayerInfo] = field(default_factory=list, repr=False)

    @property
    def trainable(self) -> str:
        """``"True"``, ``"False"`` or ``"Partial"``; ``"--"`` for a module without parameters."""
        if not self.num_params:
            return "--"
        return {0: "False", self.num_params: "True"}.get(self.trainable_params, "Partial")

    def leftover_params(self) -> int:
        """The parameters that are in no row beneath this one."""
        return self._leftover[0]

    def leftover_trainable_params(self) -> int:
        """The trainable parameters that are in no row beneath this one."""
        return self._leftover[1]

    @lazily
    def _leftover(self) -> tuple[int, int]:
        left, trainable = self.num_params, self.trainable_params
        for child in self.children:
            if not child.is_recursive:
                own = child.num_params, child.trainable_params
                params, trainable_params = own if child.is_leaf_layer else child._leftover
                left, trainable = left - params, trainable - trainable_params
        return left, trainable


def layers_called(report: Report, walked: Iterable[tuple[str, nn.Module]]) -> list[LayerInfo]:
    """The rows of a run, in the order of the calls.

    ``walked`` has the paths and modules of the model. A module with several paths has its last one.
    """
    modules = dict(walked)
    last = {id(module): path for path, module in modules.items()}
    prices: Prices = {}
    rows: list[tuple[str, LayerInfo]] = []
    for run in report.priced.trace.runs:
        if run.path in modules and run.phase == "forward":
            path = last[id(modules[run.path])]
            layer = _layer(path, modules[path])
            if run.call is not None:
                _note_call(layer, run.call)
                layer.macs = _macs(report, run, prices) if layer.is_leaf_layer else 0
            rows.append((path, layer))
    return _numbered(_with_containers(rows, modules))


def layers_held(walked: Iterable[tuple[str, nn.Module]]) -> list[LayerInfo]:
    """The rows of a model that is not run: each module at each of its paths."""
    return _numbered(_marked([_layer(path, module) for path, module in walked], set()))


def _layer(path: str, module: nn.Module) -> LayerInfo:
    counts = list(_parameters(module))
    kernel = as_int(getattr(module, "kernel_size", None))
    return LayerInfo(
        var_name=path.rpartition(".")[2] or type_name(module),
        class_name=type_name(module),
        layer_id=id(module),
        depth=depth_of(path),
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
    """The name, the parameter and the number of elements of each parameter.

    A pruned parameter has the number of elements that its mask keeps, and its name without
    ``_orig``.
    """
    for name, parameter in module.named_parameters():
        plain = name.removesuffix("_orig")
        owner, _, last = plain.rpartition(".")
        mask = getattr(module.get_submodule(owner), f"{last}_mask", None) if plain != name else None
        if isinstance(mask, torch.Tensor):
            yield plain, parameter, mask.numel() if mask.is_meta else int(mask.sum())
        else:
            yield name, parameter, parameter.numel()


def _shown(name: str, parameter: nn.Parameter) -> list[int]:
    """The shape of a parameter as torchinfo shows it: the second axis of a weight comes first."""
    shape = list(parameter.shape)
    return [shape[1], shape[0], *shape[2:]] if name == "weight" and len(shape) > 1 else shape


def _note_call(layer: LayerInfo, call: Call) -> None:
    """Set the sizes of a layer from a call of its module."""
    given, made = _first_tensor(call.args), _first_tensor(_last_of_mapping(call.out))
    layer.executed = True
    layer.input_size = [] if given is None else list(given.shape)
    if made is not None:
        layer.output_size, layer.output_bytes = list(made.shape), made.itemsize * prod(made.shape)


def _last_of_mapping(out: object) -> object:
    """A list with the last value of a mapping, whose size is shown. Any other output as it is."""
    return list(out.values())[-1:] if isinstance(out, Mapping) else out


def _first_tensor(value: object) -> Spec | None:
    """The tensor whose size is shown: the first one in a structure."""
    while not isinstance(value, Spec):
        if isinstance(value, Mapping):
            value = list(value.values())
        elif hasattr(value, "tensors"):
            value = [value.tensors]
        if not isinstance(value, (list, tuple)) or not value:
            return None
        value = value[0]
    return value


def _macs(report: Report, run: ModuleRun, prices: Prices) -> int:
    """The figure of one run in the report's convention, without the runs beneath it."""
    resolver = report.convention.resolver(Registry())
    found = charges(run_by_itself(report.priced.trace, run), resolver, prices)
    return sum(report.convention.figure(charge.ops) for charge in found if charge.ops is not None)


def _with_containers(rows: list[tuple[str, LayerInfo]], modules: Modules) -> list[LayerInfo]:
    """All rows, each after the rows of the uncalled modules above it, such as a ``ModuleList``.

    An uncalled module has one row at each of its paths. If its submodules are called with a
    sibling between, this row is in the list several times, and is then recursive.
    """
    met = {layer.layer_id for _, layer in rows}
    _marked([layer for _, layer in rows], set())
    found: list[LayerInfo] = []
    uncalled: dict[str, LayerInfo] = {}
    above: dict[int, int] = {}
    for path, layer in rows:
        parts = path.split(".")
        for depth in range(1, layer.depth):
            place = ".".join(parts[:depth])
            if above.get(depth) != id(modules[place]):
                if place not in uncalled:
                    uncalled[place] = _layer(place, modules[place])
                found += _marked([uncalled[place]], met)
                above[depth] = id(modules[place])
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
