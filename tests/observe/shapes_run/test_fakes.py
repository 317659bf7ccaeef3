"""What runs in a shapes-only run in place of a forward that needs values: fakes, and choices taken
by turns.
"""

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops, RegistrationError, Registry
from hookcount.observe.shapes_run.experts import by_turns, turns

shapes, real = (hookcount.Counter(run=run) for run in ("shapes", "real"))


class Routed(nn.Module):
    """Each row to 2 of 4 experts, by a loop over the experts that reads which rows are theirs."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(6, 4, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6)) for _ in range(4)
        )

    def forward(self, x):
        weights, chosen = self.gate(x).softmax(-1).topk(2, -1)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows, place = torch.where(chosen == number)
            if rows.numel():
                out.index_add_(0, rows, expert(x[rows]) * weights[rows, place, None])
        return out


ROUTED = 10 * 6 * 4 + 10 * 2 * (6 * 8 + 8 * 6)
"""MACs of 10 rows: the gate, and 2 experts of two products for each row."""


def with_fake(cls, fake):
    registry = Registry()
    registry.register_fake(cls, fake)
    return hookcount.Counter(registry, run="shapes")


def test_without_a_fake_values_are_needed():
    with pytest.raises(hookcount.HookcountError, match="Routed.*aten::nonzero.*\n.*register_fake"):
        shapes.count(Routed(), torch.randn(10, 6))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_by_turns_costs_what_any_routing_costs_in_every_kind(mode):
    model, x = nn.Sequential(nn.Linear(6, 6), Routed()), torch.randn(10, 6)
    with mode():
        found = with_fake(Routed, by_turns).count(model, x)
        assert found.run == "shapes"
        assert found.macs == 10 * 6 * 6 + ROUTED
        assert found.total == real.count(model, x).total
        assert (
            with_fake(Routed, by_turns).count(model.to("meta"), x.to("meta")).total == found.total
        )


def test_by_turns_each_expert_has_its_row_and_its_share():
    found = with_fake(Routed, by_turns).count(Routed(), torch.randn(10, 6))
    share = 10 * 2 // 4
    assert [
        node.total.macs
        for node in found.tree
        if node.path.startswith("experts.") and node.depth == 2
    ] == [share * 96] * 4
    assert [(node.calls, node.inputs) for node in found.tree if node.path == "experts.1.0"] == [
        (1, ("(5, 6)",))
    ]
    assert [node.calls for node in found.tree if node.path == "gate"] == [
        1
    ]  # what ran before it failed is forgotten


def test_turns():
    assert turns(3, 2, 4).tolist() == [[0, 1], [2, 3], [0, 1]]
    assert turns(3, 2, 3).tolist() == [[0, 1], [2, 0], [1, 2]]
    assert turns(2, 1, 4, first=3).tolist() == [[3], [0]]
    assert turns(0, 2, 0).shape == (0, 2)


class Kernel(nn.Module):
    """Work in a kernel that shapes do not reach, between two layers."""

    def __init__(self):
        super().__init__()
        self.into, self.out = nn.Linear(6, 4, bias=False), nn.Linear(4, 5, bias=False)

    def forward(self, x):
        return self.out(torch.from_numpy(self.into(x).detach().numpy()[:, ::-1].copy()))


def test_a_fake_stands_for_the_forward_and_its_ops_and_modules_count():
    def kernel(module, x):
        return module.out(torch.empty_like(module.into(x)))

    found = with_fake(Kernel, kernel).count(nn.Sequential(Kernel(), nn.ReLU()), torch.zeros(3, 6))
    assert {node.path: node.own for node in found.tree if node.own} == {
        "0.into": Ops(macs=3 * 6 * 4),
        "0.out": Ops(macs=3 * 4 * 5),
        "1": Ops(compares=3 * 5),
    }
    assert found.uncounted == ()


def test_a_formula_of_the_same_class_pays_as_ever():
    registry = Registry()
    registry.register_fake(Kernel, lambda module, x: module.out(module.into(x) * 2))
    registry.register(Kernel, lambda module, x, *, out: Ops(specials=out.numel()))
    found = hookcount.Counter(registry, run="shapes").count(Kernel(), torch.zeros(3, 6))
    assert found.tree.own == Ops(specials=3 * 5)
    assert found.macs == 3 * 6 * 4 + 3 * 4 * 5


def test_a_fake_is_not_asked_where_the_forward_can_run():
    def never(module, x):
        raise AssertionError("the fake ran")

    assert with_fake(nn.Linear, never).count(nn.Linear(6, 5), torch.zeros(3, 6)).macs == 3 * 6 * 5
    assert (
        hookcount.Counter(with_fake(Kernel, never).registry, run="real")
        .count(Kernel(), torch.zeros(3, 6))
        .run
        == "real"
    )


def test_what_an_op_raises_is_the_models_own_error():
    def never(module, x):
        raise AssertionError("the fake ran")

    with pytest.raises(RuntimeError, match="reduction dim|mat1"):
        with_fake(Kernel, never).count(Kernel(), torch.zeros(3, 7))


def test_a_fake_that_gives_NotImplemented_leaves_it_to_the_module_around():
    registry = Registry()
    registry.register_fake(Kernel, lambda module, x: NotImplemented)
    registry.register_fake(nn.Sequential, lambda module, x: x.new_empty(3, 5))
    assert hookcount.Counter(registry, run="shapes").count(
        nn.Sequential(Kernel()), torch.zeros(3, 6)
    ).tree.outputs == ("(3, 5)",)


def test_the_classes_are_as_before_also_after_an_error():
    before = Routed.forward
    with_fake(Routed, by_turns).count(Routed(), torch.randn(10, 6))
    assert Routed.forward is before
    with pytest.raises(ZeroDivisionError):
        with_fake(Routed, lambda module, x: 1 // 0).count(Routed(), torch.randn(10, 6))
    assert Routed.forward is before


class Kept(Routed):
    pass


class Own(Routed):
    def forward(self, x):
        return super().forward(x) * 2


def test_a_subclass_that_keeps_forward_keeps_the_fake():
    assert with_fake(Routed, by_turns).count(Kept(), torch.randn(10, 6)).macs == ROUTED
    with pytest.raises(hookcount.HookcountError, match="Own"):
        with_fake(Routed, by_turns).count(Own(), torch.randn(10, 6))


def test_by_name_and_by_pattern():
    for name in (f"{__name__}.Routed", f"{__name__.rpartition('.')[0]}*.Rou*d"):
        assert with_fake(name, by_turns).count(Routed(), torch.randn(10, 6)).macs == ROUTED


@pytest.mark.parametrize(
    "name",
    [
        "transformers.models.mixtral.modeling_mixtral.MixtralSparseMoeBlock",
        "transformers_modules.deepseek-ai.DeepSeek-V3.0123abc.modeling_deepseek.DeepseekV3MoE",
    ],
)
def test_blocks_of_transformers_and_of_models_from_the_hub_are_known_by_name(name):
    home, _, qualname = name.rpartition(".")
    block = type(
        qualname,
        (Routed,),
        {"__module__": home, "forward": lambda self, x: Routed.forward(self, x)},
    )
    assert shapes.count(block(), torch.randn(10, 6)).macs == ROUTED


def test_registering():
    registry = Registry(name="mine")

    @registry.register_fake("mylib.Block")
    def block(module, x):
        return x

    assert callable(block)
    with pytest.raises(
        RegistrationError, match=r"mylib.Block has a fake in mine already, at .*test_fakes.py"
    ):
        registry.register_fake("mylib.Block", block)
    with pytest.raises(RegistrationError, match=r"is an op.*torch.library.register_fake"):
        registry.register_fake(torch.ops.aten.nonzero, block)
    registry.unregister("mylib.Block")
    with pytest.raises(RegistrationError, match="nothing to take away"):
        registry.unregister("mylib.Block")


def test_autocast_for_the_device_of_data():
    class Rotary(nn.Module):
        def forward(self, x):
            x = x * 1.0
            with torch.autocast(device_type=x.device.type, enabled=False):
                return x @ x.mT

    own = torch.autocast.__init__
    assert shapes.count(Rotary(), torch.zeros(3, 6)).macs == 3 * 6 * 3
    assert torch.autocast.__init__ is own
