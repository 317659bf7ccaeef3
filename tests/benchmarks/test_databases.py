"""``benchmarks/databases/``: torch's databases of ops and modules, counted in every run.

The databases change settings of ``torch.backends`` when they are imported, so they have a process
of their own. The whole is run by hand.
"""

from __future__ import annotations

import pytest
import torch
from databases import databases, known
from databases.comparing import Subject, compared
from databases.explained import EXPLAINED
from databases.not_mended import NOT_MENDED
from databases.of_torch import LISTED, OF_TORCH
from databases.tiny import OfActivation, Tiny, WithEmptyOut
from databases.work import Choice, Done, Found
from helpers.marks import lists_are_of_this_torch
from lib.apart import KilledError
from torch import nn


def older(release, other):
    return [int(part) for part in release.split(".")] < [int(part) for part in other.split(".")]


def told(capfd, *arguments):
    """What a command prints, if it succeeds."""
    pytest.importorskip("expecttest")
    status = databases.main(arguments)
    out = capfd.readouterr().out
    assert status == 0, out
    return out


@pytest.mark.skipif(
    older(known.TORCH, LISTED) and known.TORCH not in OF_TORCH,
    reason="no list of differences was made for this torch",
)
def test_a_sample_of_every_fourth_op_and_module(capfd):
    out = told(capfd, "--quick")
    assert ", 0 unexplained" in out


@lists_are_of_this_torch
@pytest.mark.slow
def test_two_samples_of_each_in_every_form_and_dtype(capfd):
    assert ", 0 unexplained" in told(capfd, "--samples", "2")


@lists_are_of_this_torch
@pytest.mark.slow
def test_each_known_difference_is_still_there(capfd):
    assert " known differences, 0 of them no longer needed" in told(capfd, "--known")


@pytest.mark.parametrize("release", ["2.6", "2.14", "2.15"])
def test_only_the_differences_of_the_torch_at_hand_must_be_there(monkeypatch, capsys, release):
    at = [Found(name, "function", "float32", 0, "shapes: raises") for name in "ab"]
    entries = [known.Known(at[0], "why", False), known.Known(at[1], "why", True, "2.15")]
    ran = []
    monkeypatch.setattr(databases, "apart", lambda _, samples: ran.extend(samples) or ())
    monkeypatch.setattr(databases, "KNOWN", entries)
    monkeypatch.setattr(databases, "TORCH", release)
    expected = [each.example for each in entries if each.torch == release]
    assert databases.stale() == len(expected)
    assert ran == expected
    assert f"{len(expected)} known differences, " in capsys.readouterr().out


# -- the list


def test_a_difference_is_known_by_name_and_kind(monkeypatch):
    reasons = {"why not": "\n    mean; shapes: raises; empty out float32 1\n"}
    (entry,) = known.read(reasons, explained=True)
    assert entry == known.Known(
        Found("mean", "empty out", "float32", 1, "shapes: raises"), "why not", True
    )
    monkeypatch.setattr(known, "_BY", {("mean", "shapes: raises"): entry})
    found = Found("mean", "function", "int64", 7, "shapes: raises", "ZeroDivisionError")
    assert known.known(found) is entry
    assert known.known(Found("sum", "function", "int64", 7, "shapes: raises")) is None
    assert known.known(Found("mean", "function", "int64", 7, "shapes: total")) is None


def test_lines_can_be_read_again():
    found = [
        Found("b", "empty out", "int64", 3, "meta: rows"),
        Found("b", "function", "int64", 4, "meta: rows"),
        Found("a", "function", "float32", 0, "meta: rows"),
    ]
    text = known.lines(found)
    assert text.splitlines() == [
        "a; meta: rows; function float32 0",
        "b; meta: rows; empty out int64 3",
    ]
    assert [each.example for each in known.read({"": text}, False)] == [found[2], found[0]]


@pytest.mark.parametrize("release", ["", *OF_TORCH])
def test_no_difference_has_two_entries(release):
    entries = [
        *known.read(EXPLAINED, True),
        *known.read(NOT_MENDED, False),
        *known.read(OF_TORCH.get(release, {}), True, release),
    ]
    assert len({(each.example.name, each.example.kind) for each in entries}) == len(entries)


# -- the work


def test_an_entry_that_ends_the_process_is_told_and_the_others_go_on(monkeypatch):
    entries = [("op_db", name) for name in "abcde"]

    def apart(work, patterns, part, dtypes, choice):
        for index, entry in list(enumerate(entries))[part]:
            yield Done(entry, "int64", index, began=True)
            if entry == entries[2]:
                raise KilledError("killed by SIGSEGV")
            yield Done(entry, "int64", index, samples=1)

    monkeypatch.setattr(databases, "apart", apart)
    results = list(databases.swept((), slice(0, None, 2), ["int64"], Choice()))
    assert [each.entry[1] for each in results] == ["a", "c", "e"]
    (found,) = results[1].found
    assert (found.name, found.kind, found.text) == ("c", "ends the process", "killed by SIGSEGV")
    assert [each.found for each in (results[0], results[2])] == [(), ()]


# -- the comparison


def subject(call, *args, model=None, **kwargs):
    return Subject("made up", "function", "float32", 0, model or Tiny(call), args, kwargs)


def kinds(*given, **named):
    return {kind for kind, _ in compared(subject(*given, **named))}


X = torch.ones(2, 3)


@pytest.mark.parametrize(
    "same",
    [
        subject(torch.relu, X),
        subject(torch.Tensor.relu_, X),
        subject(torch.mul, X, 2, out=torch.empty(2, 3)),
        subject(None, X, 2, model=WithEmptyOut(torch.mul, X)),
        subject(None, X, model=OfActivation(torch.add, (X, torch.ones(3)), {"alpha": 2})),
        subject(lambda x: x.foo, X),
    ],
)
def test_equal_runs(same):
    assert compared(same) == []


def asks_for_the_device(x):
    y = x + 1
    return y.relu() if y.is_meta else y.exp()


def other_strides(x):
    y = x + 1
    return y.t().contiguous().t() if y.is_meta else y


def takes_a_gradient(x):
    return x.exp() if torch.is_grad_enabled() else x.sin()


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (asks_for_the_device, {"shapes: total"}),
        (other_strides, {"shapes: outputs"}),
        (lambda x: (x + 1).nonzero(), {"shapes: needs values"}),
        (
            lambda x: x.exp() if torch.is_inference_mode_enabled() else x.relu(),
            {"inference: another total"},
        ),
        (
            lambda x: x.exp() if torch.is_grad_enabled() else x.sin(),
            {"grad: other rows"},
        ),
    ],
)
def test_a_difference_is_told(call, found):
    assert kinds(call, X) == found


def test_a_module_that_counts_alike():
    linear = nn.Linear(3, 4)
    assert kinds(linear, X) == set()
