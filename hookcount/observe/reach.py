"""Which ops of a run reach an output of the model. A jit trace has no other ops.

Each op that runs is a node. Its inputs are the nodes that made its arguments. An op that writes to
a tensor is also an input of each later op on that tensor or on a view of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from weakref import ref

import torch

from ..core.trace import ModuleRun, OpRun, Phase
from .call_sites.lines import Site
from .contained import op_tensors, tensors
from .opfacts import UNDECLARED_WRITES, OpFacts
from .values import OpArgs, OpKwargs, OpResult

NotedAs = tuple[int | None, Hashable]
"""The index of a module call, and the key of an op call there. None outside of all modules."""
MOST = 200_000
"""With more nodes than this, every op is taken to reach an output."""

_LISTS = frozenset((list, tuple))


class Reach:
    """The nodes of one observation. Each may have the key of an op call that was noted."""

    def __init__(self, known: Mapping[int, ref[torch.Tensor]], most: int = MOST) -> None:
        self._known = known
        """The tensors that seen ops returned, by their identities. A tensor that no op made may get
        the identity of one that is gone."""
        self.most = most
        """How many nodes are kept."""
        self.noted: NotedAs | None = None
        """The key of the op call that was noted last. The next result is its result."""
        self._inputs: list[tuple[int, ...] | None] = []
        """By node, the nodes that it depends on; None if it may depend on all nodes before it."""
        self._keys: list[NotedAs | None] = []
        self._whole: list[tuple[int, NotedAs]] = []
        self._made: dict[int, int] = {}
        """By the identity of a tensor, the node that made it."""
        self._bases: dict[int, int] = {}
        """By the identity of a view, that of the tensor whose memory it shares."""
        self._viewed: set[int] = set()
        """The identities of tensors that have views."""
        self._written: dict[int, int] = {}
        """By the identity of such a tensor, the last node that wrote to its memory."""
        self._ends: set[int] = set()
        """Nodes that reach an output, or that write to a tensor which the run did not make."""
        self._settled = False
        self.paused = False
        """Whether ops run that can reach no output, as in a backward pass after the forward."""

    def __len__(self) -> int:
        return len(self._inputs)

    def made(self, facts: OpFacts, args: OpArgs, kwargs: OpKwargs, out: OpResult) -> None:
        """An op returned ``out``."""
        noted, made = self.noted, self._made
        self.noted = None
        results = (out,) if isinstance(out, torch.Tensor) else op_tensors((out,))
        if self.paused:
            for each in results:
                made.pop(id(each), None)
            return
        everything = False
        if noted is None:
            if all(self._maker(each) is not None for each in results):
                return  # the ops which make up this one are nodes
            everything = not op_tensors(args)
        node = len(self._inputs)
        if node >= self.most:
            return
        inputs: list[int] = []
        for value in args:
            found = made.get(id(value))
            if found is not None:
                if self._is_there(value):
                    inputs.append(found)
            elif type(value) in _LISTS and value and type(value[0]) is not int:
                inputs += self._makers(op_tensors((value,)))
        if kwargs:
            inputs += self._makers(op_tensors(kwargs.values()))
        if self._written:
            inputs += self._writers(op_tensors((*args, *kwargs.values())))
        self._inputs.append(None if everything else tuple(inputs))
        self._keys.append(noted if facts.makes or facts.view else None)  # None for an allocation
        if facts.view:
            self._note_views(args, results)
        elif (facts.writes or facts.writes_by_name) and facts.name not in UNDECLARED_WRITES:
            self._write(node, op_tensors(facts.written(args, kwargs)))
        elif self._bases:
            self._note_new(results)
        for each in results:
            made[id(each)] = node

    def _maker(self, tensor: torch.Tensor) -> int | None:
        """The node that made a tensor."""
        node = self._made.get(id(tensor))
        return node if node is not None and self._is_there(tensor) else None

    def _is_there(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor is the one that a seen op returned, and no later one at its place."""
        known = self._known.get(id(tensor))
        return known is not None and known() is tensor

    def _makers(self, given: Iterable[torch.Tensor]) -> list[int]:
        return [node for each in given if (node := self._maker(each)) is not None]

    def _note_new(self, results: Iterable[torch.Tensor]) -> None:
        """New tensors may have the identities of such as are gone."""
        for each in results:
            self._bases.pop(id(each), None)
            self._written.pop(id(each), None)
            self._viewed.discard(id(each))

    def _base(self, tensor: torch.Tensor) -> int:
        base = self._bases.get(id(tensor))
        return id(tensor) if base is None or self._maker(tensor) is None else base

    def _note_views(self, args: OpArgs, results: Iterable[torch.Tensor]) -> None:
        for shown in op_tensors(args[:1]):
            base = self._base(shown)
            self._viewed.add(base)
            for each in results:
                self._bases[id(each)] = base

    def _writers(self, given: Iterable[torch.Tensor]) -> list[int]:
        found = [self._written.get(self._base(each)) for each in given]
        return [each for each in found if each is not None]

    def _write(self, node: int, targets: Iterable[torch.Tensor]) -> None:
        for each in targets:
            base = self._base(each)
            if self._maker(each) is None and base not in self._made:
                self._ends.add(node)  # the run did not make it
            if base in self._viewed:
                self._written[base] = node
            elif base == id(each) and base in self._known:
                self._made[base] = node

    def note_whole(self, key: NotedAs, out: OpResult) -> None:
        """A call of a whole function returned ``out``: it reaches what its last op reaches."""
        if nodes := self._makers(op_tensors((out,))):
            self._whole.append((max(nodes), key))

    def settle(self, out: object) -> None:
        """The model returned ``out``."""
        found = list(tensors((out,)))
        self._ends.update(self._writers(found))
        ends = self._makers(found)
        self._ends.update(ends)
        self._settled = bool(ends)

    def forget(self, nodes: int) -> None:
        """The calls of all but the first ``nodes`` are forgotten."""
        self.noted = None
        self._keys[nodes:] = [None] * (len(self) - nodes)
        self._whole = [each for each in self._whole if each[0] < nodes]

    def lost(self) -> dict[NotedAs, int]:
        """How many of the calls of each key reach no output. Empty if no seen op made an output."""
        if not self._settled or len(self) >= self.most:
            return {}
        reaching = self._reaching()
        found: dict[NotedAs, int] = {}
        for node, key in (*enumerate(self._keys), *self._whole):
            if key is not None and not reaching[node]:
                found[key] = found.get(key, 0) + 1
        return found

    def _reaching(self) -> list[bool]:
        reaching = [False] * len(self)
        for node in self._ends:
            reaching[node] = True
        all_before = False
        for node in range(len(self) - 1, -1, -1):  # inputs come before
            reaching[node] = reaching[node] or all_before
            if reaching[node]:
                inputs = self._inputs[node]
                all_before = all_before or inputs is None
                for each in inputs or ():
                    reaching[each] = True
        return reaching


Seen = tuple[list[ModuleRun], list[tuple[Phase, OpRun]]]
"""The module runs of an observation, and the ops outside all modules."""


def with_lost(seen: Seen, lost: Mapping[NotedAs, int]) -> Seen:
    """What was seen, where each op has the number of its calls that reach no output.

    Under a transform of ``torch.func`` a tensor has several identities. Then no op is said to be
    lost.
    """
    runs, outside = seen
    if not lost or any(run.by_ops for run in runs):
        return seen
    found = list(runs)
    for index in {key[0] for key in lost if key[0] is not None}:
        ops = [
            op._replace(lost=lost.get((index, (op.call, op.claimable, _site(op))), 0))
            for op in runs[index].ops
        ]
        found[index] = runs[index]._replace(ops=tuple(ops))
    return found, [
        (phase, op._replace(lost=lost.get((None, (phase, op.call, _site(op))), 0)))
        for phase, op in outside
    ]


def _site(op: OpRun) -> Site:
    return Site(op.line, op.called, op.whole, op.inside)
