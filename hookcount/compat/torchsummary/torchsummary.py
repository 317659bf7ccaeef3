"""``summary``: a table with a line for each call of a module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import nn

from ...conventions import named
from ...core.integers import as_int
from ...core.trace import ModuleRun, Spec, leaves
from ...observe.model import checked
from ...observe.module_tree import unwrap, wrapped_as
from ..counting import modules_at, observed
from ..initialised import has_lazy, initialised
from ..shared import one_of, refused
from ..unfused import unfused
from .weights import Weights

Shape = list[int]
_THIN, _THICK = "-" * 64, "=" * 64
_MEBIBYTE = 1024**2


@dataclass(frozen=True)
class _Row:
    """One call of a module."""

    name: str
    shape: Shape | list[Shape]
    """Of the output, or of each output."""
    params: int
    trainable: int

    @property
    def elements(self) -> int:
        """The product of all numbers in the shape. Negative for an unknown batch."""
        return prod(_numbers(self.shape))

    def __str__(self) -> str:
        return f"{self.name:>20}  {self.shape!s:>25} {self.params:>15,}"


def summary(
    model: nn.Module,
    input_size: tuple[int, ...] | Sequence[Sequence[int]],
    batch_size: int = -1,
    device: str = "cuda",
) -> None:
    """Print the layers of a model in the order in which their calls end, as torchsummary 1.5.1.

    ``input_size``: the shape of the input without the batch, or a list of several shapes. It is
    empty for a model without inputs. The model runs once, with a batch of 2 and in its own modes.
    ``batch_size`` is only shown.

    A row is a call of a module that is no ``Sequential`` and no ``ModuleList``. Its parameters are
    those of ``weight`` and ``bias``, so an LSTM has none. A module that is called twice counts
    twice. The sizes take 4 bytes for each element, and twice the outputs.

    ``device``: ``"cuda"`` or ``"cpu"``. The input is always on the device of the model.

    The differences from torchsummary:

    - A layer without a tensor as its first argument has a row, and so has a layer with a dict or a
      nested tuple as its output. Its shape is then a list of the shapes of all tensors.
    - A model without parameters has totals.
    - A parametrization has a row for each time that the model computes it. torchsummary computes it
      again to measure it, and has rows for that too.
    - The model is as before: statistics of a batch norm do not change.

    Raises ``InputError`` for an ``input_size`` that is no shape and for another ``device``. Raises
    the errors of ``hookcount.count`` too.
    """
    one_of(f"summary(device={device!r})", str(device).lower(), ("cuda", "cpu"))
    sizes = _sizes(input_size)
    if not has_lazy(model):
        checked(model)
    like = next(model.parameters(), torch.zeros(()))
    args = tuple(_random(size, like.device) for size in sizes)
    model = initialised(model, args, {})
    with unfused(model.modules()):
        report = observed(model, args, {}, named("default"), run="auto")
    rows = list(_rows(model, report.priced.trace.runs, batch_size))
    print("\n".join(_lines(rows, prod(_numbers(sizes)) * batch_size)))


def _lines(rows: Sequence[_Row], inputs: int) -> Iterator[str]:
    yield _THIN
    yield f"{'Layer (type)':>20}  {'Output Shape':>25} {'Param #':>15}"
    yield _THICK
    yield from map(str, rows)
    params, trainable = sum(row.params for row in rows), sum(row.trainable for row in rows)
    yield _THICK
    yield f"Total params: {params:,}"
    yield f"Trainable params: {trainable:,}"
    yield f"Non-trainable params: {params - trainable:,}"
    yield _THIN
    sizes = (inputs, 2 * sum(row.elements for row in rows), params)
    megabytes = [abs(size * 4.0 / _MEBIBYTE) for size in sizes]
    yield f"Input size (MB): {megabytes[0]:0.2f}"
    yield f"Forward/backward pass size (MB): {megabytes[1]:0.2f}"
    yield f"Params size (MB): {megabytes[2]:0.2f}"
    yield f"Estimated Total Size (MB): {sum(reversed(megabytes)):0.2f}"
    yield _THIN


def _rows(model: nn.Module, runs: Sequence[ModuleRun], batch_size: int) -> Iterator[_Row]:
    """The rows of the calls. A module that two modules hold has a row for each of them.

    A wrapper such as ``DataParallel`` has its row after that of the module inside it.
    """
    modules = modules_at(model)
    wrappers = _wrappers(model)
    visits = Counter(map(id, _visited(model)))
    weights = Weights(runs)
    index = 0
    for run in _in_order_of_end(runs):
        if run.path not in modules or run.call is None:
            continue
        inner = modules[run.path]
        shape = _shape(run.call.out, batch_size)
        for module in (inner, *wrappers.get(id(inner), ())):
            if module is model or isinstance(module, (nn.Sequential, nn.ModuleList)):
                continue
            for _ in range(visits[id(module)]):
                index += 1
                params, trainable = weights.of(module, run.path)
                yield _Row(f"{type(module).__name__}-{index}", shape, params, trainable)


def _wrappers(model: nn.Module) -> dict[int, list[nn.Module]]:
    """By the id of a module inside wrappers: these wrappers, from the inside out."""
    found: dict[int, list[nn.Module]] = {}
    for module in model.modules():
        if wrapped_as(type(module)):
            found.setdefault(id(unwrap(module)), []).insert(0, module)
    return found


def _visited(module: nn.Module) -> Iterator[nn.Module]:
    """The modules as ``apply`` visits them: once for each module that holds them."""
    for child in module.children():
        yield from _visited(child)
    yield module


def _in_order_of_end(runs: Sequence[ModuleRun]) -> Iterator[ModuleRun]:
    """The runs, each after those inside it. They are given in the order in which they began."""
    running: list[tuple[int, ModuleRun]] = []
    for index, run in enumerate(runs):
        if run.phase != "forward":
            continue
        while running and running[-1][0] != run.parent:
            yield running.pop()[1]
        running.append((index, run))
    while running:
        yield running.pop()[1]


def _shape(out: object, batch_size: int) -> Shape | list[Shape]:
    """The shape of an output. Several outputs have a batch of -1."""
    if isinstance(out, Spec):
        return [batch_size, *out.shape[1:]] if out.shape else []
    return [[-1, *each.shape[1:]] for each in leaves(out)]


def _numbers(shapes: Iterable[int | Sequence[int]]) -> Iterator[int]:
    for each in shapes:
        if isinstance(each, Sequence):
            yield from each
        else:
            yield each


def _sizes(input_size: object) -> list[tuple[int, ...]]:
    """The shapes of the inputs. Raises ``InputError`` for any other value."""
    given = [input_size] if isinstance(input_size, tuple) else input_size
    shapes = [_shape_of(each) for each in given] if isinstance(given, list) else [None]
    found = [each for each in shapes if each is not None]
    if len(found) < len(shapes):
        fix = "give a tuple such as (3, 224, 224), or a list of tuples"
        raise refused(f"summary(input_size={input_size!r})", "this is no shape", fix)
    return found


def _shape_of(value: object) -> tuple[int, ...] | None:
    """The sizes in a value, which are of any integer type. None if it has anything else."""
    if not isinstance(value, Iterable) or isinstance(value, str):
        return None
    sizes = [as_int(each) for each in value]
    found = tuple(each for each in sizes if isinstance(each, int) and each >= 0)
    return found if len(found) == len(sizes) else None


def _random(size: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Two samples between 0 and 1, from their own generator: the global ones do not change."""
    if device.type == "meta":
        return torch.empty(2, *size, device=device)
    return torch.rand(2, *size, generator=torch.Generator().manual_seed(0)).to(device)
