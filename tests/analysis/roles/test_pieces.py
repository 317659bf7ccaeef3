"""Roles go by an entry's ``kind``: never by the file, the module or the layer of its formula."""

import inspect
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount import Ops, Registry
from hookcount.formulas import BUILTIN

B, N, D, H, FF, V = 2, 6, 16, 4, 40, 30
IDS = torch.zeros(B, N, dtype=torch.long)
EXPECTED = {
    "attention projections": 4 * B * N * D * D,
    "attention products": 2 * B * N * N * D,
    "feed-forward": 2 * B * N * D * FF,
    "head": B * N * D * V,
}


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(D, 3 * D), nn.Linear(D, D)

    def mixed(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)

    def forward(self, x):
        q, k, v = self.a(x).unflatten(-1, (3, H, -1)).permute(2, 0, 3, 1, 4)
        return self.b(self.mixed(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.norm, self.one = nn.LayerNorm(D), attention
        self.two = nn.Sequential(nn.Linear(D, FF), nn.GELU(), nn.Linear(FF, D))

    def forward(self, x):
        return x + self.two(self.one(self.norm(x)))


class Transformer(nn.Module):
    """One block between a table of words and a head."""

    def __init__(self, attention=None):
        super().__init__()
        self.ids, self.block = nn.Embedding(V, D), Block(attention or Attention())
        self.out = nn.Linear(D, V)

    def forward(self, ids):
        return self.out(self.block(self.ids(ids)))


def frame(model, *args, registry=None, **options):
    report = hookcount.Counter(registry, **options).count(model, *args)
    found = report.by_role().set_index("role")
    assert (found.macs.sum(), found.flops.sum()) == (report.macs, report.flops)
    return found


def macs(model, *args, **options):
    """MACs by role, those that are not 0."""
    return {role: count for role, count in frame(model, *args, **options).macs.items() if count}


def linear(module, input, *, out):
    """[*, out] = [*, in] . [out, in]^T: in per output element. An add per output for the bias."""
    return Ops(macs=out.numel() * module.in_features, adds=out.numel())


def test_renaming_a_formulas_file_or_module_changes_nothing(monkeypatch):
    before = frame(Transformer(), IDS)
    assert {role: count for role, count in before.macs.items() if count} == EXPECTED
    table = BUILTIN.table
    for key, entry in list(table.pairs()):
        entries = table.classes.values if isinstance(key, type) else table.names
        index = id(key) if isinstance(key, type) else key
        monkeypatch.setitem(entries, index, replace(entry, source="elsewhere.py:1", layer="other"))
        if inspect.isfunction(entry.price):
            monkeypatch.setattr(entry.price, "__module__", "elsewhere")
    formula = table.get(nn.Linear).price
    assert formula.__module__ == "elsewhere"
    for run in ("shapes", "real"):
        after = frame(Transformer(), IDS, run=run)
        assert after[["macs", "flops", "params"]].equals(before[["macs", "flops", "params"]])


def test_the_kind_itself_changes_the_role(monkeypatch):
    entries, index = BUILTIN.table.classes.values, id(nn.Linear)
    monkeypatch.setitem(entries, index, replace(entries[index], kind="convolution"))
    layers = EXPECTED["attention projections"] + EXPECTED["feed-forward"] + EXPECTED["head"]
    assert macs(Transformer(), IDS) == {
        "attention products": EXPECTED["attention products"],
        "convolution": layers,
    }


@pytest.mark.parametrize("kind", ["product", "linear", None])
def test_a_users_formula_for_a_layer(kind):
    """Without a kind of its own, the entry of hookcount gives the kind."""
    registry = Registry(name="mine")
    registry.register(nn.Linear, linear, kind=kind)
    found = hookcount.Counter(registry).count(Transformer(), IDS)
    assert {each.layer for each in found.coverage().modules if each.target == "Linear"} == {"mine"}
    assert macs(Transformer(), IDS, registry=registry) == EXPECTED


def test_a_users_kind_comes_before_hookcounts_own():
    registry = Registry()
    registry.register(nn.Linear, linear, kind="norm")
    found = frame(Transformer(), IDS, registry=registry)
    assert found.macs["norms"] == sum(EXPECTED.values()) - EXPECTED["attention products"]


@torch.library.custom_op("test_pieces::mixed", mutates_args=())
def mixed(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return F.scaled_dot_product_attention(q, k, v).clone()


@torch.library.custom_op("test_pieces::normed", mutates_args=())
def normed(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=-1, keepdim=True)


@torch.library.custom_op("test_pieces::packed", mutates_args=())
def packed(x: torch.Tensor, width: int) -> torch.Tensor:
    return x.new_zeros(*x.shape[:-1], width)


@mixed.register_fake
def _(q, k, v):
    return torch.empty_like(q)


@normed.register_fake
def _(x):
    return torch.empty_like(x)


@packed.register_fake
def _(x, width):
    return x.new_empty(*x.shape[:-1], width)


def products(q, k, v):
    """[B, H, N, d] = (q . k^T) . v for q [B, H, N, d], k and v [B, H, S, d]."""
    return Ops(macs=2 * q.numel() * k[-2], specials=7)


class Own(Attention):
    def mixed(self, q, k, v):
        return torch.ops.test_pieces.mixed(q, k, v)


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_a_users_op_of_kind_attention(run):
    registry = Registry()
    registry.register("test_pieces::mixed", products, kind="attention")
    model = Transformer(Own())
    assert macs(model, IDS, registry=registry, run=run) == EXPECTED
    assert frame(model, IDS, registry=registry).specials["attention products"] == 0


def test_a_users_op_without_a_kind_has_no_role():
    """Its module then has no attention that could be seen, and the model none either."""
    registry = Registry()
    registry.register("test_pieces::mixed", products)
    report = hookcount.Counter(registry).count(Transformer(Own()), IDS)
    found = report.by_role().set_index("role")
    assert found.macs["attention products"] == found.macs["attention projections"] == 0
    line = (
        f"'block.one' (test_pieces::mixed): {EXPECTED['attention products']:,} MACs: it is priced"
    )
    assert [each for each in found.attrs["rest"] if each.startswith(line)]


def test_a_users_op_of_kind_norm():
    class Scaled(nn.Module):
        def forward(self, x):
            return torch.ops.test_pieces.normed(x)

    formula = lambda x: Ops(muls=3 * x.numel(), specials=x.numel())  # noqa: E731
    of_kind, without = Registry(), Registry()
    of_kind.register("test_pieces::normed", formula, kind="norm")
    without.register("test_pieces::normed", formula)
    model, x = nn.Sequential(nn.Linear(D, D), Scaled()), torch.zeros(B, N, D)
    columns, elements = ["muls", "specials"], B * N * D
    found = frame(model, x, registry=of_kind)
    assert found.loc["norms", columns].tolist() == [3 * elements, elements]
    assert found.loc["elementwise/other", columns].tolist() == [0, 0]
    found = frame(model, x, registry=without)
    assert found.loc["norms", columns].tolist() == [0, 0]
    assert found.loc["elementwise/other", columns].tolist() == [3 * elements, elements]


def test_a_users_op_of_kind_linear():
    """Its weight is packed, so no shape shows that it is a layer."""

    class Packed(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.width = width

        def forward(self, x):
            return torch.ops.test_pieces.packed(x, self.width)

    registry = Registry()
    registry.register(
        "test_pieces::packed", lambda x, width: Ops(macs=x.numel() * width), kind="linear"
    )
    model = Transformer()
    model.block.two[0], model.block.two[2] = Packed(FF), Packed(D)
    model.block.one.b, model.out = Packed(D), Packed(V)
    assert macs(model, IDS, registry=registry) == EXPECTED


def test_a_users_module_of_kind_attention():
    class Kernel(nn.Module):
        def forward(self, q, k, v):
            return torch.empty_like(q)

    class Around(Attention):
        def __init__(self):
            super().__init__()
            self.kernel = Kernel()

        def mixed(self, q, k, v):
            return self.kernel(q, k, v)

    registry = Registry()
    registry.register(Kernel, products, kind="attention")
    assert macs(Transformer(Around()), IDS, registry=registry) == EXPECTED
