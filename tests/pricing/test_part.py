"""A part of a report: its figures are those of its node, under every convention."""

import copy
import pickle

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops, Registry, Report


class Block(nn.Module):
    """Two layers, and a product and an uncounted op between them."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)

    def forward(self, x):
        x = self.one(x)
        x = torch.linalg.eigvals(x @ x).real.expand(4, 4)
        return self.two(x)


class Net(nn.Module):
    """A block twice, of which the second shares a layer with the first."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(8, 4), nn.ReLU())
        self.blocks = nn.ModuleList([Block(), Block()])
        self.blocks[1].two = self.blocks[0].two

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return x


@pytest.fixture
def report():
    with pytest.warns(hookcount.UncountedWarning):
        return hookcount.count(Net(), torch.zeros(4, 8))


def same(part, node):
    """The part says of itself what the node says in the whole."""
    root = part.tree
    assert (root.path, root.depth, root.type) == ("", 0, node.type)
    assert (root.total, root.own, root.calls) == (node.total, node.own, node.calls)
    assert (part.macs, part.total) == (node.total.macs, node.total)
    assert (root.params, root.param_bytes) == (node.params, node.param_bytes)
    assert (root.inputs, root.outputs) == (node.inputs, node.outputs)
    frame = part.to_dataframe()
    assert len(frame) == len(list(node))
    assert frame["own_macs"].sum() == part.macs
    assert frame["own_params"].sum() == part.params
    assert part.by_op()["flops"].sum() == part.flops
    assert part.by_type()["macs"].sum() == part.macs


@pytest.mark.parametrize("convention", ["default", "torch", "thop", "fvcore"])
def test_each_part_has_the_figures_of_its_node(report, convention):
    given = report.under(convention)
    for node in given.tree:
        part = given[node.path]
        same(part, node)
        assert part.headline == given.convention.figure(node.total)
        assert report[node.path].under(convention).macs == part.macs


def test_figures_written_out(report):
    """Of a block: two layers and a product, each of 4 * 4 * 4 MACs."""
    part = report["blocks.0"]
    assert part.macs == 3 * 4 * 4 * 4
    assert part.params == 4 * 4 + 4 + 4 * 4
    assert [node.path for node in part.tree] == ["", "one", "two"]
    assert report["blocks.0.one"].macs == 64
    assert report["stem"].macs == 4 * 8 * 4
    assert part["one"].macs == 64


def test_readers_of_the_calls(report):
    part = report["blocks.1"]
    coverage = part.coverage()
    assert coverage.macs_of_modules + coverage.macs_between == part.macs
    assert {each.path for each in coverage.modules} <= {"one", "two"}
    assert part.by_role()["macs"].sum() == part.macs
    assert part.by_convention()["figure"].notna().all()
    assert part.reconcile("torch").end == part.under("torch").headline
    assert str(part).splitlines()[0].startswith("Block: ")
    assert part.tree["two"].calls == report.tree["blocks.1.two"].calls


def test_what_is_uncounted_in_the_part(report):
    (whole,) = report.uncounted
    assert whole.calls == 2
    (part,) = report["blocks.1"].uncounted
    assert (part.target, part.calls, part.paths) == (whole.target, 1, ("",))
    assert report["stem"].uncounted == ()
    assert report["stem"].require_complete().macs == 4 * 8 * 4


def test_a_formula_of_the_module_above_pays_as_in_the_whole():
    registry = Registry(name="mine")
    registry.register(Block, lambda module, x, *, out: Ops(macs=7), covers="subtree")
    found = hookcount.Counter(registry=registry).count(Net(), torch.zeros(4, 8))
    assert found["blocks.0"].macs == 7
    assert found["blocks.0.one"].macs == found.tree["blocks.0.one"].total.macs == 0
    assert found["blocks.0.one"].under("default").macs == 0


@pytest.mark.parametrize("name", ["swin_t", "mobilenet_v3_small", "vit_b_32"])
def test_parts_of_a_real_model(name):
    models = pytest.importorskip("torchvision").models
    report = hookcount.count(models.get_model(name).eval(), torch.zeros(1, 3, 224, 224))
    children = report.tree.children
    assert sum(report[each.path].macs for each in children) + report.tree.own.macs == report.macs
    for node in [*children, *children[0].children[:3]]:
        same(report[node.path], node)
        roles = report[node.path].by_role()
        assert roles["macs"].sum() == node.total.macs


def test_the_roles_of_a_part_are_those_of_the_whole():
    """The last layer of a block is no head, as it would be in a model of one block."""
    models = pytest.importorskip("torchvision").models
    report = hookcount.count(models.vit_b_32().eval(), torch.zeros(1, 3, 224, 224))
    frame = report["encoder.layers"]["encoder_layer_3"].by_role().set_index("role")
    tokens, width = 7 * 7 + 1, 768
    assert frame["macs"]["attention projections"] == 4 * tokens * width * width
    assert frame["macs"]["feed-forward"] == 2 * tokens * width * 3072
    assert frame["macs"]["head"] == 0
    assert frame["params"].sum() == report.tree["encoder.layers.encoder_layer_3"].params
    whole = report.by_role().set_index("role")["params"]
    parts = [
        report[each.path].by_role().set_index("role")["params"] for each in report.tree.children
    ]
    own = report.tree.params - sum(each.params for each in report.tree.children)
    assert (whole - sum(parts)).tolist() == [0, 0, 0, 0, 0, 0, 0, 0, own]


def change_by_pickle(part):
    return pickle.loads(pickle.dumps(part))


@pytest.mark.parametrize("change", [copy.copy, copy.deepcopy, change_by_pickle])
def test_a_part_can_be_copied_and_pickled(report, change):
    part = report["blocks.0"]
    found = change(part)
    assert str(found) == str(part)
    assert found.under("torch").headline == part.under("torch").headline


def test_a_part_of_a_file(report):
    loaded = Report.from_json(report.to_json())
    for node in report.tree:
        part = loaded[node.path]
        assert part.macs == node.total.macs
        assert part.to_dataframe()["own_macs"].sum() == node.total.macs
        assert part.tree.outputs == node.outputs
    assert "from a file" in loaded["stem"].summary()
    with pytest.raises(hookcount.InputError, match="as a file"):
        loaded["stem"].under("torch")


def test_a_part_as_a_file(report):
    part = report["blocks.1"]
    assert Report.from_json(part.to_json()).to_dataframe().equals(part.to_dataframe())


def test_the_root_is_the_whole(report):
    assert report[""] is report
    assert report.tree[""] is report.tree


def test_nodes_by_path(report):
    assert report.tree["blocks.0.one"].path == "blocks.0.one"
    assert report.tree["blocks"]["0"]["one"] is report.tree["blocks.0.one"]
    assert "blocks.0" in report
    assert "blocks.7" not in report


@pytest.mark.parametrize("path", ["blocks.7", "bolck", "blocks.", ".", "stem.0.x", 0, None, -1])
def test_an_unknown_path(report, path):
    for found in (report, report.tree):
        with pytest.raises(LookupError, match="there is no module at .*\n  To fix it") as caught:
            found[path]
        assert isinstance(caught.value, hookcount.UnknownModuleError)


def test_an_unknown_path_names_near_ones(report):
    with pytest.raises(LookupError, match=r"use one of 'blocks\.0\.one'"):
        report["blocks.0.onne"]


def test_scaling_has_no_model_of_a_part(report):
    with pytest.raises(hookcount.ModelError, match="a part of a report"):
        report["stem"].scaling(lambda n: torch.zeros(n, 8))
