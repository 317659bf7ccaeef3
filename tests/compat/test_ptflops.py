"""``hookcount.compat.ptflops`` against products written out, and against ptflops itself where it is
installed.
"""

import contextlib
import copy
import enum
import inspect
import io
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.compat.ptflops import (
    FLOPS_BACKEND,
    flops_to_string,
    get_model_complexity_info,
    params_to_string,
)
from hookcount.compat.ptflops.pytorch_engine import add_flops_counting_methods

aten = torch.ops.aten
QUIET = {"print_per_layer_stat": False, "backend": "aten"}
RAW = {**QUIET, "as_strings": False}
COUNTS = (0, 1, 999, 1000, 25557, 999_999, 10**6, 25_557_032, 10**9, 4_133_742_592, 123_456_789_012)


class Scale(nn.Module):
    """A layer of one's own: a product with a square matrix, and a norm that is a layer."""

    def __init__(self, width):
        super().__init__()
        self.weight, self.linear = nn.Parameter(torch.ones(width, width)), nn.Linear(width, width)

    def forward(self, x):
        return self.linear(x @ self.weight)


class Sub(nn.Linear):
    pass


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.scale, self.sub = nn.Conv2d(3, 4, 3), Scale(6), Sub(6, 2)

    def forward(self, x, times=1):
        return self.sub(F.relu(self.scale(self.conv(x)))) * times


CONV = 4 * 6 * 6 * (3 * 9 + 1)  # and a bias per output
PRODUCT = 4 * 6 * 6 * 6
LINEAR = 4 * 6 * 6 * (6 + 1)
SUB = 4 * 6 * 2 * (6 + 1)
PARAMS = (4 * 27 + 4) + 36 + (36 + 6) + (12 + 2)
RES = (3, 8, 8)


def test_macs_and_trainable_params():
    model = Net()
    assert get_model_complexity_info(model, RES, **RAW) == (CONV + PRODUCT + LINEAR + SUB, PARAMS)
    model.conv.requires_grad_(False)
    found = get_model_complexity_info(model, RES, **RAW)
    assert found == (CONV + PRODUCT + LINEAR + SUB, PARAMS - (4 * 27 + 4))
    assert [type(each) for each in found] == [int, int]
    assert get_model_complexity_info(
        nn.Conv2d(1000, 1000, 1, bias=False), (1000, 1, 1), **QUIET
    ) == ("1.0 MMac", "1.0 M")


@pytest.mark.parametrize(
    ("made", "times"),
    [
        (lambda res: {"x": torch.zeros(2, *res), "times": 3}, 2),
        (lambda res: torch.zeros(5, *res), 5),
    ],
)
def test_an_input_constructor(made, times):
    """The figure is that of the whole batch."""
    assert get_model_complexity_info(Net(), RES, input_constructor=made, **RAW)[0] == times * (
        CONV + PRODUCT + LINEAR + SUB
    )


def test_a_constructor_that_gives_a_tuple_gives_one_argument():
    class Pair(nn.Module):
        def forward(self, pair):
            return pair[0] @ pair[1]

    def made(res):
        return torch.zeros(2, res[0]), torch.zeros(res[0], 3)

    assert get_model_complexity_info(Pair(), (5,), input_constructor=made, **RAW) == (2 * 5 * 3, 0)


def test_the_input_is_as_the_first_parameter():
    seen = []

    class Looks(nn.Linear):
        def forward(self, x):
            seen.append((x.shape, x.dtype, x.device.type))
            return super().forward(x)

    get_model_complexity_info(Looks(7, 2).double(), (3, 7), **RAW)
    get_model_complexity_info(Looks(7, 2, device="meta"), (3, 7), **RAW)
    assert seen == [((1, 3, 7), torch.float64, "cpu"), ((1, 3, 7), torch.float32, "meta")]


def counts_the_output(module, x, y):
    module.__flops__ += 5 * y.numel() + module.weight.shape[0]


def counts_of_any(module, x, y):
    module.__flops__ += 3 * y.numel()


def counts_by_op(inputs, outputs):
    return inputs[0].numel() * outputs[0].shape[-1]


@pytest.mark.parametrize(
    ("hooks", "ignored", "macs"),
    [
        ({Scale: counts_the_output}, [], CONV + 5 * 4 * 6 * 6 + 6 + SUB),  # for all beneath it
        (
            {nn.Linear: counts_the_output},
            [],
            CONV + PRODUCT + 5 * 4 * 6 * 6 + 6 + SUB,
        ),  # of that very class
        ({aten.relu: counts_by_op}, [], CONV + PRODUCT + LINEAR + SUB + 4 * 6 * 6 * 6),
        (
            {aten.relu_: counts_by_op},
            [],
            CONV + PRODUCT + LINEAR + SUB,
        ),  # an op of its own, which does not run
        ({}, [aten.convolution], PRODUCT + LINEAR + SUB),
        ({}, [nn.Conv2d], PRODUCT + LINEAR + SUB),
        ({}, [nn.Linear], CONV + PRODUCT + SUB),
        ({}, [Scale], CONV + LINEAR + SUB),  # not what it calls
        (
            {aten.convolution: counts_by_op, Scale: counts_the_output},
            [aten.convolution, Scale],
            LINEAR + SUB,
        ),
    ],
)
def test_hooks_and_what_is_ignored(hooks, ignored, macs):
    assert get_model_complexity_info(
        Net(), RES, custom_modules_hooks=hooks, ignore_modules=ignored, **RAW
    ) == (macs, PARAMS)


def test_a_hook_for_an_op_is_not_for_its_form_in_place():
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(inplace=True))
    for op, macs in ((aten.relu, 4 * 4), (aten.relu_, 4 * 4 + 4 * 4)):
        found, _ = get_model_complexity_info(
            model, (4,), custom_modules_hooks={op: counts_by_op}, **RAW
        )
        assert found == macs


def reads_values(module, x, y):
    module.__flops__ += x[0].sum().item()


def counts_a_half(inputs, outputs):
    return 0.5


@pytest.mark.parametrize(
    ("hooks", "where", "what"),
    [
        ({Scale: reads_values}, "'scale' (Scale)", "without values"),
        (
            {aten.relu: counts_a_half},
            "the model itself (aten::relu.default)",
            "is not a whole number",
        ),
    ],
)
def test_a_hook_that_fails_is_named_with_its_module_and_the_fix(hooks, where, what):
    with pytest.raises(hookcount.FormulaError) as caught:
        get_model_complexity_info(Net(), RES, custom_modules_hooks=hooks, **RAW)
    text = str(caught.value)
    [hook] = hooks.values()
    assert where in text
    assert f"{hook.__name__} ({__file__}:" in text
    assert what in text
    assert "To fix it: " in text


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"backend": "jit"}, "backend='jit'.*no such backend"),
        ({"input_res": [3, 8, 8]}, "input_res="),
        ({"input_res": ()}, "input_res="),
        (
            {"backend_specific_config": {"count_functional": False, "count": 1}},
            "backend_specific_config=.*'count' has no meaning",
        ),
        ({"custom_modules_hooks": {Scale: 3}}, "custom_modules_hooks=.*3 is no function"),
        ({"custom_modules_hooks": {int: counts_by_op}}, "custom_modules_hooks=.*no module class"),
    ],
)
def test_what_is_not_supported_raises(arguments, what):
    given = {"model": Net(), "input_res": RES, **RAW, **arguments}
    with pytest.raises(hookcount.InputError, match=what + ".*To fix it"):
        get_model_complexity_info(**given)


def test_an_op_that_runs_as_others_may_be_ignored():
    x = nn.Sequential(nn.Linear(4, 2))
    assert get_model_complexity_info(x, (4,), ignore_modules=[aten.linear], **RAW)[0] == 4 * 2 + 2
    with pytest.warns(UserWarning, match="aten::linear runs as other ops.*To fix it"):
        found = get_model_complexity_info(
            x, (4,), custom_modules_hooks={aten.linear: counts_by_op}, **RAW
        )
    assert found == (4 * 2 + 2, 4 * 2 + 2)


# -- the default backend ---------------------------------------------------------------------------

PYTORCH = {"print_per_layer_stat": False, "as_strings": False}
FUNCTIONS = 4 * 6 * 6  # F.relu


def test_the_aten_text_has_no_container():
    class Holds(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers, self.last = nn.ModuleList([nn.Linear(4, 5)]), nn.Linear(5, 6)

        def forward(self, x):
            return self.last(self.layers[0](x))

    out = io.StringIO()
    get_model_complexity_info(Holds(), (4,), backend="aten", ost=out)
    assert out.getvalue().split("\n\n")[:2] == [
        "Total:61 Mac\nModule:  Global\naten.addmm: 61 Mac",  # 5 * (4 + 1) + 6 * (5 + 1)
        "Module:  last\naten.addmm: 36 Mac",
    ]
    assert "layers" not in out.getvalue()


def test_a_wrapper_inside():
    inner = nn.Sequential(nn.Linear(4, 5), nn.ReLU())
    model = nn.Sequential(nn.DataParallel(inner), nn.Linear(5, 6))
    out = io.StringIO()
    macs, _ = get_model_complexity_info(model, (4,), as_strings=False, ost=out)
    first, relu, last = 5 * (4 + 1), 5, 6 * (5 + 1)
    assert macs == first + 2 * relu + last  # the ReLU as a module and as a function
    shares = [line.split(", ")[3] for line in out.getvalue().splitlines() if "Params" in line]
    assert shares == [
        f"{each / macs:.3%} MACs"
        for each in (first + relu + last, first + relu, first + relu, first, relu, last)
    ]


@pytest.mark.parametrize(
    "backend", [{}, {"backend": "pytorch"}, {"backend": FLOPS_BACKEND.PYTORCH}]
)
def test_the_default_backend_by_each_of_its_names(backend):
    """A subclass of linear has no hook, and ``@`` is no function that the tool replaces."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = get_model_complexity_info(Net(), RES, **PYTORCH, **backend)
    assert found == (CONV + LINEAR + FUNCTIONS, PARAMS)


def test_an_enum_of_ptflops_itself_is_known_by_its_value():
    class Theirs(enum.Enum):
        ATEN = "aten"

    found = get_model_complexity_info(Net(), RES, **PYTORCH, backend=Theirs.ATEN)
    assert found == (CONV + PRODUCT + LINEAR + SUB, PARAMS)


@pytest.mark.parametrize(
    ("options", "macs"),
    [
        ({"backend_specific_config": {"count_functional": False}}, CONV + LINEAR),
        ({"backend_specific_config": {"count_functional": True}}, CONV + LINEAR + FUNCTIONS),
        ({"ignore_modules": [nn.Linear, Scale, aten.mm]}, CONV + FUNCTIONS),
        (
            {"custom_modules_hooks": {Scale: counts_the_output}},
            CONV + 5 * 4 * 6 * 6 + 6 + FUNCTIONS,
        ),
        (
            {"custom_modules_hooks": {Scale: counts_the_output}, "ignore_modules": [Scale]},
            CONV + FUNCTIONS,
        ),
        # of three samples the mean over modules, and all of the functions
        (
            {"input_constructor": lambda res: torch.zeros(3, *res)},
            CONV + LINEAR + 3 * FUNCTIONS,
        ),
        (  # by name: taken for one sample
            {"input_constructor": lambda res: {"x": torch.zeros(3, *res)}},
            3 * (CONV + LINEAR + FUNCTIONS),
        ),
    ],
)
def test_options_of_the_default_backend(options, macs):
    assert get_model_complexity_info(Net(), RES, **PYTORCH, **options) == (macs, PARAMS)


class Shared(nn.Module):
    """An activation in two places: its calls count at both. A layer under two names counts once."""

    def __init__(self):
        super().__init__()
        relu = nn.ReLU()
        self.a, self.b = (
            nn.Sequential(nn.Linear(8, 8, bias=False), relu),
            nn.Sequential(nn.Linear(8, 8, bias=False), relu),
        )
        self.c = self.b

    def forward(self, x):
        return self.c(self.a(x))


def test_a_module_in_two_places():
    found = get_model_complexity_info(Shared(), (8,), **PYTORCH)
    relu = 8 + 8  # two calls
    assert found == (2 * 64 + 2 * relu + relu, 2 * 64)


def test_the_text_shows_each_modules_share():
    model, out = nn.Sequential(nn.Linear(8, 4), nn.Flatten(), nn.ReLU()), io.StringIO()
    get_model_complexity_info(model, (5, 8), ost=out)
    linear, relu = 5 * (8 * 4 + 4), 5 * 4
    whole, shown = linear + 2 * relu, linear + relu
    assert out.getvalue().splitlines() == [
        "Sequential(",
        f"  36, 100.000% Params, {float(shown)} Mac, {shown / whole:.3%} MACs, ",
        f"  (0): Linear(36, 100.000% Params, {float(linear)} Mac, {linear / whole:.3%} MACs, "
        "in_features=8, out_features=4, bias=True)",
        "  (1): Flatten(0, 0.000% Params, 0.0 Mac, 0.000% MACs, start_dim=1, end_dim=-1)",
        f"  (2): ReLU(0, 0.000% Params, {float(relu)} Mac, {relu / whole:.3%} MACs, )",
        ")",
    ]
    assert "Params" not in repr(model)


def test_verbose_names_each_class_that_counts_nothing():
    model, out = nn.Sequential(nn.Flatten(), nn.Tanh(), nn.Linear(8, 8), nn.Tanh()), io.StringIO()
    get_model_complexity_info(model, (8,), False, verbose=True, ost=out, ignore_modules=[nn.Linear])
    assert out.getvalue().splitlines() == [
        f"Warning: module {name} is treated as a zero-op." for name in ("Flatten", "Tanh")
    ]


def test_a_model_of_figures_that_people_know():
    """An LSTM of 20 steps: per step four gates with two biases each, and 10 per hidden unit."""
    found = get_model_complexity_info(nn.LSTM(7, 11), (5, 7), **PYTORCH)[0]
    assert found == 5 * (4 * 11 * (7 + 11) + 2 * 4 * 11 + 10 * 11)


def test_methods_that_count_all_forwards():
    model = add_flops_counting_methods(Net())
    with pytest.raises(hookcount.InputError, match="no forward has been counted.*To fix it"):
        model.compute_average_flops_cost()
    model(torch.zeros(1, *RES))  # not yet
    model.start_flops_count()
    model(torch.zeros(3, *RES))
    model(torch.zeros(1, *RES))
    assert model.compute_average_flops_cost() == (CONV + LINEAR, PARAMS)
    model.reset_flops_count()
    model(x=torch.zeros(2, *RES))  # by name: taken for one sample
    assert model.compute_average_flops_cost() == (2 * (CONV + LINEAR), PARAMS)
    model.stop_flops_count()
    model(torch.zeros(1, *RES))
    assert model.compute_average_flops_cost() == (2 * (CONV + LINEAR), PARAMS)
    assert not any(each._forward_hooks for each in model.modules())


def test_methods_with_a_list_of_what_to_ignore():
    model, out = add_flops_counting_methods(Net()), io.StringIO()
    model.start_flops_count(ost=out, verbose=True, ignore_list=[nn.Linear])
    model(torch.zeros(1, *RES))
    assert model.compute_average_flops_cost() == (CONV, PARAMS)
    model.stop_flops_count()
    names = [line.split()[2] for line in out.getvalue().splitlines()]
    assert names == ["Scale", "Sub", "Net"]


def test_the_models_own_exception_is_passed_on():
    with pytest.raises(RuntimeError, match="channels"):
        get_model_complexity_info(Net(), (1, 8, 8), **RAW)
    with pytest.raises(hookcount.ModelError):
        get_model_complexity_info(len, RES, **RAW)


def test_what_is_printed_goes_to_ost():
    out = io.StringIO()
    found, _ = get_model_complexity_info(
        Net(), RES, as_strings=False, ost=out, verbose=True, backend="aten"
    )
    lines = out.getvalue().splitlines()
    assert "Module:  conv" in lines
    assert f"{found:,}" in next(line for line in lines if line.startswith("ptflops, "))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        get_model_complexity_info(Net(), RES, verbose=True, backend="aten")
    assert printed.getvalue() == out.getvalue()
    quiet = io.StringIO()
    get_model_complexity_info(Net(), RES, ost=quiet, **RAW)
    assert not quiet.getvalue()


class Products(nn.Module):
    """A product of the model itself, between two children that have products."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        self.head, self.mix = nn.Linear(4, 5), nn.Parameter(torch.ones(5, 5))

    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3))) @ self.mix


def printed_by(count, **options):
    out = io.StringIO()
    count(Products(), (3, 8, 8), ost=out, backend="aten", **options)
    return out.getvalue()


def test_the_text_of_the_aten_backend():
    conv = 36 * (4 * 27 + 4)
    assert printed_by(get_model_complexity_info).splitlines() == [
        f"Total:{round((conv + 25 + 25) / 1000, 2)} KMac",
        "Module:  Global",
        f"aten.convolution: {round(conv / 1000, 2)} KMac",
        "aten.addmm: 25 Mac",
        "aten.mm: 25 Mac",
        "",
        "Module:  conv",
        f"aten.convolution: {round(conv / 1000, 2)} KMac",
        "",
        "Module:  head",
        "aten.addmm: 25 Mac",
        "",
    ]


@pytest.mark.peers
@pytest.mark.parametrize("options", [{}, {"flops_units": "MMac", "output_precision": 5}])
def test_the_text_of_the_aten_backend_of_ptflops(options):
    tool = pytest.importorskip("ptflops").get_model_complexity_info
    assert printed_by(get_model_complexity_info, **options) == printed_by(tool, **options)


def test_the_model_is_as_before():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.TransformerEncoderLayer(6, 2, 8)
    )
    model[1].eval()
    for res in (RES, (1, 8, 8)):
        before = {name: each.clone() for name, each in model.state_dict().items()}
        with contextlib.suppress(RuntimeError, AssertionError):
            get_model_complexity_info(model, res, **RAW)
        assert [each.training for each in model[:2]] == [True, False]
        assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())
        assert not any(hasattr(each, "__flops__") for each in model.modules())
        assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


# -- ptflops itself --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def theirs():
    return pytest.importorskip("ptflops")


def _told(tool, model, *args, **options):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return tool.get_model_complexity_info(copy.deepcopy(model), *args, **options)


def _plain(default):
    return (
        default.value
        if hasattr(default, "value")
        else type(default)
        if hasattr(default, "write")
        else default
    )


@pytest.mark.peers
def test_the_signature_is_theirs(theirs):
    for mine, other in (
        (get_model_complexity_info, theirs.get_model_complexity_info),
        (flops_to_string, theirs.flops_to_string),
        (params_to_string, theirs.params_to_string),
    ):
        found, expected = (inspect.signature(each).parameters.values() for each in (mine, other))
        assert [each.name for each in found] == [each.name for each in expected]
        assert [each.kind for each in found] == [each.kind for each in expected]
        for one, two in zip(found, expected, strict=True):
            if one.name != "ost":  # the stream of the moment at which it was imported
                assert _plain(one.default) == _plain(two.default), one.name
    assert {each.name: each.value for each in FLOPS_BACKEND} == {
        each.name: each.value for each in theirs.FLOPS_BACKEND
    }


@pytest.mark.peers
@pytest.mark.parametrize("precision", [0, 1, 2, 5])
def test_the_texts_are_theirs(theirs, precision):
    for count in COUNTS:
        for units in (None, "GMac", "MMac", "KMac", "Mac", "strange"):
            assert flops_to_string(count, units, precision) == theirs.flops_to_string(
                count, units, precision
            )
        for units in (None, "B", "M", "K", "k", "strange"):
            assert params_to_string(count, units, precision) == theirs.params_to_string(
                count, units, precision
            )


MODELS = {
    "resnet18": {},
    "mobilenet_v3_small": {},
    "squeezenet1_1": {},
    "swin_t": {},
    "convnext_tiny": {},
    "densenet121": {},
    "vit_b_32": {"image_size": 64},
}


@pytest.mark.peers
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("grad", [True, False])
def test_models(theirs, name, grad):
    model = pytest.importorskip("torchvision").models.get_model(name, **MODELS[name])
    with torch.set_grad_enabled(grad):
        for options in (
            RAW,
            QUIET,
            {**QUIET, "flops_units": "MMac", "param_units": "K", "output_precision": 4},
        ):
            mine = get_model_complexity_info(model, (3, 64, 64), **options)
            assert mine == _told(theirs, model, (3, 64, 64), **options)


def _text(tool, model, *args, **options):
    out, printed = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        found = tool.get_model_complexity_info(copy.deepcopy(model), *args, ost=out, **options)
    return found, out.getvalue()


@pytest.mark.peers
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"verbose": True, "backend": "pytorch"},
        {"backend_specific_config": {"count_functional": False}},
        {"ignore_modules": [nn.Linear, Scale, nn.Conv2d]},
        {"custom_modules_hooks": {Scale: counts_the_output, nn.ReLU: counts_of_any}},
        {"custom_modules_hooks": {Scale: counts_the_output}, "ignore_modules": [Scale]},
        {"flops_units": "MMac", "param_units": "K", "output_precision": 4},
        {"input_constructor": lambda res: torch.zeros(3, *res)},
    ],
)
@pytest.mark.parametrize(
    ("make", "res"),
    [
        (Net, RES),
        (lambda: nn.Sequential(nn.Sequential(Shared()), nn.ReLU()), (8,)),
        (lambda: nn.Sequential(nn.Sequential(Scale(8)), nn.PReLU(), nn.LayerNorm(8)), (4, 8)),
        (lambda: nn.GRU(7, 11, 2, bidirectional=True), (5, 7)),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8)),
        (
            lambda: nn.Sequential(
                nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, activation=nn.GELU()))
            ),
            (5, 8),
        ),
        (lambda: nn.Sequential(nn.Flatten(0, 1), nn.Upsample(scale_factor=2.5)), (2, 5, 5)),
    ],
)
def test_the_default_backend_and_its_text(theirs, make, res, options):
    model = make()
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            assert _text(hookcount.compat.ptflops, model, res, **options) == _text(
                theirs, model, res, **options
            )


@pytest.mark.peers
def test_the_methods_are_theirs(theirs):
    from ptflops.pytorch_engine import add_flops_counting_methods as add_theirs

    found = []
    for add in (add_flops_counting_methods, add_theirs):
        model = add(nn.Sequential(nn.Sequential(Net()), Scale(2), nn.ReLU()))
        model.start_flops_count(ost=io.StringIO(), verbose=False, ignore_list=[nn.Conv2d])
        for batch in (3, 1):
            model(torch.zeros(batch, *RES))
        found.append(model.compute_average_flops_cost())
        model.stop_flops_count()
    assert found[0] == found[1]


@pytest.mark.peers
@pytest.mark.parametrize("depth", [0, 1])
def test_a_transformer_layer_near_the_root_is_off_its_fused_path(theirs, depth):
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.Sequential(model) if depth else model
    with torch.no_grad():
        assert get_model_complexity_info(model, (5, 8), **RAW) == _told(
            theirs, model, (5, 8), **RAW
        )


@pytest.mark.peers
@pytest.mark.parametrize(
    "options",
    [
        {"custom_modules_hooks": {aten.relu: counts_by_op, aten.convolution: counts_by_op}},
        {"custom_modules_hooks": {aten.relu_: counts_by_op}},
        {"ignore_modules": [aten.convolution]},
        {"ignore_modules": [aten.mm, aten.bmm], "custom_modules_hooks": {aten.mm: counts_by_op}},
        {"input_constructor": lambda res: {"x": torch.zeros(2, *res)}},
    ],
)
def test_options_for_ops(theirs, options):
    for model in (
        Net(),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.ReLU(), Scale(6)),
    ):
        if "input_constructor" in options and not isinstance(model, Net):
            continue
        assert get_model_complexity_info(model, RES, **RAW, **options) == _told(
            theirs, model, RES, **RAW, **options
        )


@pytest.mark.peers
def test_a_hook_of_a_module_class_is_that_of_their_pytorch_backend(theirs):
    """Two layers of one's own, and nothing else: there is nothing in which the backends differ."""

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(8, 8))

        def forward(self, x):
            return torch.tanh(x) - self.weight

    model, hooks = nn.Sequential(Own(), Own()), {Own: counts_the_output}
    expected = _told(
        theirs,
        model,
        (8,),
        as_strings=False,
        print_per_layer_stat=False,
        custom_modules_hooks=hooks,
    )
    assert expected == (2 * (5 * 8 * 8 + 8), 2 * 64)
    assert get_model_complexity_info(model, (8,), custom_modules_hooks=hooks, **RAW) == expected
