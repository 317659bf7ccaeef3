"""The sums of calflops over the modules of a model, and the text that it prints."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torch import nn

from ...core.trace import OUTSIDE
from ...report import Report
from ..annotated import annotated
from ..counting import modules_at
from ..profiled import Profile, flops_to_string, lines, macs_to_string, params_to_string
from ..shared import trainable

Figures = Mapping[int, int]
"""By the identity of a module: what all its calls cost, without the modules beneath."""


@dataclass(frozen=True)
class Layers:
    """Figures of a model's modules.

    A module has its own figures and those of its children. A child with two names in one module
    counts once. A module inside of two others counts at each of them, with all its calls.
    """

    model: nn.Module
    flops: Figures
    macs: Figures

    def total(self, module: nn.Module, figures: Figures) -> int:
        """The figure of a module and of those beneath."""
        beneath = sum(self.total(child, figures) for child in module.children())
        return figures.get(id(module), 0) + beneath

    @property
    def totals(self) -> tuple[int, int, int]:
        """FLOPs, MACs and trainable parameters of the model."""
        flops, macs = (self.total(self.model, each) for each in (self.flops, self.macs))
        return flops, macs, trainable(self.model)


def layers_of(model: nn.Module, profile: Profile, ignored: Collection[type]) -> Layers:
    """The figures of a run. What runs in a module of an ``ignored`` class is at the one around."""
    own = [_own(model, each, ignored) for each in (profile.by_flops, profile.by_macs)]
    return Layers(model, *own)


def _own(model: nn.Module, report: Report, ignored: Collection[type]) -> Figures:
    modules = modules_at(model)
    called = {run.path for run in report.priced.trace.runs} & modules.keys()
    found: dict[int, int] = {}
    for record in report.records:
        path = record.path
        if path == OUTSIDE:  # the tool sees a function only while a module runs
            continue
        while path and (path not in called or type(modules[path]) in ignored):
            path = path.rpartition(".")[0]
        key = id(modules[path])
        found[key] = found.get(key, 0) + report.convention.figure(record.ops)
    return found


@dataclass(frozen=True)
class Text:
    """The totals and, if ``detailed``, each module with its share."""

    layers: Layers
    factor: float
    """What a forward and a backward pass cost, in forwards."""
    detailed: bool
    units: str | None
    precision: int

    def __str__(self) -> str:
        flops, macs, params = self.layers.totals
        to = self.units, self.precision
        figures = lines(
            [
                ("Total Training Params:", params_to_string(params)),
                ("fwd MACs:", macs_to_string(macs, *to)),
                ("fwd FLOPs:", flops_to_string(flops, *to)),
                ("fwd+bwd MACs:", macs_to_string(macs * self.factor, *to)),
                ("fwd+bwd FLOPs:", flops_to_string(flops * self.factor, *to)),
            ]
        )
        if not self.detailed:
            return figures
        return f"{figures}\n\n{annotated(self.layers.model, self._extra)}"

    def _extra(self, module: nn.Module) -> str:
        layers = self.layers
        whole = layers.totals
        flops, macs = layers.total(module, layers.flops), layers.total(module, layers.macs)
        params, extra = trainable(module), module.extra_repr()
        shares = [
            f"{params_to_string(params)} = {self._part(params, whole[2])} Params",
            f"{macs_to_string(macs)} = {self._part(macs, whole[1])} MACs",
            f"{flops_to_string(flops)} = {self._part(flops, whole[0])} FLOPs",
        ]
        return ", ".join([*shares, extra] if extra else shares)

    def _part(self, count: int, of: int) -> str:
        return f"{round(100 * count / of, self.precision) if of else 0:g}%"
