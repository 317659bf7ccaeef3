"""The work of one process: the samples of some entries, compared."""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Entry = tuple[str, str]
"""A database and a name in it."""
OPS, MODULES = "op_db", "module_db"


@dataclass(frozen=True)
class Found:
    """A sample, and one kind of difference between its runs."""

    name: str
    form: str
    dtype: str
    index: int
    kind: str
    text: str = ""

    @property
    def sample(self) -> tuple[str, str, str, int]:
        return self.name, self.form, self.dtype, self.index


@dataclass(frozen=True)
class Done:
    """An entry in one dtype: how many samples were compared, and what differs.

    ``began``: the work only begins.
    """

    entry: Entry
    dtype: str
    began: bool = False
    samples: int = 0
    found: tuple[Found, ...] = ()


@dataclass(frozen=True)
class Choice:
    """Which samples of an entry: the first ones, in these forms. Without ``forms``, in all."""

    first: int = 10**9
    forms: tuple[str, ...] = ()


def names() -> Iterator[list[Entry]]:
    """All entries of the databases."""
    yield [(base, name) for base, entries in _databases().items() for name in entries]


def compare(wanted: Iterable[Entry], dtypes: Iterable[str], choice: Choice) -> Iterator[Done]:
    """Compare the runs of the chosen samples of each entry."""
    from .comparing import compared

    known = _databases()
    for entry in wanted:
        for dtype in dtypes:
            yield Done(entry, dtype, began=True)
            samples, found = 0, []
            for each in _chosen(known, entry, dtype, choice):
                samples += 1
                at = (each.name, each.form, each.dtype, each.index)
                with _without_warnings():
                    found += [Found(*at, kind, text) for kind, text in compared(each)]
            yield Done(entry, dtype, False, samples, tuple(found))


def again(samples: Iterable[Found]) -> Iterator[Found]:
    """Those of the samples that still differ in their kind."""
    from .comparing import compared

    known = _databases()
    wanted = list(samples)
    for entry in [(base, name) for base in known for name in known[base]]:
        own = [each for each in wanted if each.name == entry[1]]
        for dtype in dict.fromkeys(each.dtype for each in own):
            here = {each.sample: set[str]() for each in own if each.dtype == dtype}
            choice = Choice(
                1 + max(index for *_, index in here), tuple({form for _, form, *_ in here})
            )
            for subject in _chosen(known, entry, dtype, choice):
                at = (subject.name, subject.form, subject.dtype, subject.index)
                if at in here:
                    with _without_warnings():
                        here[at] = {kind for kind, _ in compared(subject)}
            yield from (each for each in own if each.kind in here.get(each.sample, ()))


def _chosen(known: Any, entry: Entry, dtype: str, choice: Choice) -> Iterator[Any]:
    from .samples import subjects

    base, name = entry
    with _without_warnings():
        for each in subjects(base, name, known[base][name], dtype):
            if each.index >= choice.first:
                if base == OPS:
                    return
            elif not choice.forms or each.form in choice.forms:
                yield each


def _databases() -> Any:
    with contextlib.redirect_stderr(None), _without_warnings():  # their import prints some
        from .samples import databases

        known = databases()
    gc.collect()
    gc.freeze()  # the search for what a failed run has left behind is then short
    return known


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
