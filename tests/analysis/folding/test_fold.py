"""The folded tree: no work is lost, and a row has the figures of one of N."""

import pytest
import torch
from helpers.pictured import EACH, Block, Held, counted, growing
from torch import nn

import hookcount
from hookcount import Ops
from hookcount.analysis.folding.fold import ITSELF, folded, unfolded


def rows(model, *inputs):
    return {row.name: row for row in folded(hookcount.count(model, *inputs).tree)}


@pytest.mark.parametrize("name", EACH)
def test_own_figures_sum_to_the_total(name):
    report = counted(name)
    for root in (folded(report.tree), unfolded(report.tree)):
        every = list(root)
        assert sum((row.own for row in every), Ops()) == report.total == root.total
        assert sum(row.own_params for row in every) == report.params
        uncounted = sum(each.calls for each in report.uncounted)
        assert root.uncounted == uncounted


@pytest.mark.parametrize("name", EACH)
def test_each_module_has_one_row_or_is_left_out_or_joined(name):
    report = counted(name)
    root = folded(report.tree)
    with_a_row = [node.path for row in root if row.kind == "module" for node in row.nodes]
    assert len(set(with_a_row)) == len(with_a_row)
    without = [node for node in report.tree if node.path not in set(with_a_row)]
    childless = [node for node in without if not node.children]
    assert not any(node.total or node.params or node.uncounted for node in childless)
    containers = [node for node in without if node.children]
    assert not any(node.own or node.own_params or node.uncounted for node in containers)
    assert len(childless) <= root.left_out <= len(without)
    assert len(list(unfolded(report.tree))) == len(list(report.tree))


@pytest.mark.parametrize("name", EACH)
def test_n_times_the_figure_of_one_is_the_figure_of_the_row(name):
    for row in folded(counted(name).tree):
        assert sum((each for each in row.works()), Ops()) == row.total
        assert row.count == len(row.works()) == len(row.params())
        macs = {each.macs for each in row.works()}
        if len(macs) == 1:
            assert row.count * macs.pop() == row.total.macs
        assert row.total == sum((child.total for child in row.children), row.own)
        for child in row.children:
            assert child.count % row.count == 0


def test_equal_blocks_are_one_row_with_the_figures_of_one():
    found = rows(nn.Sequential(*[Block(16) for _ in range(5)]).eval(), torch.zeros(2, 16))
    assert list(found) == ["(model)", "0-4", "qkv", "(itself)"]
    assert found["0-4"].count == found["qkv"].count == 5
    assert [each.macs for each in found["qkv"].works()] == [2 * 16 * 48] * 5
    assert [each.macs for each in found["(itself)"].works()] == [2 * (2 * 2 * 16)] * 5
    assert found["0-4"].own == Ops()
    assert found["(model)"].left_out == 5  # dropouts


def test_figures_inside_a_fold_in_a_fold_are_of_one():
    pair = [nn.Sequential(*[nn.Linear(8, 8) for _ in range(3)]) for _ in range(2)]
    found = rows(nn.Sequential(*pair), torch.zeros(1, 8))
    assert found["0-1.0-2"].count == 6
    assert [each.macs for each in found["0-1.0-2"].works()] == [64] * 6


def test_a_container_that_did_nothing_is_joined_with_its_only_child():
    found = rows(Held(6, 16).eval(), torch.zeros(1, 4, 16))
    assert list(found) == ["(model)", "encoder.layers.0-5", "qkv", "(itself)"]


def test_a_container_with_work_or_parameters_or_another_output_is_not_joined():
    class Doubling(nn.Sequential):
        def forward(self, x):
            return super().forward(x) * 2

    class Weighted(nn.Sequential):
        def __init__(self, *layers):
            super().__init__(*layers)
            self.scale = nn.Parameter(torch.zeros(1))

    class Cut(nn.Sequential):
        def forward(self, x):
            return super().forward(x)[:1]

    x = torch.zeros(2, 8)
    for container in (Doubling, Weighted, Cut):
        found = rows(nn.Sequential(nn.ReLU(), container(nn.Linear(8, 8))), x)
        assert list(found) == ["(model)", "0", "1"] or "1.0" not in found
        assert [row.name for row in found["1"].children] == ["0"]
    assert "1.0" in rows(nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(8, 8))), x)


def test_one_shared_container_that_holds_a_parameter_of_another_module_is_not_joined():
    class Tied(nn.Sequential):
        def __init__(self, layer, weight):
            super().__init__(layer)
            self.weight = weight

    first = nn.Linear(8, 8)
    found = rows(nn.Sequential(first, Tied(nn.Linear(8, 4), first.weight)), torch.zeros(1, 8))
    assert found["1"].own_params == 0
    assert [row.name for row in found["1"].children] == ["0"]


def test_siblings_fold_only_with_equal_shapes_and_running_numbers():
    x = torch.zeros(1, 8)
    linear = lambda: nn.Linear(8, 8)  # noqa: E731
    two_named = nn.Sequential()
    two_named.cv1, two_named.cv2 = linear(), linear()
    assert list(rows(two_named, x)) == ["(model)", "cv1", "cv2"]
    three_named = nn.Sequential()
    three_named.cv1, three_named.cv2, three_named.cv3 = linear(), linear(), linear()
    assert list(rows(three_named, x)) == ["(model)", "cv1-3"]
    gap = nn.Sequential()
    for name in ("0", "1", "3"):
        gap.add_module(name, linear())
    assert list(rows(gap, x)) == ["(model)", "0-1", "3"]
    other = nn.Sequential(linear(), linear(), nn.Linear(8, 4), nn.Linear(4, 8), linear())
    assert list(rows(other, x)) == ["(model)", "0-1", "2", "3", "4"]


def test_names_that_are_no_numbers_do_no_harm():
    model = nn.Sequential()
    for name in ("²", "³", "9" * 5000, "1" + "0" * 5000, "", "01", "2"):
        if name:
            model.add_module(name, nn.Linear(8, 8))
    assert [row.name for row in folded(hookcount.count(model, torch.zeros(1, 8)).tree)][
        -1
    ] == "01-2"


def test_blocks_that_differ_in_flops_only_are_one_row_with_the_work_of_all():
    class Masked(nn.Module):
        def __init__(self, shifted):
            super().__init__()
            self.shifted, self.layer = shifted, nn.Linear(8, 8)

        def forward(self, x):
            x = self.layer(x)
            return x * 2 if self.shifted else x

    report = hookcount.count(nn.Sequential(Masked(False), Masked(True)), torch.zeros(1, 8))
    _, both, _ = folded(report.tree)
    assert both.count == 2
    assert both.total == report.total
    assert [each.muls for each in both.works()] == [0, 8]


def test_alike_blocks_fold_only_where_many_rows_remain():
    few = folded(hookcount.count(growing(10), torch.zeros(1, 8)).tree)
    assert len(few.children) == 10
    many = list(folded(hookcount.count(growing(90), torch.zeros(1, 8)).tree))
    assert [row.name for row in many] == ["(model)", "0-89", "0", "1", "2"]
    assert [each.macs for each in many[2].works()] == [8 * (9 + i) for i in range(90)]


def test_alike_blocks_fold_from_251_rows_on():
    """A block and its three layers are four rows, the model is one."""

    def count(blocks):
        return len(list(folded(hookcount.count(growing(blocks), torch.zeros(1, 8)).tree)))

    assert (count(62), count(63)) == (1 + 62 * 4, 1 + 4)


def test_a_small_share_of_own_work_has_no_row():
    class Adding(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.layer, self.width = nn.Linear(100, 100), width

        def forward(self, x):
            return self.layer(x), x[:, : self.width] @ x[:, : self.width].T

    few, enough = 99, 102  # of 10,000 MACs of the layer
    assert enough / (10_000 + enough) >= ITSELF > few / (10_000 + few)
    assert "(itself)" not in rows(Adding(few), torch.zeros(1, 100))
    assert "(itself)" in rows(Adding(100), torch.zeros(2, 100))


def test_what_has_no_work_but_parameters_or_doubts_keeps_its_row():
    class Unknown(nn.Module):
        def forward(self, x):
            return torch.from_numpy(x.detach().numpy() * 2)

    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.unused = nn.Linear(8, 8), nn.Linear(8, 8)
            self.drop, self.nothing, self.unknown = nn.Dropout(), nn.Identity(), Unknown()

        def forward(self, x):
            return self.unknown(self.nothing(self.drop(self.layer(x))))

    with pytest.warns(hookcount.UncountedWarning):
        report = hookcount.count(Idle().eval(), torch.zeros(1, 8))
    root = folded(report.tree)
    assert [row.name for row in root] == ["(model)", "layer", "unused", "unknown"]
    assert (root.left_out, root.uncounted) == (2, 1)
