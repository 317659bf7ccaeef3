"""The sums of ptflops over the modules of a model, and its text with a line for each module."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

from torch import nn

from ...conventions import Convention
from ...rules.registry import OBSERVED, Registry
from ..annotated import annotated
from ..shared import trainable
from .utils import flops_to_string, params_to_string

Hooked = Callable[[nn.Module], bool]
"""Whether the tool has a hook for a module."""


def hooked_under(convention: Convention) -> Hooked:
    """Which modules have a hook under a convention: those whose calls have a price."""
    resolver = convention.resolver(Registry())

    def hooked(module: nn.Module) -> bool:
        entry = resolver.module(module)
        priced = entry is not None and entry.price is not OBSERVED
        return entry is not None and priced and entry.covers != "nothing"

    return hooked


def unhooked(model: nn.Module, hooked: Hooked, ignored: Container[type]) -> Iterator[str]:
    """What ptflops says with ``verbose``: a line for each class whose modules count nothing."""
    seen: set[type] = set()
    for module in _from_the_leaves(model):
        cls = type(module)
        is_list = cls in (nn.Sequential, nn.ModuleList)
        if not (cls in seen or cls in ignored or is_list or hooked(module)):
            yield f"Warning: module {cls.__name__} is treated as a zero-op."
        seen.add(cls)


def _from_the_leaves(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        yield from _from_the_leaves(child)
    yield module


@dataclass(frozen=True)
class Layers:
    """Figures of a model's modules.

    A hooked module has a figure of its own. Any other module has the sum of its children. A child
    with two names counts once; a module with two parents counts at each of them.
    """

    model: nn.Module
    hooked: Hooked
    flops: Mapping[int, int]
    """By the identity of a hooked module: what all its calls cost."""
    ignored: Container[type] = ()
    """Classes of which a hooked module has no parameters."""

    def total(self, module: nn.Module) -> int:
        """The cost of a module."""
        if self.hooked(module):
            return self.flops.get(id(module), 0)
        return sum(map(self.total, module.children()))

    def params(self, module: nn.Module) -> int:
        """The trainable parameters of the hooked modules in a module."""
        if not self.hooked(module):
            return sum(map(self.params, module.children()))
        return 0 if type(module) in self.ignored else trainable(module)


@dataclass(frozen=True)
class Text:
    """The text of a model in which each module shows its share."""

    layers: Layers
    samples: int
    macs: float
    params: int
    flops_units: str | None
    param_units: str | None
    precision: int

    def warnings(self) -> Iterator[str]:
        """A line for each module that has more parameters than the model."""
        for module in self.layers.model.modules():
            if self.layers.params(module) > max(self.params, 1):
                yield (
                    "Warning: parameters of some of the modules were counted twice because of "
                    "multiple links to the same modules. Extended per layer parameters num "
                    "statistic could be unreliable."
                )

    def print(self, stream: TextIO) -> None:
        """Write the text to a stream, and the warnings to the standard output, as ptflops does."""
        for line in self.warnings():
            print(line)
        print(self, file=stream)

    def __str__(self) -> str:
        return annotated(self.layers.model, self._extra)

    def _extra(self, module: nn.Module) -> str:
        return f"{self._share(module)}, {module.extra_repr()}"

    def _share(self, module: nn.Module) -> str:
        macs, params = self.layers.total(module) / self.samples, self.layers.params(module)
        return ", ".join(
            (
                params_to_string(params, self.param_units, self.precision),
                f"{params / max(self.params, 1):.3%} Params",
                flops_to_string(macs, self.flops_units, self.precision),
                f"{macs / max(self.macs, 1):.3%} MACs",
            )
        )
