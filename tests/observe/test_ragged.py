"""Nested tensors in a model, in both layouts: each sequence counts at its own length."""

import subprocess
import sys

import pytest
import torch
from torch import nn

import hookcount

pytestmark = pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
ROWS = 3 + 5
RUNS = ["shapes", "auto", "real"]


class Ragged(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4, bias=False)

    def forward(self, x):
        offsets = torch.tensor([0, 3, 8])
        return torch.nested.nested_tensor_from_jagged(self.layer(x), offsets=offsets)


class Functional(nn.Module):
    """A product that no module's formula pays for."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 8))

    def forward(self, parts):
        rows = torch.nested.nested_tensor(parts, layout=torch.jagged)
        return nn.functional.linear(rows, self.weight)


@pytest.mark.parametrize("run", RUNS)
def test_a_jagged_tensor_made_of_an_activation(run):
    report = hookcount.Counter(run=run).count(Ragged(), torch.ones(ROWS, 8))
    assert report.macs == ROWS * 8 * 4


@pytest.mark.parametrize("run", RUNS)
def test_an_op_on_a_jagged_tensor_counts_its_rows_without_padding(run):
    parts = [torch.ones(3, 8), torch.ones(5, 8)]
    assert hookcount.Counter(run=run).count(Functional(), parts).macs == ROWS * 8 * 4


@pytest.mark.parametrize("run", RUNS)
def test_a_jagged_input_and_a_backward_pass_of_it(run):
    x = torch.nested.nested_tensor([torch.ones(3, 8), torch.ones(5, 8)], layout=torch.jagged)
    layer = nn.Sequential(nn.Linear(8, 4, bias=False), nn.ReLU())
    assert hookcount.Counter(run=run).count(layer, x).macs
    with hookcount.Counter().watch(layer) as watch:
        layer(x).values().sum().backward()
    assert watch.report().macs
    assert layer[0].weight.grad.shape == (4, 8)


class Applied(nn.Module):
    """A function of the model and its input."""

    def __init__(self, run):
        super().__init__()
        self.run = run
        self.weight = nn.Parameter(torch.ones(4, 8))
        self.layers = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, x):
        return self.run(self, x)


def in_heads(x):
    """[N, 2, L, 4] of [N, L, 8]."""
    if x.layout is torch.strided:
        x = x.reshape(2, -1, 2, 4)
        return x.transpose(1, 2).contiguous()
    return x.unflatten(-1, (2, 4)).transpose(1, 2)


def attends(model, x):
    q = in_heads(x)
    return nn.functional.scaled_dot_product_attention(q, q, q)


def residual(model, x):
    x = x + nn.functional.dropout(nn.functional.gelu(x), 0.1)
    return model.layers(nn.functional.layer_norm(2 * x + x, (8,), torch.ones(8), torch.zeros(8)))


SQUARES = 3 * 3 + 5 * 5
CASES = {
    "layers": (lambda model, x: model.layers(x), ROWS * (8 * 4 + 4 * 2)),
    "a product": (lambda model, x: nn.functional.linear(x, model.weight), ROWS * 8 * 4),
    "a softmax": (lambda model, x: torch.softmax(x, -1), 0),
    "padded": (lambda model, x: model.layers(x).to_padded_tensor(0.0), ROWS * (8 * 4 + 4 * 2)),
    "made": (
        lambda model, x: model.layers(torch.nested.nested_tensor([2 * y for y in x.unbind()])),
        ROWS * (8 * 4 + 4 * 2),
    ),
    "a layer with a residual": (residual, ROWS * (8 * 4 + 4 * 2)),
    "attention": (attends, 2 * SQUARES * 8),  # of each query with each key, twice
}
STRIDED = {
    "a product of two": (lambda model, x: x @ x.transpose(-1, -2), SQUARES * 8),
    "a batch of products": (
        lambda model, x: torch.bmm(x, x.transpose(-1, -2).contiguous()),
        SQUARES * 8,
    ),
}


@pytest.mark.filterwarnings("ignore:.*nested tensors")
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize(
    ("layout", "name"),
    [
        *[(layout, name) for layout in (torch.strided, torch.jagged) for name in CASES],
        *[(torch.strided, name) for name in STRIDED],
    ],
)
def test_both_layouts_count_the_rows_that_there_are(layout, name, mode):
    run, macs = (CASES | STRIDED)[name]
    with mode():
        x = torch.nested.nested_tensor([torch.ones(3, 8), torch.ones(5, 8)], layout=layout)
        try:
            Applied(run)(x)
        except NotImplementedError as error:
            pytest.skip(f"this torch has no {error} here")
        reports = [hookcount.Counter(run=how).count(Applied(run), x) for how in RUNS]
    assert [report.run for report in reports] == ["shapes", "shapes", "real"]
    for report in reports:
        assert report.macs == macs
        assert not report.uncounted
    assert reports[0].total == reports[1].total == reports[2].total


def test_a_softmax_of_sequences_is_that_of_their_rows():
    parts = [torch.ones(3, 8), torch.ones(5, 8)]
    model, (run, _) = Applied(None), CASES["a softmax"]
    model.run = run
    expected = hookcount.count(model, torch.ones(ROWS, 8)).total
    for layout in (torch.strided, torch.jagged):
        x = torch.nested.nested_tensor(parts, layout=layout)
        assert hookcount.count(model, x).total == expected


class Layered(nn.Module):
    """A jagged tensor of the inputs, through layers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 4, bias=False), nn.GELU(), nn.Linear(4, 2))

    def forward(self, parts):
        rows = torch.nested.nested_tensor(parts, layout=torch.jagged)
        return self.layers(rows).values()


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("run", RUNS)
def test_layers_on_a_jagged_tensor_count_its_rows(run, mode):
    with mode():
        report = hookcount.Counter(run=run).count(Layered(), [torch.ones(3, 8), torch.ones(5, 8)])
    assert report.macs == ROWS * (8 * 4 + 4 * 2)


@pytest.mark.parametrize("run", RUNS)
def test_a_jagged_tensor_of_lengths_counts_its_real_rows(run):
    class Narrowed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 4, bias=False)

        def forward(self, x, lengths):
            rows = torch.nested.narrow(x, 1, 0, lengths, layout=torch.jagged)
            return self.layer(rows.contiguous()).values()

    report = hookcount.Counter(run=run).count(Narrowed(), torch.ones(2, 6, 8), torch.tensor([3, 5]))
    assert (report.run, report.macs) == ("shapes" if run == "auto" else run, ROWS * 8 * 4)


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.projection = nn.Linear(8, 8, bias=False)

    def forward(self, x, offsets):
        rows = torch.nested.nested_tensor_from_jagged(self.projection(x), offsets=offsets)
        q = in_heads(rows)
        return nn.functional.scaled_dot_product_attention(q, q, q).transpose(1, 2).values()


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_attention_of_a_model_on_any_device(device):
    x, offsets = torch.ones(ROWS, 8, device=device), torch.tensor([0, 3, 8])
    report = hookcount.Counter(run="shapes").count(Attends().to(device), x, offsets)
    assert report.macs == ROWS * 8 * 8 + 2 * SQUARES * 8
    assert not report.uncounted


def test_lengths_that_are_unknown_are_needed_for_attention_and_not_for_layers():
    x, offsets = torch.ones(ROWS, 8, device="meta"), torch.zeros(3, dtype=torch.long, device="meta")
    with pytest.raises(hookcount.DataNeededError, match="model itself"):
        hookcount.count(Attends().to("meta"), x, offsets)
    rows = torch.nested.nested_tensor_from_jagged(x, offsets=offsets)
    layer = nn.Linear(8, 4, bias=False, device="meta")
    assert hookcount.count(layer, rows).macs == ROWS * 8 * 4


def test_attention_of_jagged_tensors_under_autocast():
    x, offsets = torch.ones(ROWS, 8), torch.tensor([0, 3, 8])
    with torch.autocast("cpu", torch.bfloat16):
        found, real = (
            hookcount.Counter(run=how).count(Attends(), x, offsets) for how in ("shapes", "real")
        )
    assert found.total == real.total
    assert found.tree.output_bytes == real.tree.output_bytes == ROWS * 8 * 2


def test_a_jagged_tensor_is_as_before_for_the_program():
    x, offsets = torch.ones(ROWS, 8), torch.tensor([0, 3, 8])
    hookcount.count(Attends(), x, offsets)
    with pytest.raises(AssertionError):
        torch.nested.nested_tensor_from_jagged(x.to("meta"), offsets=offsets)


FIRST = """
import torch, hookcount
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4, bias=False)

    def forward(self, x):
        offsets = torch.tensor([0, 3, 8])
        rows = torch.nested.nested_tensor_from_jagged(self.layer(x), offsets=offsets)
        return rows.values() * 2

print(hookcount.count(Model(), torch.zeros(8, 8)).macs)
"""


def test_the_first_jagged_tensor_of_a_process_is_made_in_a_count():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FIRST], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, [str(ROWS * 8 * 4)]), done.stderr[-500:]
