"""The module tree on traces made by hand: costs and parameters of each node, and of all beneath."""

import pytest
import torch
from helpers.traces import X, call_of, fact, op, place, run, spec, trace
from torch import nn

import hookcount
from hookcount import Ops, Registry
from hookcount.pricing.price import price
from hookcount.pricing.tree import grow
from hookcount.rules.resolver import Resolver

RELU = Ops(compares=6)
FORMULAS = Registry()
FORMULAS.register("aten::relu", lambda out: Ops(compares=out.numel()))


def nodes(made):
    """By path the nodes of the tree, each checked to be the sum of its own and its children."""
    tree = grow(made, price(made, Resolver(FORMULAS), {}))
    for node in tree:
        assert node.total == sum((child.total for child in node.children), node.own), node.path
    return {node.path: node for node in tree}


def test_own_and_children_sum_to_the_total():
    made = trace(
        run("", ops=[op()]),
        run("a", ops=[op(), op()], parent=0),
        run("a.b", ops=[op(times=3)], parent=1),
        run("c", parent=0),
    )
    found = nodes(made)
    assert {path: node.own for path, node in found.items()} == {
        "": RELU,
        "a": RELU * 2,
        "a.b": RELU * 3,
        "c": Ops(),
    }
    assert {path: node.total for path, node in found.items()} == {
        "": RELU * 6,
        "a": RELU * 5,
        "a.b": RELU * 3,
        "c": Ops(),
    }
    assert {path: node.depth for path, node in found.items()} == {"": 0, "a": 1, "a.b": 2, "c": 1}
    assert [path for path, node in found.items() if node.leaf] == ["a.b", "c"]
    assert found["a.b"].name == "b"


def test_nodes_are_in_the_order_of_the_places():
    places = [place(path) for path in ("", "z", "z.b", "z.a", "m")]
    assert list(nodes(trace(run(""), places=places))) == ["", "z", "z.b", "z.a", "m"]


def test_a_module_that_did_not_run_is_in_the_tree_with_its_parameters():
    made = trace(run(""), places=[place(""), place("unused", fact(1, 12))])
    found = nodes(made)
    assert (found["unused"].calls, found["unused"].params) == (0, 12)
    assert (found[""].calls, found[""].params) == (1, 12)


def parameters(found):
    return {path: (node.params, node.own_params) for path, node in found.items()}


def test_parameters_sum_up_by_kind_and_buffers_are_none():
    places = [
        place("", fact(1, 2)),
        place("a", fact(2, 3, trainable=False), fact(3, 100, is_buffer=True)),
        place("a.b", fact(4, 5)),
    ]
    found = nodes(trace(run(""), places=places))
    assert parameters(found) == {"": (10, 2), "a": (8, 3), "a.b": (5, 5)}
    assert [node.trainable_params for node in found.values()] == [7, 5, 5]
    assert [node.param_bytes for node in found.values()] == [40, 32, 20]


def test_a_shared_parameter_counts_once_in_every_total_and_first_where_it_occurs_first():
    tied = fact(1, 12)
    places = [place(""), place("in", tied), place("out", tied), place("out.bias", fact(2, 4))]
    found = nodes(trace(run(""), places=places))
    assert parameters(found) == {
        "": (16, 0),
        "in": (12, 12),
        "out": (16, 0),
        "out.bias": (4, 4),
    }
    assert sum(node.own_params for node in found.values()) == found[""].params


def test_a_parameter_under_two_names_in_one_module_counts_once():
    found = nodes(trace(run(""), places=[place("", fact(1, 12), fact(1, 12, name="alias"))]))
    assert parameters(found) == {"": (12, 12)}


def test_a_shared_module_counts_its_parameters_once_and_its_calls_where_they_ran():
    weight = fact(1, 12)
    places = [place("")] + [place(path, weight, key=7) for path in ("first", "second")]
    made = trace(
        run(""),
        run("first", ops=[op()], parent=0),
        run("second", ops=[op(), op()], parent=0),
        places=places,
    )
    found = nodes(made)
    assert parameters(found) == {"": (12, 0), "first": (12, 12), "second": (12, 0)}
    assert [found[path].own for path in ("first", "second")] == [RELU, RELU * 2]


def test_places_that_ran_but_are_gone_are_in_the_tree():
    """A module that is not registered, or no longer: it and all above it have a node."""
    made = trace(
        run(""),
        run("gone.deep.leaf", nn.ReLU(), ops=[op()], parent=0),
        places=[place(""), place("there")],
    )
    found = nodes(made)
    assert list(found) == ["", "there", "gone", "gone.deep", "gone.deep.leaf"]
    assert found["gone.deep.leaf"].type == "ReLU"
    assert (found["gone"].type, found["gone"].calls, found["gone"].params) == ("", 0, 0)
    assert found[""].total == found["gone"].total == RELU


def test_ops_outside_every_module_have_a_node():
    made = trace(run(""), outside=[("forward", op())])
    found = nodes(made)
    assert found["<outside>"].own == found[""].total == RELU
    assert found[""].own == Ops()


def test_a_place_whose_parent_did_no_work_is_in_the_tree():
    """The trace has a place for a module of another model, and none for ``<outside>``."""
    outside = "<outside>.<Sequential>"
    made = trace(
        run(f"{outside}.0", nn.ReLU(), ops=[op()]),
        places=[place(""), place(outside), place(f"{outside}.0")],
    )
    found = nodes(made)
    assert list(found) == ["", "<outside>", outside, f"{outside}.0"]
    assert found[""].total == RELU


def test_each_phase_of_a_watched_part_of_a_model():
    """The modules around the part are at ``<outside>``."""
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 2))
    with hookcount.Training().watch(model[0]) as watch:
        loss = model(torch.zeros(4, 8)).sum()
        torch.autograd.backward(loss)
    report, first, second = watch.report(), 4 * 8 * 16, 4 * 16 * 2
    assert report.tree.total.macs == report.macs == first + second
    assert report.backward.tree.total.macs == report.backward.macs == first + 2 * second
    frame = report.to_dataframe().set_index("path")
    assert frame.loc["<outside>.<Sequential>.1", "own_backward_macs"] == 2 * second
    assert frame.loc["", "backward_macs"] == first + 2 * second


def test_uncounted_calls_are_at_their_very_place():
    unknown = op(torch.ops.aten.mm.default, times=2)
    found = nodes(trace(run("", ops=[op()]), run("a", ops=[unknown], parent=0)))
    assert {path: node.uncounted for path, node in found.items()} == {"": 0, "a": 2}


def test_calls_shapes_and_bytes_of_outputs():
    wide = call_of(nn.Module(), spec(4, 5), out=(spec(4, 7), spec(2, dtype=torch.float64)))
    same = call_of(nn.Module())
    made = trace(run("", call=same), run("", call=same), run("", call=wide), run("", call=None))
    (node,) = nodes(made).values()
    assert node.calls == 4
    assert node.distinct == (same, wide)
    assert node.inputs == ("(2, 3)", "(4, 5)")
    assert node.outputs == ("(2, 3)", "(4, 7), (2,)")
    assert node.output_bytes == 2 * X.bytes + 4 * 7 * 4 + 2 * 8


def test_a_backward_pass_is_no_call():
    found = nodes(trace(run(""), run("a", phase="backward", ops=[op()]), places=[place("")]))
    assert list(found) == [""]
    assert (found[""].calls, found[""].total) == (1, Ops())


# -- models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [lambda *each: nn.ModuleList(each), nn.Sequential])
def test_a_container_called_element_by_element_holds_what_its_elements_cost(container):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = container(nn.Linear(4, 4), nn.ReLU())

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    report = hookcount.count(Model(), torch.zeros(2, 4))
    found = {node.path: (node.calls, node.own, node.total) for node in report.tree}
    layer, relu = Ops(macs=2 * 4 * 4, adds=2 * 4), Ops(compares=2 * 4)
    assert found == {
        "": (1, Ops(), layer + relu),
        "layers": (0, Ops(), layer + relu),
        "layers.0": (1, layer, layer),
        "layers.1": (1, relu, relu),
    }


def test_a_shared_module_of_a_model():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = self.second = nn.Linear(4, 4)
            self.tied = nn.Linear(4, 4, bias=False)
            self.tied.weight = self.first.weight

        def forward(self, x):
            return self.tied(self.second(self.first(x)))

    tree = hookcount.count(Model(), torch.zeros(2, 4)).tree
    product, bias = Ops(macs=2 * 4 * 4), Ops(adds=2 * 4)
    assert tree.total == product * 3 + bias * 2
    assert tree.params == sum(each.numel() for each in Model().parameters()) == 4 * 4 + 4
    assert sum(node.own_params for node in tree) == tree.params
