"""A timing as text, tables and files. The figures are written out."""

import copy
import json
import pickle
from dataclasses import replace

import pytest
import torch
from helpers.parsed import Page
from helpers.ticking import ticking
from torch import nn

import hookcount
from hookcount import Timer

MS = 10**6
ONCE = {"warmup": 0, "repeat": 1, "min_seconds": 0}


class Slow(nn.Linear):
    def forward(self, x):
        clock.pass_(2 * MS)
        return super().forward(x)


clock = None


@pytest.fixture
def timing(monkeypatch):
    global clock
    clock = ticking(monkeypatch)
    monkeypatch.setattr("hookcount.seconds.machine.cpu_name", lambda: "Test CPU")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    model = nn.Sequential(Slow(8, 4, bias=False), nn.Sequential(Slow(4, 2, bias=False))).eval()
    model[0].requires_grad_(False)
    with torch.no_grad():
        return Timer(**ONCE).measure(model, torch.zeros(16, 8))


def test_the_headline(timing):
    macs = 16 * 8 * 4 + 16 * 4 * 2  # 640
    assert timing.report.macs == macs
    assert timing.headline() == (
        "Sequential: 2 layers, 40 parameters, 8 gradients, 1.3 kFLOPs (640 MACs), "
        "4.00 ms, 250 FPS (4,000 samples/s) on 1 thread of Test CPU"
    )
    assert timing.headline("mine").startswith("mine: 2 layers")


def test_print_shows_the_tree_with_seconds(timing):
    lines = str(timing).splitlines()
    assert lines[0] == timing.headline()
    assert lines[1].startswith("1 run: min 4.00 ms, quartiles 4.00 ms and 4.00 ms, max 4.00 ms")
    assert lines[1].endswith("320 kFLOP/s; with modules timed 1.00 x as long")
    assert lines[2] == "16 samples a forward: the first dimension of the first tensor, [16, 8]"
    assert (
        lines[3].split()[-5:] == ["seconds", "%", "seconds", "FLOP/s"][-5:] or "FLOP/s" in lines[3]
    )
    whole, first = lines[4].split(), lines[5].split()
    assert whole[-5:] == ["4.00", "ms", "100.0%", "320", "k"]
    assert first[-5:] == ["2.00", "ms", "50.0%", "512", "k"]


def test_notes_are_printed(timing):
    assert "There was no warm-up" in str(timing)
    assert [each for each in timing.notes if "no warm-up" in each] != []


def test_the_repr_is_one_line(timing):
    assert repr(timing) == "<hookcount.Timing 4.00 ms, 250 FPS, 1 run on 1 thread of Test CPU>"


def test_a_notebook_has_the_tree_with_seconds(timing):
    text = timing._repr_html_()
    page = Page(text)
    assert page.loads_something() == []
    assert page.text.strip().startswith(timing.headline())
    assert page.titles[-4:-1] == ["seconds", "% seconds", "FLOP/s"]
    assert "There was no warm-up" in page.text
    seconds = [row.cells[page.titles.index("seconds")] for row in page.rows]
    assert seconds[0] == "4.00 ms"
    assert len(page.rows) == len(timing.modules)
    assert len(text.encode()) <= 60_000


def test_a_notebook_without_a_count_has_a_table(timing):
    found = replace(timing, counted=None)
    page = Page(found._repr_html_())
    ((head, *rows),) = page.tables.values()
    assert head == ["module", "type", "calls", "seconds", "% seconds"]
    assert [row[0] for row in rows] == [each.path or "(model)" for each in timing.modules]


def test_the_frame_has_the_columns_of_the_count_and_seconds(timing):
    frame, count = timing.to_dataframe(), timing.report.to_dataframe()
    assert list(frame.columns) == [
        *count.columns,
        "own_seconds",
        "seconds",
        "seconds_share",
        "flops_per_second",
        "own_flops_per_second",
    ]
    assert frame[list(count.columns)].equals(count)
    assert frame["own_seconds"].tolist() == [0, 0.002, 0, 0.002]
    assert frame["seconds"].tolist() == [0.004, 0.002, 0.002, 0.002]
    assert frame["own_flops_per_second"].tolist() == [0, 2 * 512 / 0.002, 0, 2 * 128 / 0.002]
    assert frame.attrs["machine"] == "1 thread of Test CPU"


def test_json(timing):
    found = json.loads(timing.to_json())
    assert (found["seconds"], found["fps"], found["samples_per_second"]) == (0.004, 250, 4000)
    assert (found["macs"], found["gradients"], found["runs"]) == (640, 8, 1)
    assert found["spread"]["lower_quartile"] == 0.004
    assert found["batch"]["samples"] == 16
    assert found["machine"]["dtype"] == "torch.float32"
    assert [each["seconds"] for each in found["modules"]] == [0.004, 0.002, 0.002, 0.002]


def test_csv_and_markdown(timing, tmp_path):
    assert timing.to_csv(tmp_path / "t.csv") is None
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[0].endswith(
        "own_seconds,seconds,seconds_share,flops_per_second,own_flops_per_second"
    )
    assert len(lines) == 5
    rows = timing.to_markdown().splitlines()
    assert rows[2] == "| (model) | Sequential | 1 | 640 | 1.28 k |  | 4.00 ms | 100.0 | 320 k |"
    assert len(rows) == 6


def test_it_can_be_pickled_and_copied(timing):
    for made in (pickle.loads(pickle.dumps(timing)), copy.copy(timing), copy.deepcopy(timing)):
        assert str(made) == str(timing)
        assert made.to_json() == timing.to_json()


def test_it_is_frozen(timing):
    with pytest.raises(AttributeError):
        timing.notes = ()


def test_flops_a_second_are_empty_where_work_took_no_time():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, x):
            return self.inner(x)

    model = torch.compile(Model(), backend="eager")
    timing = Timer(**ONCE).measure(model, torch.zeros(1, 2))
    row = timing.to_dataframe().iloc[1]
    assert (row["seconds"], row["flops"]) == (0, 2 * 4 + 2)
    assert str(row["flops_per_second"]) == "nan"
    assert json.loads(timing.to_json())["modules"][1]["flops_per_second"] is None


def test_every_result_type_is_exported():
    assert {"measure", "Timer", "Timing", "Spread"} <= set(hookcount.__all__)
