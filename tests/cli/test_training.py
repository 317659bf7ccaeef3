"""``--training``: a step of training from the command line. The products are written out."""

import csv
import io
import json
import sys

import pytest

from hookcount.cli.training import OPTIMIZERS, PHASES

MODELS = """
import torch
from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 16, bias=False), nn.Linear(16, 4, bias=False)
        self.drop = nn.Dropout()
    def forward(self, x):
        return self.drop(self.b(self.a(x)))

class Grows(Two):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 4, bias=False), nn.Linear(4, 16, bias=False)

class Frozen(Two):
    def __init__(self):
        super().__init__()
        self.requires_grad_(False)

class Ids(Two):
    def forward(self, x):
        return super().forward(x).argmax(-1)

class Normed(Two):
    def __init__(self):
        super().__init__()
        self.drop = nn.BatchNorm1d(4)

class Checkpointed(Two):
    def forward(self, x):
        x = x.requires_grad_()
        return self.b(torch.utils.checkpoint.checkpoint(self.a, x, use_reentrant=True))

class Mine(torch.optim.SGD):
    pass

def split(parameters):
    return torch.optim.SGD(parameters[:1])

def fails(parameters):
    raise ValueError("no optimizer today")

def none(parameters):
    return None

three = 3
"""
A, B = 2 * 8 * 16, 2 * 16 * 4
"""MACs of the two layers on two rows."""
MACS = {
    "step": A + B + A + 2 * B,
    "forward": A + B,
    "backward": A + 2 * B,  # the first layer needs no gradient of its input
    "recompute": 0,
    "optimizer": 0,
}
PARAMETERS = 8 * 16 + 16 * 4


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "cli_trained.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("cli_trained", None)


@pytest.fixture
def count(run, folder):
    """A function from a class and options to the exit status, the output and the errors."""

    def count(model="Two", *options):
        words = (f"cli_trained.py:{model}", "--input", "2x8", *options)
        return run(*words)

    return count


@pytest.fixture
def totals(count):
    """A function from options to the totals in JSON."""

    def totals(*options, model="Two"):
        status, out, err = count(model, "--training", "--format", "json", *options)
        assert (status, err) == (0, "")
        return json.loads(out)

    return totals


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("real", [(), ("--real",)], ids=["shapes", "real"])
def test_each_phase(totals, phase, real):
    assert totals("--phase", phase, *real)["macs"] == MACS[phase]


def test_the_whole_step_is_the_default(totals):
    assert totals()["macs"] == MACS["step"]


def test_the_title_has_each_phase(count):
    status, out, _ = count("Two", "--training", "--optimizer", "adamw")
    assert status == 0
    line = next(each for each in out.splitlines() if each.startswith("Training step:"))
    assert "forward 384 MACs" in line  # 2 * (8 * 16 + 16 * 4)
    assert "backward 512 MACs" in line
    assert "optimizer 2.69 k FLOPs" in line  # 14 * 192 + 2
    assert "recompute" not in line
    status, out, _ = count("Two")
    assert "Training step" not in out


def test_a_forward_that_runs_again(totals):
    assert totals("--phase", "recompute", model="Checkpointed")["macs"] == A
    assert totals(model="Checkpointed")["macs"] == 4 * A + 3 * B


@pytest.mark.parametrize("name", ["sgd", "SGD", "cli_trained.py:Mine", "cli_trained.py:split"])
def test_the_optimizer(totals, name):
    updated = 8 * 16 if name.endswith("split") else PARAMETERS
    assert totals("--optimizer", name, "--phase", "optimizer")["flops"] == 2 * updated


def test_gradients_are_added_up_over_steps(totals):
    one = totals("--phase", "backward")
    two = totals("--phase", "backward", "--steps", "2", "--optimizer", "sgd")
    assert two["macs"] == 2 * one["macs"]
    assert two["flops"] == 2 * one["flops"] + PARAMETERS
    assert totals("--optimizer", "sgd", "--steps", "2", "--phase", "optimizer")["flops"] == (
        2 * PARAMETERS
    )


def test_the_model_is_in_train_mode(totals):
    """A dropout draws and scales in train mode. Otherwise it does nothing."""
    rows = {row["path"]: row for row in totals("--phase", "forward")["modules"]}
    assert rows["drop"]["own_flops"] > 0


def test_the_rows_are_of_the_phase(count):
    status, out, _ = count("Two", "--training", "--phase", "backward", "--format", "csv")
    assert status == 0
    rows = {row["path"]: int(row["own_macs"]) for row in csv.DictReader(io.StringIO(out))}
    assert (rows["a"], rows["b"]) == (A, 2 * B)


@pytest.mark.parametrize("suffix", ["txt", "csv", "json", "md", "tex", "html", "xlsx", "parquet"])
def test_each_kind_of_file(count, folder, suffix):
    if suffix in ("xlsx", "parquet"):
        pytest.importorskip({"xlsx": "openpyxl", "parquet": "pyarrow"}[suffix])
    status, out, err = count("Two", "--training", "--output", f"out.{suffix}")
    assert (status, out) == (0, ""), err
    assert (folder / f"out.{suffix}").stat().st_size > 0


def test_limits_are_of_the_phase(count):
    step = MACS["step"]
    assert count("Two", "--training", "--max-macs", str(step))[0] == 0
    status, _, err = count("Two", "--training", "--max-macs", str(step - 1))
    assert status == 3
    assert str(step) in err
    forward = str(MACS["forward"])
    assert count("Two", "--training", "--phase", "forward", "--max-macs", forward)[0] == 0


def test_a_baseline(count, folder):
    assert count("Two", "--training", "--output", "old.json")[0] == 0
    assert count("Two", "--training", "--baseline", "old.json")[0] == 0
    status, _, err = count("Two", "--training", "--optimizer", "sgd", "--baseline", "old.json")
    assert status == 3
    assert f"+{2 * PARAMETERS}" in err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("--training",), ()),
        ((), ("--training",)),
        ((), ("--training", "--phase", "forward")),
        (("--training",), ("--training", "--phase", "backward")),
    ],
)
def test_a_baseline_of_something_else(count, old, new):
    assert count("Two", *old, "--output", "old.json")[0] == 0
    status, out, err = count("Two", *new, "--baseline", "old.json")
    assert (status, out) == (2, "")
    assert "--training and --phase" in err


def test_rows_have_the_columns_of_a_step(count):
    options = ("--training", "--phase", "forward", "--sort", "own_backward_macs")
    status, out, _ = count("Two", *options, "--format", "csv")
    assert status == 0
    rows = {row["path"]: row for row in csv.DictReader(io.StringIO(out))}
    assert list(rows) == ["a", "b", "(model)", "drop"]  # 256 each, and two without a product
    assert int(rows["b"]["macs"]) == B
    assert int(rows["b"]["backward_macs"]) == 2 * B
    assert int(rows["(model)"]["backward_macs"]) == MACS["backward"]
    for form in ("csv", "tree", "table"):
        status, _, err = count("Two", "--sort", "own_backward_macs", "--format", form)
        assert status == 2
        assert "'own_backward_macs' is a column of a training step, and none was counted" in err
        assert "To fix it: add --training" in err


@pytest.mark.parametrize("phase", ["step", "forward", "backward"])
def test_a_tree_is_sorted_by_a_column_of_a_step(count, phase):
    """The second layer has two products in its backward pass, and more parameters."""
    options = ("--training", "--phase", phase, "--optimizer", "sgd")
    largest = {"backward_macs": 2 * 2 * 4 * 16, "optimizer_flops": 2 * 4 * 16}
    for sort, value in largest.items():
        status, out, err = count("Grows", *options, "--sort", sort)
        assert (status, err) == (0, "")
        rows = [line.split() for line in out.splitlines() if "─ " in line]
        assert [row[1] for row in rows[:2]] == ["b", "a"]
        assert rows[0][-1] == str(value)
    out = count("Grows", *options, "--sort", "path")[1]
    assert [line.split()[1] for line in out.splitlines() if "─ " in line][:2] == ["a", "b"]
    status, _, err = count("Grows", *options, "--sort", "backward_mac")
    assert (status, "use one of backward_macs" in err) == (2, True)


def test_a_table_for_people(count):
    status, out, _ = count("Two", "--training", "--top", "1")
    assert status == 0
    assert "Training step: forward 384 MACs" in out


def test_several_conventions(count):
    options = ("--training", "--convention", "default,torch", "--format", "csv")
    status, out, _ = count("Two", *options)
    assert status == 0
    rows = {row["convention"]: int(row["figure"]) for row in csv.DictReader(io.StringIO(out))}
    assert rows == {"default": MACS["step"], "torch": 2 * MACS["step"]}
    status, out, _ = count("Two", *options[:3])
    assert status == 0
    assert "Training step: forward 384 MACs" in out


def test_a_tool_without_a_backward_pass_is_not_exact_for_one(count):
    """fvcore counts no backward pass, so its figure of a step is none that it gives."""
    options = ("--training", "--convention", "torch,fvcore", "--format", "csv")
    for phase, exact in (("step", "False"), ("backward", "False"), ("forward", "True")):
        _, out, _ = count("Two", *options, "--phase", phase)
        rows = {row["convention"]: row["exact"] for row in csv.DictReader(io.StringIO(out))}
        assert rows == {"torch": "True", "fvcore": exact}


def test_models_side_by_side(run, folder):
    words = ("compare", "cli_trained.py:Two", "cli_trained.py:Normed", "--input", "2x8")
    status, out, _ = run(*words, "--training", "--format", "csv")
    assert status == 0
    rows = {row["model"]: int(row["default"]) for row in csv.DictReader(io.StringIO(out))}
    assert set(rows.values()) == {MACS["step"]}
    status, out, _ = run(*words, "--training", "--phase", "backward", "--format", "csv")
    rows = {row["model"]: int(row["default"]) for row in csv.DictReader(io.StringIO(out))}
    assert set(rows.values()) == {MACS["backward"]}


@pytest.mark.parametrize("option", [("--optimizer", "sgd"), ("--steps", "2"), ("--phase", "step")])
@pytest.mark.parametrize("command", [(), ("compare",)])
def test_options_that_need_a_training(run, folder, option, command):
    status, _, err = run(*command, "cli_trained.py:Two", "--input", "2x8", *option)
    assert status == 2
    assert option[0] in err
    assert "add --training" in err


@pytest.mark.parametrize(
    ("options", "status", "text"),
    [
        (("--optimizer", "adamm"), 2, "use one of adam,"),
        (("--optimizer", "mine"), 2, "sparseadam"),
        (("--optimizer", "cli_trained.py:three"), 2, "of type int makes no optimizer"),
        (("--optimizer", "cli_trained.py:nothing"), 2, "has no 'nothing'"),
        (("--optimizer", "cli_trained.py:fails"), 1, "no optimizer today"),
        (("--optimizer", "cli_trained.py:none"), 1, "NoneType"),
        (("--optimizer", "sparseadam"), 1, "another --optimizer"),
        (("--steps", "0"), 2, "--steps"),
        (("--phase", "all"), 2, "--phase"),
    ],
)
def test_wrong_options(count, options, status, text):
    found, out, err = count("Two", "--training", *options)
    assert (found, out) == (status, "")
    assert text in err
    assert "To fix it" in err


@pytest.mark.parametrize(
    ("model", "text"),
    [("Frozen", "omit --training"), ("Ids", "whose forward returns its loss")],
)
def test_a_model_without_a_loss(count, model, text):
    status, _, err = count(model, "--training")
    assert status == 1
    assert text in err


def test_a_layer_that_needs_a_batch_in_train_mode(run, folder):
    words = ("cli_trained.py:Normed", "--input", "1x8")
    assert run(*words)[0] == 0
    status, _, err = run(*words, "--training")
    assert status == 1
    assert "a batch of 2 or more" in err


def test_a_detector_needs_targets(run):
    status, _, err = run("ssdlite320_mobilenet_v3_large", "--training")
    assert status == 1
    assert "targets" in err
    assert "To fix it" in err


def test_a_model_of_torchvision(run):
    """torch's counter, corrected for nothing: resnet18 has no grouped convolution."""
    torchvision = pytest.importorskip("torchvision")
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model, x = torchvision.models.resnet18().train(), torch.zeros(1, 3, 224, 224)
    with FlopCounterMode(display=False) as mode:
        model(x).sum().backward()
    status, out, _ = run("resnet18", "--training", "--format", "json")
    assert status == 0
    assert json.loads(out)["macs"] == mode.get_total_flops() // 2


def test_the_optimizers_are_those_of_torch():
    assert {"sgd", "adam", "adamw", "rmsprop"} <= set(OPTIMIZERS)
    assert "optimizer" not in OPTIMIZERS
