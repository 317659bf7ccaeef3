"""Where a model attends, what belongs to an attention, and which layers are a feed-forward.

Each model is written so that its structure is known; paths of its modules are the expected values.
"""

import cProfile
import pstats

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.analysis.roles.blocks import Attention, Blocks
from hookcount.analysis.roles.pairs import site_of
from hookcount.analysis.roles.pieces import Kinds, pieces

B, N, D, H, FF = 2, 6, 16, 4, 40
X = torch.zeros(B, N, D)


def blocks(model, *args, **options):
    priced = hookcount.Counter(**options).count(model, *args).priced
    kinds = Kinds(priced.registry)
    return Blocks(priced.trace, pieces(priced, kinds), kinds)


def paths(sites):
    return sorted(site.path for site in sites)


def heads(x):
    return x.unflatten(-1, (3, H, -1)).permute(2, 0, 3, 1, 4)


class Fused(nn.Module):
    """Two layers around torch's fused attention."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(D, 3 * D), nn.Linear(D, D)

    def products(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)

    def forward(self, x):
        return self.b(self.products(*heads(self.a(x))).transpose(1, 2).flatten(2))


class Written(Fused):
    """The same with matrix products and a softmax."""

    def products(self, q, k, v):
        return (q @ k.mT).softmax(-1) @ v


class WithoutSoftmax(Fused):
    """One product takes the result of the other."""

    def products(self, q, k, v):
        return q @ (k.mT @ v)


class OfModules(Fused):
    """Softmax and products are modules without parameters."""

    class Product(nn.Module):
        def forward(self, a, b):
            return a @ b

    def __init__(self):
        super().__init__()
        self.one, self.soft, self.two = self.Product(), nn.Softmax(-1), self.Product()

    def products(self, q, k, v):
        return self.two(self.soft(self.one(q, k.mT)), v)


class Layer(nn.Module):
    """An attention and a feed-forward of two layers, one after the other."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention
        self.feed = nn.Sequential(nn.Linear(D, FF), nn.GELU(), nn.Linear(FF, D))

    def forward(self, x):
        return self.feed(self.attention(x))


# -- attention -------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("attention", [Fused, Written, WithoutSoftmax, OfModules])
def test_each_layers_attention_and_block(attention, run):
    found = blocks(nn.Sequential(Layer(attention()), Layer(attention())), X, run=run)
    assert found.owners == ["0.attention", "1.attention"]
    assert found.attentions == [
        Attention("0.attention", "0.attention", "0"),
        Attention("1.attention", "1.attention", "1"),
    ]
    assert found.blocks == {"0", "1"}
    layers = [f"{n}.{name}" for n in (0, 1) for name in ("attention.a", "attention.b")]
    assert paths(found.sites) == sorted([*layers, "0.feed.0", "0.feed.2", "1.feed.0", "1.feed.2"])


def test_products_that_are_no_attention():
    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Linear(D, 3), nn.Linear(D, 3)

        def forward(self, x):
            return self.one(x) @ self.other(x).mT

    found = blocks(Towers(), X)
    assert (found.owners, found.attentions, found.blocks) == ([], [], set())
    assert paths(found.sites) == ["one", "other"]


def test_a_softmax_of_another_size_is_no_attention():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(D, 5)

        def forward(self, x):
            return (x @ x.mT) * self.a(x).softmax(-1).sum()

    assert blocks(Gated(), X).owners == []


def test_sampling_needs_a_softmax():
    class Sampling(nn.Module):
        def __init__(self, attends):
            super().__init__()
            self.attends, self.weights = attends, nn.Linear(D, N)

        def forward(self, x):
            weights = self.weights(x).softmax(-1) if self.attends else self.weights(x)
            grid = weights[..., None].expand(-1, -1, -1, 2)
            return F.grid_sample(x.mT.unflatten(-1, (2, 3)), grid, align_corners=False)

    assert blocks(nn.Sequential(Sampling(True)), X).owners == ["0"]
    assert blocks(nn.Sequential(Sampling(False)), X).owners == []


class Core(nn.Module):
    """Only the products, with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q * self.scale, k, v)


class Around(Fused):
    def __init__(self):
        super().__init__()
        self.core = Core()

    def products(self, q, k, v):
        return self.core(q, k, v)


def test_the_scope_is_the_module_above_that_holds_the_projections():
    found = blocks(nn.Sequential(Layer(Around())), X)
    assert found.attentions == [Attention("0.attention.core", "0.attention", "0")]


def test_one_layer_after_the_owner_belongs_to_its_scope_and_two_do_not():
    class After(nn.Module):
        def __init__(self, layers):
            super().__init__()
            self.inner = Fused()
            self.after = nn.ModuleList(nn.Linear(D, D) for _ in range(layers))

        def forward(self, x):
            x = self.inner(x)
            for layer in self.after:
                x = layer(x)
            return x

    one, two = (blocks(nn.Sequential(Layer(After(layers))), X) for layers in (1, 2))
    assert one.attentions == [Attention("0.attention.inner", "0.attention", "0")]
    # the module above the smaller scope has no activation function: the block is not found there
    assert two.attentions == [Attention("0.attention.inner", "0.attention.inner", "")]


def test_layers_before_the_owner_belong_to_its_scope():
    class Before(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.inner = nn.Linear(D, D), nn.Linear(D, D), Fused()

        def forward(self, x):
            return self.inner(self.one(x) + self.two(x))

    found = blocks(nn.Sequential(Layer(Before())), X)
    assert found.attentions == [Attention("0.attention.inner", "0.attention", "0")]


def test_two_attentions_in_one_block():
    class Two(Layer):
        def __init__(self):
            super().__init__(Fused())
            self.other = Written()

        def forward(self, x):
            return super().forward(self.other(x))

    found = blocks(nn.Sequential(Two()), X)
    assert found.owners == ["0.other", "0.attention"]  # in the order in which they run
    assert {each.scope for each in found.attentions} == {"0.other", "0.attention"}
    assert found.blocks == {"0"}


def test_the_model_itself_is_no_block_and_is_the_scope_only_without_layers_beneath():
    found = blocks(Layer(Fused()), X)
    assert found.attentions == [Attention("attention", "attention", "")]
    assert found.blocks == set()
    assert blocks(Fused(), X).attentions == [Attention("", "", "")]
    assert blocks(Around(), X).attentions == [Attention("core", "", "")]


def test_a_block_within_a_block_is_the_block():
    """The outer module has an attention of its own besides."""

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.more, self.act = Layer(Fused()), Written(), nn.GELU()

        def forward(self, x):
            return self.act(self.more(self.layer(x)))

    found = blocks(nn.Sequential(Outer()), X)
    by_owner = {each.owner: each.block for each in found.attentions}
    assert by_owner == {"0.layer.attention": "0.layer", "0.more": "0"}
    assert found.blocks == {"0.layer"}


def test_the_work_of_a_module_without_parameters_counts_for_its_caller():
    model = nn.Sequential(Layer(OfModules()))
    priced = hookcount.count(model, X).priced
    kinds = Kinds(priced.registry)
    found = Blocks(priced.trace, pieces(priced, kinds), kinds)
    runs = [run.path for run in priced.trace.runs]
    assert found.unit(runs.index("0.attention.soft")) == "0.attention"
    assert found.unit(runs.index("0.attention.a")) == "0.attention.a"
    bare = hookcount.count(nn.Sequential(nn.Softmax(-1)), X).priced
    found = Blocks(bare.trace, [], Kinds(bare.registry))
    assert found.unit([run.path for run in bare.trace.runs].index("0")) == ""


def test_where_an_activation_function_runs():
    found = blocks(nn.Sequential(Layer(Fused()), Fused()), X)
    assert [
        found.is_active(top) for top in ("", "0", "0.feed", "0.feed.1", "0.attention", "1")
    ] == [
        True,
        True,
        True,
        True,
        False,
        False,
    ]
    assert not found.is_active("0", but=["0.feed"])
    assert found.is_active("0", but=["0.feed.0", "1"])


# -- feed-forwards ---------------------------------------------------------------------------------


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(D, FF), nn.Linear(D, FF), nn.Linear(FF, D)

    def forward(self, x):
        return self.c(F.silu(self.a(x)) * self.b(x))


class Halves(nn.Module):
    """One layer gives the gate and the values."""

    def __init__(self):
        super().__init__()
        self.a, self.c = nn.Linear(D, 2 * FF), nn.Linear(FF, D)

    def forward(self, x):
        gate, values = self.a(x).chunk(2, -1)
        return self.c(F.silu(gate) * values)


def sequential(one, two, three):
    """Two layers with an activation function between."""
    return nn.Sequential(nn.Linear(one, two), nn.GELU(), nn.Linear(two, three))


@pytest.mark.parametrize(
    ("model", "before", "after"),
    [
        (sequential(D, FF, D), ["0"], ["2"]),
        (Gate(), ["a", "b"], ["c"]),
        (Halves(), ["a"], ["c"]),
    ],
)
def test_the_layers_around_an_activation_function(model, before, after):
    pair = blocks(model, X).pair("")
    assert (paths(pair.before), paths(pair.after), pair.clear) == (before, after, True)
    sites = {site.path: site for site in blocks(model, X).sites}
    assert {path for path, site in sites.items() if site.widths[0] == D} == set(before)


def test_a_pair_that_returns_to_another_width_is_not_clear():
    found = blocks(sequential(D, FF, 8), X).pair("")
    assert (paths(found.before), paths(found.after), found.clear) == (["0"], ["2"], False)


def test_order_shows_a_pair_of_equal_widths_if_the_activation_function_is_a_module():
    found = blocks(sequential(D, D, D), X).pair("")
    assert (paths(found.before), paths(found.after), found.clear) == (["0"], ["2"], True)

    class Called(nn.Module):
        """The order of a module's own ops and its children is not known."""

        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(D, D), nn.Linear(D, D)

        def forward(self, x):
            return self.b(F.gelu(self.a(x)))

    found = blocks(Called(), X).pair("")
    assert (paths(found.before), paths(found.after), found.clear) == (["a", "b"], ["a", "b"], False)


def test_no_pair_without_an_activation_function():
    found = blocks(nn.Sequential(nn.Linear(D, FF), nn.Linear(FF, D)), X)
    assert (found.pair("").before, found.pair("").after, found.pair("").clear) == (
        set(),
        set(),
        False,
    )
    assert all(site not in found.pair("") for site in found.sites)


def test_a_pair_works_on_all_positions_or_on_a_mean():
    class Squeeze(nn.Module):
        def __init__(self, pooled):
            super().__init__()
            self.pooled, self.net = pooled, sequential(D, FF, D)

        def forward(self, x):
            return x * self.net(x.mean(1, keepdim=True) if self.pooled else x)

    for pooled in (False, True):
        found = blocks(nn.Sequential(Squeeze(pooled)), X)
        (first,) = found.pair("0.net").before
        assert first.path == "0.net.0"
        assert found.at_every_position(first, "0.net") is not pooled


def test_layers_beside_an_activation_function_in_a_child_of_the_owner():
    class Biased(Fused):
        """A small network gives a bias."""

        def __init__(self):
            super().__init__()
            self.net, self.tail = sequential(D, 3, D), nn.Sequential(nn.GELU(), nn.Linear(D, D))

        def forward(self, x):
            return self.tail(super().forward(x) + self.net(x))

    found = blocks(nn.Sequential(Biased()), X)
    assert found.owners == ["0"]
    assert found.beside("0.net.0", "0")
    assert found.beside("0.net.2", "0")
    assert not found.beside("0.tail.1", "0")  # the only layer there
    assert not found.beside("0.a", "0")  # no activation function there
    assert not found.beside("0", "0")


def test_the_sizes_of_a_site():
    priced = hookcount.count(nn.Sequential(nn.Linear(D, FF)), X).priced
    (piece,) = [each for each in pieces(priced, Kinds(priced.registry)) if each.sort == "weight"]
    site = site_of(piece)
    assert (site.path, site.product) == ("0", id(piece.call))
    assert (site.elements, site.widths) == ((B * N * D, B * N * FF), (D, FF))


def test_the_work_of_finding_roles_is_linear_in_the_layers():
    """A row of layers and activation functions, directly in the model or in blocks."""

    def calls(layers, width):
        made = [nn.Linear(D, D) if each % 2 else nn.ReLU() for each in range(layers)]
        if width:
            made = [nn.Sequential(*made[each : each + width]) for each in range(0, layers, width)]
        report = hookcount.count(nn.Sequential(*made), X)
        profile = cProfile.Profile()
        profile.runcall(report.by_role)
        return pstats.Stats(profile).total_calls

    for width in (0, 4):
        calls(10, width)  # imports
        assert calls(1_600, width) < 8 * 1.3 * calls(200, width)
