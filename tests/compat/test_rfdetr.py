"""``hookcount.compat.rfdetr`` against products written out, and against the tool itself."""

import importlib.util
import inspect
import json
import os
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from helpers.functions import Fn
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.compat.rfdetr import benchmark, flop_count


class Net(nn.Module):
    """It takes a list of images, as detectors do."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.1)
        self.head, self.spare = nn.Linear(4, 5), nn.Linear(4, 5)
        self.norm.weight.requires_grad_(False)

    def forward(self, images):
        x = self.drop(F.relu(self.norm(self.conv(torch.stack(list(images))))))
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        self.spare(x)
        return (self.head(x) @ x.new_zeros(5, 2)).softmax(-1)


def written_out(rows, columns):
    """By kind, for one image. Nobody uses what the spare layer gives."""
    outputs = 4 * (rows - 2) * (columns - 2)
    return {
        "conv": outputs * 3 * 9,
        "batchnorm": 4 * outputs,
        "aten::relu": outputs,
        "dropout": outputs,
        "elementwise": outputs,
        "linear": 4 * 5,
        "matmul": 5 * 2,
        "softmax": 5 * 2,
    }


def whole(found):
    return {name: round(figure * 1e9) for name, figure in found.items()}


def test_each_kind():
    found = flop_count(Net().eval(), ([torch.zeros(3, 8, 9)],))
    assert type(found) is defaultdict
    assert whole(found) == written_out(8, 9)
    assert found["no such kind"] == 0.0
    assert sum(whole(found).values()) == (
        hookcount.count(Net().eval(), [torch.zeros(3, 8, 9)]).under("rfdetr").headline
    )


def test_operations_on_sizes_have_their_kinds():
    attend = nn.MultiheadAttention(12, 3)
    model = Fn(lambda me, x: me.attend(x, x, x, need_weights=False)[0], attend=attend).eval()
    found = flop_count(model, (torch.zeros(5, 2, 12),))
    assert whole(found) == {"linear": 4 * 10 * 12 * 12, "aten::mul": 4, "aten::div": 1}


def test_only_some_ops():
    x = ([torch.zeros(3, 8, 9)],)
    found = whole(flop_count(Net().eval(), x, whitelist=["aten::relu", "aten::_convolution"]))
    assert found == {name: written_out(8, 9)[name] for name in ("aten::relu", "conv")}
    with pytest.raises(hookcount.InputError, match="aten::gelu.*no figure.*aten::mul"):
        flop_count(Net(), x, whitelist=["aten::gelu"])


def test_an_op_that_is_not_asked_for_may_have_no_figure():
    model = Fn(lambda me, x: me.lin(torch.einsum("ii->i", x)), lin=nn.Linear(4, 5))
    with pytest.raises(hookcount.FormulaError, match="ii->i"):
        flop_count(model, (torch.zeros(4, 4),))
    found = flop_count(model, (torch.zeros(4, 4),), whitelist=["aten::linear"])
    assert whole(found) == {"linear": 4 * 5}


def test_lazy_modules():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(5))
    found = flop_count(model, (torch.zeros(1, 3, 5, 5),))
    assert whole(found) == {"conv": 4 * 9 * 27, "linear": 36 * 5}
    assert type(model[2]) is nn.LazyLinear


def test_the_users_own():
    def handle(inputs, outputs):
        (given,), (made,) = inputs[:1], outputs
        return {"mine": 3 * torch.Size(given.type().sizes()).numel() + len(made.type().sizes())}

    model = Fn(lambda me, x: F.gelu(x) + F.gelu(x)).eval()
    found = flop_count(model, (torch.zeros(2, 3),), customized_ops={"aten::gelu": handle})
    assert whole(found) == {"mine": 2 * (3 * 6 + 2), "aten::add": 6}


def test_the_users_own_in_place_of_the_tools():
    """The op in place is another op."""
    model = Fn(lambda me, x: (x * 2).mul_(3)).eval()
    ones = {"aten::mul": lambda inputs, outputs: 1}
    assert whole(flop_count(model, (torch.zeros(2, 3),), customized_ops=ones)) == {"mul": 1}
    sizes = {"aten::matmul": lambda inputs, outputs: len(inputs[1].type().sizes())}
    model = Fn(lambda me, x: x @ me.y, y=torch.zeros(2, 3, 4)).eval()
    assert whole(flop_count(model, (torch.zeros(5, 3),), customized_ops=sizes)) == {"matmul": 3}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"aten::linear": len}, "runs as other ops"),
        ({"gelu": len}, "no op's name"),
        ({"aten::gelu": 3}, "no function"),
    ],
)
def test_what_cannot_be_ones_own(given, says):
    with pytest.raises(hookcount.InputError, match=says):
        flop_count(Net(), ([torch.zeros(3, 8, 9)],), customized_ops=given)


def test_what_is_no_tuple():
    with pytest.raises(hookcount.InputError, match=r"no tuple.*\(images,\)"):
        flop_count(nn.Linear(3, 2), torch.zeros(2, 3))


def test_where_the_tool_stops():
    model = Fn(lambda me, x: torch.einsum("ij,kj->ik", x, x))
    with pytest.raises(hookcount.FormulaError, match="ij,kj->ik"):
        flop_count(model, (torch.zeros(2, 3),))


def test_a_model_on_several_devices():
    model = nn.DataParallel(nn.Linear(3, 2))
    assert whole(flop_count(model, (torch.zeros(5, 3),))) == {"linear": 5 * 3 * 2}


SIZES = [(8, 9), (8, 9), (10, 7)]


class Images:
    """A data set without a length. Its first images are not timed."""

    def __init__(self, number):
        self.number = number

    def __getitem__(self, index):
        if index >= self.number:
            raise IndexError(index)
        return torch.zeros(3, *SIZES[index % 3]), {"boxes": []}


def test_benchmark(tmp_path):
    model = Net().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.random.get_rng_state()
    found = benchmark(model, Images(100), tmp_path / "results")
    assert list(found) == ["nparam", "detailed_flops", "flops", "time", "fps"]
    # convolution, the norm's bias and two linear layers; the norm's weight is not trained
    assert found["nparam"] == 4 * 3 * 9 + 4 + 4 + 2 * (4 * 5 + 5)
    assert whole(found["detailed_flops"]) == written_out(*SIZES[19 % 3])
    totals = [sum(written_out(*SIZES[index % 3]).values()) for index in range(20)]
    mean = sum(totals) / 20
    assert found["flops"] == pytest.approx(
        {
            "mean": mean / 1e9,
            "std": (sum((each - mean) ** 2 for each in totals) / 20) ** 0.5 / 1e9,
            "min": min(totals) / 1e9,
            "max": max(totals) / 1e9,
        }
    )
    spent = found["time"]
    assert 0 < spent["min"] <= spent["mean"] <= spent["max"]
    assert found["fps"] == 1 / spent["mean"]
    assert json.loads((tmp_path / "results" / "log.txt").read_text()) == found
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(random, torch.random.get_rng_state())


def test_each_image_runs_twenty_times_besides_the_count():
    calls = []

    class Counts(nn.Conv2d):
        def forward(self, images):
            calls.append(tuple(images[0].shape))
            return super().forward(images[0])

    benchmark(Counts(3, 2, 1), Images(6))
    assert len(calls) == 6 * (10 + 10 + 1)
    assert {shape[1] for shape in calls} == {8, 10}


def test_a_data_set_of_a_few_images():
    assert benchmark(Net(), Images(6))["flops"]["max"] > 0
    with pytest.raises(hookcount.InputError, match="5 images.*at least 6"):
        benchmark(Net(), Images(5))


def the_tool():
    """The tool's module, from the folder of rfdetr in the folder of the peers."""
    file = Path(os.environ["PEERS_DIR"]) / "rfdetr" / "rfdetr" / "util" / "benchmark.py"
    if not file.exists():
        pytest.skip("rfdetr is not installed")
    spec = importlib.util.spec_from_file_location("benchmark_of_rfdetr", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.peers
@pytest.mark.skipif(
    "PEERS_DIR" not in os.environ,
    reason="where the tools are is not told: PEERS_DIR, see benchmarks/README.rst",
)
def test_the_tool_itself():
    tool = the_tool()
    for mine, theirs in ((flop_count, tool.flop_count), (benchmark, tool.benchmark)):
        names = list(inspect.signature(theirs).parameters)
        assert list(inspect.signature(mine).parameters) == names
    model, inputs = Net().eval(), ([torch.zeros(3, 8, 9)],)
    with torch.no_grad():
        assert flop_count(model, inputs) == pytest.approx(tool.flop_count(model, inputs))


@pytest.mark.parametrize(("kind", "size"), [(nn.Conv1d, (8,)), (nn.Conv2d, (8, 8))])
def test_a_handle_of_convolutions_counts_those_of_modules(kind, size):
    x = torch.rand(1, 3, *size)
    found = flop_count(kind(3, 8, 3), (x,), customized_ops={"aten::_convolution": lambda i, o: 7e9})
    assert sum(found.values()) == 7
