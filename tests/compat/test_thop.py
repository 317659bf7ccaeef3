"""``hookcount.compat.thop`` against products written out, and against thop itself where
``PEERS_DIR`` has it.
"""

import contextlib
import copy
import importlib
import inspect
import io
import sys

import pytest
import torch
from helpers import apart
from torch import nn

import hookcount
from hookcount.compat.thop import clever_format, profile, profile_origin
from hookcount.compat.thop.profile import register_hooks
from hookcount.compat.thop.utils import clever_format as clever_format_of_utils
from hookcount.compat.thop.vision.basic_hooks import count_convNd, count_linear, zero_ops

NUMBERS = (0, 1, 999, 1e3, 1001, 1e6, 25557032, 1e9, 4133742592.0, 1e12, 1.5e13, 12.5)
FORMATS = ("%.2f", "%.3f", "%.0f", "%d", "%s")


class Scale(nn.Module):
    """A layer of one's own."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x, times=1):
        return x * self.weight * times


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scale, self.linear = Scale(width), nn.Linear(width, width)

    def forward(self, x):
        return self.scale(self.linear(x))


class Chain(nn.Sequential):
    pass


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(8, 8)
        self.blocks = Chain(Block(8), Block(8))
        self.head = nn.Sequential(nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))


def adds_a_tensor(m, x, y):
    m.total_ops += torch.DoubleTensor([int(x[0].numel())])


def adds_an_int(m, x, y):
    m.total_ops += 3 * y.numel()


def adds_a_float(m, x, y):
    m.total_ops += 0.25 * y.numel()


def sets_parameters(m, x, y):
    m.total_ops += 3 * y.numel()
    m.total_params[0] = 1000
    m.total_params += 1


def counts_a_block(m, x, y):
    m.total_ops += y.numel() * m.linear.in_features + 7


HANDLERS = {
    "a tensor": {Scale: adds_a_tensor},
    "an int": {Scale: adds_an_int},
    "a float": {Scale: adds_a_float},
    "a block with all beneath": {Block: counts_a_block, Scale: adds_an_int},
    "the model itself": {Net: adds_an_int},
    "a kind of Sequential": {Chain: adds_an_int},
    "in place of a rule": {nn.Linear: adds_an_int},
}
X = torch.zeros(2, 5, 8)
ELEMENTS = 2 * 5 * 8
STEM, SCALES, BLOCKS, NORM, HEAD = (
    ELEMENTS * 8,
    2 * ELEMENTS,
    2 * ELEMENTS * 8,
    4 * ELEMENTS,
    2 * 5 * 3 * 8,
)


@pytest.mark.parametrize(
    ("handlers", "macs"),
    [
        ("a tensor", STEM + BLOCKS + SCALES + NORM + HEAD),
        ("an int", STEM + BLOCKS + 3 * SCALES + NORM + HEAD),
        ("a float", STEM + BLOCKS + SCALES // 4 + NORM + HEAD),
        ("a block with all beneath", STEM + 2 * (ELEMENTS * 8 + 7) + NORM + HEAD),
        ("the model itself", STEM + BLOCKS + NORM + HEAD + 3 * (2 * 5 * 3)),
        ("a kind of Sequential", STEM + BLOCKS + NORM + HEAD + 3 * ELEMENTS),
        ("in place of a rule", 3 * (3 * ELEMENTS) + NORM + 3 * (2 * 5 * 3)),
    ],
)
def test_a_handler_of_thops_form(handlers, macs):
    found = profile(Net(), (X,), HANDLERS[handlers], verbose=False)
    assert found[0] == macs
    assert [type(each) for each in found] == [float, float]


def test_what_a_handler_does_to_the_parameters_changes_nothing():
    expected = profile(Net(), (X,), {Scale: adds_an_int}, verbose=False)
    assert profile(Net(), (X,), {Scale: sets_parameters}, verbose=False) == expected


def test_layers():
    """A block that a handler counts has its parameters and none beneath it; 8 * 8 + 8 of a linear,
    8 of a scale.
    """
    macs, params, layers = profile(
        Net(), (X,), {Block: counts_a_block}, verbose=False, ret_layer_info=True
    )
    block = (float(ELEMENTS * 8 + 7), 80.0, {})
    assert layers["stem"] == (float(STEM), 72.0, {})
    assert layers["blocks"] == (2 * block[0], 160.0, {"0": block, "1": block})
    assert layers["head"] == (
        float(NORM + HEAD),
        16.0 + 27,
        {"0": (NORM, 16.0, {}), "1": (0.0, 0.0, {}), "2": (HEAD, 27.0, {})},
    )
    assert (macs, params) == (STEM + 2 * block[0] + NORM + HEAD, 72 + 160 + 43)


def test_what_a_handler_is_given():
    seen = []

    class Looks(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.factor = nn.Parameter(torch.zeros(5, 4)), 3

        def forward(self, ids, more, *, key=None):
            return {"out": self.table[ids] + more["bias"][0]}

    class Calls(nn.Module):
        def __init__(self):
            super().__init__()
            self.looks = Looks()

        def forward(self, ids):
            return self.looks(ids, {"bias": [torch.zeros(4)]}, key=1)["out"]

    def handler(m, x, y):
        seen.append((m, x, y))
        m.total_ops += m.factor * y["out"].numel()

    model = Calls()
    assert (
        profile(model, [torch.zeros(2, 3, dtype=torch.long)], {Looks: handler}, verbose=False)[0]
        == 3 * 2 * 3 * 4
    )
    [(m, x, y)] = seen
    assert type(m) is Looks
    assert m is not model.looks
    assert not hasattr(model.looks, "total_ops")
    assert m.table.is_meta
    assert m.table.shape == (5, 4)
    assert [x[0].device.type, x[0].dtype, x[0].shape] == ["meta", torch.long, (2, 3)]
    assert x[1]["bias"][0].shape == (4,)
    assert len(x) == 2
    assert y["out"].dtype is torch.float32


def reads_values(m, x, y):
    m.total_ops += int(x[0].sum())


def counts_a_part(m, x, y):
    m.total_ops += 0.5


def counts_less_than_nothing(m, x, y):
    m.total_ops -= 1


def gives_a_meta_tensor(m, x, y):
    m.total_ops = x[0].sum()


@pytest.mark.parametrize(
    ("handler", "what"),
    [
        (reads_values, "tensors on the meta device"),
        (counts_a_part, "is not a whole number"),
        (counts_less_than_nothing, "is negative"),
        (gives_a_meta_tensor, "is a tensor without values"),
    ],
)
def test_a_handler_that_fails_is_named_with_its_module_and_the_fix(handler, what):
    with pytest.raises(hookcount.FormulaError) as caught:
        profile(Net(), (X,), {Scale: handler}, verbose=False)
    text = str(caught.value)
    assert "'blocks.0.scale' (Scale)" in text
    assert f"{handler.__name__} ({__file__}:" in text
    assert what in text
    assert "To fix it: " in text


def test_rounding_is_no_fraction():
    def handler(m, x, y):
        m.total_ops += 1.1 * 1.1 * 100

    assert 1.1 * 1.1 * 100 != 121
    assert profile(Scale(4), (torch.zeros(4),), {Scale: handler}, verbose=False)[0] == 121


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"inputs": X}, "inputs=..."),
        ({"inputs": iter([X])}, "inputs=..."),
        ({"inputs": (X,), "custom_ops": {"Scale": adds_an_int}}, "custom_ops=..."),
        ({"inputs": (X,), "custom_ops": {Scale(3): adds_an_int}}, "custom_ops=..."),
        ({"inputs": (X,), "custom_ops": {Scale: 5}}, "custom_ops=..."),
        ({"inputs": (X,), "custom_ops": [(Scale, adds_an_int)]}, "custom_ops=..."),
    ],
)
def test_what_is_not_supported_raises(arguments, what):
    with pytest.raises(hookcount.InputError, match=rf"profile\({what}\).*To fix it"):
        profile(Net(), **arguments)


def test_no_model():
    with pytest.raises(hookcount.ModelError):
        profile(len, (X,))


def _state(model):
    return {
        "modes": [each.training for each in model.modules()],
        "attributes": [sorted(vars(each)) for each in model.modules()],
        "hooks": [
            len(each._forward_hooks) + len(each._forward_pre_hooks) for each in model.modules()
        ],
        "tensors": {name: each.clone() for name, each in model.state_dict().items()},
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "grad": torch.is_grad_enabled(),
    }


def _same(before, after):
    tensors = before.pop("tensors"), after.pop("tensors")
    assert before == after
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(each, tensors[1][name]) for name, each in tensors[0].items())


class Moody(nn.Module):
    """Its ``train`` may not be called, and its norm's statistics may not move."""

    def __init__(self):
        super().__init__()
        self.norm, self.frozen = nn.BatchNorm1d(8), nn.BatchNorm1d(8)
        self.frozen.training = False

    def train(self, mode=True):
        raise AssertionError("train was called")

    def forward(self, x):
        assert not self.training
        return self.frozen(self.norm(x))


def test_the_model_is_as_before():
    model = Moody()
    before = _state(model)
    profile(model, (torch.ones(4, 8),), verbose=False)
    _same(before, _state(model))


def test_the_model_is_as_before_also_after_an_exception():
    for model, handlers in (
        (Net(), {Scale: reads_values}),
        (nn.Sequential(nn.Linear(3, 3), nn.Linear(4, 4)), None),
    ):
        before = _state(model)
        with pytest.raises((hookcount.FormulaError, RuntimeError)):
            profile(model, (X if handlers else torch.zeros(2, 3),), handlers, verbose=False)
        _same(before, _state(model))


def test_a_tree_with_shared_modules_and_a_cycle():
    """A child under two names is one; a module within itself ends there. Each call counts once, and
    each parameter.
    """
    shared = nn.Linear(8, 8)
    model = nn.Sequential()
    model.a, model.b, model.inner = shared, shared, nn.Sequential(nn.Linear(8, 3))
    model.inner.forward = lambda x: model.inner[0](x)
    model.inner.add_module("outer", model)
    model.forward = lambda x: model.inner(model.b(model.a(x)))
    macs, params, layers = profile(model, (X,), verbose=False, ret_layer_info=True)
    assert (macs, params) == (2 * ELEMENTS * 8 + HEAD, 72 + 27)
    assert layers == {"a": (2 * ELEMENTS * 8, 72, {}), "inner": (HEAD, 27, {"0": (HEAD, 27, {})})}


class Thrice(nn.Module):
    """A layer at three places, of which the last one is called by no other module."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(8, 8)
        self.a, self.b = nn.Sequential(self.last), nn.Sequential(self.last, nn.ReLU())

    def forward(self, x):
        return self.last(self.b(self.a(x)))


def test_parameters_count_at_each_place_of_a_module_that_ran():
    macs, params, layers = profile(Thrice(), (X,), verbose=False, ret_layer_info=True)
    assert (macs, params) == (3 * ELEMENTS * 8, 3 * 72)
    assert [layers[name][1] for name in ("last", "a", "b")] == [72, 72, 72]


def test_none_is_no_rule():
    """The parameters of such a module do not count, those of its submodules do."""
    rules = {nn.Linear: None, Chain: None}
    macs, params = profile(nn.Sequential(nn.Linear(8, 3), nn.LayerNorm(3)), (X,), rules, False)
    assert (macs, params) == (4 * 10 * 3, 6)


def test_a_wrapper_is_a_layer_around_the_module_inside():
    head = {"0": (HEAD, 27, {})}
    model = nn.DataParallel(nn.Sequential(nn.Linear(8, 3)))
    assert profile(model, (X,), verbose=False, ret_layer_info=True)[2] == {
        "module": (HEAD, 27, head)
    }
    assert profile(nn.Sequential(model), (X,), verbose=False, ret_layer_info=True) == (
        *(HEAD, 27),
        {"0": (HEAD, 27, {"module": (HEAD, 27, head)})},
    )


def test_on_meta():
    with torch.device("meta"):
        model = Net()
    assert profile(model, (X.to("meta"),), verbose=False)[0] == STEM + BLOCKS + NORM + HEAD


def test_a_rule_of_ones_own_is_no_doubt_and_a_missing_one_is_said(capsys):
    profile(Net(), (X,), {Chain: adds_an_int})
    said = capsys.readouterr().out
    assert "[INFO] Linear: [*, n] = linear([*, k]): k per output; a bias costs nothing." in said
    assert f"[INFO] Chain: adds_an_int ({__file__}:" in said
    assert "WARN" not in said
    profile(Net(), (X,), verbose=False, report_missing=True)
    said = capsys.readouterr().out
    # two products of 80 elements each in two blocks; containers do nothing themselves, and relu has
    # a rule
    assert [line for line in said.splitlines() if "WARN" in line] == [
        "[WARN] Scale: no rule. Its own work is left out: 0 MACs, 320 FLOPs in all."
    ]


# -- the hooks of thop -----------------------------------------------------------------------------

IMAGE = torch.ones(2, 6, 9, 9)
HOOKED = {
    nn.Conv2d: (nn.Conv2d(6, 4, 3, groups=2), IMAGE),
    nn.ConvTranspose1d: (nn.ConvTranspose1d(6, 4, 3), IMAGE[:, :, 0]),
    nn.BatchNorm2d: (nn.BatchNorm2d(6), IMAGE),
    nn.LayerNorm: (nn.LayerNorm(9, elementwise_affine=False), IMAGE),
    nn.PReLU: (nn.PReLU(), IMAGE),
    nn.Softmax: (nn.Softmax(1), IMAGE),
    nn.ReLU: (nn.ReLU(), IMAGE),
    nn.LeakyReLU: (nn.LeakyReLU(), IMAGE),
    nn.AvgPool2d: (nn.AvgPool2d(3), IMAGE),
    nn.AdaptiveAvgPool2d: (nn.AdaptiveAvgPool2d(4), IMAGE),
    nn.Linear: (nn.Linear(9, 5), IMAGE),
    nn.Upsample: (nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE),
    nn.GRUCell: (nn.GRUCell(9, 4), IMAGE[0, 0]),
    nn.LSTM: (nn.LSTM(9, 4, 2, bidirectional=True, bias=False), IMAGE[0]),
}


@pytest.mark.parametrize("cls", HOOKED)
def test_a_hook_of_thop_counts_as_its_rule_does(cls):
    """A class of one's own has no rule, so that the hook alone counts."""
    module, x = HOOKED[cls]
    own = copy.deepcopy(module)
    own.__class__ = type("Own", (cls,), {"forward": lambda self, x: cls.forward(self, x)})
    mine = profile(nn.Sequential(own), (x,), {type(own): register_hooks[cls]}, verbose=False)
    assert mine == profile(nn.Sequential(module), (x,), verbose=False)


def test_a_hook_counts_a_real_call_too():
    conv, linear = nn.Conv2d(3, 4, 3), nn.Linear(5, 2)
    conv.total_ops = linear.total_ops = 0
    image, x = torch.zeros(2, 3, 8, 8), torch.zeros(7, 5)
    count_convNd(conv, (image,), conv(image))
    count_linear(linear, (x,), linear(x))
    assert (conv.total_ops, linear.total_ops) == (2 * 4 * 6 * 6 * 3 * 3 * 3, 7 * 2 * 5)


def test_a_changed_list_of_hooks(monkeypatch):
    monkeypatch.setitem(register_hooks, Scale, adds_an_int)
    monkeypatch.setitem(register_hooks, nn.Linear, zero_ops)
    monkeypatch.delitem(register_hooks, nn.LayerNorm)
    macs, params = profile(Net(), (X,), verbose=False)
    assert macs == 3 * SCALES
    every = sum(each.numel() for each in Net().parameters())
    assert params == every - 2 * 8  # without those of the norm


def test_the_older_function_counts_the_modules_without_children(capsys):
    """The weights of a scale count, though it has no rule."""
    every = sum(each.numel() for each in Net().parameters())
    assert profile_origin(Net(), (X,)) == (STEM + BLOCKS + NORM + HEAD, every)
    assert "[INFO] Linear" in capsys.readouterr().out
    assert profile_origin(nn.Linear(8, 4), (X,), verbose=False) == (ELEMENTS * 4, 8 * 4 + 4)


def test_the_names_of_thops_modules():
    assert clever_format_of_utils is clever_format
    assert hookcount.compat.thop.profile is profile
    assert importlib.import_module("hookcount.compat.thop.profile").profile is profile


# -- thop itself, in a process of its own: ultralytics-thop has the same import name ---------------


def against_thop():
    """Ends with a message that names each thing in which thop does otherwise."""
    import thop
    from torchvision import models

    wrong = []
    mine, theirs = (inspect.signature(each).parameters.values() for each in (profile, thop.profile))
    if [(each.name, each.default, each.kind) for each in mine] != [
        (each.name, each.default, each.kind) for each in theirs
    ]:
        wrong.append("signature")
    cases = [(Net(), (X,), each) for each in HANDLERS.values()]
    cases += [
        (nn.Linear(8, 4), (X,), None),
        (nn.LSTM(8, 4), (X,), None),
        (nn.Transformer(8, 2, 1, 1, 16), (X, X), None),
        (nn.DataParallel(Net()), (X,), None),
        (nn.Sequential(nn.DataParallel(Net())), (X,), None),
    ]
    for name, size in (
        ("resnet18", 64),
        ("mobilenet_v3_small", 64),
        ("swin_t", 64),
        ("shufflenet_v2_x0_5", 64),
    ):
        cases.append((models.get_model(name), (torch.zeros(1, 3, size, size),), None))
    cases.append((models.vit_b_32(image_size=64), (torch.zeros(2, 3, 64, 64),), None))
    cases.append((models.video.r3d_18(), (torch.zeros(1, 3, 4, 32, 32),), None))
    for model, inputs, handlers in cases:
        found = profile(model, inputs, handlers, False, True)
        with contextlib.redirect_stdout(io.StringIO()):
            expected = thop.profile(copy.deepcopy(model), inputs, handlers, False, True)
        if found != expected:
            wrong.append(f"{type(model).__name__}: {found[:2]} for {expected[:2]}")
        leaves = profile_origin(model, inputs, handlers, False)
        wanted = thop.profile_origin(copy.deepcopy(model), inputs, handlers, False)
        if leaves != wanted:
            wrong.append(f"profile_origin of {type(model).__name__}: {leaves} for {wanted}")
    rules = {nn.Linear: None}
    if profile(Net(), (X,), rules, False) != thop.profile(Net(), (X,), rules, False):
        wrong.append("None as a rule")
    if profile(Thrice(), (X,), None, False)[1] != thop.profile(Thrice(), (X,), None, False)[1]:
        wrong.append("parameters of a layer at three places")
    handlers = {Scale: sets_parameters}
    if profile(Net(), (X,), handlers, False) != thop.profile(Net(), (X,), handlers, False):
        wrong.append("a handler that sets parameters")
    listed = importlib.import_module("thop.profile").register_hooks
    wrong += [f"register_hooks: {cls}" for cls in listed.keys() ^ register_hooks.keys()]
    for cls, (module, x) in HOOKED.items():
        out, totals = module.eval()(x), []
        for hook in (register_hooks[cls], listed[cls]):
            module.total_ops = torch.zeros(1, dtype=torch.float64)
            hook(module, (x,), out)
            totals.append(module.total_ops.item())
        if totals[0] != totals[1]:
            wrong.append(f"{cls.__name__}: {totals}")
    wrong += [
        f"clever_format({numbers}, {pattern!r})"
        for pattern in FORMATS
        for numbers in (*NUMBERS, list(NUMBERS), [5.0], ())
        if clever_format(numbers, pattern) != thop.clever_format(numbers, pattern)
    ]
    sys.exit("; ".join(wrong) or 0)


@pytest.mark.peers
def test_as_thop_itself():
    apart.ask("thop", __file__, against_thop)
