"""``report.by_role()``: each role's MACs are a product written out. Classes have bare names where
structure alone must tell.
"""

import warnings

import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount import Ops, Registry
from hookcount.analysis.roles.frame import text
from hookcount.analysis.roles.roles import ROLES
from hookcount.conventions import CONVENTIONS
from hookcount.core.ops import KINDS

B, N, D, H, FF, V = 2, 6, 16, 4, 40, 30
"""Batch, positions, width, heads, inner width, classes or words: no two products of them meet by
chance.
"""

PROJECTIONS, PRODUCTS, FEED = 4 * B * N * D * D, 2 * B * N * N * D, 2 * B * N * D * FF


def roles(model, *args, run="auto", counter=None, **kwargs):
    """MACs by role, those that are not 0; the frame is checked on the way."""
    report = (counter or hookcount.Counter(run=run)).count(model, *args, **kwargs)
    frame = sound(report)
    return {role: macs for role, macs in zip(frame.role, frame.macs, strict=True) if macs}


def sound(report):
    """A report's frame by role, which sums to its totals, whatever the model."""
    frame = report.by_role()
    assert frame.role.tolist() == list(ROLES)
    assert (frame.macs.sum(), frame.flops.sum(), frame.params.sum()) == (
        report.macs,
        report.flops,
        report.params,
    )
    for kind in KINDS[1:]:
        assert frame[kind].sum() == getattr(report.total, kind)
    named = sum(
        int(line.rpartition(" MACs: ")[0].rpartition(" ")[2].replace(",", ""))
        for line in frame.attrs["rest"]
    )
    assert (
        named == frame.set_index("role").macs["other contractions"]
    )  # nothing in there without its reason
    return frame


def tokens(*more):
    return torch.zeros(B, N, *more)


# -- the parts of blocks, in the ways that people write them ---------------------------------------


class Fused(nn.Module):
    """q, k and v by one layer, the products as matrix products."""

    def __init__(self, width=D):
        super().__init__()
        self.a, self.b = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.a(x).unflatten(-1, (3, H, -1)).permute(2, 0, 3, 1, 4)
        x = (q @ k.transpose(-1, -2) / 2).softmax(-1) @ v
        return self.b(x.transpose(1, 2).flatten(2))


class Apart(nn.Module):
    """Four layers, torch's own attention; the layers are in a dict."""

    def __init__(self):
        super().__init__()
        self.of = nn.ModuleDict({name: nn.Linear(D, D, bias=name == "o") for name in "qkvo"})

    def forward(self, x):
        q, k, v = (self.of[name](x).unflatten(-1, (H, -1)).transpose(1, 2) for name in "qkv")
        return self.of["o"](
            F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        )


class Bare(nn.Module):
    """Weights without layers, one of them another module's; the products by einsum."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(D, 3 * D))
        self.never_called = nn.Linear(D, D)

    def forward(self, x):
        q, k, v = (x @ self.w).unflatten(-1, (3, H, -1)).unbind(2)
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k).softmax(-1)
        return F.linear(
            torch.einsum("bhqk,bkhd->bqhd", scores, v).flatten(2), self.never_called.weight
        )


class Product(nn.Module):
    def forward(self, a, b):
        return a @ b


class OfModules(nn.Module):
    """Softmax and products are modules of their own, as quantizers like it; they hold nothing."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.one, self.soft, self.two = Product(), nn.Softmax(-1), Product()

    def forward(self, x):
        q, k, v = self.a(x).unflatten(-1, (3, H, -1)).permute(2, 0, 3, 1, 4)
        x = self.two(self.soft(self.one(q, k.transpose(-1, -2))), v)
        return self.b(x.transpose(1, 2).flatten(2))


class Core(nn.Module):
    """The attention alone, with a parameter: its layers are beside it."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(H, 1, 1))

    def forward(self, q, k, v):
        return (self.scale * (q @ k.transpose(-1, -2))).softmax(-1) @ v


class Around(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.core, self.b = nn.Linear(D, 3 * D), Core(), nn.Linear(D, D)

    def forward(self, x):
        q, k, v = self.a(x).unflatten(-1, (3, H, -1)).permute(2, 0, 3, 1, 4)
        return self.b(self.core(q, k, v).transpose(1, 2).flatten(2))


class Inner(nn.Module):
    """Attention without its last layer."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, D)

    def forward(self, x):
        q, k, v = (
            layer(x).unflatten(-1, (H, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v)
        )
        return ((q @ k.mT).softmax(-1) @ v).transpose(1, 2).flatten(2)


class Last(nn.Module):
    def __init__(self):
        super().__init__()
        self.b, self.norm = nn.Linear(D, D), nn.LayerNorm(D)

    def forward(self, x, residual):
        return self.norm(self.b(x) + residual)


class Outer(nn.Module):
    """The last layer stands beside the module that attends, with a norm, as in BERT."""

    def __init__(self):
        super().__init__()
        self.inner, self.last = Inner(), Last()

    def forward(self, x):
        return self.last(self.inner(x), x)


class Torchs(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.MultiheadAttention(D, H, batch_first=True)

    def forward(self, x):
        return self.a(x, x, x, need_weights=False)[0]


class Cnn(nn.Module):
    """Pointwise convolutions instead of layers, and a depthwise one for the positions."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (
            nn.Conv1d(D, 3 * D, 1),
            nn.Conv1d(D, D, 1),
            nn.Conv1d(D, D, 3, padding=1, groups=D),
        )

    def forward(self, x):
        q, k, v = self.a(x.mT).unflatten(1, (3, H, -1)).transpose(-1, -2).unbind(1)
        x = ((q @ k.mT).softmax(-1) @ v).mT.flatten(1, 2)
        return self.b(x + self.c(x)).mT


class Gate(nn.Module):
    """A gated feed-forward; its activation function is written out."""

    def __init__(self, inner=FF):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(D, inner), nn.Linear(D, inner), nn.Linear(inner, D)

    def forward(self, x):
        gate = self.a(x)
        return self.c(gate * torch.sigmoid(gate) * self.b(x))


def plain(inner=FF):
    return nn.Sequential(nn.Linear(D, inner), nn.GELU(), nn.Linear(inner, D))


class Block(nn.Module):
    def __init__(self, one, two):
        super().__init__()
        self.norm1, self.one, self.norm2, self.two = nn.LayerNorm(D), one, nn.LayerNorm(D), two

    def forward(self, x):
        x = x + self.one(self.norm1(x))
        return x + self.two(self.norm2(x))


class Words(nn.Module):
    """Ids in, logits out."""

    def __init__(self, *blocks):
        super().__init__()
        self.ids, self.blocks, self.norm, self.out = (
            nn.Embedding(V, D),
            nn.Sequential(*blocks),
            nn.LayerNorm(D),
            nn.Linear(D, V),
        )

    def forward(self, ids):
        return self.out(self.norm(self.blocks(self.ids(ids))))


HEAD = B * N * D * V


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("attention", [Fused, Apart, Bare, OfModules, Around, Outer, Torchs])
def test_attention_in_each_way_to_write_it(attention, depth, run):
    model = Words(*(Block(attention(), plain()) for _ in range(depth))).eval()
    assert roles(model, torch.zeros(B, N, dtype=torch.long), run=run) == {
        "attention projections": depth * PROJECTIONS,
        "attention products": depth * PRODUCTS,
        "feed-forward": depth * FEED,
        "head": HEAD,
    }


def test_pointwise_convolutions_in_attention_are_its_projections():
    found = roles(Words(Block(Cnn(), plain())), torch.zeros(B, N, dtype=torch.long))
    assert found == {
        "attention projections": PROJECTIONS,
        "attention products": PRODUCTS,
        "convolution": B * N * D * 3,
        "feed-forward": FEED,
        "head": HEAD,
    }


def test_a_gated_feed_forward_and_one_beside_other_attention():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other, self.feed = Fused(), Apart(), Gate()

        def forward(self, x):
            return self.feed(self.other(self.one(x)))

    assert roles(Words(Two(), Two()), torch.zeros(B, N, dtype=torch.long)) == {
        "attention projections": 4 * PROJECTIONS,
        "attention products": 4 * PRODUCTS,
        "feed-forward": 2 * 3 * B * N * D * FF,
        "head": HEAD,
    }


class Flat(nn.Module):
    """Attention and feed-forward in one module; ``act`` between."""

    def __init__(self, inner):
        super().__init__()
        self.qkv, self.proj, self.up, self.down = (
            nn.Linear(D, 3 * D),
            nn.Linear(D, D),
            nn.Linear(D, inner),
            nn.Linear(inner, D),
        )

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, H, -1)).permute(2, 0, 3, 1, 4)
        x = x + self.proj(((q @ k.mT).softmax(-1) @ v).transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(x)))


def test_one_module_with_all_layers_is_told_apart_by_shapes():
    assert roles(Words(Flat(FF), Flat(FF)), torch.zeros(B, N, dtype=torch.long)) == {
        "attention projections": 2 * PROJECTIONS,
        "attention products": 2 * PRODUCTS,
        "feed-forward": 2 * FEED,
        "head": HEAD,
    }


def test_what_shapes_do_not_tell_apart_is_named_and_not_guessed():
    """With an inner width of D, each of the four layers takes or gives as much as the activation
    function.
    """
    report = hookcount.count(Words(Flat(D)), torch.zeros(B, N, dtype=torch.long))
    found = sound(report).set_index("role").macs
    assert found["feed-forward"] == 0
    assert found["attention products"] == PRODUCTS
    assert (
        found["attention projections"] + found["other contractions"]
        == PROJECTIONS + 2 * B * N * D * D
    )
    rest = sound(report).attrs["rest"]
    assert len(rest) == 4
    assert all("shapes do not show the purpose of the layer" in line for line in rest)


def test_blocks_written_out_in_the_model_itself():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.ids, self.a1, self.f1, self.a2, self.f2 = (
                nn.Embedding(V, D),
                Fused(),
                plain(),
                Apart(),
                Gate(),
            )
            self.out = nn.Linear(D, V)

        def forward(self, ids):
            x = self.ids(ids)
            for layer in (self.a1, self.f1, self.a2, self.f2):
                x = x + layer(x)
            return self.out(x)

    assert roles(Model(), torch.zeros(B, N, dtype=torch.long)) == {
        "attention projections": 2 * PROJECTIONS,
        "attention products": 2 * PRODUCTS,
        "feed-forward": FEED + 3 * B * N * D * FF,
        "head": HEAD,
    }


@pytest.mark.parametrize("attention", [Fused, Apart, Bare, OfModules, Around])
def test_a_part_by_itself(attention):
    assert roles(attention(), tokens(D)) == {
        "attention projections": PROJECTIONS,
        "attention products": PRODUCTS,
    }
    block = {
        "attention projections": PROJECTIONS,
        "attention products": PRODUCTS,
        "feed-forward": FEED,
    }
    assert roles(Block(attention(), plain()), tokens(D)) == block


# -- where it is not attention ---------------------------------------------------------------------


def test_a_product_of_two_activations_that_is_no_attention():
    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Linear(D, 8), nn.Linear(D, 8)

        def forward(self, x, y):
            return self.one(x) @ self.other(y).T

    report = hookcount.count(Towers(), torch.zeros(5, D), torch.zeros(7, D))
    assert report.macs == 5 * D * 8 + 7 * D * 8 + 5 * 8 * 7
    assert (
        "the model itself (aten::mm): 280 MACs: "
        "a product of two activations that is not part of an attention"
        in sound(report).attrs["rest"]
    )


def test_the_same_with_each_call_of_a_block_that_runs_twice():
    """One product per run, in a run each, is no attention either."""

    class Mask(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(D, D)

        def forward(self, x):
            return self.a(x) @ x.mT

    mask = Mask()
    with hookcount.Counter().watch(nn.Sequential(mask)) as watch, torch.no_grad():
        for n in (5, 7):
            mask(torch.zeros(B, n, D))
    assert sound(watch.report()).set_index("role").macs["attention products"] == 0


def test_linear_attention_has_products_without_a_softmax():
    class Kernel(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(D, 3 * D), nn.Linear(D, D)

        def forward(self, x):
            q, k, v = self.a(x).chunk(3, -1)
            return self.b(q @ (k.mT @ v))

    found = roles(Words(Block(Kernel(), plain())), torch.zeros(B, N, dtype=torch.long))
    assert found["attention products"] == 2 * B * N * D * D
    assert found["attention projections"] == PROJECTIONS


def test_where_a_weight_and_an_activation_have_one_shape_it_says_so():
    class Unbatched(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(D, D))

        def forward(self, x):
            x = x @ self.w
            return (x @ x.T).softmax(-1) @ x

    model = nn.Sequential(Unbatched(), nn.ReLU())
    assert roles(model, torch.zeros(N, D)) == {
        "attention projections": N * D * D,
        "attention products": 2 * N * N * D,
    }
    report = hookcount.count(model, torch.zeros(D, D))
    rest = sound(report).attrs["rest"]
    assert rest
    assert all("count at another size" in line for line in rest)


def test_a_model_that_does_not_attend():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 16, 20),
        nn.ReLU(),
        nn.Linear(20, 5),
    )
    report = hookcount.count(model, torch.zeros(B, 3, 6, 6))
    frame = sound(report)
    assert frame.set_index("role").macs[["convolution", "head", "other contractions"]].tolist() == [
        B * 8 * 16 * 3 * 9,
        B * 20 * 5,
        B * 128 * 20,
    ]
    assert frame.attrs["rest"] == (
        f"'3' (Linear): {B * 128 * 20:,} MACs: a linear layer of a model that does not attend",
    )


def test_recurrent_gates_are_named():
    model = nn.LSTM(D, 8, batch_first=True)
    rest = sound(hookcount.count(model, tokens(D))).attrs["rest"]
    assert rest == (
        f"the model itself (LSTM): {B * N * (D + 8) * 4 * 8:,} MACs: gates of a recurrent layer",
    )


def test_a_layer_between_blocks_and_layers_before_them():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.a, self.between, self.b = (
                nn.Linear(5, D),
                Block(Fused(), plain()),
                nn.Linear(D, D),
                Block(Apart(), Gate()),
            )

        def forward(self, x):
            return self.b(self.between(self.a(self.first(x))))

    report = hookcount.count(Model(), tokens(5))
    frame = sound(report)
    assert frame.set_index("role").macs[["embeddings", "head", "other contractions"]].tolist() == [
        B * N * 5 * D,
        0,
        B * N * D * D,
    ]
    assert frame.attrs["rest"] == (
        f"'between' (Linear): {B * N * D * D:,} MACs: a linear layer outside of every block",
    )


def test_an_activation_function_in_a_child_of_attention():
    class Biased(Fused):
        """A bias by a small network of the distances, as Swin v2 has; no feed-forward."""

        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 9), nn.ReLU(), nn.Linear(9, H))

        def forward(self, x):
            n = x.shape[1]
            return super().forward(x + self.net(torch.zeros(n, n, 2)).sum())

    report = hookcount.count(Words(Block(Biased(), plain())), torch.zeros(B, N, dtype=torch.long))
    found = sound(report).set_index("role").macs
    assert found["other contractions"] == N * N * (2 * 9 + 9 * H)
    assert (found["attention projections"], found["feed-forward"]) == (PROJECTIONS, FEED)


# -- what is no contraction ------------------------------------------------------------------------


class RootMeanSquareNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(D))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


def test_norms_of_torch_and_norms_in_python():
    model = nn.Sequential(nn.LayerNorm(D), RootMeanSquareNorm(), nn.Softmax(-1))
    report = hookcount.count(model, tokens(D))
    frame = sound(report).set_index("role")
    rows = B * N
    # layer norm: test_normalization's figure; in Python: squares, D - 1 adds and a division, eps, 1
    # / sqrt (2), two muls
    layer = Ops(adds=4 * D - 1, muls=3 * D, specials=4) * rows
    python = Ops(adds=D - 1 + 1, muls=3 * D, specials=1 + 2) * rows
    assert frame.loc["norms", ["adds", "muls", "specials"]].tolist() == [
        getattr(layer + python, k) for k in ("adds", "muls", "specials")
    ]
    assert frame.loc["norms", "params"] == 3 * D
    assert (
        frame.loc["elementwise/other", "specials"] == rows * 2 * D
    )  # the softmax's exps and divisions


def test_parameters_by_role():
    class Model(Words):
        def __init__(self, *blocks):
            super().__init__(*blocks)
            self.pos_embed, self.scale = (
                nn.Parameter(torch.zeros(N, D)),
                nn.Parameter(torch.zeros(3)),
            )

    frame = sound(
        hookcount.count(
            Model(Block(Bare(), plain()), Block(Torchs(), plain())),
            torch.zeros(B, N, dtype=torch.long),
        )
    )
    assert frame.set_index("role").params.to_dict() == {
        "attention projections": (3 * D * D + D * D + D) + (4 * D * D + 4 * D),
        "attention products": 0,
        "feed-forward": 2 * (2 * D * FF + FF + D),
        "convolution": 0,
        "norms": 5 * 2 * D,
        "embeddings": V * D + N * D,
        "head": D * V + V,
        "other contractions": 0,
        "elementwise/other": 3,
    }


def test_deformable_attention_samples():
    class Sampling(nn.Module):
        def __init__(self):
            super().__init__()
            self.value, self.offsets, self.weights, self.out = (
                nn.Linear(D, D),
                nn.Linear(D, 8),
                nn.Linear(D, 4),
                nn.Linear(D, D),
            )

        def forward(self, x):
            grid = self.offsets(x).unflatten(-1, (4, 2))
            value = self.value(x).mT.unflatten(-1, (2, 3))
            sampled = F.grid_sample(value, grid, align_corners=False)  # B, D, N, 4
            return self.out((sampled * self.weights(x).softmax(-1)[:, None]).sum(-1).mT)

    frame = sound(
        hookcount.count(Words(Block(Sampling(), plain())), torch.zeros(B, N, dtype=torch.long))
    ).set_index("role")
    assert frame.macs["attention projections"] == B * N * D * (D + 8 + 4 + D)
    assert frame.macs["attention products"] == 0
    assert frame.loc["attention products", ["muls", "adds"]].tolist() == [
        4 * B * D * N * 4,
        3 * B * D * N * 4,
    ]  # 4 taps each
    assert frame.macs["feed-forward"] == FEED


# -- fused layers, formulas of one's own -----------------------------------------------------------


@pytest.mark.parametrize("way", ["train", "eval", "fast", "fast, masked"])
def test_torchs_encoder_in_each_way_it_runs(way):
    layer = nn.TransformerEncoderLayer(D, H, FF, batch_first=True, norm_first=False)
    model = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False).train(way == "train")
    mask = torch.zeros(B, N, dtype=torch.bool) if "masked" in way else None
    fast = way.startswith("fast")
    with torch.set_grad_enabled(not fast):
        report = hookcount.Counter(run="real" if fast else "auto").count(
            model, tokens(D), src_key_padding_mask=mask
        )
    assert (
        "aten::_transformer_encoder_layer_fwd" in [record.target for record in report.records]
    ) == fast
    frame = sound(report).set_index("role")
    assert {role: macs for role, macs in frame.macs.items() if macs} == {
        "attention projections": 3 * PROJECTIONS,
        "attention products": 3 * PRODUCTS,
        "feed-forward": 3 * FEED,
    }
    assert frame.adds["norms"] == 3 * 2 * B * N * (4 * D - 1)
    assert {role: params for role, params in frame.params.items() if params} == {
        "attention projections": 3 * (4 * D * D + 4 * D),
        "feed-forward": 3 * (2 * D * FF + FF + D),
        "norms": 3 * 2 * 2 * D,
    }


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("weights", [True, False])
def test_torchs_multihead_attention_in_each_way_it_runs(weights, run):
    same, other = (
        nn.MultiheadAttention(D, H, batch_first=True).eval(),
        nn.MultiheadAttention(D, H, kdim=5, vdim=7),
    )
    x, key, value = tokens(D), torch.zeros(9, B, 5), torch.zeros(9, B, 7)
    expected = {"attention projections": PROJECTIONS, "attention products": PRODUCTS}
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            assert roles(same, x, x, x, need_weights=weights, run=run) == expected
            assert roles(same, x[0], x[0], x[0], need_weights=weights, run=run) == {
                role: macs // B for role, macs in expected.items()
            }
            assert roles(other, x.transpose(0, 1), key, value, need_weights=weights, run=run) == {
                "attention projections": B * (2 * N * D * D + 9 * 5 * D + 9 * 7 * D),
                "attention products": 2 * B * N * 9 * D,
            }


def test_multihead_attention_where_sizes_meet():
    """N = D: weights and activations have the same shapes, but here it is known what each product
    is.
    """
    x = torch.zeros(1, D, D)
    found = roles(nn.MultiheadAttention(D, H, batch_first=True), x, x, x)
    assert found == {"attention projections": 4 * D * D * D, "attention products": 2 * D * D * D}


def test_a_formula_for_a_whole_block_is_cut_by_what_ran_beneath():
    registry = Registry()
    registry.register(
        Block,
        lambda module, x, *, out: Ops(macs=PROJECTIONS + PRODUCTS + FEED, adds=7),
        covers="subtree",
    )
    model, ids = (
        Words(Block(Fused(), plain()), Block(Apart(), plain())),
        torch.zeros(B, N, dtype=torch.long),
    )
    found = roles(model, ids, counter=hookcount.Counter(registry))
    assert found == roles(model, ids)


def test_a_formula_that_says_something_else_is_not_cut():
    registry = Registry()
    registry.register(Fused, lambda module, x, *, out: Ops(macs=12345))
    report = hookcount.Counter(registry).count(
        Words(Block(Fused(), plain())), torch.zeros(B, N, dtype=torch.long)
    )
    assert (
        sound(report)
        .attrs["rest"][0]
        .startswith("'blocks.0.one' (Fused): 12,345 MACs: it is priced as one")
    )


def test_work_outside_of_every_module():
    model = Core()
    x, weight = torch.zeros(B, H, N, D // H), torch.zeros(D, D)
    with hookcount.Counter().watch(model) as watch, torch.no_grad():
        _ = nn.functional.gelu(model(x, x, x).transpose(1, 2).flatten(2) @ weight)
    assert roles_of(watch.report()) == {
        "attention products": PRODUCTS,
        "other contractions": B * N * D * D,
    }
    assert sound(watch.report()).attrs["rest"] == (
        f"'<outside>' (aten::mm): {B * N * D * D:,} MACs: outside of every module",
    )


def test_nothing_ran():
    class Nothing(nn.Module):
        def forward(self, x):
            return x

    assert roles(Nothing(), torch.zeros(1)) == {}


# -- models of libraries ---------------------------------------------------------------------------


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_vit_b_16(run):
    models = pytest.importorskip("torchvision").models
    n, d, inner = 197, 768, 3072
    frame = sound(
        hookcount.Counter(run=run).count(models.vit_b_16().eval(), torch.zeros(1, 3, 224, 224))
    ).set_index("role")
    assert {role: macs for role, macs in frame.macs.items() if macs} == {
        "attention projections": 12 * 4 * n * d * d,
        "attention products": 12 * 2 * n * n * d,
        "feed-forward": 12 * 2 * n * d * inner,
        "embeddings": 196 * d * 3 * 16 * 16,
        "head": d * 1000,
    }
    assert frame.params["embeddings"] == d * 3 * 16 * 16 + d + n * d
    assert frame.params["elementwise/other"] == d  # the class token


def test_swin_t():
    models = pytest.importorskip("torchvision").models
    report = hookcount.count(models.swin_t().eval(), torch.zeros(1, 3, 224, 224))
    stages = [(2, 56, 96), (2, 28, 192), (6, 14, 384), (2, 7, 768)]
    assert roles_of(report) == {
        "attention projections": sum(depth * side * side * 4 * d * d for depth, side, d in stages),
        "attention products": sum(depth * side * side * 2 * 49 * d for depth, side, d in stages),
        "feed-forward": sum(depth * side * side * 8 * d * d for depth, side, d in stages),
        "embeddings": 56 * 56 * 96 * 3 * 4 * 4,
        "head": 768 * 1000,
        "other contractions": sum(
            side * side * 4 * (d // 2) * d for _, side, d in stages[1:]
        ),  # patch merging
    }


def roles_of(report):
    frame = sound(report)
    return {role: macs for role, macs in zip(frame.role, frame.macs, strict=True) if macs}


def test_resnet18():
    models = pytest.importorskip("torchvision").models
    report = hookcount.count(models.resnet18().eval(), torch.zeros(1, 3, 224, 224))
    assert roles_of(report) == {"convolution": report.macs - 512 * 1000, "head": 512 * 1000}


@pytest.fixture
def transformers():
    library = pytest.importorskip("transformers")
    library.logging.set_verbosity_error()
    return library


IDS = torch.zeros(B, N, dtype=torch.long)


@pytest.mark.zoo
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_llama(transformers, attention):
    config = transformers.LlamaConfig(
        hidden_size=D,
        intermediate_size=FF,
        num_hidden_layers=3,
        num_attention_heads=H,
        num_key_value_heads=2,
        vocab_size=V,
    )
    model = transformers.LlamaForCausalLM(config)
    model.set_attn_implementation(attention)
    report = hookcount.count(model, IDS)
    # q and o are D x D, k and v half as wide; each of the 4 heads meets its keys
    assert roles_of(report) == {
        "attention projections": 3 * B * N * (2 * D * D + 2 * D * D // 2),
        "attention products": 3 * PRODUCTS,
        "feed-forward": 3 * 3 * B * N * D * FF,
        "head": HEAD,
    }
    params = sound(report).set_index("role").params
    assert (params["norms"], params["embeddings"], params["head"]) == (7 * D, V * D, V * D)


@pytest.mark.zoo
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_bert(transformers, attention):
    config = transformers.BertConfig(
        hidden_size=D,
        intermediate_size=FF,
        num_hidden_layers=2,
        num_attention_heads=H,
        vocab_size=V,
        num_labels=3,
    )
    model = transformers.BertForSequenceClassification(config).eval()
    model.set_attn_implementation(attention)
    assert roles_of(hookcount.count(model, IDS)) == {
        "attention projections": 2 * PROJECTIONS,
        "attention products": 2 * PRODUCTS,
        "feed-forward": 2 * FEED,
        "head": B * D * D + B * D * 3,  # the pooler and the classifier
    }


@pytest.mark.zoo
def test_gpt2(transformers):
    config = transformers.GPT2Config(n_embd=D, n_layer=2, n_head=H, vocab_size=V, n_positions=20)
    report = hookcount.count(transformers.GPT2LMHeadModel(config).eval(), IDS)
    assert roles_of(report) == {
        "attention projections": 2 * PROJECTIONS,
        "attention products": 2 * PRODUCTS,
        "feed-forward": 2 * 2 * B * N * D * 4 * D,
        "head": HEAD,
    }
    params = sound(report).set_index("role").params
    assert (params["embeddings"], params["head"]) == (
        V * D + 20 * D,
        0,
    )  # the head's weight is the words', counted there


@pytest.mark.zoo
def test_t5(transformers):
    inner, m = H * 5, 9  # heads of 5; m words in, N out
    config = transformers.T5Config(
        d_model=D, d_kv=5, d_ff=FF, num_layers=2, num_heads=H, vocab_size=V
    )
    model = transformers.T5ForConditionalGeneration(config).eval()
    report = hookcount.count(
        model, input_ids=torch.zeros(B, m, dtype=torch.long), decoder_input_ids=IDS
    )
    of = B * D * inner
    assert roles_of(report) == {
        "attention projections": 2 * (4 * m * of + 4 * N * of + (2 * N + 2 * m) * of),
        "attention products": 2 * 2 * B * inner * (m * m + N * N + N * m),
        "feed-forward": 2 * 2 * B * (m + N) * D * FF,
        "head": HEAD,
    }
    params = sound(report).set_index("role").params
    assert (
        params["embeddings"] == V * D + 2 * 32 * H
    )  # words, once, and two tables of relative positions
    assert params["elementwise/other"] == 0


@pytest.mark.zoo
def test_deformable_detr(transformers):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backbone = transformers.ResNetConfig(
            embedding_size=8,
            hidden_sizes=[8, 12, 16, 24],
            depths=[1, 1, 1, 1],
            layer_type="basic",
            out_features=["stage3", "stage4"],
        )
        config = transformers.DeformableDetrConfig(
            use_timm_backbone=False,
            backbone=None,
            use_pretrained_backbone=False,
            backbone_config=backbone,
            num_feature_levels=2,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=40,
            decoder_ffn_dim=40,
            num_queries=7,
            auxiliary_loss=False,
            num_labels=5,
        )
        report = hookcount.count(
            transformers.DeformableDetrForObjectDetection(config).eval(),
            torch.zeros(1, 3, 128, 128),
        )
    d, q, s, points = 32, 7, 8 * 8 + 4 * 4, 4 * 2 * 4  # strides 16 and 32; heads x levels x points
    sampling = lambda rows: rows * d * (2 * points) + rows * d * points + rows * d * d  # noqa: E731  offsets, weights, output
    found = roles_of(report)
    convolution = found.pop("convolution")
    assert convolution == report.macs - sum(found.values())
    assert found == {
        "attention projections": 2 * (sampling(s) + s * d * d)
        + 2 * (4 * q * d * d + sampling(q) + s * d * d),
        "attention products": 2 * 2 * q * q * d,
        "feed-forward": 2 * 2 * s * d * 40 + 2 * 2 * q * d * 40,
        "head": 2
        * (
            q * d * 5 + q * (d * d + d * d + d * 4)
        ),  # of both layers: classes, and boxes by three layers
        "other contractions": q * d * 2,  # where to look first: a layer between encoder and decoder
    }


@pytest.mark.zoo
def test_mixture_of_experts(transformers):
    config = transformers.MixtralConfig(
        hidden_size=D,
        intermediate_size=FF,
        num_hidden_layers=2,
        num_attention_heads=H,
        num_key_value_heads=H,
        vocab_size=V,
        num_local_experts=4,
        num_experts_per_tok=2,
    )
    assert roles_of(hookcount.count(transformers.MixtralForCausalLM(config).eval(), IDS)) == {
        "attention projections": 2 * PROJECTIONS,
        "attention products": 2 * PRODUCTS,
        "feed-forward": 2
        * (B * N * D * 4 + 2 * 3 * B * N * D * FF),  # the router; two experts of three layers
        "head": HEAD,
    }


def test_rows_in_a_frame():
    frame = hookcount.count(Words(Block(Fused(), plain())), IDS).by_role()
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == [
        "role",
        "modules",
        "params",
        "macs",
        "flops",
        "macs_share",
        *KINDS[1:],
    ]
    row = frame.set_index("role").loc["feed-forward"]
    assert (row.modules, row.flops, row.macs_share) == (
        2,
        2 * FEED,
        FEED / (PROJECTIONS + PRODUCTS + FEED + HEAD),
    )
    assert frame.attrs["convention"] == "default"


def test_a_model_that_attends_itself_and_does_all_else_too():
    """Everything in one forward: what cannot be told apart has no role, but for what is sure."""

    class Model(Fused):
        def __init__(self):
            super().__init__()
            self.ids, self.out = nn.Embedding(V, D), nn.Linear(D, V)

        def forward(self, ids):
            return self.out(super().forward(self.ids(ids)))

    report = hookcount.count(Model(), IDS)
    assert roles_of(report) == {
        "attention products": PRODUCTS,
        "other contractions": PROJECTIONS + HEAD,
    }
    assert len(sound(report).attrs["rest"]) == 3


def test_feed_forwards_of_a_model_that_does_not_attend():
    class Mix(nn.Module):
        """Over positions, then over channels; and a gate made of a mean, which is no
        feed-forward.
        """

        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Sequential(nn.Linear(N, 9), nn.GELU(), nn.Linear(9, N)), plain()
            self.gate = nn.Sequential(nn.Linear(D, 2), nn.ReLU(), nn.Linear(2, D), nn.Sigmoid())

        def forward(self, x):
            x = x + self.one(x.mT).mT
            return x + self.two(x) * self.gate(x.mean(1, keepdim=True))

    report = hookcount.count(Words(Mix(), Mix()), IDS)
    assert roles_of(report) == {
        "feed-forward": 2 * (2 * B * D * N * 9 + FEED),
        "head": HEAD,
        "other contractions": 2 * 2 * B * D * 2,
    }


def test_one_layer_behind_an_activation_function_is_a_projection():
    class Behind(Fused):
        def __init__(self):
            super().__init__()
            self.b = nn.Sequential(nn.Hardswish(), nn.Linear(D, D))

    assert roles(Words(Block(Behind(), plain())), IDS)["attention projections"] == PROJECTIONS


def test_a_bias_as_large_as_the_scores_and_a_softmax_of_its_own():
    class Biased(OfModules):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(H, N, N))

        def forward(self, x):
            q, k, v = self.a(x).unflatten(-1, (3, H, -1)).permute(2, 0, 3, 1, 4)
            x = self.soft(q @ k.mT + self.bias) @ v
            return self.b(x.transpose(1, 2).flatten(2))

    x = torch.zeros(1, N, D)
    for block in (
        nn.Sequential(Block(Biased(), plain())),
        Block(Biased(), plain()).requires_grad_(False),
    ):
        found = roles(block, x)
        assert found["attention products"] == PRODUCTS // B
        assert found["attention projections"] == PROJECTIONS // B


def test_logits_that_are_products_and_their_softmax_are_no_attention():
    """A contrastive head, called once per layer; and probabilities made of what it gives."""

    class Contrast(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.logits = nn.Sequential(Block(Fused(), plain())), Product()

        def forward(self, x, words):
            x = self.body(x)
            return [self.logits(x, words.mT).softmax(-1) for _ in range(3)]

    report = hookcount.count(Contrast(), tokens(D), torch.zeros(B, 7, D))
    assert roles_of(report) == {
        "attention projections": PROJECTIONS,
        "attention products": PRODUCTS,
        "feed-forward": FEED,
        "other contractions": 3 * B * N * 7 * D,
    }


def test_a_weighted_mean_is_attention():
    class Pool(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(D, 3)

        def forward(self, x):
            return self.a(x).softmax(1).mT @ x

    found = roles(nn.Sequential(Pool(), nn.ReLU()), tokens(D))
    assert found == {"attention projections": B * N * D * 3, "attention products": B * N * D * 3}


def test_layers_above_the_module_that_attends_as_long_as_they_run_before_it():
    class Wrapped(nn.Module):
        """Two layers whose sum is attended to by a module with layers of its own, as in
        DAB-DETR.
        """

        def __init__(self):
            super().__init__()
            self.one, self.two, self.inner, self.norm = (
                nn.Linear(D, D),
                nn.Linear(D, D),
                Fused(),
                nn.LayerNorm(D),
            )

        def forward(self, x):
            return self.norm(self.inner(self.one(x) + self.two(x)))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other, self.feed = Wrapped(), Wrapped(), plain()

        def forward(self, x):
            return self.feed(self.other(self.one(x)))

    assert roles(Words(Decoder(), Decoder()), IDS) == {
        "attention projections": 2 * 2 * (PROJECTIONS + 2 * B * N * D * D),
        "attention products": 2 * 2 * PRODUCTS,
        "feed-forward": 2 * FEED,
        "head": HEAD,
    }


def test_a_weight_that_a_module_is_given_is_a_weight():
    class Times(nn.Module):
        def forward(self, x, weight):
            return x @ weight

    class Tied(Words):
        def __init__(self, *blocks):
            super().__init__(*blocks)
            self.out = Times()

        def forward(self, ids):
            return self.out(self.norm(self.blocks(self.ids(ids))), self.ids.weight.T)

    found = roles(Tied(Block(Fused(), plain())), IDS)
    assert found["head"] == HEAD
    assert sum(found.values()) == PROJECTIONS + PRODUCTS + FEED + HEAD


class LowRank(nn.Linear):
    """A layer with a forward of its own, priced by its ops."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.down, self.up = (
            nn.Parameter(torch.zeros(3, inputs)),
            nn.Parameter(torch.zeros(outputs, 3)),
        )

    def forward(self, x):
        return super().forward(x) + x @ self.down.T @ self.up.T


@pytest.mark.parametrize("way", ["low rank", "weight norm", "8 bit", "autocast", "compiled"])
def test_layers_that_are_not_plain(way, monkeypatch):
    attention, extra = Fused(), 0
    if way == "low rank":
        attention.a, extra = LowRank(D, 3 * D), B * N * 3 * (D + 3 * D)
    if way == "weight norm":
        nn.utils.parametrizations.weight_norm(attention.a)
    model = Words(Block(attention, plain()), Block(Bare(), Gate())).eval()
    if way == "8 bit":
        engine = next(each for each in torch.backends.quantized.supported_engines if each != "none")
        monkeypatch.setattr(torch.backends.quantized, "engine", engine)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
        model.blocks[1].one.never_called = nn.Linear(
            D, D
        )  # whose weight is taken, and must be a tensor
    if way == "compiled":
        model = torch.compile(model, backend="eager")
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=way == "autocast"):
        found = roles(model, IDS)
    assert found == {
        "attention projections": 2 * PROJECTIONS + extra,
        "attention products": 2 * PRODUCTS,
        "feed-forward": FEED + 3 * B * N * D * FF,
        "head": HEAD,
    }


def test_several_calls_of_several_sizes():
    model = Words(Block(Fused(), plain()), Block(Apart(), plain())).eval()
    with hookcount.Counter().watch(model) as watch, torch.no_grad():
        for n in (3, 5, 5):
            model(torch.zeros(1, n, dtype=torch.long))
    assert roles_of(watch.report()) == {
        "attention projections": 2 * 4 * 13 * D * D,
        "attention products": 2 * 2 * (9 + 25 + 25) * D,
        "feed-forward": 2 * 2 * 13 * D * FF,
        "head": 13 * D * V,
    }


def test_under_every_convention_the_roles_sum_to_what_it_sees():
    model = Words(Block(Fused(), plain()), Block(Torchs(), Gate()), Block(Bare(), plain())).eval()
    report = hookcount.count(model, IDS)
    for name in set(CONVENTIONS) - {"rfdetr"}:
        sound(report.under(name))
    # this one has no figure for an equation, so not for the last block
    model = Words(Block(Fused(), plain()), Block(Torchs(), Gate())).eval()
    sound(hookcount.count(model, IDS).under("rfdetr"))


def test_as_text():
    lines = text(hookcount.count(Words(Block(Fused(), plain())), IDS).priced).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "attention projections",
        "attention products",
        "feed-forward",
        "norms",
        "embeddings",
        "head",
        "elementwise/other",
    ]
    assert (FEED, lines[3].split()[3:7]) == (15360, ["k", "15.4", "k", "30.7"])
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    assert text(hookcount.count(model, torch.zeros(1, 3)).priced).splitlines()[-1] == (
        "other: '0' (Linear): 12 MACs: a linear layer of a model that does not attend"
    )
