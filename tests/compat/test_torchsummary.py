"""``hookcount.compat.torchsummary`` against tables written out, and against the tool where it is
installed.
"""

import contextlib
import io
import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import hookcount
from hookcount.compat.torchsummary import summary


def lines(*args, function=summary, **options):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert function(*args, **options) is None
    return printed.getvalue().splitlines()


def rows(*args, **options):
    """The name, the shape and the parameters of each row."""
    found = lines(*args, **options)
    starts = [index for index, line in enumerate(found) if line.startswith("=")]
    cells = (
        re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in found[starts[0] + 1 : starts[1]]
    )
    return [(name, *rest.rsplit(maxsplit=1)) for name, rest in cells]


def totals(*args, **options):
    found = (line.partition(": ") for line in lines(*args, **options) if ": " in line)
    return {name: float(value.replace(",", "")) for name, _, value in found}


class Block(nn.Module):
    """Rows: the layers in the order of their calls, then the block itself."""

    def __init__(self):
        super().__init__()
        self.second, self.first = nn.Linear(6, 4, bias=False), nn.Linear(8, 6)

    def forward(self, x):
        return self.second(self.first(x))


def test_a_row_for_each_call_in_the_order_of_their_ends():
    block = Block()
    model = nn.Sequential(block, nn.Linear(4, 8), block)
    assert rows(model, (5, 8)) == [
        ("Linear-1", "[-1, 5, 6]", "54"),
        ("Linear-2", "[-1, 5, 4]", "24"),
        ("Block-3", "[-1, 5, 4]", "0"),
        ("Linear-4", "[-1, 5, 8]", "40"),
        ("Linear-5", "[-1, 5, 6]", "54"),
        ("Linear-6", "[-1, 5, 4]", "24"),
        ("Block-7", "[-1, 5, 4]", "0"),
    ]
    assert totals(model, (5, 8))["Total params"] == 2 * (54 + 24) + 40


def test_the_widths_of_the_table():
    found = lines(nn.Sequential(nn.Conv2d(3, 1000, 3)), (3, 9, 9), batch_size=7)
    assert found[:4] == [
        "-" * 64,
        "        Layer (type)               Output Shape         Param #",
        "=" * 64,
        "            Conv2d-1            [7, 1000, 7, 7]          28,000",
    ]


def test_a_module_that_two_others_hold_has_two_rows_for_each_call():
    relu = nn.ReLU()
    model = nn.Sequential(nn.Sequential(nn.Linear(8, 8), relu), nn.Sequential(relu))
    names = [name for name, _, _ in rows(model, (8,))]
    assert names == ["Linear-1", "ReLU-2", "ReLU-3", "ReLU-4", "ReLU-5"]


def test_sizes_in_mebibytes():
    """Outputs count twice, the batch only as it is shown, and 4 bytes for each element."""
    model, unit = nn.Sequential(nn.Conv2d(64, 128, 1), nn.ReLU()), 4 / 2**20
    for batch in (-1, 3):
        found = totals(model, (64, 50, 50), batch_size=batch)
        image, output, params = 64 * 2500 * abs(batch), 128 * 2500 * abs(batch), 64 * 128 + 128
        assert found["Input size (MB)"] == round(image * unit, 2)
        assert found["Forward/backward pass size (MB)"] == round(2 * 2 * output * unit, 2)
        assert found["Params size (MB)"] == round(params * unit, 2)
        whole = (image + 4 * output + params) * unit
        assert found["Estimated Total Size (MB)"] == round(whole, 2)


def test_what_is_trainable_goes_by_the_weight():
    model = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2))
    model[0].weight.requires_grad_(False)
    found = totals(model, (8,))
    assert (found["Trainable params"], found["Non-trainable params"]) == (4 * 2 + 2, 8 * 4 + 4)


class Several(nn.Module):
    """Two inputs, and layers with several outputs; one of them nested, one a dict."""

    def __init__(self):
        super().__init__()
        self.pair, self.lstm, self.named = Outputs(tuple), nn.LSTM(8, 4), Outputs(dict)

    def forward(self, x, y):
        self.named(x=x)
        return self.lstm(x + y)[0] + self.pair(x)[0][..., :4]


class Outputs(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        return (x, x[:, 0]) if self.kind is tuple else {"a": x}


def test_several_inputs_and_outputs():
    found = rows(Several(), [(3, 8), (3, 8)], batch_size=5)
    assert found == [
        ("Outputs-1", "[[-1, 3, 8]]", "0"),
        ("LSTM-2", str([[-1, 3, 4], [-1, 3, 4], [-1, 3, 4]]), "0"),
        ("Outputs-3", "[[-1, 3, 8], [-1, 8]]", "0"),
    ]


def test_the_model_is_as_before():
    model = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 4)).train()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    drawn = torch.random.get_rng_state()
    summary(model, (8,))
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert model.training
    assert not any(each._forward_hooks for each in model.modules())


@pytest.mark.parametrize("wrapper", [nn.DataParallel, lambda module: torch.compile(module)])
def test_a_wrapper_has_its_row_after_the_module_inside(wrapper):
    """As the model itself, a wrapper has no row, but the module inside has one."""
    name = type(wrapper(Block())).__name__
    inside = [
        ("Linear-1", "[-1, 5, 6]", "54"),
        ("Linear-2", "[-1, 5, 4]", "24"),
        ("Block-3", "[-1, 5, 4]", "0"),
    ]
    assert rows(wrapper(Block()), (5, 8)) == inside
    last = (f"{name}-4", "[-1, 5, 4]", "0")
    assert rows(nn.Sequential(wrapper(Block())), (5, 8)) == [*inside, last]


@pytest.mark.parametrize("size", [(3, 5), np.array((3, 5)), tuple(np.array((3, 5))), [3, 5]])
def test_sizes_of_any_integer_type(size):
    assert rows(nn.Sequential(nn.Linear(5, 4)), [size]) == [("Linear-1", "[-1, 3, 4]", "24")]


def test_a_model_without_inputs():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.start = nn.Linear(4, 3), nn.Parameter(torch.zeros(2, 4))

        def forward(self):
            return self.linear(self.start)

    assert rows(Constant(), []) == [("Linear-1", "[-1, 3]", "15")]


def test_a_weight_that_hooks_make_is_as_trainable_as_its_parameters():
    """The hook makes the weight before each forward. Before the first one it is no parameter."""
    model = nn.Sequential(nn.utils.spectral_norm(nn.Linear(8, 4)), nn.Linear(4, 2))
    prune.identity(model[1], "weight")
    assert totals(model, (8,))["Trainable params"] == 8 * 4 + 4 + 4 * 2 + 2
    for module in model:
        module.weight_orig.requires_grad_(False)
    assert totals(model, (8,))["Trainable params"] == 0


def test_a_parametrized_weight_is_not_computed_again():
    """Its parametrization changes a buffer in each training forward. The weight is 4 x 8."""
    layer = parametrizations.spectral_norm(nn.Linear(8, 4))
    before = {name: each.clone() for name, each in layer.state_dict().items()}
    assert rows(nn.Sequential(layer), (8,)) == [
        ("_SpectralNorm-1", "[-1, 8]", "0"),
        ("ParametrizedLinear-2", "[-1, 4]", "36"),
    ]
    assert all(torch.equal(each, before[name]) for name, each in layer.state_dict().items())
    layer.parametrizations.weight.original.requires_grad_(False)
    assert totals(nn.Sequential(layer), (8,))["Trainable params"] == 0


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"device": "tpu"}, "device='tpu'.*no such value.*'cuda', 'cpu'"),
        ({"input_size": 8}, "input_size=8.*no shape"),
        ({"input_size": (8, -1)}, "input_size=.*no shape"),
        ({"input_size": [(8,), "x"]}, "input_size=.*no shape"),
    ],
)
def test_a_wrong_option_is_named(options, what):
    with pytest.raises(hookcount.InputError, match=what):
        summary(**{"model": nn.Linear(8, 4), "input_size": (8,), **options})


def test_a_model_on_meta_and_the_device_by_another_case():
    model = nn.Sequential(nn.Linear(8, 4, device="meta"))
    assert rows(model, (8,), device="CPU") == [("Linear-1", "[-1, 4]", "36")]


MODELS = {
    "resnet18": 64,
    "mobilenet_v3_small": 64,
    "googlenet": 64,
    "swin_t": 64,
    "convnext_tiny": 64,
}


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("training", [True, False])
def test_the_text_of_models_is_the_tools(name, training):
    theirs = pytest.importorskip("torchsummary").summary
    models, size = pytest.importorskip("torchvision").models, (3, MODELS[name], MODELS[name])
    model = models.get_model(name).train(training)
    for options in ({}, {"batch_size": 4, "device": "cpu"}):
        mine = lines(model, size, **options)
        assert mine == lines(model, size, function=theirs, **options)


class Held(nn.Module):
    """A block in a wrapper, weights that hooks make, and a weight whose hook norms it."""

    def __init__(self):
        super().__init__()
        self.block = nn.DataParallel(Block())
        self.normed = nn.utils.spectral_norm(nn.Linear(4, 4))
        self.pruned = prune.identity(nn.Linear(4, 3), "weight")

    def forward(self, x):
        return self.pruned(self.normed(self.block(x)))


@pytest.mark.peers
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("make", [lambda model: model, nn.DataParallel, nn.Sequential])
def test_the_text_of_wrapped_and_normed_models_is_the_tools(make, training):
    theirs = pytest.importorskip("torchsummary").summary
    model = make(Held()).train(training)
    assert lines(model, (5, 8)) == lines(model, (5, 8), function=theirs)
