"""The figures of a training step in tables, files and as FLOPs: products written out."""

import csv
import json
import pickle

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount import Report, Training

COLUMNS = ["own_backward_macs", "backward_macs", "recompute_macs", "optimizer_flops"]
RUNS = ("shapes", "real")


def training(run="shapes", **options):
    return Training(counter=hookcount.Counter(run=run), **options)


class Net(nn.Module):
    """A layer of 8 x 16, then two layers in a checkpoint, and a product of its own."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(8, 16, bias=False)
        self.block = nn.Sequential(nn.Linear(16, 32, bias=False), nn.Linear(32, 16, bias=False))
        self.weight = nn.Parameter(torch.zeros(16, 4))

    def forward(self, x):
        x = checkpoint(self.block, self.stem(x), use_reentrant=True)
        return x @ self.weight


STEM, FIRST, OWN = 2 * 8 * 16, 2 * 16 * 32, 2 * 16 * 4


@pytest.fixture(scope="module")
def report():
    return training(optimizer=torch.optim.SGD).count(Net(), torch.zeros(2, 8))


def rows(frame):
    return {row["path"]: [row[name] for name in COLUMNS] for _, row in frame.iterrows()}


def test_each_module_has_the_work_of_the_step(report):
    frame = report.to_dataframe()
    assert rows(frame) == {
        "": [
            2 * OWN,
            STEM + 4 * FIRST + 2 * OWN,
            2 * FIRST,
            2 * (8 * 16 + 2 * 16 * 32 + 16 * 4),
        ],
        "stem": [STEM, STEM, 0, 2 * 8 * 16],
        "block": [0, 4 * FIRST, 2 * FIRST, 2 * 2 * 16 * 32],
        "block.0": [2 * FIRST, 2 * FIRST, FIRST, 2 * 16 * 32],
        "block.1": [2 * FIRST, 2 * FIRST, FIRST, 2 * 16 * 32],
    }
    assert frame["own_backward_macs"].sum() == report.backward.macs
    root = frame.iloc[0]
    assert root["recompute_macs"] == report.recompute.macs
    assert root["optimizer_flops"] == report.optimizer.flops
    assert all(frame[name].dtype == "int64" for name in COLUMNS)
    # the others are those of the forward
    assert (root["macs"], root["own_macs"]) == (STEM + 2 * FIRST + OWN, OWN)


def test_a_forward_has_the_frame_of_before(report):
    count = hookcount.count(Net(), torch.zeros(2, 8))
    forward = report.to_dataframe()
    assert list(forward.columns) == [*count.to_dataframe().columns, *COLUMNS]
    assert forward.drop(columns=COLUMNS).equals(count.to_dataframe())
    assert not {"phases", "training"} & {*count.to_dataframe().attrs}


def test_the_tables_of_all_phases_have_these_columns(report):
    found = rows(report.to_dataframe())
    for phase in (report.backward, report.recompute, report.optimizer, report.step):
        frame = phase.to_dataframe()
        assert rows(frame) == found
        assert frame["own_macs"].sum() == frame["macs"][0] == phase.macs
    assert report.step.to_dataframe().attrs["phases"].startswith("forward and backward")
    attrs = report.backward.to_dataframe().attrs
    assert attrs["phases"] == report.backward.by_op().attrs["phases"] == "backward"
    assert attrs["training"]["backward_macs"] == STEM + 4 * FIRST + 2 * OWN


def test_parts_and_the_largest_rows_agree(report):
    found = rows(report.to_dataframe())
    part = rows(report["block"].to_dataframe())
    assert part == {"": found["block"], "0": found["block.0"], "1": found["block.1"]}
    assert report["block"].to_dataframe().attrs["training"]["backward_macs"] == 4 * FIRST
    assert report.top(2, by="backward_macs")["path"].tolist() == ["", "block"]
    assert report.top(1, by="optimizer_flops")["optimizer_flops"].tolist() == [found[""][3]]
    with pytest.raises(hookcount.InputError, match="is a column of a training step"):
        hookcount.count(Net(), torch.zeros(2, 8)).top(by="backward_macs")


def test_columns_can_be_shown(report, capsys):
    report.show(top=1, sort="own_backward_macs", columns=["recompute_macs"])
    out = capsys.readouterr().out
    assert "recompute_macs" in out
    assert "block.0" in out


def test_a_pickle_has_these_columns(report):
    copied = pickle.loads(pickle.dumps(report))
    assert copied.to_dataframe().equals(report.to_dataframe())
    assert copied.model_flops == report.model_flops


def test_conventions_have_their_own_figures(report):
    by_torch = report.under("torch").to_dataframe()
    assert rows(by_torch)[""][:3] == rows(report.to_dataframe())[""][:3]  # MACs are MACs
    assert rows(by_torch)[""][3] == 0  # FlopCounterMode sees no optimizer


def test_work_outside_of_the_modules_has_a_row():
    """The optimizer also updates a parameter that is not the model's."""
    model, other = nn.Linear(8, 4, bias=False), nn.Parameter(torch.zeros(5))
    other.grad = torch.zeros(5)
    with Training().watch(model) as watch:
        model(torch.zeros(2, 8)).backward(torch.zeros(2, 4))
        torch.optim.SGD([*model.parameters(), other], lr=0.1, foreach=False).step()
    report = watch.report()
    frame = report.to_dataframe()
    assert frame["path"].tolist() == ["", "<outside>"]
    assert rows(frame)["<outside>"] == [0, 0, 0, 2 * 5]
    assert rows(frame)[""][3] == report.optimizer.flops == 2 * (8 * 4 + 5)
    assert frame["macs"].tolist() == [2 * 8 * 4, 0]
    assert len(report.to_markdown().splitlines()) == 2 + 2
    assert Report.from_json(report.to_json()).to_dataframe().equals(frame)
    assert [node.path for node in report.tree] == [""]


# -- files ---------------------------------------------------------------------------------------


def test_files_have_these_columns(report, tmp_path):
    pandas = pytest.importorskip("pandas")
    found = rows(report.to_dataframe())
    text = list(csv.DictReader(report.to_csv().splitlines()))
    assert [int(row["backward_macs"]) for row in text] == [each[1] for each in found.values()]
    pytest.importorskip("pyarrow")
    report.to_parquet(tmp_path / "a.parquet")
    read = pandas.read_parquet(tmp_path / "a.parquet")
    assert rows(read) == found
    assert read.attrs["training"] == report.to_dataframe().attrs["training"]
    pytest.importorskip("openpyxl")
    report.to_excel(tmp_path / "a.xlsx")
    assert pandas.read_excel(tmp_path / "a.xlsx")["recompute_macs"].tolist() == [
        each[2] for each in found.values()
    ]
    about = pandas.read_excel(tmp_path / "a.xlsx", sheet_name="about")
    assert report.backward.macs in about["value"].tolist()


@pytest.mark.parametrize("phase", ["forward", "backward", "recompute", "optimizer", "step"])
def test_a_report_of_a_file_has_them_too(report, phase):
    given = report if phase == "forward" else getattr(report, phase)
    found = Report.from_json(given.to_json())
    assert found.to_dataframe().equals(given.to_dataframe())
    assert found.to_dataframe().attrs == given.to_dataframe().attrs
    assert found.to_json() == given.to_json()
    assert found.model_flops == report.model_flops
    assert found.hardware_flops == report.hardware_flops
    assert given.summary() in found.summary()
    assert rows(found["block"].to_dataframe()) == rows(given["block"].to_dataframe())
    assert pickle.loads(pickle.dumps(found)).model_flops == report.model_flops


def test_a_file_says_what_it_does_not_have(report):
    found = Report.from_json(report.to_json())
    with pytest.raises(hookcount.InputError, match="no other part of a training step"):
        _ = found.step
    with pytest.raises(hookcount.InputError, match=r"whole model only\n  To fix it"):
        _ = found["block"].hardware_flops
    forward = Report.from_json(hookcount.count(Net(), torch.zeros(2, 8)).to_json())
    assert not {*COLUMNS} & {*forward.to_dataframe().columns}


FIGURES = ["forward_macs", "backward_macs", "recompute_macs", "optimizer_flops", "model_flops"]


@pytest.mark.parametrize("name", [*FIGURES, "fused_recompute_macs"])
def test_a_file_whose_figures_disagree_is_refused(report, name):
    whole = json.loads(report.to_json())
    whole["training"][name] += 10**6
    with pytest.raises(hookcount.InputError, match="disagree"):
        Report.from_json(json.dumps(whole))


@pytest.mark.parametrize("name", COLUMNS)
def test_a_file_whose_rows_disagree_is_refused(report, name):
    whole = json.loads(report.to_json())
    whole["modules"][2][name] += 10**6
    with pytest.raises(hookcount.InputError, match=f"disagree.*{name.removeprefix('own_')}"):
        Report.from_json(json.dumps(whole))
    whole["modules"][2][name] = "1"
    with pytest.raises(hookcount.InputError, match="damaged"):
        Report.from_json(json.dumps(whole))
    del whole["modules"][2][name]
    with pytest.raises(hookcount.InputError, match="damaged"):
        Report.from_json(json.dumps(whole))


# -- FLOPs of the model and of the hardware ------------------------------------------------------


class Attends(nn.Module):
    """A block with a fused attention: two heads, 5 positions, a width of 8."""

    def __init__(self, reentrant=None):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
        self.reentrant = reentrant

    def _attend(self, x):
        return self.attention(x, x, x, need_weights=False)[0]

    def forward(self, x):
        if self.reentrant is None:
            return self._attend(x)
        return checkpoint(self._attend, x, use_reentrant=self.reentrant)


# batch 3, 5 positions, width 8; a product of all heads is 3 * (2 * 5 * 5 * 4)
IN, SCORES, OUT = 3 * 5 * 8 * (3 * 8), 3 * 2 * 5 * 5 * 4, 3 * 5 * 8 * 8


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("reentrant", [None, True, False])
def test_flops_of_an_attention(run, reentrant):
    x = torch.zeros(3, 5, 8, requires_grad=True)
    report = training(run).count(Attends(reentrant), x)
    forward = IN + 2 * SCORES + OUT
    assert report.macs == forward
    assert report.backward.macs == 2 * IN + 5 * SCORES + 2 * OUT
    assert report.fused_recompute_macs == SCORES
    assert report.model_flops == 2 * (forward + 2 * IN + 4 * SCORES + 2 * OUT) == 2 * 3 * forward
    # the newer kind of checkpoint stops before the last product, whose output nothing needs
    again = {None: 0, True: forward, False: forward - OUT}[reentrant]
    assert report.recompute.macs == again
    assert report.hardware_flops == report.model_flops + 2 * (SCORES + again)
    copied = pickle.loads(pickle.dumps(report))
    assert copied.fused_recompute_macs == SCORES
    assert copied.hardware_flops == report.hardware_flops


def test_an_attention_that_is_not_fused_repeats_nothing():
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        report = training("real").count(Attends(), torch.zeros(3, 5, 8, requires_grad=True))
    assert report.backward.macs == 2 * (IN + 2 * SCORES + OUT)
    assert report.fused_recompute_macs == 0
    assert report.model_flops == report.hardware_flops == 2 * 3 * report.macs


def test_what_a_fused_kernel_repeats_is_that_of_its_module():
    model = nn.Sequential(Attends(), Attends(), nn.Linear(8, 8))
    report = training().count(model, torch.zeros(3, 5, 8))
    assert report.fused_recompute_macs == 2 * SCORES
    assert report["1"].fused_recompute_macs == SCORES
    assert report["2"].fused_recompute_macs == 0
    assert report["1"].model_flops == 2 * 3 * (IN + 2 * SCORES + OUT)
    for each in (report.backward, report.step, report.optimizer):
        assert each.model_flops == report.model_flops


def test_other_operations_are_in_neither_figure():
    model = nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4), nn.GELU())
    report = training(optimizer=torch.optim.AdamW).count(model, torch.zeros(2, 8))
    assert report.model_flops == report.hardware_flops == 2 * 2 * (2 * 8 * 4)
    assert report.step.flops > report.model_flops


def test_a_forward_has_its_own_flops():
    report = hookcount.count(Attends(), torch.zeros(3, 5, 8))
    assert report.model_flops == report.hardware_flops == 2 * report.macs
    assert report.backward.model_flops == 2 * report.macs
    assert Report.from_json(report.to_json()).model_flops == 2 * report.macs
    assert report.fused_recompute_macs == 0


def test_a_backward_pass_that_was_not_counted_is_an_error():
    model = nn.Linear(8, 4)
    with hookcount.Counter().watch(model) as watch:
        model(torch.zeros(2, 8)).sum().backward()
    for report in (watch.report(), Report.from_json(watch.report().to_json())):
        for name in ("model_flops", "hardware_flops", "fused_recompute_macs"):
            with pytest.raises(hookcount.InputError, match=f"{name}.*\n.*hookcount.Training"):
                getattr(report, name)
