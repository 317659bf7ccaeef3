"""``hookcount.compat.fvcore`` against fvcore itself where it is installed, and against products
written out.
"""

import copy
import logging
import subprocess
import sys
from collections import Counter

import pytest
import torch
from helpers.functions import Fn
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.compat.fvcore import (
    FlopCountAnalysis,
    flop_count,
    flop_count_str,
    flop_count_table,
    parameter_count,
    parameter_count_table,
)

STATISTICS = ("total", "by_operator", "by_module", "by_module_and_operator", "uncalled_modules")
SIZE_ARITHMETIC = {
    "aten::mul",
    "aten::div",
    "aten::rsub",
    "aten::pow",
}  # of traced sizes: it runs no op


def shared(linear):
    return Fn(
        lambda self, x: self.b(self.a(x)),
        a=nn.Sequential(linear),
        b=nn.Sequential(nn.ReLU(), linear),
    )


IMAGE, TOKENS = torch.zeros(2, 6, 8, 8), torch.zeros(3, 5, 8)

SITUATIONS = {
    "shared": (shared(nn.Linear(8, 8)), TOKENS),
    "forward called": (
        Fn(lambda self, x: self.a.forward(x), a=nn.Linear(8, 8), unused=nn.Linear(8, 8)),
        TOKENS,
    ),
    "module list": (
        Fn(
            lambda self, x: self.all[1](self.all[0](x)),
            all=nn.ModuleList([nn.Linear(8, 4), nn.Linear(4, 8)]),
        ),
        TOKENS,
    ),
    "nothing to do": (
        nn.Sequential(nn.Dropout(), nn.Identity(), nn.Flatten(), nn.Flatten()).eval(),
        IMAGE,
    ),
    "a child of another": (
        Fn(
            lambda self, x: self.b(x, self.a),
            a=nn.Linear(8, 4),
            b=Fn(lambda self, x, other: other(x)),
        ),
        TOKENS,
    ),
    "norms": (
        nn.Sequential(
            nn.BatchNorm2d(6), nn.InstanceNorm2d(6, affine=True), nn.GroupNorm(2, 6, affine=False)
        ),
        IMAGE,
    ),
    "layer norms": (
        nn.Sequential(nn.LayerNorm(8), nn.LayerNorm(8, elementwise_affine=False)),
        TOKENS,
    ),
    "batch norm in training": (nn.BatchNorm2d(6).train(), IMAGE),
    "batch norm in eval": (nn.BatchNorm2d(6).eval(), IMAGE),
    "upsampling": (
        Fn(
            lambda self, x: F.interpolate(
                F.interpolate(x, scale_factor=2), scale_factor=2, mode="bilinear"
            )
        ),
        IMAGE,
    ),
    "a grid": (
        Fn(lambda self, x: F.grid_sample(x, torch.zeros(2, 3, 4, 2), align_corners=False)),
        IMAGE,
    ),
    "pools": (nn.Sequential(nn.AvgPool2d(2), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)), IMAGE),
    "convolutions": (
        nn.Sequential(
            nn.Conv2d(6, 4, 3, stride=2, groups=2), nn.ConvTranspose2d(4, 3, 3, stride=2)
        ),
        IMAGE,
    ),
    "padding by name": (nn.Conv2d(6, 4, 3, padding="same"), IMAGE),
    "products": (
        Fn(
            lambda self, x: (
                (x @ x.mT).sum()
                + torch.bmm(x, x.mT).sum()
                + torch.mm(x[0], x[0].t()).sum()
                + (x[0] @ x.mT)
            )
        ),
        TOKENS,
    ),
    "addmm": (Fn(lambda self, x: torch.addmm(torch.zeros(5), x[0], x[0].t())), TOKENS),
    "einsum": (
        Fn(
            lambda self, x: (
                torch.einsum("...ik,...jk->...ij", x, x)
                + torch.einsum("bik,bjk,bjl->bil", x, x, x).sum()
            )
        ),
        TOKENS,
    ),
    "einsum without a sum": (
        Fn(lambda self, x: torch.einsum("i,j->ij", x[0, :, 0], x[0, :, 0])),
        TOKENS,
    ),
    "attention": (
        Fn(lambda self, x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.1)),
        TOKENS[None],
    ),
    "fused attention": (
        Fn(
            lambda self, x: self.mha(x, x, x, need_weights=False)[0],
            mha=nn.MultiheadAttention(8, 2, batch_first=True),
        ).eval(),
        TOKENS,
    ),
    "attention in parts": (
        Fn(lambda self, x: self.mha(x, x, x)[0], mha=nn.MultiheadAttention(8, 2)).train(),
        TOKENS,
    ),
    "encoder": (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval(),
        TOKENS,
    ),
    "recurrent": (nn.LSTM(8, 4, bidirectional=True), TOKENS),
    "a cell": (nn.GRUCell(8, 4), TOKENS[0]),
    "weight norm": (nn.utils.parametrizations.weight_norm(nn.Linear(8, 4)), TOKENS),
}

MODELS = (
    "resnet18",
    "mobilenet_v3_small",
    "vit_b_32",
    "swin_t",
    "convnext_tiny",
    "densenet121",
    "googlenet",
    "fcn_resnet50",
)


def built(name):
    models = pytest.importorskip("torchvision").models
    if name == "googlenet":
        return models.googlenet(weights=None, init_weights=False).eval(), torch.zeros(1, 3, 64, 64)
    if name == "fcn_resnet50":  # a jit trace takes no dict of outputs
        fcn = models.get_model(name, weights=None, weights_backbone=None)
        return Fn(lambda self, x: self.fcn(x)["out"], fcn=fcn).eval(), torch.zeros(1, 3, 64, 64)
    size = 224 if name.startswith("vit") else 64
    return models.get_model(name, weights=None).eval(), torch.zeros(1, 3, size, size)


def theirs(model, inputs, mode="owner"):
    nn_of_fvcore = pytest.importorskip("fvcore.nn")
    flops = nn_of_fvcore.FlopCountAnalysis(copy.deepcopy(model), inputs)
    flops.unsupported_ops_warnings(False).uncalled_modules_warnings(False).ancestor_mode(
        mode
    ).total()
    return flops


def quiet(model, inputs):
    return (
        FlopCountAnalysis(model, inputs)
        .unsupported_ops_warnings(False)
        .uncalled_modules_warnings(False)
    )


def without(ops, left_out):
    return {name: calls for name, calls in ops.items() if name not in left_out}


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["owner", "caller"])
@pytest.mark.parametrize("case", [*SITUATIONS, *MODELS])
def test_every_figure_is_the_tools(case, mode):
    model, inputs = SITUATIONS[case] if case in SITUATIONS else built(case)
    with torch.no_grad():
        mine, tools = quiet(model, inputs).ancestor_mode(mode), theirs(model, inputs, mode)
        mine.total()  # it is lazy, and whether there are gradients decides what is fused
    for statistic in STATISTICS:
        ours, wanted = getattr(mine, statistic)(), getattr(tools, statistic)()
        assert ours == wanted, statistic
        assert type(ours) is type(wanted) or statistic == "total"
    left_out = SIZE_ARITHMETIC if "attention" in case or case in ("vit_b_32", "swin_t") else set()
    assert without(mine.unsupported_ops(), left_out) == without(tools.unsupported_ops(), left_out)


@pytest.mark.parametrize("name", MODELS)
def test_the_total_is_that_of_the_convention(name):
    model, images = built(name)
    with torch.no_grad():
        assert (
            quiet(model, images).total()
            == hookcount.Counter(run="real").count(model, images).under("fvcore").headline
        )


@pytest.mark.peers
def test_in_training_with_gradients():
    model = nn.Sequential(nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout())
    assert quiet(model, IMAGE).by_module() == theirs(model, IMAGE).by_module()


def test_figures_written_out():
    model = nn.Sequential(
        nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10)
    ).eval()
    flops = quiet(model, IMAGE)
    conv, norm, linear = 2 * 4 * 6 * 6 * 6 * 3 * 3, 2 * 2 * 4 * 6 * 6, 2 * 144 * 10
    assert flops.total() == conv + norm + linear
    assert type(flops.total()) is int
    assert flops.total("3") == linear
    assert flops.by_operator() == Counter(conv=conv, batch_norm=norm, linear=linear)
    assert flops.by_module() == Counter(
        {"": conv + norm + linear, "0": conv, "1": norm, "2": 0, "3": linear}
    )
    assert flops.by_module_and_operator()["0"] == Counter(conv=conv)


def test_a_product_with_a_vector():
    flops = quiet(Fn(lambda self, x: x @ x[0, 0]), TOKENS)  # the tool raises IndexError
    assert flops.by_operator() == Counter(matmul=3 * 5 * 8)


def test_aliases_of_a_shared_module():
    flops = quiet(*SITUATIONS["shared"])
    assert flops.canonical_module_name("b.1") == "a.0"
    assert flops.total("b.1") == flops.total("a.0") == 2 * 3 * 5 * 8 * 8
    assert "b.1" not in flops.by_module()


RUNS = []
"""A global variable, as a count puts back the variables of functions that the model holds."""


def test_the_model_runs_once_and_lazily():
    model = Fn(lambda self, x: RUNS.append(1) or self.a(x), a=nn.Linear(8, 4))
    flops = quiet(model, TOKENS)
    assert not RUNS
    flops.total(), flops.by_module(), flops.unsupported_ops(), flops.uncalled_modules()
    flops.set_op_handle("aten::linear", lambda inputs, outputs: 1).ancestor_mode("caller").total()
    assert len(RUNS) == 1


def test_inputs_are_a_tuple_of_arguments_or_one_argument():
    pair = Fn(lambda self, x, y: x @ y)
    assert quiet(pair, (torch.zeros(2, 3), torch.zeros(3, 4))).total() == 2 * 3 * 4
    assert (
        quiet(nn.Linear(8, 4), TOKENS).total()
        == quiet(nn.Linear(8, 4), (TOKENS,)).total()
        == 3 * 5 * 8 * 4
    )


def test_a_model_on_meta_and_a_wrapped_one():
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(10**6, 10**6, bias=False))
    assert quiet(model, torch.empty(2, 10**6, device="meta")).by_module() == Counter(
        {"": 2 * 10**12, "0": 2 * 10**12}
    )
    inner = nn.Sequential(nn.Linear(8, 4))
    wrapped = quiet(nn.DataParallel(inner), TOKENS)
    every = dict.fromkeys(["", "module", "module.0"], 3 * 5 * 8 * 4)
    assert wrapped.by_module() == Counter(every)
    assert wrapped.ancestor_mode("caller").by_module() == Counter(every)
    assert not wrapped.uncalled_modules()


def test_a_module_outside_of_the_tree_counts_for_its_caller():
    outside = [nn.Linear(8, 4)]
    flops = quiet(
        nn.Sequential(Fn(lambda self, x: outside[0](x))), TOKENS
    )  # a jit trace takes no such weight
    assert flops.by_module() == Counter({"": 3 * 5 * 8 * 4, "0": 3 * 5 * 8 * 4})


def test_the_model_is_as_before():
    model = nn.Sequential(
        nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6), nn.Dropout(), nn.TransformerEncoderLayer(8, 2, 16)
    ).train()
    model[3].eval()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    state, grad = copy.deepcopy(model.state_dict()), model[0].weight.grad
    modes = [module.training for module in model.modules()]
    with pytest.raises(AssertionError):  # the layer takes no images, and what went before has run
        quiet(model, torch.randn(2, 6, 8, 8)).total()
    assert quiet(model[:3], torch.randn(2, 6, 8, 8)).total()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert model[0].weight.grad is grad
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert model[:3](torch.randn(2, 6, 8, 8)).requires_grad


# -- handles ---------------------------------------------------------------------------------------


def elements(value):
    found = 1
    for size in value.type().sizes():
        found *= size
    return found


def test_a_handle_counts_an_op_once_per_call():
    model = Fn(lambda self, x: F.silu(F.silu(x)) + F.silu(x[0]))
    flops = quiet(model, TOKENS).set_op_handle(
        "aten::silu", lambda inputs, outputs: 4 * elements(inputs[0])
    )
    assert flops.by_operator() == Counter(silu=2 * 4 * 3 * 5 * 8 + 4 * 5 * 8)
    assert flops.unsupported_ops() == Counter({"aten::add": 1})


def test_handles_in_every_form():
    model = Fn(lambda self, x: F.gelu(self.a(x) * 2 + 1), a=nn.Linear(8, 8))
    one, many = (
        (lambda inputs, outputs: 1),
        (lambda inputs, outputs: Counter(scaled=3, shifted=0.5)),
    )
    flops = quiet(model, TOKENS).set_op_handle(
        "aten::mul", many, "aten::add", one, **{"aten::gelu": None}
    )
    linear = 3 * 5 * 8 * 8
    assert flops.by_operator() == Counter(scaled=3, shifted=0.5, add=1, linear=linear)
    assert flops.total() == 4.5 + linear
    assert flops.by_module()["a"] == linear
    assert not flops.unsupported_ops()


def test_a_handle_in_place_of_the_tools_own_rule():
    flops = quiet(nn.Conv2d(6, 4, 3), IMAGE)
    assert flops.set_op_handle(
        "aten::_convolution", lambda inputs, outputs: 7
    ).by_operator() == Counter(_convolution=7)
    nothing = flops.set_op_handle("aten::_convolution", lambda inputs, outputs: 0)
    assert nothing.total() == 0
    assert not flops.unsupported_ops()


@pytest.mark.peers
def test_none_ignores_only_what_has_no_handle_as_in_the_tool():
    model = nn.Sequential(nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4), nn.SiLU()).eval()
    ignored = {"aten::batch_norm": None, "aten::silu": None}
    mine, tools = (
        each.set_op_handle(**ignored) for each in (quiet(model, IMAGE), theirs(model, IMAGE))
    )
    assert (
        mine.by_operator()
        == tools.by_operator()
        == Counter(conv=2 * 4 * 6 * 6 * 6 * 3 * 3, batch_norm=2 * 2 * 4 * 6 * 6)
    )
    assert mine.unsupported_ops() == tools.unsupported_ops() == Counter()


def test_clear_op_handles_leaves_no_rule():
    flops = quiet(nn.Linear(8, 4), TOKENS).clear_op_handles()
    assert flops.total() == 0
    assert flops.unsupported_ops() == Counter({"aten::linear": 1})


def test_a_handle_sees_what_a_jit_value_would_show():
    seen = {}

    def look(inputs, outputs):
        equation, operands, path = inputs
        seen["equation"] = equation.toIValue(), equation.type().kind()
        seen["operands"] = [each.type().sizes() for each in operands.node().inputs()]
        seen["path"] = path.toIValue(), path.type().kind(), path.isCompleteTensor()
        tensor = operands.node().inputs()[0]
        seen["tensor"] = (
            tensor.isCompleteTensor(),
            tensor.type().kind(),
            tensor.type().dtype(),
            tensor.type().dim(),
            tensor.toIValue(),
        )
        seen["out"] = outputs[0].type().sizes()
        return 0

    quiet(Fn(lambda self, x: torch.einsum("bij,bkj->bik", x, x)), TOKENS).set_op_handle(
        "aten::einsum", look
    ).total()
    assert seen == {
        "equation": ("bij,bkj->bik", "StringType"),
        "operands": [[3, 5, 8], [3, 5, 8]],
        "path": (None, "NoneType", False),
        "tensor": (True, "TensorType", torch.float32, 3, None),
        "out": [3, 5, 5],
    }


def test_a_handle_sees_arguments_left_out_at_their_defaults():
    seen = []
    model = Fn(lambda self, x: x.add(x))
    quiet(model, TOKENS).set_op_handle(
        "aten::add", lambda inputs, outputs: seen.append(inputs[2].toIValue()) or 0
    ).total()
    assert seen == [1]  # alpha


@pytest.mark.peers
@pytest.mark.parametrize("name", ["resnet18", "swin_t", "densenet121"])
def test_the_tools_own_handles_take_these_values(name):
    handles = pytest.importorskip("fvcore.nn.jit_handles")
    model, images = built(name)
    mine = {
        "aten::_convolution": handles.conv_flop_jit,
        "aten::linear": handles.linear_flop_jit,
        "aten::matmul": handles.matmul_flop_jit,
        "aten::batch_norm": handles.batchnorm_flop_jit,
        "aten::layer_norm": handles.norm_flop_counter(2),
        "aten::adaptive_avg_pool2d": handles.elementwise_flop_counter(1, 0),
    }
    with torch.no_grad():
        flops = quiet(model, images)
        assert (
            flops.by_module_and_operator()
            == flops.copy().set_op_handle(**mine).by_module_and_operator()
        )


def test_an_op_of_another_package():
    @torch.library.custom_op("compat_fvcore::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    flops = quiet(Fn(lambda self, x: twice(x)), TOKENS)
    assert flops.unsupported_ops() == Counter({"compat_fvcore::twice": 1})
    flops.set_op_handle("compat_fvcore::twice", lambda inputs, outputs: elements(outputs[0]))
    assert flops.by_operator() == Counter(twice=3 * 5 * 8)


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (("aten::mul",), "has no handle"),
        (("mul", None), "no op's name"),
        (("aten::mul", 3), "is no function"),
    ],
)
def test_handles_that_cannot_be_set(pairs, says):
    with pytest.raises(hookcount.InputError, match=says):
        FlopCountAnalysis(nn.Linear(8, 4), TOKENS).set_op_handle(*pairs)


def test_a_handle_of_an_op_that_never_appears_is_not_asked():
    """A trace shows convolutions under one name, and the ops of a recurrent cell."""
    never = ("aten::conv2d", "aten::convolution", "aten::lstm_cell", "aten::gru_cell")
    pairs = [each for name in never for each in (name, lambda inputs, outputs: 1 / 0)]
    cell = nn.LSTMCell(8, 4, bias=False)
    flops = quiet(cell, torch.zeros(3, 8)).set_op_handle(*pairs)
    assert flops.by_operator() == Counter(linear=3 * 16 * (8 + 4))
    conv = quiet(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 5, 5)).set_op_handle(*pairs)
    assert conv.by_operator() == Counter(conv=4 * 9 * 3 * 9)


@pytest.mark.parametrize(
    ("given", "says"), [("many", "no number"), (True, "no number"), (Counter(a="b"), "no number")]
)
def test_a_handle_that_gives_no_number(given, says):
    flops = quiet(nn.Sequential(nn.Linear(8, 4)), TOKENS).set_op_handle(
        "aten::linear", lambda inputs, outputs: given
    )
    with pytest.raises(hookcount.FormulaError, match=says):
        flops.total()


def test_a_handle_that_raises_names_the_module_and_the_shapes():
    def asks_too_much(inputs, outputs):
        return inputs[0].debugName()

    flops = quiet(nn.Sequential(nn.Linear(8, 4)), TOKENS).set_op_handle(
        "aten::linear", asks_too_much
    )
    with pytest.raises(
        hookcount.FormulaError, match=r"'0': the handle for aten::linear raised .*debugName"
    ) as caught:
        flops.total()
    assert "[3, 5, 8], [4, 8], [4]" in str(caught.value)
    assert isinstance(caught.value.__cause__, AttributeError)


# -- settings --------------------------------------------------------------------------------------


def test_bad_settings_and_names():
    flops = quiet(nn.Linear(8, 4), TOKENS)
    with pytest.raises(hookcount.InputError, match="owner"):
        flops.ancestor_mode("parent")
    with pytest.raises(hookcount.InputError, match="no_tracer_warning"):
        flops.tracer_warnings("some")
    with pytest.raises(hookcount.InputError, match="names no module"):
        flops.total("fc")
    with pytest.raises(hookcount.ModelError):
        FlopCountAnalysis(torch.zeros(1), TOKENS)


def test_copy_keeps_the_settings():
    flops = (
        quiet(nn.Sequential(nn.Linear(8, 4)), TOKENS)
        .ancestor_mode("caller")
        .set_op_handle("aten::linear", lambda inputs, outputs: 0)
    )
    other = flops.copy(new_model=nn.Sequential(nn.Linear(8, 2), nn.LayerNorm(2)))
    assert other.by_operator() == Counter(layer_norm=3 * 5 * 2 * 5)
    assert flops.copy(new_inputs=TOKENS[0]).total() == 0
    assert (
        other.set_op_handle("aten::linear", lambda inputs, outputs: 1).total() == 1 + 3 * 5 * 2 * 5
    )
    assert flops.total() == 0


def test_what_is_logged(caplog):
    model = Fn(
        lambda self, x: F.gelu(self.a(x)), a=nn.Linear(8, 4), b=nn.Linear(8, 4), c=nn.Identity()
    )
    with caplog.at_level(logging.WARNING):
        FlopCountAnalysis(model, TOKENS).total()
    assert [record.getMessage() for record in caplog.records] == [
        "Unsupported operator aten::gelu encountered 1 time(s)",
        "never called, or called without running an op: b. Each is unused, or used in another way "
        "than by a call",
    ]
    caplog.clear()
    quiet(model, TOKENS).total()
    assert not caplog.records


def test_tracer_warnings_none_silences_the_forward(recwarn):
    import warnings

    model = Fn(lambda self, x: warnings.warn("loud", stacklevel=1) or self.a(x), a=nn.Linear(8, 4))
    quiet(model, TOKENS).tracer_warnings("none").total()
    assert not [each for each in recwarn if "loud" in str(each.message)]
    quiet(model, TOKENS).tracer_warnings("all").total()
    assert [each for each in recwarn if "loud" in str(each.message)]


def test_a_forward_that_differentiates_is_told_where_to_go():
    model = Fn(
        lambda self, x: torch.autograd.grad(self.a(x).sum(), self.a.weight)[0], a=nn.Linear(8, 4)
    )
    with pytest.raises(RuntimeError, match="does not require grad") as caught:
        quiet(model, TOKENS).total()
    assert any("under" in each for each in caught.value.__notes__)


# -- functions and tables --------------------------------------------------------------------------


def test_flop_count():
    model = nn.Sequential(nn.Linear(8, 4), nn.GELU())
    giga, missing = flop_count(model, (TOKENS,))
    assert giga == {"linear": 3 * 5 * 8 * 4 / 1e9}
    assert giga["conv"] == 0.0
    assert missing == Counter({"aten::gelu": 1})
    assert (
        flop_count(model, (TOKENS,), {"aten::gelu": lambda inputs, outputs: 10**9})[0]["gelu"]
        == 1.0
    )


@pytest.mark.peers
def test_parameter_count_is_the_tools():
    model = shared(nn.Linear(8, 8))
    found = parameter_count(model)
    assert found == {"": 72, "a": 72, "a.0": 72, "a.0.weight": 64, "a.0.bias": 8}
    assert found["no such module"] == 0
    assert parameter_count(model) == pytest.importorskip("fvcore.nn").parameter_count(model)


def cells(table):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_flop_count_table():
    model = nn.Sequential(nn.Sequential(nn.Linear(8, 4, bias=False)), nn.ReLU(), nn.LayerNorm(4))
    title, _, *rows = cells(flop_count_table(quiet(model, TOKENS)))
    assert title == ["module", "#parameters or shape", "#flops"]
    assert rows == [
        ["model", "40", "0.78K"],  # 3 * 5 * 8 * 4 + 3 * 5 * 4 * 5
        ["0.0", "32", "0.48K"],
        ["0.0.weight", "(4, 8)", ""],
        ["2", "8", "0.3K"],
        ["2.weight", "(4,)", ""],
        ["2.bias", "(4,)", ""],
    ]
    title, _, *rows = cells(
        flop_count_table(quiet(model, TOKENS), max_depth=1, show_param_shapes=False)
    )
    assert title == ["module", "#parameters", "#flops"]
    assert rows == [["model", "40", "0.78K"], ["0.0", "32", "0.48K"], ["2", "8", "0.3K"]]


def test_parameter_count_table():
    rows = cells(parameter_count_table(nn.Sequential(nn.Linear(8, 4)), max_depth=2))
    assert [row for row in rows if ":" not in row[0]] == [
        ["name", "#elements or shape"],
        ["model", "36"],
        ["0", "36"],
        ["0.weight", "(4, 8)"],
        ["0.bias", "(4,)"],
    ]


def test_flop_count_str():
    model = Fn(lambda self, x: self.a(x), a=nn.Linear(8, 4), b=nn.Sequential(nn.Linear(8, 4)))
    first, *lines = flop_count_str(quiet(model, TOKENS)).splitlines()
    assert first.startswith("N/A indicates a possibly missing statistic")
    assert lines == [
        "Fn(",
        "  #params: 72, #flops: 0.48K",
        "  (a): Linear(",
        "    in_features=8, out_features=4, bias=True",
        "    #params: 36, #flops: 0.48K",
        "  )",
        "  (b): Sequential(",
        "    #params: 36, #flops: N/A",
        "    (0): Linear(",
        "      in_features=8, out_features=4, bias=True",
        "      #params: 36, #flops: N/A",
        "    )",
        "  )",
        ")",
    ]


@pytest.mark.parametrize("table", [flop_count_table, flop_count_str])
def test_activations_are_an_analysis(table):
    with pytest.raises(hookcount.InputError, match="activations=True.*ActivationCountAnalysis"):
        table(quiet(nn.Linear(8, 4), TOKENS), activations=True)


def test_the_tool_is_not_imported():
    ask = (
        "import sys, hookcount.compat.fvcore; sys.exit(any(name.split('.')[0] == 'fvcore' for "
        "name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", ask]).returncode == 0
