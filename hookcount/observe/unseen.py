"""Finds outputs of modules that no seen op made, and work that comes after the forward."""

from __future__ import annotations

import types
from typing import NamedTuple, Protocol
from weakref import ref

import torch
from torch import nn

from ..core.trace import Unseen
from .contained import op_tensors, storage, tensors
from .contents import Contents, later
from .handed import NOT_FOLLOWED
from .kept import kept_elsewhere
from .module_tree import ModuleTree
from .opfacts import OpFacts
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
        """The tensors that seen ops returned."""
        self._judged: dict[int, ref[torch.Tensor]] = {}
        """Other tensors that are in no doubt, or whose doubt is noted. Some are the caller's."""
        self.lasting = False
        """Whether the caller goes on with the outputs, in a ``watch`` block. If not, the first
        module's return ends the observation."""
        self.moved = False
        """Whether a constant was made on the CPU that the code wanted on another device."""
        self.wrote_data = False
        """Whether a shapes-only run wrote data to a real tensor, which may then have a gradient."""
        self._callers: dict[int, ref[torch.Tensor]] = {}
        """Tensors of the caller that an op wrote to and returned."""
        self._blank: set[int] = set()
        """Storages whose values no seen op wrote: bare allocations and memory from elsewhere."""
        self._doubts: list[tuple[_Place, ref[torch.Tensor]]] = []
        self.later: list[tuple[_Place, ref[object] | object]] = []
        """The objects in outputs that may compute something later."""
        self.suspected = False
        """Whether a thread that is not observed ran a module of the model. It may serve others, or
        it may be a worker that this thread gave work to."""
        self.whole = False
        """Whether a call of a whole function was noted."""
        self._modules: frozenset[int] | None = None

    # -- ops ----------------------------------------------------------------------------------

    def made(self, facts: OpFacts, args: OpArgs, kwargs: OpKwargs, out: OpResult) -> None:
        """A seen op returned ``out``."""
        if facts.returns:
            self._note_writes(args, kwargs, out)
        if isinstance(out, torch.Tensor):
            self.known[id(out)] = ref(out)
        elif isinstance(out, (tuple, list)):
            for tensor in op_tensors(out):
                self.known[id(tensor)] = ref(tensor)
        if facts.brings or self._blank:
            self._note_storages(facts, args, kwargs, out)

    def know(self, out: object) -> None:
        """A fake returned ``out``. It may hold choices that no op of the model made."""
        self._judged.update((id(tensor), ref(tensor)) for tensor in tensors(out))
        self._blank.difference_update(map(storage, tensors(out)))

    def filled(self, tensor: torch.Tensor) -> None:
        """A seen op wrote to what replaces ``tensor``."""
        self._blank.discard(storage(tensor))

    def _note_storages(self, facts: OpFacts, args: OpArgs, kwargs: OpKwargs, out: OpResult) -> None:
        if facts.brings:
            if not isinstance(out, torch.Tensor) or not out.numel():
                return
            # torch.tensor has filled its storage; that of torch.from_numpy cannot be resized
            if not (facts.lifts and _resizable(out)):
                self._blank.add(storage(out))
            return
        written = facts.written(args, kwargs)
        if not facts.view:
            written.append(out)
        self._blank.difference_update(map(storage, tensors(written)))

    def _note_writes(self, args: OpArgs, kwargs: OpKwargs, out: OpResult) -> None:
        """An op returned its arguments. Those that no op made are the caller's own."""
        for tensor in (out,) if isinstance(out, torch.Tensor) else op_tensors((out,)):
            if not _has(self.known, tensor) and any(
                tensor is each for each in op_tensors((*args, *kwargs.values()))
            ):
                self._callers[id(tensor)] = ref(tensor)

    def left(self, all_of_them: bool) -> list[torch.Tensor]:
        """The tensors that the run made in place of the model's own, and that are still alive.

        They are without values; on a model that is not on the CPU, also the constants. Without
        ``all_of_them``, the first one is enough.
        """
        held = next(iter((*self._tree.parameters, *self._tree.buffers)), None)
        moved = self.moved and held is not None and held.device.type != "cpu"
        found: list[torch.Tensor] = []
        for key, each in self.known.items():
            tensor = each()
            if tensor is not None and (tensor.is_meta or moved):
                caller = self._callers.get(key)
                if caller is None or caller() is not tensor:
                    found.append(tensor)
                    if not all_of_them:
                        break
        return found

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
            if not bare and not self._blank and _has(self.known, out):
                return
            found = Contents([out])
        else:
            found = Contents()
            found.add(out)
        place = _Place(observer, frame.index)
        # a fake makes choices of its own, which no op of the model made
        doubtful = (
            []
            if getattr(observer, "faking", None)
            else [each for each in found.tensors if self._doubtful(each, bare, observer)]
        )
        if doubtful:
            for tensor in _made_here(doubtful, frame.module, self._tree, given):
                self._doubts.append((place, ref(tensor)))
            # the innermost module is named
            self._judged.update((id(tensor), ref(tensor)) for tensor in doubtful)
            self._blank.difference_update(map(storage, doubtful))
        for each in found.later:
            self.later.append((place, _weakly(each)))

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
        if not _has(self.known, tensor) and not _has(self._judged, tensor):
            return True
        return bool(self._blank) and storage(tensor) in self._blank

    def has_made(self, tensor: torch.Tensor) -> bool:
        """Whether a seen op is known to have computed a tensor, or to have copied or filled it."""
        return _has(self.known, tensor) and not self.is_blank(tensor)

    def is_blank(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor has memory to which no seen op wrote: of ``torch.empty``, or of numpy.

        See ``_blank``.
        """
        return storage(tensor) in self._blank

    # -- the end ------------------------------------------------------------------------------

    def settle(self, given: object, out: object) -> None:
        """Name what is certain now. A module outside all others has returned ``out``.

        Whatever something else than ``out`` holds is no new tensor: it comes from a cache.
        """
        if self._doubts:
            self._settle_doubts(given, out)
        if self.later and not self.lasting:
            self.settle_later()

    def _settle_doubts(self, given: object, out: object) -> None:
        alive = {id(tensor): tensor for _, each in self._doubts if (tensor := each()) is not None}
        inputs = Contents()
        inputs.add(given)
        held = set(map(storage, inputs.tensors))
        kept = {key for key, tensor in alive.items() if storage(tensor) in held}
        if len(kept) < len(alive):
            kept |= kept_elsewhere(alive, out)
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
        for place, each in self.later:
            value = _strongly(each)
            if value is not None and (what := later(value)):
                place.observer.unseen.setdefault(place.run, computes_later(what))
                if isinstance(value, types.CoroutineType) and not self.lasting:
                    value.close()  # nobody will await it; Python would warn
        self.later.clear()

    def generators(self) -> int:
        """How many of the generators that forwards returned are running now."""
        if not self.later:
            return 0
        found = {id(value): value for _, each in self.later if (value := _strongly(each))}
        return sum(
            isinstance(each, types.GeneratorType) and each.gi_running for each in found.values()
        )

    def forget(self, observer: Listener, runs: int) -> None:
        """Forget all findings about the calls from index ``runs`` on."""
        self._doubts = [each for each in self._doubts if not _since(each[0], observer, runs)]
        self.later = [each for each in self.later if not _since(each[0], observer, runs)]


def _has(known: dict[int, ref[torch.Tensor]], tensor: torch.Tensor) -> bool:
    found = known.get(id(tensor))
    return found is not None and found() is tensor


def _since(place: _Place, observer: Listener, runs: int) -> bool:
    return place.observer is observer and place.run >= runs


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


def _strongly(value: ref[object] | object) -> object:
    return value() if isinstance(value, ref) else value


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
