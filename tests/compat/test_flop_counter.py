"""The front door of ``torch.utils.flop_counter.FlopCounterMode``, against torch's own class."""

import threading

import pytest
import torch
import torch.nn.functional as F
import torch.utils.flop_counter as tool
from helpers.marks import sees_higher_order_ops
from torch import nn
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount.compat.flop_counter import FlopCounterMode, register_flop_formula

aten = torch.ops.aten


def both(run):
    """What torch's class and the door find for the same block."""
    found = []
    for mode in (tool.FlopCounterMode(display=False), FlopCounterMode(display=False)):
        with mode:
            run()
        found.append(mode)
    return found


class Branches(nn.Module):
    """Two layers that are called in the other order than they are made, and a product between."""

    def __init__(self):
        super().__init__()
        self.later = nn.Linear(8, 2)
        self.first = nn.Sequential(nn.Linear(4, 8), nn.Tanh())

    def forward(self, x):
        h = self.first(x)
        return self.later(h @ h.T @ h)


def trained(model, *shape):
    return lambda: model(torch.randn(*shape, requires_grad=True)).sum().backward()


def shared_by_two():
    """The model runs after a part of it, and shares layers between parts and within one."""
    inner = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    part = nn.Sequential(inner, inner)
    part(torch.ones(2, 4))
    nn.Sequential(part, nn.Sequential(inner), inner[0])(torch.ones(2, 4))


RUNS = {
    "product": lambda: torch.randn(4, 5) @ torch.randn(5, 6),
    "einsum": lambda: torch.einsum("bij,bjk->bik", torch.randn(2, 3, 4), torch.randn(2, 4, 5)),
    "into a result": lambda: torch.mm(torch.ones(3, 3), torch.ones(3, 3), out=torch.ones(3, 3)),
    "in place": lambda: torch.ones(3, 3).addmm_(torch.ones(3, 4), torch.ones(4, 3)),
    "batches in place": lambda: torch.ones(2, 3, 3).baddbmm_(*torch.ones(2, 2, 3, 3)),
    "sum of batches in place": lambda: torch.ones(3, 3).addbmm_(*torch.ones(2, 2, 3, 3)),
    "vector in place": lambda: torch.ones(3).addmv_(torch.ones(3, 3), torch.ones(3)),
    "sum into a result": lambda: torch.addmm(*torch.ones(3, 3, 3), out=torch.ones(3, 3)),
    "batches into a result": lambda: torch.bmm(*torch.ones(2, 2, 3, 3), out=torch.ones(2, 3, 3)),
    "activation of a sum": lambda: torch._addmm_activation(torch.ones(3), *torch.ones(2, 3, 3)),
    "layers": trained(Branches(), 3, 4),
    "convolution": trained(nn.Conv2d(4, 6, 3, padding=1), 2, 4, 5, 5),
    "grouped convolution": trained(nn.Conv2d(4, 8, 3, groups=4), 2, 4, 5, 5),
    "grouped transposed": trained(nn.ConvTranspose1d(4, 8, 3, groups=2), 2, 4, 5),
    "first input without grad": lambda: nn.Conv2d(3, 4, 3)(torch.ones(1, 3, 4, 4)).sum().backward(),
    "lstm": lambda: nn.LSTM(4, 8)(torch.randn(3, 2, 4))[0].sum().backward(),
    "attention": lambda: F.scaled_dot_product_attention(*torch.randn(3, 1, 2, 6, 4).unbind()),
    "no flops": lambda: torch.randn(4).cos(),
    "no rows": lambda: nn.Sequential(nn.Linear(4, 5), nn.Conv1d(2, 3, 1))(torch.ones(0, 2, 4)),
    "lazy": lambda: nn.Sequential(nn.LazyConv1d(4, 1), nn.LazyLinear(5))(torch.ones(2, 3, 4)),
    "shared by two": shared_by_two,
    "inference": torch.inference_mode()(lambda: nn.Linear(4, 8)(torch.ones(2, 3, 4))),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_counts_are_those_of_torch(name):
    expected, found = both(RUNS[name])
    assert found.get_total_flops() == expected.get_total_flops()
    assert found.get_flop_counts() == expected.get_flop_counts()


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpointed_layer_has_its_second_forward(reentrant):
    layer = nn.Linear(8, 8)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return checkpoint(self.layer, x, use_reentrant=reentrant)

    expected, found = both(trained(Model(), 2, 8))
    assert found.get_total_flops() == expected.get_total_flops()
    totals = {path: sum(counts.values()) for path, counts in found.get_flop_counts().items()}
    assert totals["Model.layer"] == totals["Model"] == totals["Global"] == found.get_total_flops()


def test_the_modules_of_a_backward_pass_sum_to_the_total():
    torchvision = pytest.importorskip("torchvision")
    model = torchvision.models.resnet18().to("meta")
    with FlopCounterMode(display=False) as mode:
        model(torch.empty(1, 3, 64, 64, device="meta")).sum().backward()
    report = hookcount.Training().count(model, torch.empty(1, 3, 64, 64, device="meta"))
    step = report.step.under("torch")
    assert step.headline == mode.get_total_flops()
    convolution = mode.get_flop_counts()["ResNet.layer2.0.downsample.0"]
    # 1 x 1 kernels, 64 to 128 channels, 8 x 8 places; the tool itself gives other figures here
    forward = 2 * 64 * 128 * 8 * 8
    assert convolution == {aten.convolution: forward, aten.convolution_backward: 2 * forward}


def test_a_block_that_is_entered_again_begins_at_zero():
    mode = FlopCounterMode(display=False)
    for _ in range(2):
        with mode:
            torch.ones(2, 3) @ torch.ones(3, 4)
    assert mode.get_total_flops() == 2 * 2 * 3 * 4
    assert mode.flop_counts["Global"][aten.mm] == 48


@sees_higher_order_ops
def test_a_cond_counts_its_larger_branch():
    with FlopCounterMode(display=False) as mode:
        sign = torch.tensor(True)
        torch.cond(sign, lambda x: x @ x, lambda x: x @ x @ x, (torch.ones(4, 4),))
    assert mode.get_flop_counts() == {"Global": {aten.mm: 2 * 2 * 4**3}}


def test_own_formulas():
    def by_shapes(*shapes, out_shape, **_):
        return shapes[0].numel() + out_shape.numel()

    def raw(*args, out_val, **_):
        return 100 * out_val.dim()

    raw._get_raw = True
    mode = FlopCounterMode(display=False, custom_mapping={aten.add: by_shapes, aten.cos: raw})
    with mode:
        torch.ones(2, 3) + 1
        torch.ones(2, 3).cos()
    assert mode.get_flop_counts() == {"Global": {aten.add: 12, aten.cos: 200}}


def test_own_formula_of_an_op_that_runs_as_others():
    """In inference mode such an op reaches the dispatcher. Torch opens it all the same."""
    own = {aten.linear: lambda *shapes, out_shape, **others: 7}
    found = []
    for mode in (tool.FlopCounterMode, FlopCounterMode):
        with torch.inference_mode(), mode(display=False, custom_mapping=own) as flops:
            F.linear(torch.ones(2, 3), torch.ones(4, 3))
        found.append(flops.get_flop_counts())
    assert found == [{"Global": {aten.mm: 2 * 2 * 3 * 4}}] * 2


def test_own_formula_that_fails():
    mode = FlopCounterMode(display=False, custom_mapping={aten.add: lambda *_, out_shape: 1 / 0})
    with (
        pytest.raises(hookcount.FormulaError, match=r"aten\.add: .* raised ZeroDivisionError"),
        mode,
    ):
        torch.ones(2) + 1
    with mode:
        torch.ones(2, 2) @ torch.ones(2, 2)
    assert mode.get_total_flops() == 16


@pytest.mark.parametrize("custom", [{"aten.add": len}, {aten.add: 3}, [aten.add]])
def test_bad_formulas(custom):
    with pytest.raises(hookcount.InputError, match="custom_mapping"):
        FlopCounterMode(custom_mapping=custom)


def test_modules_are_not_needed():
    with pytest.warns(UserWarning, match="not needed"):
        FlopCounterMode(nn.Linear(2, 2))


def test_the_mode_of_a_running_block_cannot_be_entered():
    with (
        FlopCounterMode(display=False) as mode,
        pytest.raises(hookcount.InputError, match="running"),
    ):
        mode.__enter__()


def test_a_module_that_raises_is_left():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError

    broken, other = nn.Sequential(nn.Linear(4, 4), Fails()), nn.Linear(4, 4)
    with FlopCounterMode(display=False) as mode:
        with pytest.raises(ValueError):
            broken(torch.ones(2, 4))
        other(torch.ones(2, 4))
    totals = {path: sum(counts.values()) for path, counts in mode.get_flop_counts().items()}
    assert totals == {"Sequential.0": 64, "Sequential": 64, "Linear": 64, "Global": 128}


def test_no_hook_is_left_after_an_exception():
    every = nn.modules.module
    before = len(every._global_forward_hooks), len(every._global_forward_pre_hooks)
    with pytest.raises(ValueError), FlopCounterMode(display=False):
        raise ValueError
    assert (len(every._global_forward_hooks), len(every._global_forward_pre_hooks)) == before


def test_eight_threads():
    totals = [0] * 8

    def run(index):
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, index + 1))
        with FlopCounterMode(display=False) as mode:
            for _ in range(20):
                model(torch.ones(2, 4))
        totals[index] = mode.get_flop_counts()["Sequential.1"][aten.addmm]

    threads = [threading.Thread(target=run, args=(index,)) for index in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert totals == [20 * 2 * 2 * 4 * (index + 1) for index in range(8)]


def rows(text):
    """The cells of a table, without the indents, which depend on the release of tabulate."""
    return [line.split() for line in text.splitlines() if not line.startswith("--")]


def test_the_table_is_that_of_torch(capsys):
    pytest.importorskip("tabulate")
    model = Branches()

    def run():
        model(torch.ones(30, 4)).sum().backward()
        torch.ones(300, 300) @ torch.ones(300, 300)

    for depth in (None, 0, 1, 2, 3):
        with tool.FlopCounterMode(display=False) as expected:
            run()
        with FlopCounterMode(depth=depth) as found:
            run()
        of_tool = rows(expected.get_table(999 if depth is None else depth))
        assert rows(capsys.readouterr().out) == of_tool
        assert rows(found.get_table()) == of_tool


def test_the_table_of_an_empty_block(capsys):
    with FlopCounterMode():
        pass
    assert rows(capsys.readouterr().out) == [
        ["Module", "FLOP", "%", "Total"],
        ["Global", "0", "0%"],
    ]


# -- formulas that are registered with torch -------------------------------------------------------


@pytest.fixture
def registered():
    """An op with a formula in torch's registry, for one test: 3 for each element."""
    lib = torch.library.Library("hookcount_registered", "DEF")
    lib.define("twice(Tensor x) -> Tensor")
    lib.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")
    op = torch.ops.hookcount_registered.twice
    register_flop_formula(op)(lambda shape, out_shape=None, **_: 3 * shape.numel())
    yield op
    del tool.flop_registry[op]
    lib._destroy()


def test_a_registered_formula_counts_as_in_torch(registered):
    for mode in (FlopCounterMode(display=False), tool.FlopCounterMode(display=False)):
        with mode:
            registered(torch.zeros(4, 5))
        assert mode.get_total_flops() == 3 * 20


def test_the_mapping_of_a_mode_is_stronger_than_the_registry(registered):
    own = {registered: lambda *_, **__: 7}
    for cls in (FlopCounterMode, tool.FlopCounterMode):
        with cls(display=False, custom_mapping=own) as mode:
            registered(torch.zeros(4, 5))
        assert mode.get_total_flops() == 7


def test_a_formula_registered_with_raw_tensors(registered):
    del tool.flop_registry[registered]
    register_flop_formula(registered, get_raw=True)(lambda x, out_val=None: out_val.nbytes)
    with FlopCounterMode(display=False) as mode:
        registered(torch.zeros(4, 5))
    assert mode.get_total_flops() == 4 * 20


def test_an_error_of_a_registered_formula_names_the_formula(registered):
    del tool.flop_registry[registered]

    def broken(*_, **__):
        raise ZeroDivisionError("no")

    register_flop_formula(registered)(broken)
    with (
        pytest.raises(hookcount.FormulaError, match=r"broken \(.*test_flop_counter.py"),
        FlopCounterMode(display=False),
    ):
        registered(torch.zeros(4, 5))
