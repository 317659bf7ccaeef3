"""One tiny model per situation, each with its count as a product written out."""

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from helpers.marks import sees_higher_order_ops
from torch import nn

import hookcount
from hookcount import Ops

X = (4, 6)  # 4 rows of 6


def own(report):
    return {node.path: node.own for node in report.tree if node.own}


def total(report):
    """The total, after the tree has been checked to add up at every node."""
    for node in report.tree:
        whole = node.own
        for child in node.children:
            whole = whole + child.total
        assert node.total == whole, node.path
    frame = report.to_dataframe()
    assert frame.own_macs.sum() == report.macs
    assert frame.own_flops.sum() == report.flops
    assert report.uncounted == ()
    return report.total


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(6, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 3, bias=False))
        )

    def forward(self, x):
        return self.body(x)


def test_nested():
    report = hookcount.count(Nested(), torch.zeros(X))
    assert own(report) == {
        "body.0": Ops(macs=4 * 6 * 8, adds=4 * 8),
        "body.1.0": Ops(compares=4 * 8),
        "body.1.1": Ops(macs=4 * 8 * 3),
    }
    assert total(report) == Ops(macs=4 * 6 * 8 + 4 * 8 * 3, adds=4 * 8, compares=4 * 8)
    assert report.macs == 4 * 6 * 8 + 4 * 8 * 3
    assert report.flops == 2 * (4 * 6 * 8 + 4 * 8 * 3) + 4 * 8 + 4 * 8
    assert report.params == 6 * 8 + 8 + 8 * 3


class Shared(nn.Module):
    """One Linear under two parents, one call from each."""

    def __init__(self):
        super().__init__()
        lin = nn.Linear(6, 6)
        self.a, self.b = nn.Sequential(lin), nn.Sequential(nn.ReLU(), lin)

    def forward(self, x):
        return self.b(self.a(x))


def test_shared_module_has_a_row_per_place_and_counts_its_parameters_once():
    report = hookcount.count(Shared(), torch.zeros(X))
    assert own(report) == {
        "a.0": Ops(macs=4 * 6 * 6, adds=4 * 6),
        "b.0": Ops(compares=4 * 6),
        "b.1": Ops(macs=4 * 6 * 6, adds=4 * 6),
    }
    frame = report.to_dataframe().set_index("path")
    assert frame.calls.to_dict() == {"": 1, "a": 1, "a.0": 1, "b": 1, "b.0": 1, "b.1": 1}
    assert frame.params.to_dict() == {
        "": 42,
        "a": 42,
        "a.0": 42,
        "b": 42,
        "b.0": 0,
        "b.1": 42,
    }  # 6 * 6 + 6
    assert frame.own_params.sum() == 6 * 6 + 6
    total(report)


class Aliased(nn.Module):
    """Two names of one module under one parent."""

    def __init__(self):
        super().__init__()
        self.first = self.second = nn.Linear(6, 6, bias=False)

    def forward(self, x):
        return self.second(self.first(x))


def test_aliased():
    report = hookcount.count(Aliased(), torch.zeros(X))
    assert total(report) == Ops(macs=2 * 4 * 6 * 6)
    assert report.params == 6 * 6
    assert report.to_dataframe().set_index("path").calls.to_dict() == {
        "": 1,
        "first": 2,
        "second": 0,
    }


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(11, 6), nn.Linear(6, 11, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.embed(ids))


def test_tied_weights_count_once_in_every_total():
    report = hookcount.count(Tied(), torch.zeros(2, 5, dtype=torch.long))
    assert total(report) == Ops(macs=2 * 5 * 6 * 11)
    assert report.params == 11 * 6
    assert report.to_dataframe().params.tolist() == [66, 66, 66]


class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin, self.act = nn.Linear(6, 6), nn.ReLU()

    def forward(self, x):
        for _ in range(3):
            x = self.act(self.lin(x))
        return x


def test_repeated():
    report = hookcount.count(Repeated(), torch.zeros(X))
    assert own(report) == {
        "lin": Ops(macs=4 * 6 * 6, adds=4 * 6) * 3,
        "act": Ops(compares=4 * 6) * 3,
    }
    assert [node.calls for node in report.tree] == [1, 3, 3]


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(6, 2, bias=False), nn.Linear(6, 50)

    def forward(self, x):
        return self.used(x)


def test_unused_module_is_in_the_tree_with_its_parameters():
    report = hookcount.count(Unused(), torch.zeros(X))
    assert total(report) == Ops(macs=4 * 6 * 2)
    row = report.to_dataframe().set_index("path").loc["unused"]
    assert (row.calls, row.macs, row.params) == (0, 0, 6 * 50 + 50)


class ForwardCalled(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(6, 5)

    def forward(self, x):
        return self.lin.forward(x)


def test_forward_called_directly_is_its_callers_work():
    report = hookcount.count(ForwardCalled(), torch.zeros(X))
    assert own(report) == {"": Ops(macs=4 * 6 * 5, adds=4 * 5)}


class BareParameter(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(6, 5))

    def forward(self, x):
        return x @ self.w


def test_bare_parameter():
    report = hookcount.count(BareParameter(), torch.zeros(3, *X))
    assert own(report) == {"": Ops(macs=3 * 4 * 6 * 5)}
    assert report.params == 6 * 5


class BorrowedWeight(nn.Module):
    """The weight of a Linear that is never called, as in VAR."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(6, 5)

    def forward(self, x):
        return F.linear(x, self.lin.weight)


def test_borrowed_weight():
    report = hookcount.count(BorrowedWeight(), torch.zeros(X))
    assert own(report) == {"": Ops(macs=4 * 6 * 5)}
    assert report.to_dataframe().set_index("path").loc["lin", "calls"] == 0


class FunctionalAttention(nn.Module):
    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)


class WrittenOutAttention(nn.Module):
    def forward(self, q, k, v):
        return (q @ k.transpose(-1, -2)).softmax(-1) @ v


@pytest.mark.parametrize("attention", [FunctionalAttention, WrittenOutAttention])
def test_functional_attention(attention):
    q, k, v = torch.zeros(2, 3, 5, 8), torch.zeros(2, 3, 7, 8), torch.zeros(2, 3, 7, 8)
    report = hookcount.count(attention(), q, k, v)
    assert total(report).macs == 2 * 3 * 5 * 7 * 8 + 2 * 3 * 5 * 7 * 8


def test_written_out_attention_in_every_kind():
    q, k, v = torch.zeros(2, 3, 5, 8), torch.zeros(2, 3, 7, 8), torch.zeros(2, 3, 7, 8)
    rows = 2 * 3 * 5  # softmax over rows of 7
    assert hookcount.count(WrittenOutAttention(), q, k, v).total == Ops(
        macs=2 * rows * 7 * 8, compares=rows * 6, adds=rows * (7 + 6), specials=rows * (7 + 7)
    )


class LoRALinear(nn.Linear):
    """A Linear with a forward of its own: its class's formula must not speak for it."""

    def __init__(self, i, o, rank):
        super().__init__(i, o)
        self.down, self.up = nn.Parameter(torch.zeros(rank, i)), nn.Parameter(torch.zeros(o, rank))

    def forward(self, x):
        return super().forward(x) + F.linear(F.linear(x, self.down), self.up)


def test_subclass_with_its_own_forward_is_observed():
    report = hookcount.count(LoRALinear(6, 5, 2), torch.zeros(X))
    assert total(report) == Ops(macs=4 * 6 * 5 + 4 * 6 * 2 + 4 * 2 * 5, adds=4 * 5 + 4 * 5)


class PlainSubclass(nn.Linear):
    pass


def test_subclass_that_keeps_forward_keeps_the_formula():
    report = hookcount.count(PlainSubclass(6, 5), torch.zeros(X))
    assert report.by_op()[["target", "by"]].values.tolist() == [["PlainSubclass", "module"]]
    assert total(report) == Ops(macs=4 * 6 * 5, adds=4 * 5)


def test_forward_put_on_the_instance_is_observed():
    model = nn.Linear(6, 5)
    model.forward = lambda x: F.linear(x, model.weight) * 2
    report = hookcount.count(model, torch.zeros(X))
    assert total(report) == Ops(macs=4 * 6 * 5, muls=4 * 5)


class Keywords(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin, self.pool = nn.Linear(6, 5), nn.Conv1d(4, 2, 3, bias=False)

    def forward(self, x, *, scale):
        return self.lin(input=x) * scale, self.pool(input=x)


def test_keyword_arguments():
    report = hookcount.count(Keywords(), torch.zeros(1, *X), scale=2.0)
    assert own(report) == {
        "": Ops(muls=4 * 5),
        "lin": Ops(macs=4 * 6 * 5, adds=4 * 5),
        "pool": Ops(macs=2 * 4 * 3 * (6 - 3 + 1)),
    }


@dataclass
class Output:
    hidden: torch.Tensor
    extras: dict


class Structured(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind, self.lin = kind, nn.Linear(6, 5, bias=False)

    def forward(self, batch):
        hidden = self.lin(batch["x"])
        return (
            Output(hidden, {"twice": [hidden, hidden]})
            if self.kind == "dataclass"
            else {"hidden": hidden, "more": (None, 3)}
        )


@pytest.mark.parametrize(
    ("kind", "shapes"), [("dataclass", "(4, 5), (4, 5), (4, 5)"), ("dict", "(4, 5)")]
)
def test_structured_inputs_and_outputs(kind, shapes):
    report = hookcount.count(Structured(kind), {"x": torch.zeros(X)})
    assert total(report) == Ops(macs=4 * 6 * 5)
    root = report.to_dataframe().iloc[0]
    assert (root.input_shapes, root.output_shapes) == ("(4, 6)", shapes)


class Catches(nn.Module):
    """Catches what a submodule two levels down raises, and goes on."""

    def __init__(self):
        super().__init__()
        self.bad, self.good = (
            nn.Sequential(nn.Linear(6, 6), nn.Linear(99, 2)),
            nn.Linear(6, 5, bias=False),
        )

    def forward(self, x):
        try:
            return self.bad(x)
        except RuntimeError:
            return self.good(x) + 1


def test_model_that_catches_a_submodules_exception():
    report = hookcount.count(Catches(), torch.zeros(X))
    assert own(report) == {
        "": Ops(adds=4 * 5),
        "bad.0": Ops(macs=4 * 6 * 6, adds=4 * 6),
        "good": Ops(macs=4 * 6 * 5),
    }
    total(report)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("model", [Nested(), BareParameter(), LoRALinear(6, 5, 2)])
def test_grad_modes_count_alike(mode, model):
    with mode():
        report = hookcount.count(model, torch.zeros(X))
    with torch.enable_grad():
        assert total(report) == hookcount.count(model, torch.zeros(X)).total


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_attention_modules_count_the_same_macs_in_every_grad_mode(mode):
    model = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    x = torch.zeros(2, 5, 16)
    with mode():
        report = hookcount.count(model, x, x, x, need_weights=False)
    assert total(report).macs == 4 * (2 * 5 * 16 * 16) + 2 * (2 * 5 * 5 * 16)
    assert report.params == 4 * 16 * 16 + 4 * 16


class Unregistered(nn.Module):
    """Modules kept in a plain list, and one made on the way."""

    def __init__(self):
        super().__init__()
        self.hidden = [nn.Sequential(nn.Linear(6, 6, bias=False), nn.ReLU())]

    def forward(self, x):
        return nn.Softmax(-1)(self.hidden[0](x))


def test_unregistered_modules_are_counted_where_they_are_called():
    report = hookcount.count(Unregistered(), torch.zeros(X))
    assert own(report) == {
        "<Sequential>.0": Ops(macs=4 * 6 * 6),
        "<Sequential>.1": Ops(compares=4 * 6),
        "<Softmax>": Ops(compares=4 * 5, adds=4 * (6 + 5), specials=4 * (6 + 6)),
    }
    assert report.params == 0  # as model.parameters() says
    total(report)


class Recursive(nn.Module):
    """Calls itself, two levels deep."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(6, 6, bias=False)

    def forward(self, x, depth=2):
        x = self.lin(x) + 1
        return self(x, depth - 1) if depth else x


def test_a_module_that_calls_itself():
    report = hookcount.count(Recursive(), torch.zeros(X))
    assert own(report) == {"": Ops(adds=3 * 4 * 6), "lin": Ops(macs=3 * 4 * 6 * 6)}
    assert report.tree.calls == 3


def test_a_cycle_in_the_module_tree():
    model = nn.Sequential(nn.Linear(6, 5, bias=False))
    model[0].parent = model
    report = hookcount.count(model, torch.zeros(X))
    assert total(report) == Ops(macs=4 * 6 * 5)
    assert report.params == 6 * 5


def test_modules_own_pre_hook_is_paid_beside_the_formula():
    """``weight_norm`` works out the weight in a pre-hook: g * v / |v| per row, beside
    the product.
    """
    plain = nn.Linear(6, 5, bias=False)
    normed = torch.nn.utils.weight_norm(nn.Linear(6, 5, bias=False))
    extra = hookcount.count(normed, torch.zeros(X)).total
    assert extra.macs == hookcount.count(plain, torch.zeros(X)).macs == 4 * 6 * 5
    assert extra.muls >= 2 * 5 * 6  # squares, and the scaled rows


def test_parametrization_is_paid_beside_the_formula():
    class Twice(nn.Module):
        def forward(self, weight):
            return weight * 2

    model = nn.Linear(6, 5, bias=False)
    torch.nn.utils.parametrize.register_parametrization(model, "weight", Twice())
    report = hookcount.count(model, torch.zeros(X))
    assert total(report) == Ops(macs=4 * 6 * 5, muls=6 * 5)


def test_user_forward_hook_is_paid_by_the_caller():
    model = Nested()
    handle = model.body[0].register_forward_hook(lambda module, args, out: out * 3)
    report = hookcount.count(model, torch.zeros(X))
    handle.remove()
    assert own(report)["body"] == Ops(muls=4 * 8)
    assert own(report)["body.0"] == Ops(macs=4 * 6 * 8, adds=4 * 8)


def test_integer_arithmetic_is_no_floating_point_work():
    class Positions(nn.Module):
        def forward(self, ids):
            mask = ids.ne(0)
            return (torch.cumsum(mask, 1) * mask + ids.abs()).clamp(max=9)

    report = hookcount.count(Positions(), torch.ones(2, 7, dtype=torch.long))
    assert total(report) == Ops()


def test_integer_product_is_still_a_contraction():
    class Product(nn.Module):
        def forward(self, a, b):
            return a @ b

    report = hookcount.count(
        Product(), torch.ones(2, 7, dtype=torch.long), torch.ones(7, 3, dtype=torch.long)
    )
    assert total(report) == Ops(macs=2 * 7 * 3)


def test_autograd_inside_forward_is_the_forwards_work():
    """Forces from an energy: the gradient of x W summed is one more product, W^T
    applied to ones.
    """

    class Forces(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = nn.Linear(6, 5, bias=False)

        def forward(self, x):
            x = x.requires_grad_()
            return torch.autograd.grad(self.lin(x).sum(), x)[0]

    report = hookcount.count(Forces(), torch.zeros(X))
    assert report.macs == 4 * 6 * 5 + 4 * 5 * 6
    assert own(report)["lin"] == Ops(macs=4 * 6 * 5)


def test_checkpointed_block():
    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.Sequential(nn.Linear(6, 6), nn.ReLU())

        def forward(self, x):
            return torch.utils.checkpoint.checkpoint(self.block, x, use_reentrant=False)

    report = hookcount.count(Checkpointed(), torch.zeros(X, requires_grad=True))
    assert total(report) == Ops(macs=4 * 6 * 6, adds=4 * 6, compares=4 * 6)


def test_meta_model_and_meta_input():
    with torch.device("meta"):
        model, x = Nested(), torch.empty(X)
    assert hookcount.count(model, x).total == hookcount.count(Nested(), torch.zeros(X)).total


def test_half_precision_and_autocast_count_alike():
    model, x = Nested(), torch.zeros(X)
    plain = hookcount.count(model, x).total
    with torch.autocast("cpu", torch.bfloat16):
        assert hookcount.count(model, x).total == plain
    assert hookcount.count(Nested().to(torch.bfloat16), x.to(torch.bfloat16)).total == plain


def test_scalar_output_and_no_tensor_output():
    class Length(nn.Module):
        def forward(self, x):
            return len(x)

    report = hookcount.count(Length(), torch.zeros(X))
    assert total(report) == Ops()
    assert report.to_dataframe().output_bytes.tolist() == [0]


def test_output_bytes():
    report = hookcount.count(Nested(), torch.zeros(X))
    assert report.to_dataframe().set_index("path").output_bytes.to_dict() == {
        "": 4 * 3 * 4,
        "body": 4 * 3 * 4,
        "body.0": 4 * 8 * 4,
        "body.1": 4 * 3 * 4,
        "body.1.0": 4 * 8 * 4,
        "body.1.1": 4 * 3 * 4,
    }


@sees_higher_order_ops
def test_control_flow_ops_are_opened():
    class Chooses(nn.Module):
        def forward(self, x):
            return torch.cond(x.sum() > 0, lambda t: t @ t.T, lambda t: t.exp(), (x,))

    report = hookcount.count(Chooses(), torch.ones(4, 6))
    assert total(report) == Ops(macs=4 * 6 * 4, adds=4 * 6 - 1, compares=1)


def test_packed_sequence_counts_the_steps_that_are_there():
    packed = nn.utils.rnn.pack_padded_sequence(torch.zeros(5, 3, 8), [5, 3, 2])  # 10 steps of 15
    report = hookcount.count(nn.LSTM(8, 6, bias=False), packed)
    assert total(report).macs == 10 * 4 * 6 * (8 + 6)


@sees_higher_order_ops
def test_flex_attention_counts_the_full_square():
    flex = pytest.importorskip("torch.nn.attention.flex_attention")

    class Flex(nn.Module):
        def forward(self, q):
            return flex.flex_attention(q, q, q)

    report = hookcount.count(Flex(), torch.zeros(2, 4, 16, 8))
    assert total(report).macs == 2 * (2 * 4 * 16 * 16 * 8)


@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_a_sparse_operand_is_uncounted_not_dense():
    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("adjacency", torch.eye(4).to_sparse())

        def forward(self, x):
            return torch.sparse.mm(self.adjacency, x)

    with pytest.warns(hookcount.UncountedWarning, match="sparse"):
        report = hookcount.count(Graph(), torch.zeros(X))
    assert report.macs == 0
    assert len(report.uncounted) == 1


def test_a_kernel_that_says_it_is_composite_is_priced_by_its_formula():
    # outside of inference_mode torch runs such a kernel before any dispatch mode can see it
    library = torch.library.Library(
        "hookcount_composite", "DEF"
    )  # as torch::RegisterOperators makes them: torch_sparse
    try:
        library.define("spmm(Tensor a, Tensor b) -> Tensor")
        library.impl(
            "spmm",
            lambda a, b: torch.from_numpy(a.numpy() @ b.numpy()),
            "CompositeImplicitAutograd",
        )

        class Product(nn.Module):
            def forward(self, a, b):
                return torch.ops.hookcount_composite.spmm(a, b)

        mine = hookcount.Registry()
        mine.register(
            "hookcount_composite::spmm", lambda a, b, *, out: hookcount.Ops(macs=a.numel() * b[1])
        )
        with torch.inference_mode():
            report = hookcount.Counter(mine).count(Product(), torch.rand(3, 4), torch.rand(4, 5))
        assert (report.macs, report.uncounted) == (3 * 4 * 5, ())
    finally:
        library._destroy()


def test_a_watched_part_keeps_its_paths_in_a_larger_model():
    part = nn.Sequential(nn.Linear(8, 8), nn.ReLU())

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.part = nn.Linear(8, 4), part

        def forward(self, x):
            self.first(x)
            return self.part(x)

    whole, x, product = Whole(), torch.ones(2, 8), 2 * 8 * 8
    for calls in ((whole, part), (part, whole, part)):
        with hookcount.Counter().watch(part) as watch:
            for each in calls:
                each(x)
        found = {node.path: node.own.macs for node in watch.report().tree if node.own.macs}
        assert found == {"0": len(calls) * product, "<outside>.<Whole>.first": product // 2}


def test_a_shared_head_is_at_the_place_of_the_module_that_calls_it():
    """As in Deformable DETR, whose decoder holds the heads of the model too."""

    class Decoder(nn.Module):
        def __init__(self, heads):
            super().__init__()
            self.heads, self.calls = heads, False

        def forward(self, x):
            return self.heads[0](x) if self.calls else x

    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            heads = nn.ModuleList([nn.Linear(8, 8)])
            self.decoder, self.heads = Decoder(heads), heads

        def forward(self, x):
            return self.heads[0](self.decoder(x))

    model, product = Detector(), 2 * 8 * 8
    report = hookcount.count(model, torch.ones(2, 8))
    assert {node.path: node.own.macs for node in report.tree if node.own.macs} == {
        "heads.0": product
    }
    model.decoder.calls = True
    report = hookcount.count(model, torch.ones(2, 8))
    assert {node.path: node.own.macs for node in report.tree if node.own.macs} == {
        "heads.0": product,
        "decoder.heads.0": product,
    }
