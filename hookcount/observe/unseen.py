"""Finds outputs of modules that no seen op made, and work that comes after the forward."""

from __future__ import annotations

import gc
import sys
import types
from collections import Counter
from typing import NamedTuple, Protocol
from weakref import ref

import torch
from torch import nn

from ..core.trace import Unseen
from ..rules.registry import Op
from .contents import Contents, later
from .handed import NOT_FOLLOWED
from .module_tree import ModuleTree
from .opfacts import op_facts
from .specs import op_tensors, storage, tensors
from .stack import Frame
from .values import OpArgs, OpKwargs, OpResult

OUTPUT = Unseen("made its output without any visible op", "")


def computes_later(what: str) -> Unseen:
    """The finding that a forward returned an object which computes after it."""
    return Unseen(
        f"returned {what}, which computes after the forward",
        "count a module whose forward runs it to its end and returns the results",
    )


class Listener(Protocol):
    """An observer, as this file needs it."""

    unseen: dict[int, Unseen]
    shapes_only: bool


_CALLS_MODULES = nn.Module._wrapped_call_impl.__code__


class _Place(NamedTuple):
    """A call of a module: its observer, and its index there."""

    observer: Listener
    run: int


class Origins:
    """Knows each tensor that a seen op returned. The observers of one count share it.

    A tensor is known by its identity, through a weak reference.
    """

    def __init__(self, tree: ModuleTree) -> None:
        self._tree = tree
        self.known: dict[int, ref[torch.Tensor]] = {}
        self.lasting = False
        """Whether the caller goes on with the outputs, in a ``watch`` block. If not, the first
        module's return ends the observation."""
        self._blank: set[int] = set()
        """Storages whose values no seen op wrote: bare allocations and memory from elsewhere."""
        self._doubts: list[tuple[_Place, ref[torch.Tensor]]] = []
        self._later: list[tuple[_Place, ref[object] | object]] = []
        self.suspected = False
        """Whether a thread that is not observed ran a module of the model. It may serve others, or
        it may be a worker that this thread gave work to."""
        self._modules: frozenset[int] | None = None

    # -- ops ----------------------------------------------------------------------------------

    def made(self, op: Op, args: OpArgs, kwargs: OpKwargs, out: OpResult) -> None:
        """A seen op returned ``out``."""
        if isinstance(out, torch.Tensor):
            self.known[id(out)] = ref(out)
        elif isinstance(out, (tuple, list)):
            for tensor in op_tensors(out):
                self.known[id(tensor)] = ref(tensor)
        brings = _brings.get(op)
        if brings is None:
            brings = _brings[op] = _brings_in(op)
        if brings or self._blank:
            self._note_storages(op, args, kwargs, out, brings)

    def _note_storages(
        self, op: Op, args: OpArgs, kwargs: OpKwargs, out: OpResult, brings: bool
    ) -> None:
        if brings:
            # torch.tensor has filled its storage; that of torch.from_numpy cannot be resized
            filled = op_facts(op).lifts and _resizable(out)
            if isinstance(out, torch.Tensor) and not out.is_meta and not filled:
                self._blank.add(storage(out))
            return
        facts = op_facts(op)
        written = [args[index] for index in facts.writes if index < len(args)]
        written += [kwargs.get(name) for name in facts.writes_by_name]
        if not facts.view:
            written.append(out)
        self._blank.difference_update(map(storage, tensors(written)))

    # -- modules ------------------------------------------------------------------------------

    def read(
        self,
        observer: Listener,
        frame: Frame,
        given: tuple[tuple[object, ...], dict[str, object]],
        out: object,
    ) -> None:
        """A forward returned ``out``, and received ``given``."""
        bare = not frame.visible and not frame.called
        if type(out) is torch.Tensor:
            if not bare and not self._blank:
                known = self.known.get(id(out))
                if known is not None and known() is out:
                    return
            found = Contents([out])
        else:
            found = Contents()
            found.add(out)
        place = _Place(observer, frame.index)
        doubtful = [each for each in found.tensors if self._doubtful(each, bare, observer)]
        if doubtful:
            for tensor in _made_here(doubtful, frame.module, self._tree, given):
                self._doubts.append((place, ref(tensor)))
            for tensor in doubtful:  # a tensor is the affair of the innermost module
                self.known[id(tensor)] = ref(tensor)
                self._blank.discard(storage(tensor))
        for each in found.later:
            self._later.append((place, _weakly(each)))

    def _doubtful(self, tensor: torch.Tensor, bare: bool, observer: Listener) -> bool:
        """Whether no seen op is known to have made ``tensor``.

        ``bare``: the module ran neither a module nor an op that makes a tensor. Then a view is
        doubtful too: it may show memory that no seen op wrote.
        """
        if not tensor.numel() or torch._C._functorch.is_functorch_wrapped_tensor(tensor):
            return False
        if bare and not (observer.shapes_only and tensor.is_meta):
            return True
        if type(tensor) is not torch.Tensor:  # torch makes a Parameter of a tensor without any op
            return False
        known = self.known.get(id(tensor))
        if known is None or known() is not tensor:
            return True
        return bool(self._blank) and storage(tensor) in self._blank

    # -- the end ------------------------------------------------------------------------------

    def settle(self, given: object, out: object) -> None:
        """Name what is certain now. A module outside all others has returned ``out``.

        Whatever something else than ``out`` holds is no new tensor: it comes from a cache.
        """
        if self._doubts:
            self._settle_doubts(given, out)
        if self._later and not self.lasting:
            self.settle_later()

    def _settle_doubts(self, given: object, out: object) -> None:
        alive = {id(tensor): tensor for _, each in self._doubts if (tensor := each()) is not None}
        inputs = Contents()
        inputs.add(given)
        held = set(map(storage, inputs.tensors))
        kept = {key for key, tensor in alive.items() if storage(tensor) in held}
        if len(kept) < len(alive):
            kept |= _kept(alive, out)
        for place, each in self._doubts:
            if id(each()) not in kept:
                found = NOT_FOLLOWED if self.suspected else OUTPUT
                place.observer.unseen.setdefault(place.run, found)
        self._doubts.clear()

    def suspect(self, entered: nn.Module) -> None:
        """A thread that is not observed runs the module ``entered``, maybe one of another model."""
        if self._modules is None:
            self._modules = frozenset(map(id, self._tree.modules))
        self.suspected = self.suspected or id(entered) in self._modules

    def settle_later(self) -> None:
        """Name each object that still has something to compute."""
        for place, each in self._later:
            value = each() if isinstance(each, ref) else each
            if value is not None and (what := later(value)):
                place.observer.unseen.setdefault(place.run, computes_later(what))
                if isinstance(value, types.CoroutineType) and not self.lasting:
                    value.close()  # nobody will await it; Python would warn
        self._later.clear()

    def running_later(self) -> bool:
        """Whether a generator that a forward returned is running now."""
        if not self._later:
            return False
        for _, each in self._later:
            value = each() if isinstance(each, ref) else each
            if isinstance(value, types.GeneratorType) and value.gi_running:
                return True
        return False

    def forget(self, observer: Listener, runs: int) -> None:
        """Forget all findings about the calls from index ``runs`` on."""
        self._doubts = [each for each in self._doubts if not _since(each[0], observer, runs)]
        self._later = [each for each in self._later if not _since(each[0], observer, runs)]


def _since(place: _Place, observer: Listener, runs: int) -> bool:
    return place.observer is observer and place.run >= runs


_brings: dict[Op, bool] = {}
"""Whether an op returns memory that it did not fill. See ``Origins``."""


def _brings_in(op: Op) -> bool:
    facts = op_facts(op)
    return facts.lifts or not (facts.makes or facts.view or facts.control_flow)


def _resizable(tensor: torch.Tensor) -> bool:
    try:
        return tensor.untyped_storage().resizable()
    except (NotImplementedError, RuntimeError):  # a sparse tensor
        return True


def _weakly(value: object) -> ref[object] | object:
    try:
        return ref(value)
    except TypeError:  # a map object, for example
        return value


def _made_here(
    doubtful: list[torch.Tensor],
    module: nn.Module,
    tree: ModuleTree,
    given: tuple[tuple[object, ...], dict[str, object]],
) -> list[torch.Tensor]:
    """Those tensors that are no view of an input, or of a tensor of the module or the model.

    If the module receives and holds no tensor at all, its output is a constant.
    """
    if all(any(tensor is each for each in given[0]) for tensor in doubtful):
        return []
    inputs = Contents()
    inputs.add((*given[0], given[1]))
    own = [*module.parameters(), *module.buffers(), *tensors(dict(vars(module)))]
    held = {storage(tensor) for tensor in (*inputs.tensors, *own)}
    if not held:
        return []
    held.update(map(storage, (*tree.parameters, *tree.buffers)))
    return [tensor for tensor in doubtful if storage(tensor) not in held]


def _kept(alive: dict[int, torch.Tensor], out: object) -> set[int]:
    """The ids of those tensors that something else than a running function or ``out`` holds."""
    own = Contents()
    own.add(out)
    passing, in_cells = _local_values()
    passing |= own.containers | {id(alive), id(own.tensors)}
    kept: set[int] = set()
    for holder in gc.get_referrers(*alive.values()):
        if not isinstance(holder, types.FrameType) and id(holder) not in passing:
            for key in {id(each) for each in gc.get_referents(holder)} & alive.keys():
                if isinstance(holder, types.CellType) and in_cells[key]:
                    in_cells[key] -= 1
                else:
                    kept.add(key)
    return kept


def _local_values() -> tuple[set[int], Counter[int]]:
    """The ids of the values of local variables, in the functions of torch that call the hooks.

    The counter has those that inner functions read too, by the number of cells that hold them.
    """
    found: set[int] = set()
    in_cells: Counter[int] = Counter()
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        code, values = frame.f_code, frame.f_locals
        found.update((id(values), *map(id, list(values.values()))))
        in_cells.update(id(values[name]) for name in code.co_cellvars if name in values)
        # further frames are the caller's; reading their variables would keep these alive
        frame = None if code is _CALLS_MODULES else frame.f_back
    return found, in_cells
