"""What the doors of calflops and DeepSpeed share: a run, and figures as texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..conventions import Convention
from ..observe.model import checked
from ..observe.module_tree import unwrap
from ..report import Report
from ..rules.registry import FREE, Registry
from .counting import counter_for, in_eval_mode, observed, with_layer
from .initialised import has_lazy, initialised
from .shared import one_of, refused

MODES = ("forward", "generate")
"""What a door runs: the model's ``forward``, or its ``generate``."""
_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"), (1, ""), (1e-3, "m"), (1e-6, "u"))
_SIZES = {unit: size for size, unit in _STEPS}


@dataclass(frozen=True)
class Profile:
    """The figures of a run under the two conventions of a tool."""

    by_flops: Report
    by_macs: Report

    @property
    def flops(self) -> int:
        """The FLOPs of the tool."""
        return self.by_flops.headline

    @property
    def macs(self) -> int:
        """The MACs of the tool."""
        return self.by_macs.headline


def profiled(report: Report, flops: Convention, macs: Convention, layer: Registry) -> Profile:
    """The figures of a report, where the formulas of ``layer`` answer first."""
    return Profile(report.under(with_layer(flops, layer)), report.under(with_layer(macs, layer)))


def ran(
    model: nn.Module,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    convention: Convention,
    mode: str,
    where: str,
) -> Report:
    """One run of a model in eval mode, under a convention of a tool. ``where`` names ``mode``.

    ``generate`` runs for real.
    """
    model = initialised(model, args, kwargs)
    with in_eval_mode(model):
        if one_of(where, mode, MODES) == "forward":
            return observed(model, args, kwargs, convention, run="auto")
        generate = getattr(model, "generate", None)
        if not callable(generate):
            what = f"{type(model).__name__} has no method generate"
            raise refused(where, what, "leave it out, to run forward")
        with counter_for(convention).watch(model) as watch:
            generate(*args, **kwargs)
        return watch.report()


def image_of(model: nn.Module, shape: object, where: str) -> torch.Tensor:
    """An input of a shape, batch included. It has the dtype and device of the first parameter.

    Raises ``InputError`` for a shape that is no tuple of sizes.
    """
    if not has_lazy(model):
        checked(model)
    if type(shape) is not tuple or not shape or any(type(size) is not int for size in shape):
        raise refused(where, f"{shape!r} is no shape", "give a tuple of ints, with the batch")
    first = next(model.parameters(), None)
    if first is None:
        return torch.zeros(shape)
    return torch.zeros(shape, dtype=first.dtype, device=first.device)


def ignoring(model: nn.Module, modules: Iterable[type[nn.Module]] | None, where: str) -> Registry:
    """What ``ignore_modules`` changes: recurrent modules of these classes cost nothing.

    The tools then count the functions that another such module calls at the module around it. So
    the total stays the same. Raises ``InputError`` if the model itself is of such a class.
    """
    layer = Registry(name="ignore_modules")
    for each in modules or ():
        if not (isinstance(each, type) and issubclass(each, nn.Module)):
            raise refused(where, f"{each!r} is no module class", "give a list of module classes")
        if type(unwrap(model)) is each:
            raise refused(where, "the model itself is ignored", "leave its class out")
        if issubclass(each, (nn.RNNBase, nn.RNNCellBase)):
            layer.register(each, FREE)
    return layer


def elements(model: nn.Module) -> int:
    """The number of elements of the parameters. Packed weights of quantized layers are none."""
    return sum(each.numel() for each in model.parameters())


def number_to_string(num: float, units: str | None = None, precision: int = 2) -> str:
    """A number in the largest fitting unit, or in ``units``.

    >>> number_to_string(4089184256), number_to_string(999, "K", 3), number_to_string(0)
    ('4.09 G', '0.999 K', '0 ')
    """
    if units is None:
        fits = (unit for size, unit in _STEPS if num >= size)
        units = next(fits, "u") if num else ""
    return f"{round(num / _SIZES.get(units, 1), precision):g} {units}"


def macs_to_string(macs: float, units: str | None = None, precision: int = 2) -> str:
    """As ``number_to_string``, with the unit MACs.

    >>> macs_to_string(4089184256)
    '4.09 GMACs'
    """
    return f"{number_to_string(macs, units, precision)}MACs"


def flops_to_string(flops: float, units: str | None = None, precision: int = 2) -> str:
    """As ``number_to_string``, with the unit FLOPS, as the tools write it.

    >>> flops_to_string(8178368512)
    '8.18 GFLOPS'
    """
    return f"{number_to_string(flops, units, precision)}FLOPS"


def params_to_string(params_num: float, units: str | None = None, precision: int = 2) -> str:
    """As ``number_to_string``, with B for billions.

    >>> params_to_string(6738415616), params_to_string(25557032)
    ('6.74 B', '25.56 M')
    """
    text = number_to_string(params_num, units.replace("B", "G") if units else units, precision)
    return text.replace("G", "B").strip()


def bytes_to_string(b: float, units: str | None = None, precision: int = 2) -> str:
    """As ``number_to_string``, with the unit B. 1 KB is 1000 bytes.

    >>> bytes_to_string(1536)
    '1.54 KB'
    """
    return f"{number_to_string(b, units, precision)}B"


def duration_to_string(duration: float, units: str | None = None, precision: int = 2) -> str:
    """Seconds as ``number_to_string``, with the unit s.

    >>> duration_to_string(0.00123)
    '1.23 ms'
    """
    return f"{number_to_string(duration, units, precision)}s"


def lines(figures: Sequence[tuple[str, Any]]) -> str:
    """A line for each name and figure, in two columns."""
    return "\n".join(f"{name:<70}  {figure}" for name, figure in figures)
