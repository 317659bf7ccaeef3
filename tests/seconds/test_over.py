"""``Timer.over``: each item of a data set is timed, each distinct input is counted once."""

import warnings

import pytest
import torch
from helpers.ticking import Takes, ticking
from torch import nn

import hookcount
from hookcount import Timer

MS = 10**6
ONCE = {"warmup": 0, "repeat": 1, "min_seconds": 0}


@pytest.fixture
def clock(monkeypatch):
    return ticking(monkeypatch)


class Rows(nn.Module):
    """Takes a millisecond for each row, and a layer of its own takes two for each."""

    def __init__(self, clock):
        super().__init__()
        self.layer, self.clock = nn.Linear(8, 4, bias=False), clock
        self.inner = Takes(clock, 0)

    def forward(self, x):
        self.inner.before = 2 * MS * len(x)
        self.clock.pass_(MS * len(x))
        return self.layer(self.inner(x))


def test_the_seconds_of_each_item(clock, monkeypatch):
    counts = []
    own = hookcount.Counter.priced

    def priced(self, *args):
        counts.append(args)
        return own(self, *args)

    monkeypatch.setattr(hookcount.Counter, "priced", priced)
    rows = [1, 4, 1, 2]
    found = Timer(**ONCE).over(Rows(clock), [torch.zeros(n, 8) for n in rows])
    assert len(counts) == found.distinct == 3
    assert found.timed
    frame = found.to_dataframe()
    assert frame["seconds"].tolist() == pytest.approx([3e-3 * n for n in rows])
    assert frame["fps"].tolist() == pytest.approx([1 / 3e-3 / n for n in rows])
    assert frame["samples_per_second"].tolist() == pytest.approx([1 / 3e-3] * 4)
    assert frame["macs"].tolist() == [n * 8 * 4 for n in rows]
    assert found.seconds.mean == pytest.approx(3e-3 * sum(rows) / 4)
    assert found.fps.min == pytest.approx(1 / 12e-3)
    modules = found.by_module().set_index("path")
    assert modules.loc["inner", "seconds_max"] == pytest.approx(2e-3 * 4)
    assert modules.loc["", "seconds_mean"] == pytest.approx(3e-3 * sum(rows) / 4)


def test_an_item_that_fails_leaves_the_seconds_of_those_before(clock):
    items = [torch.zeros(1, 8), torch.zeros(2, 8), torch.zeros(1, 7)]
    with pytest.raises(hookcount.ItemError, match="item 2 of the data set") as raised:
        Timer(**ONCE).over(Rows(clock), iter(items))
    assert raised.value.result.to_dataframe()["seconds"].tolist() == pytest.approx([3e-3, 6e-3])


def test_an_interrupt_in_the_middle(clock):
    def items():
        yield torch.zeros(1, 8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        Timer(**ONCE).over(Rows(clock), items())
    assert raised.value.result.seconds.mean == pytest.approx(3e-3)


def test_warnings_name_what_the_model_changed_once(clock):
    class Writes(Rows):
        def forward(self, x):
            with torch.no_grad():
                self.layer.weight.add_(0)
            return torch.linalg.eig(super().forward(x)[:1, :1])[0]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Timer(**ONCE).over(Writes(clock), [torch.zeros(1, 8), torch.zeros(2, 8)])
    assert [each.category for each in caught] == [UserWarning, hookcount.UncountedWarning]
    assert "layer.weight" in str(caught[0].message)
    assert {each.filename for each in caught} == {__file__}


@pytest.mark.parametrize(
    ("batches", "options"), [([], {}), (3, {}), ([torch.zeros(1, 8)], {"n": 0})]
)
def test_bad_input(clock, batches, options):
    with pytest.raises(hookcount.InputError):
        Timer(**ONCE).over(Rows(clock), batches, **options)
    with pytest.raises(hookcount.ModelError):
        Timer(**ONCE).over("resnet50", batches, **options)
