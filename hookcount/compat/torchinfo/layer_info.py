"""A row of ``torchinfo.summary``."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ...core.lazily import lazily
from .enums import ColumnSettings


@dataclass(eq=False, repr=False)
class LayerInfo:
    """One call of a module, or a container of modules that are called.

    ``input_size`` and ``output_size`` are the shapes of the first tensor in the input and in the
    output. ``output_bytes`` are the bytes of that output. ``num_params``, ``trainable_params`` and
    ``param_bytes`` are of all parameters in the module and its submodules. ``macs`` are those of
    this call by torchinfo's rule, which only fits a module without children. ``children`` are all
    rows beneath this one. ``inner_layers`` has cells for each parameter, by its name.
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
    inner_layers: Mapping[str, Mapping[ColumnSettings, str]]
    counted: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """By the key of a parameter, its elements: all, and those that are trainable."""
    is_recursive: bool = False
    """Whether the same module has an earlier row, or this row is in the list several times."""
    executed: bool = False
    input_size: list[Any] = field(default_factory=list)
    output_size: list[Any] = field(default_factory=list)
    """With ``batch_dim``, the size of an output that is a dict is a list inside this one."""
    output_bytes: int = 0
    macs: int = 0
    depth_index: int = 0
    children: list[LayerInfo] = field(default_factory=list)
    held: weakref.ref[nn.Module] | None = None
    """A weak reference to the module. A pickled row has none."""

    def __repr__(self) -> str:
        return f"{self.class_name}: {self.depth}"

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "held": None}

    @property
    def module(self) -> nn.Module | None:
        """The module. None if it does not exist any more."""
        return None if self.held is None else self.held()

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

    def get_layer_name(self, show_var_name: bool, show_depth: bool) -> str:
        """The class, with the name of the attribute and the number of the row if they are shown."""
        name = self.class_name
        if show_var_name and self.var_name:
            name += f" ({self.var_name})"
        return name + (f": {self.depth}-{self.depth_index}" if show_depth and self.depth else "")

    def macs_to_str(self, reached_max_depth: bool) -> str:
        """The cell of the MACs. At the largest depth it has those of the rows beneath too."""
        if self.macs <= 0 or not (self.is_leaf_layer or reached_max_depth):
            return "--"
        beneath = (child.macs for child in self.children if child.is_leaf_layer)
        return f"{self.macs if self.is_leaf_layer else sum(beneath):,}"

    def num_params_to_str(self, reached_max_depth: bool) -> str:
        """The cell of the parameters. Frozen ones are in parentheses."""
        if self.num_params and self.is_recursive:
            return "(recursive)"
        if self.num_params and (reached_max_depth or self.is_leaf_layer):
            return f"{self.num_params:,}" if self.trainable_params else f"({self.num_params:,})"
        left = self.leftover_params() if self.num_params else 0
        return f"{left:,}" if left > 0 else "--"

    def params_percent(self, total_params: int, reached_max_depth: bool, precision: int = 2) -> str:
        """The cell of the parameters in percent of all."""
        if total_params and self.is_recursive:
            return "(recursive)"
        whole = reached_max_depth or self.is_leaf_layer
        params = self.num_params if whole else self.leftover_params()
        if not total_params or not params:
            return "     --"
        return f"{params / total_params:>{precision + 5}.{precision}%}"
