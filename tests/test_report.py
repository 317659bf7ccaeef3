"""What a report says, in all its forms."""

import csv
import io
import json
import pickle
import warnings

import numpy
import pandas as pd
import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.body = nn.Sequential(
            nn.Sequential(nn.ReLU(), nn.Conv2d(8, 8, 1, bias=False)), nn.Flatten()
        )
        self.head = nn.Linear(8 * 4 * 4, 5)
        self.head.bias.requires_grad_(False)

    def forward(self, x):
        return self.head(self.body(self.stem(x)))


STEM, POINT, HEAD = 2 * 8 * 16 * 3 * 9, 2 * 8 * 16 * 8, 2 * 128 * 5
PARAMS = 8 * 3 * 9 + 8 + 8 * 8 + 128 * 5 + 5


@pytest.fixture
def report():
    return hookcount.count(Model(), torch.zeros(2, 3, 4, 4))


def test_totals(report):
    assert report.macs == STEM + POINT + HEAD
    assert report.total == Ops(
        macs=STEM + POINT + HEAD, adds=2 * 8 * 16 + 2 * 5, compares=2 * 8 * 16
    )
    assert report.flops == 2 * (STEM + POINT + HEAD) + 2 * 8 * 16 + 2 * 5 + 2 * 8 * 16
    assert (report.params, report.param_bytes) == (PARAMS, 4 * PARAMS)
    assert report.run == "shapes"
    assert sum((record.ops for record in report.records), Ops()) == report.total


def test_dataframe(report):
    frame = report.to_dataframe()
    needed = (
        "path type depth calls params trainable_params param_bytes own_macs own_flops macs flops "
        "macs_share input_shapes "
        "output_shapes output_bytes uncounted"
    )
    assert set(needed.split()) <= set(frame.columns)
    assert frame.path.tolist() == [
        "",
        "stem",
        "body",
        "body.0",
        "body.0.0",
        "body.0.1",
        "body.1",
        "head",
    ]
    assert frame.type.tolist() == [
        "Model",
        "Conv2d",
        "Sequential",
        "Sequential",
        "ReLU",
        "Conv2d",
        "Flatten",
        "Linear",
    ]
    assert frame.depth.tolist() == [0, 1, 1, 2, 3, 3, 2, 1]
    assert frame.own_macs.sum() == report.macs == frame.macs[0]
    assert frame.own_flops.sum() == report.flops == frame.flops[0]
    assert frame.own_params.sum() == report.params == frame.params[0]
    row = frame.set_index("path").loc["head"]
    assert (row.params, row.trainable_params, row.param_bytes) == (
        128 * 5 + 5,
        128 * 5,
        4 * (128 * 5 + 5),
    )
    assert (row.input_shapes, row.output_shapes, row.output_bytes) == (
        "(2, 128)",
        "(2, 5)",
        2 * 5 * 4,
    )
    assert row.macs_share == HEAD / report.macs
    assert frame.attrs == {
        "convention": "default",
        "figure": report.macs,
        "unit": "MACs",
        "flops_are": "flops = 2*macs + adds + muls + compares + specials",
        "run": "shapes",
        "versions": {"hookcount": hookcount.__version__, "torch": torch.__version__},
    }


def test_counts_beyond_32_bits_stay_exact():
    with torch.device("meta"):
        model, x = nn.Linear(2**17, 2**17, bias=False), torch.empty(2**17, 2**17)
    report = hookcount.count(model, x)
    assert report.macs == 2**51
    assert report.to_dataframe().macs[0] == 2**51
    assert json.loads(report.to_json())["macs"] == 2**51


def test_by_type_and_by_op_sum_to_the_total(report):
    for frame in (report.by_type(), report.by_op()):
        assert frame.macs.sum() == report.macs
        assert frame.flops.sum() == report.flops
        assert frame.macs_share.sum() == pytest.approx(1)
        assert frame.attrs["convention"] == "default"
    types = report.by_type().set_index("type")
    assert types.loc["Conv2d", ["modules", "calls", "params", "macs"]].tolist() == [
        2,
        2,
        8 * 27 + 8 + 64,
        STEM + POINT,
    ]
    assert report.by_op().target.tolist() == ["Conv2d", "Linear", "ReLU"]


def test_top(report):
    assert report.top(2).path.tolist() == ["stem", "body.0.1"]
    assert report.top(1, by="params").path.tolist() == [""]
    assert len(report.top(100)) == 8
    assert len(report.top(numpy.int64(3))) == 3


@pytest.mark.parametrize("n", [-1, 2.5, "a", None, True])
def test_top_of_no_number_of_rows(report, n):
    with pytest.raises(hookcount.InputError, match="no number of rows.*To fix it"):
        report.top(n)


@pytest.mark.parametrize("write", ["to_csv", "to_json", "to_markdown"])
@pytest.mark.parametrize("path", [3, b"report"])
def test_what_is_no_path(report, write, path):
    with pytest.raises(hookcount.InputError, match="no path.*To fix it"):
        getattr(report, write)(path)


def test_csv_and_json(report, tmp_path):
    report.to_csv(tmp_path / "r.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text())))
    assert sum(int(row["own_macs"]) for row in rows) == report.macs
    report.to_json(tmp_path / "r.json")
    whole = json.loads((tmp_path / "r.json").read_text())
    assert (whole["macs"], whole["flops"], whole["params"]) == (
        report.macs,
        report.flops,
        report.params,
    )
    assert whole["operations"] == {
        "macs": report.macs,
        "adds": 266,
        "muls": 0,
        "compares": 256,
        "specials": 0,
    }  # 256 + 10
    frame = pd.DataFrame(whole["modules"])
    assert frame.equals(report.to_dataframe().astype(frame.dtypes.to_dict()))
    assert whole["uncounted"] == []


def test_markdown(report):
    lines = report.to_markdown().splitlines()
    assert len(lines) == 2 + 8
    assert {line.count("|") for line in lines} == {9}
    assert lines[2].startswith("| (model) | Model | 1 | (2, 5) |")


def test_text_has_the_headline_and_every_module_with_work(report):
    text = str(report)
    assert (
        text.splitlines()[0]
        == f"Model: {PARAMS} params (3.64 KiB), 10.2 k MACs, 21.0 k FLOPs, shapes run"
    )
    for name in ("stem", "body", "head", "Conv2d", "(2, 8, 4, 4)"):
        assert name in text
    assert len(text.splitlines()) == 2 + 7 + 1  # Flatten does nothing
    assert "1 module without work and parameters" in text.splitlines()[-1]
    assert str(report) == text


def test_html(report):
    html = report._repr_html_()
    assert html.startswith('<div class="hookcount ')
    assert "<i>stem</i>" in html
    assert "<script" not in html


def test_short_repr(report):
    assert (
        repr(report)
        == f"<hookcount.Report macs={report.macs} flops={report.flops} params={PARAMS}>"
    )


def test_report_can_be_pickled_with_its_module_stand_ins(report):
    assert pickle.loads(pickle.dumps(report.tree)) == report.tree


def test_size():
    model = Model().to(torch.float16)
    model.register_buffer("steps", torch.zeros(3, dtype=torch.int64))
    model.body.again = model.stem
    size = hookcount.size(model)
    assert (size.parameters, size.trainable, size.frozen) == (PARAMS, PARAMS - 5, 5)
    assert (size.buffers, size.buffer_bytes) == (3, 3 * 8)
    assert size.by_dtype == {"float16": 2 * PARAMS, "int64": 24}
    assert size.bytes == 2 * PARAMS + 24
    assert (size.modules, size.layers) == (8, 5)
    assert size.to_dict()["bytes"] == size.bytes
    assert f"{PARAMS:,}" in str(size)


def test_size_of_a_model_on_meta_with_tied_weights():
    with torch.device("meta"):
        embed, head = nn.Embedding(1000, 64), nn.Linear(64, 1000, bias=False)
    head.weight = embed.weight
    assert hookcount.size(nn.Sequential(embed, head)).parameters == 1000 * 64


def test_importing_hookcount_imports_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, torch, hookcount; m = torch.nn.Linear(2, 3); r = hookcount.count(m, "
        "torch.zeros(4, 2)); assert r.macs == 24;"
        "heavy = {'pandas', 'rich', 'torchvision', 'torch._dynamo', 'sympy'} & set(sys.modules) "
        "- before"
    )
    code = "import sys, torch; before = set(sys.modules);" + code + "; assert not heavy, heavy"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_packed_weights_of_quantized_modules_are_parameters():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.quantize_dynamic(
            nn.Sequential(nn.Linear(8, 4), nn.ReLU()), {nn.Linear}
        )
    report = hookcount.count(model, torch.zeros(2, 8))
    assert report.macs == 2 * 8 * 4
    assert report.params == 8 * 4 + 4
    assert report.param_bytes == 8 * 4 * 1 + 4 * 4  # int8 weights, float biases
    assert hookcount.size(model).frozen == 8 * 4 + 4


@pytest.mark.parametrize("width", [60, 80, 120])
def test_narrow_terminals_cut_no_numbers(report, width):
    from rich.console import Console

    from hookcount.render.text import tree
    from hookcount.tables.grid import table

    console = Console(width=width, file=io.StringIO())
    console.print(tree(report.priced))
    console.print(table(report.top(3)[["path", "type", "output_shapes", "macs", "flops"]]))
    text = console.file.getvalue()
    for figure in ("10.2 k", "21.0 k", "6.91 k", "100.0%"):
        assert figure in text


def test_a_parameter_made_of_others_takes_what_they_take():
    from torch.testing._internal.two_tensor import TwoTensor

    model = torch.nn.Linear(4, 3, bias=False)
    model.weight = torch.nn.Parameter(TwoTensor(torch.zeros(3, 4), torch.zeros(3, 4)))
    found = hookcount.size(model)
    assert (found.parameters, found.parameter_bytes) == (3 * 4, 2 * 3 * 4 * 4)


def test_result_types_are_at_the_top_level(report):
    scaling = hookcount.scaling(nn.Linear(8, 4), lambda n: torch.zeros(n, 8))
    coverage, reconciliation = report.coverage(), report.reconcile("torch")
    results = [
        report,
        report.tree,
        report.records[0],
        next(report.charges()),
        next(report.charges()).entry,
        report.reuse,
        coverage,
        coverage.modules[0],
        coverage.free[0],
        reconciliation,
        reconciliation.lines[0],
        report.match(report.macs)[0],
        scaling,
        scaling.points[0],
        scaling.macs,
        scaling.macs.polynomial,
        hookcount.size(nn.Linear(8, 4)),
    ]
    for each in results:
        name = type(each).__name__
        assert name in hookcount.__all__
        assert getattr(hookcount, name) is type(each)
