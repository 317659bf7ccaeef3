"""The work of one process: the samples of some entries, compared."""

from __future__ import annotations

import contextlib
import gc
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
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
    index: int = 0
    """The position of the entry among the wanted ones."""
    began: bool = False
    samples: int = 0
    found: tuple[Found, ...] = ()


@dataclass(frozen=True)
class Choice:
    """Which samples of an entry: the first ones, in these forms. Without ``forms``, in all.

    ``quick``: only the default count and the real one are compared. ``device``: where the samples
    are.
    """

    first: int = 10**9
    forms: tuple[str, ...] = ()
    quick: bool = False
    device: str = "cpu"


def compare(
    patterns: Sequence[str], part: slice, dtypes: Iterable[str], choice: Choice
) -> Iterator[Done]:
    """Compare the runs of the chosen samples of each entry.

    ``patterns``: names of the entries. ``part``: the part of these entries that is wanted.
    """
    from .comparing import compared, compared_at_once

    known, differences = _databases(), compared_at_once if choice.quick else compared
    entries = [(base, name) for base, own in known.items() for name in own if _fits(name, patterns)]
    for index, entry in list(enumerate(entries))[part]:
        for dtype in dtypes:
            yield Done(entry, dtype, index, began=True)
            samples, found = 0, []
            for each in _chosen(known, entry, dtype, choice):
                samples += 1
                at = (each.name, each.form, each.dtype, each.index)
                with _without_warnings():
                    found += [Found(*at, kind, text) for kind, text in differences(each)]
                _settle(choice.device)
            yield Done(entry, dtype, index, False, samples, tuple(found))


def _settle(device: str) -> None:
    """End the process if a kernel failed on the GPU: nothing runs there any more."""
    import torch

    if device != "cpu":
        try:
            torch.accelerator.synchronize(device)
        except RuntimeError:
            os.abort()


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch(name, pattern) for pattern in patterns)


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
        for each in subjects(base, name, known[base][name], dtype, choice.device):
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
