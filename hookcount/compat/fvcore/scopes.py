"""Which modules an op of a trace counts for in fvcore, and the figures of each module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from torch import nn

from ...core.trace import Call, OpRun, Trace
from ...observe.module_tree import wrapped_as
from ...pricing.reasons import has_sparse
from ..jit.names import jit_name
from .ignored import UNTRACED
from .jit_handles import Figures, Handle, figures_from, is_own

Ancestors = Literal["owner", "caller"]
Names = frozenset[str]
Known = dict[tuple[int, int], Figures]
"""Figures by the identities of a call and of a handle."""


@dataclass(frozen=True)
class Statistics:
    """The statistics of a trace, by the canonical names of the modules.

    ``counts``: the figure of each op. ``unsupported_ops``: the number of calls of each op without a
    figure. ``uncalled_mods``: the modules that ran no op.
    """

    counts: dict[str, Counter[str]]
    unsupported_ops: dict[str, Counter[str]]
    uncalled_mods: set[str]


class Scopes:
    """The names of the modules of a model, as fvcore has them.

    ``aliases`` maps each name of a module to its canonical name, which is the first one. A wrapper
    (``DataParallel``) is a module with a name of its own.
    """

    def __init__(self, model: nn.Module) -> None:
        self.aliases: dict[str, str] = {}
        self.modules: dict[str, nn.Module] = {}
        """The module of each name."""
        self._at: dict[str, list[str]] = {}
        """The canonical names at each path of a trace, outermost first.

        There is more than one name at the place of a wrapper.
        """
        self._walk(model, "", "", {}, [])

    def _walk(
        self, module: nn.Module, name: str, path: str, first: dict[int, str], above: list[nn.Module]
    ) -> None:
        if any(each is module for each in above):
            return  # a module inside itself
        canonical = first.setdefault(id(module), name)
        self.aliases[name], self.modules[name] = canonical, module
        self._at.setdefault(path, []).append(canonical)
        inside = wrapped_as(type(module))
        for key, child in module._modules.items():
            if child is not None:
                below = path if key == inside else _below(path, key)
                self._walk(child, _below(name, key), below, first, [*above, module])

    def at(self, path: str) -> list[str]:
        """The canonical names of the modules at a path of a trace, outermost first.

        A module that ran without being in the model's tree has no name of its own. It has that of
        the nearest module above.
        """
        while path not in self._at:
            path = path.rpartition(".")[0]
        return self._at[path]


def _below(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def statistics(
    trace: Trace,
    scopes: Scopes,
    handles: Mapping[str, Handle],
    ignored: AbstractSet[str],
    mode: Ancestors,
) -> Statistics:
    """The statistics of a trace.

    An op with a handle counts, even if it is also in ``ignored``. Raises ``FormulaError`` if a
    handle raises, or if its figure is no number.
    """
    names = scopes.aliases.values()
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    unsupported: dict[str, Counter[str]] = {name: Counter() for name in names}
    seen: set[str] = set()
    known: Known = {}
    for path, callers, owners, op in _scoped(trace, scopes):
        op_name = jit_name(op.call.target)
        if op_name in UNTRACED:
            continue
        ancestors = callers if mode == "caller" else owners
        seen |= callers | ancestors
        handle = handles.get(op_name)
        if handle is not None and not has_sparse(op.call):
            found = _figures(handle, op, path, known)
            for name in ancestors:
                for figures in found:
                    counts[name] += figures
        elif handle is not None or op_name not in ignored:
            for name in ancestors:
                unsupported[name][op_name] += op.times
    return Statistics(counts, unsupported, set(names) - seen)


def _figures(handle: Handle, op: OpRun, path: str, known: Known) -> list[Counter[str]]:
    """The figures of the calls of an op. A user's handle is asked once per call."""
    if not is_own(handle):
        return [Counter(figures_from(handle, op.call, path)) for _ in range(op.times)]
    figures = _own_figures(handle, op.call, path, known)
    return [Counter({key: figure * op.times for key, figure in figures.items()})]


def _own_figures(handle: Handle, call: Call, path: str, known: Known) -> Figures:
    key = (id(call), id(handle))
    if key not in known:
        known[key] = figures_from(handle, call, path)
    return known[key]


def _scoped(trace: Trace, scopes: Scopes) -> Iterator[tuple[str, Names, Names, OpRun]]:
    """Each op, the path where it ran, and the names of its callers and of its owners.

    The callers are the modules whose forward was running. The owners are the module that ran the
    op, and the modules above it in the tree.
    """
    root = frozenset({""})
    callers: list[Names] = []
    for run in trace.runs:
        here = scopes.at(run.path)
        callers.append((root if run.parent is None else callers[run.parent]).union(here))
        owners = frozenset(_owners(here[-1]))
        for op in filter(None, map(_traced, run.ops)):
            yield run.path, callers[-1], owners, op
    for _, op in trace.outside:
        if traced := _traced(op):
            yield "", root, root, traced


def _traced(op: OpRun) -> OpRun | None:
    """The calls of an op that a jit trace has: those that reach an output of the model."""
    times = op.times - op.lost
    return op._replace(times=times) if times else None


def _owners(name: str) -> Iterator[str]:
    """The name of a module, and the names of all modules above it."""
    while name:
        yield name
        name = name.rpartition(".")[0]
    yield ""
