"""``hookcount.compat.calflops`` against products written out, and against calflops itself where it
is installed.
"""

import json

import pytest
import torch
from torch import nn

import hookcount
from hookcount.compat.calflops import (
    bytes_to_string,
    calculate_flops,
    calculate_flops_hf,
    create_empty_model,
    flops_to_string,
    generate_transformer_input,
    macs_to_string,
    number_to_string,
    params_to_string,
)
from hookcount.compat.calflops.calculate_pipline import CalFlopsPipline
from hookcount.compat.calflops.utils import convert_bytes

RAW = {"print_results": False, "output_as_string": False}
COUNTS = (0, 1, 999, 1000, 25557, 999_999, 10**6, 25_557_032, 10**9, 4_133_742_592, 123_456_789_012)


class Adds(nn.Module):
    """A linear layer, and sums and products by the names that the tool replaces, and by others."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 4)

    def forward(self, x):
        y = torch.add(self.linear(x), 1).mul(2)  # 1 for each of 3 * 4 elements, twice
        return torch.matmul(y + y, y.T @ y)  # the tool sees neither + nor @


ADDS = 2 * 3 * (6 * 4) + 2 * 3 * 4 + 2 * 3 * 4 * 4, 3 * 6 * 4 + 3 * 4 * 4, 6 * 4 + 4


def test_flops_macs_and_params():
    assert calculate_flops(Adds(), args=[torch.ones(3, 6)], **RAW) == ADDS
    assert calculate_flops(Adds(), (3, 6), **RAW) == ADDS
    assert calculate_flops(Adds(), kwargs={"x": torch.ones(3, 6)}, **RAW) == ADDS


def test_texts():
    flops, macs, params = calculate_flops(Adds(), (3, 6), print_results=False, output_precision=3)
    assert (flops, macs, params) == ("264 FLOPS", "120 MACs", "28")
    assert calculate_flops(Adds(), (3, 6), print_results=False, output_unit="K")[1] == "0.12 KMACs"


def test_a_backward_pass_is_a_factor():
    flops, macs, params = calculate_flops(Adds(), (3, 6), include_backPropagation=True, **RAW)
    assert (flops, macs, params) == (3 * ADDS[0], 3 * ADDS[1], ADDS[2])
    options = {"include_backPropagation": True, "compute_bp_factor": 1.5, **RAW}
    assert calculate_flops(Adds(), (3, 6), **options)[:2] == (2.5 * ADDS[0], 2.5 * ADDS[1])


def test_frozen_parameters_are_left_out():
    model = Adds()
    model.linear.bias.requires_grad_(False)
    assert calculate_flops(model, (3, 6), **RAW)[2] == 6 * 4


def test_the_model_stays_as_it_was():
    model = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 4)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    calculate_flops(model, (3, 6), **RAW)
    assert model.training
    assert all(each.training for each in model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_printed_figures(capsys):
    calculate_flops(Adds(), (3, 6))
    text = capsys.readouterr().out
    assert "fwd FLOPs:" in text
    assert "264 FLOPS" in text
    assert "792 FLOPS" in text  # forward and backward
    assert "Linear" in text
    calculate_flops(Adds(), (3, 6), print_detailed=False)
    assert "Linear" not in capsys.readouterr().out
    calculate_flops(Adds(), (3, 6), print_results=False)
    assert not capsys.readouterr().out


def test_ignored_modules():
    lstm = nn.Sequential(nn.LSTM(4, 8))
    steps = 3 * 2 * (2 * 4 * 8 * (4 + 8) + 10 * 8)
    assert calculate_flops(lstm, (3, 2, 4), **RAW)[0] == steps
    assert calculate_flops(lstm, (3, 2, 4), ignore_modules=[nn.LSTM], **RAW)[0] == 0
    # the calls of another module count at the module around it
    assert calculate_flops(Adds(), (3, 6), ignore_modules=[nn.Linear], **RAW) == ADDS


def test_a_wrapper_and_a_container_inside(capsys):
    inner = nn.Sequential(nn.Linear(4, 5), nn.ReLU())
    model = nn.Sequential(nn.DataParallel(inner), nn.Linear(5, 6))
    flops = 2 * (2 * 4 * 5) + 2 * 5, 2 * (2 * 5 * 6)  # of two rows
    assert calculate_flops(model, (2, 4), **RAW)[0] == sum(flops)
    calculate_flops(model, (2, 4))
    text = capsys.readouterr().out
    assert f"{flops[0]} FLOPS = {round(100 * flops[0] / sum(flops), 2):g}% FLOPs" in text
    # what an ignored module runs is at the module that calls it, which is not the container
    calculate_flops(Holds(), (2, 4), ignore_modules=[nn.Linear])
    lines = capsys.readouterr().out.splitlines()
    assert ["80 FLOPS" in line for line in lines if "Params" in line][1:] == [True, False, False]


class Holds(nn.Module):
    def __init__(self):
        super().__init__()
        self.held = nn.ModuleDict({"one": nn.Linear(4, 5)})

    def forward(self, x):
        return self.held["one"](x)


class Writes(nn.Module):
    """Generates by calling itself three times."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, x):
        return self.linear(x)

    def generate(self, x):
        for _ in range(3):
            x = self(x)
        return x


def test_generate():
    found = calculate_flops(Writes(), args=[torch.ones(2, 6)], forward_mode="generate", **RAW)
    assert found[:2] == (3 * 2 * 2 * 36, 3 * 2 * 36)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "there is no input"),
        ({"input_shape": [3, 6]}, "is no shape"),
        ({"input_shape": (3, 6), "args": [torch.ones(3, 6)]}, "args or kwargs too"),
        ({"input_shape": (3, 6), "forward_mode": "train"}, "no such value"),
        ({"input_shape": (3, 6), "forward_mode": "generate"}, "no method generate"),
        ({"input_shape": (3, 6), "ignore_modules": [Adds]}, "the model itself"),
        ({"input_shape": (3, 6), "ignore_modules": ["Linear"]}, "no module class"),
        ({"input_shape": (3,), "transformer_tokenizer": dict}, "token ids"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(hookcount.InputError, match=message):
        calculate_flops(Adds(), **options)


class Tokenizer:
    """Makes two tokens of an empty text."""

    pad_token_id = 9

    def __call__(self, text):
        return {"input_ids": [1, 2], "attention_mask": [1, 1]}


class Reads(nn.Module):
    """An embedding of token ids, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.embed, self.linear = nn.Embedding(10, 4), nn.Linear(4, 5)

    def forward(self, input_ids, attention_mask):
        assert input_ids.shape == attention_mask.shape
        return self.linear(self.embed(input_ids))


def test_a_tokenizer():
    tokenizer = Tokenizer()
    assert calculate_flops(Reads(), (2, 7), tokenizer, **RAW)[1] == 2 * 7 * 4 * 5
    assert calculate_flops(Reads(), None, tokenizer, **RAW)[1] == 128 * 4 * 5


def test_a_model_of_transformers_by_its_config(tmp_path):
    pytest.importorskip("transformers")
    sizes = {"n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 16, "vocab_size": 32}
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], **sizes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    _, macs, params = calculate_flops_hf(str(tmp_path), input_shape=(2, 5), **RAW)
    # per token and layer the four projections of attention and two of the MLP, then the head
    assert macs == 2 * 5 * (2 * (4 * 8 * 8 + 2 * 4 * 8 * 8) + 8 * 32)
    assert params == sum(
        (32 * 8, 16 * 8, 2 * (2 * 16 + 8 * 24 + 24 + 8 * 8 + 8 + 8 * 32 + 32 + 32 * 8 + 8), 16)
    )
    *_, text = calculate_flops_hf(
        str(tmp_path), input_shape=(2, 5), print_results=False, return_results=True
    )
    assert "fwd MACs:" in text
    with pytest.raises(hookcount.UnknownModelError):
        calculate_flops_hf(str(tmp_path / "nothing"))


def test_a_part_of_a_program(capsys):
    model = Adds()
    pipline = CalFlopsPipline(model=model, include_backPropagation=False, compute_bp_factor=2.0)
    pipline.start_flops_calculate(ignore_list=None)
    out = model(torch.ones(3, 6))
    assert (pipline.get_total_flops(), pipline.get_total_macs(), pipline.get_total_params()) == ADDS
    model(torch.ones(3, 6))
    pipline.stop_flops_calculate()
    model(torch.ones(3, 6))
    assert pipline.get_total_macs(as_string=True) == "240 MACs"
    assert pipline.get_total_flops(as_string=True).strip() == str(2 * ADDS[0])
    pipline.print_model_pipline(units="K", print_detailed=False)
    assert f"{6 * ADDS[0] / 1000:.2f} KFLOPS" in capsys.readouterr().out  # forward and backward
    text = pipline.print_return_model_pipline(print_results=False)
    assert "Linear(" in text
    assert not capsys.readouterr().out
    out.sum().backward()  # the program runs as without it
    assert model.linear.weight.grad is not None
    pipline.start_flops_calculate()
    pipline.reset_flops_calculate()
    assert pipline.get_total_flops() == 0
    pipline.end_flops_calculate()
    with pytest.raises(hookcount.InputError, match="start_flops_calculate"):
        pipline.get_total_flops()
    assert not model._forward_pre_hooks


class Positions(Tokenizer):
    """A tokenizer that numbers its tokens too."""

    def __call__(self, text):
        more = {"token_type_ids": [1, 1], "position_ids": [0, 1], "length": [2]}
        return super().__call__(text) | more

    def encode_plus(self, text, **options):
        """The older form, which calflops calls. calflops writes to the positions."""
        return self(text)


def test_the_input_of_a_transformer():
    made = generate_transformer_input(Positions(), (2, 4), "cpu")
    assert {name: each.tolist() for name, each in made.items()} == {
        "input_ids": [[1, 2, 9, 9]] * 2,
        "attention_mask": [[1, 1, 0, 0]] * 2,
        "token_type_ids": [[1, 1, 0, 0]] * 2,
        "position_ids": [[0, 1, 2, 3]] * 2,
    }
    assert generate_transformer_input(Tokenizer(), None, "meta")["input_ids"].shape == (1, 128)
    with pytest.raises(hookcount.InputError, match="token ids"):
        generate_transformer_input(Tokenizer(), (2, 4, 3), "cpu")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KB"), (1024**6, "1024.0 PB")],
)
def test_bytes_in_units(count, text):
    assert convert_bytes(count) == text


def test_a_model_without_weights(tmp_path):
    pytest.importorskip("transformers")
    config = {"model_type": "gpt2", "n_embd": 8, "n_layer": 1, "n_head": 2, "vocab_size": 32}
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = create_empty_model(str(tmp_path), library_name="transformers", trust_remote_code=True)
    assert {each.device.type for each in model.parameters()} == {"meta"}
    with pytest.raises(hookcount.InputError, match="library_name='timm'"):
        create_empty_model(str(tmp_path), library_name="timm")


@pytest.mark.peers
@pytest.mark.parametrize("ignored", [None, [nn.Sequential], [nn.LSTM]])
def test_a_part_of_a_program_as_in_the_tool(ignored, capsys):
    tool = pytest.importorskip("calflops.calculate_pipline")
    lstm = nn.Sequential(nn.Sequential(nn.LSTM(4, 8)))
    shapes = {Adds(): (3, 6), Shares(): (2, 4), lstm: (3, 2, 4)}
    for model, shape in shapes.items():
        if ignored == [type(model)]:
            continue
        found = []
        for made in (tool.CalFlopsPipline, CalFlopsPipline):
            pipline = made(model, include_backPropagation=True, compute_bp_factor=1.5)
            pipline.start_flops_calculate(ignore_list=ignored)
            figures = [pipline.get_total_macs()]
            for _ in range(2):
                with torch.no_grad():
                    model(torch.ones(shape))
                figures += [
                    each(as_string)
                    for each in (
                        pipline.get_total_flops,
                        pipline.get_total_macs,
                        pipline.get_total_params,
                    )
                    for as_string in (False, True)
                ]
            pipline.print_model_pipline(units="K", precision=4)
            printed = capsys.readouterr().out
            returned = pipline.print_return_model_pipline(print_results=False)
            pipline.end_flops_calculate()
            found.append((figures, *map(_figures_and_tree, (printed, returned))))
        assert found[0] == found[1]


def _figures_and_tree(text):
    """The lines of a text of the tool that have figures."""
    lines = [line.rstrip() for line in text.splitlines()]
    tree = next(index for index, line in enumerate(lines) if line.endswith("("))
    figures = [line for line in lines if line.startswith(("Total", "fwd")) and "  " in line]
    return figures, lines[tree : lines.index(")") + 1]


@pytest.mark.peers
def test_the_input_and_the_bytes_as_in_the_tool():
    tool = pytest.importorskip("calflops.utils")
    for shape in ((2, 7), [1, 4], None):
        mine, theirs = (
            each(Positions(), shape, "cpu")
            for each in (generate_transformer_input, tool.generate_transformer_input)
        )
        assert {name: each.tolist() for name, each in theirs.items()} == {
            name: mine[name].tolist() for name in theirs
        }
        assert mine.keys() == theirs.keys()
    for count in COUNTS:
        assert convert_bytes(count) == tool.convert_bytes(count)
        assert bytes_to_string(count, "G") == tool.bytes_to_string(count, "G")


@pytest.mark.peers
def test_the_tool_itself():
    tool = pytest.importorskip("calflops")
    torchvision = pytest.importorskip("torchvision")
    for number in COUNTS:
        for unit in (None, "K", "G"):
            assert number_to_string(number, unit, 3) == tool.number_to_string(number, unit, 3)
            assert params_to_string(number, unit) == tool.params_to_string(number, unit)
        assert macs_to_string(number) == tool.macs_to_string(number)
        assert flops_to_string(number) == tool.flops_to_string(number)
    resnet = torchvision.models.resnet18()
    lstm = nn.Sequential(nn.LSTM(4, 8, 2, bidirectional=True))
    for model, options in (
        (Adds(), {"args": [torch.ones(3, 6)]}),
        (resnet, {"input_shape": (2, 3, 64, 64), "include_backPropagation": True}),
        (resnet, {"input_shape": (2, 3, 64, 64), "output_as_string": True}),
        (lstm, {"input_shape": (3, 2, 4)}),
        (lstm, {"input_shape": (3, 2, 4), "ignore_modules": [nn.LSTM]}),
    ):
        options = {**RAW, **options}
        with torch.no_grad():
            assert calculate_flops(model, **options) == tool.calculate_flops(model, **options)


class Shares(nn.Module):
    """A linear layer at three places, which runs three times, and a product beside it."""

    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(4, 4)
        self.first = nn.Sequential(self.shared, nn.ReLU())
        self.second = nn.Sequential(self.shared, nn.Linear(4, 4, bias=False))

    def forward(self, x):
        return self.second(self.first(x)) + self.shared(torch.matmul(x, x.T) @ x)


ONE = 2 * 4 * 4
SHARES = (3 * 3 * ONE + ONE + 2 * 2 * 4, 4 * 4 + 4 + 4 * 4)
"""The three calls at each of three places, one call of the other layer and the product."""


def test_a_shared_module_has_all_its_calls_at_each_place(capsys):
    flops, macs, params = calculate_flops(Shares(), (2, 4), **RAW)
    assert (macs, params) == SHARES
    assert flops == 2 * macs + 2 * 4  # and the ReLU
    calculate_flops(Shares(), (2, 4), output_precision=1)
    text = capsys.readouterr().out
    share = f"20 = {100 * 20 / 36:.1f}% Params, 96 MACs = {100 * 96 / macs:.1f}% MACs"
    assert text.count(share) == 4  # at its three places, and at the first Sequential
    assert "(1): ReLU(0 = 0% Params, 0 MACs = 0% MACs, 8 FLOPS" in text


@pytest.mark.peers
@pytest.mark.parametrize("model", [Shares, Adds])
@pytest.mark.parametrize(
    "options",
    [{}, {"output_unit": "K", "output_precision": 4}, {"ignore_modules": [nn.Sequential]}],
)
def test_the_text_of_the_tool(model, options, capsys):
    tool = pytest.importorskip("calflops")
    shape = (2, 4) if model is Shares else (2, 6)
    found = []
    for calculate in (tool.calculate_flops, calculate_flops):
        results = calculate(model(), shape, **options)
        lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
        figures = [line for line in lines if line.startswith(("Total", "fwd")) and "  " in line]
        tree = lines[lines.index(f"{model.__name__}(") :]
        found.append((results, figures, tree[: tree.index(")") + 1]))
    assert found[0] == found[1]
