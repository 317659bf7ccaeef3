"""Graphs: what is joined, entry by entry."""

import pytest
import torch
from helpers.standins import Calls, count, defined

from hookcount import Ops

NODES, EDGES, FEATURES = 5, 11, 3


@pytest.mark.parametrize(
    ("name", "each", "mean"),
    [
        ("sum", Ops(adds=1), Ops()),
        ("mul", Ops(muls=1), Ops()),
        ("mean", Ops(adds=1), Ops(specials=1)),
        ("min", Ops(compares=1), Ops()),
        ("max", Ops(compares=1), Ops()),
    ],
)
def test_scatter(name, each, mean):
    pair = name in ("min", "max")

    def made(src, index, *rest):
        out = src.new_empty(NODES, FEATURES)
        return (out, out.long()) if pair else out

    returns = "(Tensor, Tensor)" if pair else "Tensor"
    expected = each * (EDGES * FEATURES) + mean * (NODES * FEATURES)
    src, index = torch.rand(EDGES, FEATURES), torch.zeros(EDGES, dtype=torch.long)
    schema = (
        f"torch_scatter::scatter_{name}(Tensor _0, Tensor _1, int _2, Tensor? _3, int? _4) -> "
        f"{returns}"
    )
    assert count(Calls(defined(schema, made)), src, index, 0, None, NODES) == expected
    if name != "mul":
        schema = f"torch_scatter::segment_{name}_csr(Tensor _0, Tensor _1, Tensor? _2) -> {returns}"
        assert (
            count(Calls(defined(schema, made)), src, torch.zeros(NODES + 1, dtype=torch.long), None)
            == expected
        )
        schema = (
            f"torch_scatter::segment_{name}_coo(Tensor _0, Tensor _1, Tensor? _2, int? _3) -> "
            f"{returns}"
        )
        assert count(Calls(defined(schema, made)), src, index, None, NODES) == expected


def test_sparse_products():
    rowptr, col, mat = (
        torch.zeros(NODES + 1, dtype=torch.long),
        torch.zeros(EDGES, dtype=torch.long),
        torch.rand(NODES, FEATURES),
    )
    values, terms = torch.rand(EDGES), EDGES * FEATURES
    optional = (
        "Tensor? {}, Tensor rowptr, Tensor col, Tensor? value, {}Tensor? colptr, Tensor? "
        "csr2csc, Tensor mat) -> Tensor"
    )
    total = Calls(
        defined(
            "torch_sparse::spmm_sum(" + optional.format("row", ""),
            lambda *args: args[-1].new_empty(NODES, FEATURES),
        )
    )
    assert count(total, None, rowptr, col, values, None, None, mat) == Ops(macs=terms)
    assert count(total, None, rowptr, col, None, None, None, mat) == Ops(adds=terms)
    mean = Calls(
        defined(
            "torch_sparse::spmm_mean(" + optional.format("row", "Tensor? rowcount, "),
            lambda *args: args[-1].new_empty(NODES, FEATURES),
        )
    )
    assert count(mean, None, rowptr, col, values, None, None, None, mat) == Ops(
        macs=terms, specials=NODES * FEATURES
    )
    largest = Calls(
        defined(
            "torch_sparse::spmm_max(Tensor rowptr, Tensor col, Tensor? value, Tensor mat) -> "
            "(Tensor, Tensor)",
            lambda *args: (
                args[-1].new_empty(NODES, FEATURES),
                args[-1].new_empty(NODES, FEATURES).long(),
            ),
        )
    )
    assert count(largest, rowptr, col, values, mat) == Ops(compares=terms, muls=terms)


def test_grouped_products_of_graphs():
    segment = Calls(
        defined(
            "pyg::segment_matmul(Tensor input, Tensor ptr, Tensor other) -> Tensor",
            lambda input, ptr, other: input.new_empty(input.shape[0], other.shape[-1]),
        )
    )
    found = count(segment, torch.rand(11, 6), torch.tensor([0, 4, 11]), torch.rand(2, 6, 5))
    assert found == Ops(macs=11 * 6 * 5)
    grouped = Calls(
        defined(
            "pyg::grouped_matmul(Tensor[] input, Tensor[] other) -> Tensor[]",
            lambda input, other: [
                a.new_empty(a.shape[0], b.shape[1]) for a, b in zip(input, other, strict=True)
            ],
        )
    )
    pairs = [torch.rand(4, 6), torch.rand(7, 3)], [torch.rand(6, 5), torch.rand(3, 2)]
    assert count(grouped, *pairs) == Ops(macs=4 * 6 * 5 + 7 * 3 * 2)
