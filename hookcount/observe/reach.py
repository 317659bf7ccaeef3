"""Which ops of a run reach an output of the model. A jit trace has no other ops.

Each op that runs is a node. Its inputs are the nodes that made its arguments. An op that writes to
a tensor is also an input of each later op on that tensor or on a view of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

import torch

from ..core.trace import ModuleRun, OpRun, Phase
from .call_sites.lines import Site
from .opfacts import UNDECLARED_WRITES, OpFacts
from .specs import op_tensors, tensors
from .values import OpArgs, OpKwargs, OpResult

MOST = 200_000
"""With more nodes than this, every op is taken to reach an output."""


class Reach:
    """The nodes of one observation. Each may have the key of an op call that was noted."""

    def __init__(self) -> None:
        self.noted: Hashable = None
        """The key of the op call that was noted last. The next result is its result."""
        self._inputs: list[tuple[int, ...] | None] = []
        """By node, the nodes that it depends on; None if it may depend on all nodes before it."""
        self._keys: list[Hashable] = []
        self._whole: list[tuple[int, Hashable]] = []
        self._made: dict[int, int] = {}
        """By the identity of a tensor, the node that made it."""
        self._written: dict[int, int] = {}
        """By the identity of a tensor that is no view, the last node that wrote to it."""
        self._ends: set[int] = set()
        """Nodes that reach an output, or that write to a tensor which the run did not make."""
        self._settled = False

    def __len__(self) -> int:
        return len(self._inputs)

    def made(self, facts: OpFacts, args: OpArgs, kwargs: OpKwargs, out: OpResult) -> None:
        """An op returned ``out``."""
        noted, self.noted = self.noted, None
        made = self._made
        outs = (out,) if isinstance(out, torch.Tensor) else op_tensors((out,))
        if noted is None and all([id(each) in made for each in outs]):  # noqa: C419 (faster)
            return  # the ops which make up this one are nodes
        node = len(self._inputs)
        if node >= MOST:
            return
        given = op_tensors(args)
        if kwargs:
            given += op_tensors(kwargs.values())
        inputs = [made[id(each)] for each in given if id(each) in made]
        if self._written:
            inputs += self._writers(given)
        self._inputs.append(tuple(inputs) if given or noted is not None else None)
        self._keys.append(noted)
        if (facts.writes or facts.writes_by_name) and facts.name not in UNDECLARED_WRITES:
            self._write(node, op_tensors(facts.written(args, kwargs)))
        for each in outs:
            made[id(each)] = node

    def _writers(self, given: Iterable[torch.Tensor]) -> list[int]:
        written = self._written
        found = [written.get(id(each if each._base is None else each._base)) for each in given]
        return [each for each in found if each is not None]

    def _write(self, node: int, targets: Iterable[torch.Tensor]) -> None:
        for each in targets:
            base = each if each._base is None else each._base
            if id(base) not in self._made and id(each) not in self._made:
                self._ends.add(node)  # the run did not make it
            self._written[id(base)] = node

    def note_whole(self, key: Hashable, out: OpResult) -> None:
        """A call of a whole function returned ``out``: it reaches what its last op reaches."""
        nodes = [self._made[id(each)] for each in op_tensors((out,)) if id(each) in self._made]
        if nodes:
            self._whole.append((max(nodes), key))

    def settle(self, out: object) -> None:
        """The model returned ``out``."""
        found = list(tensors((out,)))
        self._ends.update(self._writers(found))
        ends = [self._made[id(each)] for each in found if id(each) in self._made]
        self._ends.update(ends)
        self._settled = bool(ends)

    def forget(self, nodes: int) -> None:
        """The calls of all but the first ``nodes`` are forgotten."""
        self.noted = None
        self._keys[nodes:] = [None] * (len(self) - nodes)
        self._whole = [each for each in self._whole if each[0] < nodes]

    def lost(self) -> dict[Hashable, int]:
        """How many of the calls of each key reach no output. Empty if no seen op made an output."""
        if not self._settled or len(self) >= MOST:
            return {}
        reaching = self._reaching()
        found: dict[Hashable, int] = {}
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


def with_lost(seen: Seen, lost: Mapping[Hashable, int]) -> Seen:
    """What was seen, where each op has the number of its calls that reach no output.

    Under a transform of ``torch.func`` a tensor has several identities, so no op is said to be lost.
    """
    runs, outside = seen
    if not lost or any(run.by_ops for run in runs):
        return seen
    runs = [
        run._replace(
            ops=tuple(
                op._replace(lost=lost.get((index, (op.call, op.claimable, _site(op))), 0))
                for op in run.ops
            )
        )
        for index, run in enumerate(runs)
    ]
    return runs, [
        (phase, op._replace(lost=lost.get((None, (phase, op.call, _site(op))), 0)))
        for phase, op in outside
    ]


def _site(op: OpRun) -> Site:
    return Site(op.line, op.called, op.whole)
