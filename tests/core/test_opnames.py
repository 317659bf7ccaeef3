"""Ops by name, also where the process lacks them."""

import pytest
import torch

from hookcount import Ops, Registry
from hookcount.core.opnames import AbsentOp, described, op_of
from hookcount.core.trace import Call
from hookcount.rules.resolver import Resolver
from hookcount.rules.targets import target_name

OPS = [
    torch.ops.aten.mm.default,
    torch.ops.aten.add.Tensor,
    torch.ops.aten.view,
    torch.ops.higher_order.cond,
]


@pytest.mark.parametrize("op", OPS)
def test_an_op_that_is_there(op):
    assert op_of(*described(op)) is op


def test_other_objects_have_no_description():
    assert described(torch.mm) is None


def test_an_absent_op_has_name_schema_and_formula():
    op = op_of("absent", "twice", "default", "absent::twice(Tensor x, int n=2) -> Tensor", False)
    assert isinstance(op, AbsentOp)
    assert target_name(op) == "absent::twice.default"
    mine = Registry()
    mine.register("absent::twice", lambda n: Ops(muls=n))
    entry, name = Resolver(mine).op(op)
    assert name == "absent::twice"
    args, named = entry.binder.bind(Call(op, (torch.Size([3]),), {}, torch.Size([3])))
    assert entry.price(*args, **named) == Ops(muls=2)


def test_a_schema_that_cannot_be_read_is_none():
    assert AbsentOp("a::b", "no schema", False)._schema is None


def test_an_absent_view_is_free():
    op = AbsentOp("absent::seen.default", "absent::seen(Tensor x) -> Tensor", True)
    assert Resolver(Registry()).op(op)[0].price.name == "FREE"
