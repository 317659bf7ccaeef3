"""``hookcount.scaling``: polynomials written out by hand, checked where they were not fitted; and
what is none.
"""

import copy
import gc
import pickle
import re
from fractions import Fraction
from math import ceil, log2

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import hookcount
from hookcount import InputError, ModelError, Ops, Registry
from hookcount.analysis.scaling.growth import fit
from hookcount.analysis.scaling.polynomial import Polynomial
from hookcount.analysis.scaling.scaling import PROBES, SIZES

D, H, FF, V = 16, 4, 40, 30


def encoder(layers=2):
    return nn.TransformerEncoder(
        nn.TransformerEncoderLayer(D, H, FF, batch_first=True), layers, enable_nested_tensor=False
    )


def tokens(n):
    return torch.empty(1, n, D, device="meta")


def poly(*coefficients):
    """By rising powers."""
    return Polynomial(tuple(map(Fraction, coefficients)))


# -- transformers ----------------------------------------------------------------------------------


def test_a_transformer_grows_with_the_square_of_its_length():
    found = hookcount.scaling(encoder().eval(), tokens)
    assert found.macs.polynomial == poly(0, 2 * (4 * D * D + 2 * D * FF), 2 * 2 * D)
    assert found.sizes == tuple(sorted((*SIZES, *PROBES)))
    assert found.macs.fitted == (64, 96, 101)
    assert found.macs.checked == (128, 160, 192, 203, 224, 256, 288)
    assert (found.macs.missed, found.refused, found.macs.step) == ((), (), 1)
    # scores, per head: n - 1 compares, n subtractions, exps and divisions, n - 1 adds a row; two
    # products are 4 n^2 D FLOPs
    layer_n2 = 4 * D + H * (1 + 1 + 1 + 1 + 1)
    assert found.flops.polynomial.coefficient(2) == 2 * layer_n2
    assert found.params == sum(each.numel() for each in encoder().parameters())


def test_which_module_owns_which_power():
    frame = hookcount.scaling(encoder(1), tokens).to_dataframe()
    assert frame.columns.tolist() == ["path", "type", "n^2", "n", "1", "growth"]
    assert frame.values.tolist() == [
        [
            "layers.0.self_attn",
            "MultiheadAttention",
            2 * D,
            4 * D * D,
            0,
            f"{2 * D} n^2 + {4 * D * D:,} n",
        ],
        ["layers.0.linear1", "Linear", 0, D * FF, 0, f"{D * FF} n"],
        ["layers.0.linear2", "Linear", 0, D * FF, 0, f"{D * FF} n"],
    ]
    assert frame["n^2"].dtype.kind == "i"


def test_columns_sum_to_the_models_polynomials():
    found = hookcount.scaling(encoder(), tokens)
    for count, whole in (("macs", found.macs), ("flops", found.flops)):
        for frame in (found.to_dataframe(count), found.by_role(count)):
            for power, name in enumerate(("1", "n", "n^2")):
                assert frame[name].sum() == whole.polynomial.coefficient(power)
    with pytest.raises(InputError, match="no such count: 'params'"):
        found.by_role("params")


def test_products_grow_with_the_square_and_layers_do_not():
    frame = hookcount.scaling(encoder(), tokens).by_role().set_index("role")
    assert frame.loc["attention products", ["n^2", "n", "1"]].tolist() == [2 * 2 * D, 0, 0]
    assert frame.loc["attention projections", ["n^2", "n", "1"]].tolist() == [0, 2 * 4 * D * D, 0]
    assert frame.loc["feed-forward", ["n^2", "n", "1"]].tolist() == [0, 2 * 2 * D * FF, 0]
    assert frame.loc["head", "growth"] == "0"


@pytest.mark.zoo
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_llama(attention):
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=D,
        intermediate_size=FF,
        num_hidden_layers=3,
        num_attention_heads=H,
        num_key_value_heads=2,
        vocab_size=V,
    )
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config)
    model.set_attn_implementation(attention)
    found = hookcount.scaling(model, lambda n: {"input_ids": torch.zeros(1, n, dtype=torch.long)})
    assert found.macs.polynomial == poly(0, 3 * (3 * D * D + 3 * D * FF) + D * V, 3 * 2 * D)
    assert (
        found.macs(100_000)
        == 3 * (3 * D * D + 3 * D * FF) * 100_000 + D * V * 100_000 + 3 * 2 * D * 100_000**2
    )
    roles = found.by_role().set_index("role")
    assert roles.loc["attention products", "growth"] == f"{3 * 2 * D} n^2"
    assert roles.loc["feed-forward", "growth"] == f"{3 * 3 * D * FF:,} n"
    assert roles.loc["head", "growth"] == f"{D * V} n"


def test_a_constant_beside_what_grows():
    """A pooled head costs the same at every length."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(D, FF), nn.Linear(FF, V)

        def forward(self, x):
            return self.head(self.body(x).mean(1))

    found = hookcount.scaling(Model(), lambda n: torch.zeros(2, n, D))
    assert found.macs.polynomial == poly(2 * FF * V, 2 * D * FF)
    assert hookcount.scaling(Model(), lambda n: torch.zeros(2, 7, D)).macs.polynomial == poly(
        2 * FF * V + 2 * 7 * D * FF
    )


def test_higher_powers():
    class Power(nn.Module):
        def __init__(self, times):
            super().__init__()
            self.times = times

        def forward(self, x):
            return torch.nn.functional.conv3d(x, x)

    assert hookcount.scaling(
        Power(1), lambda n: torch.empty(1, 1, n, n, 1, device="meta")
    ).macs.polynomial == poly(0, 0, 1)
    volume = hookcount.scaling(
        nn.Conv3d(1, 2, 1), lambda n: torch.empty(n, 1, n, n, n, device="meta")
    )
    assert volume.macs.polynomial == poly(0, 0, 0, 0, 2)
    fifth = hookcount.scaling(
        nn.Conv3d(1, 2, 1),
        lambda n: torch.empty(n * n, 1, n, n, n, device="meta"),
        sizes=range(2, 20),
    )
    assert fifth.macs.polynomial is None


# -- what rounds, and what is no polynomial --------------------------------------------------------


class Strided(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.head = (
            nn.Conv2d(3, 4, 3, 2, 1),
            nn.Conv2d(4, 5, 3, 2, 1),
            nn.Linear(5, 7),
        )

    def forward(self, x):
        return self.head(self.two(self.one(x)).mean((-1, -2)))


def images(n):
    return torch.empty(1, 3, n, n, device="meta")


def test_a_convolutional_network_over_its_side():
    """(n / 2)^2 positions, then (n / 4)^2: for multiples of 4; at odd sides both round up."""
    found = hookcount.scaling(Strided(), images)
    assert found.macs.polynomial == poly(35, 0, Fraction(4 * 27, 4) + Fraction(5 * 36, 16))
    assert (found.macs.step, found.macs.offset, found.macs.missed) == (32, 0, PROBES)
    assert str(found.macs) == "MACs(n) = 153/4 n^2 + 35, for multiples of 32, not at 101, 203"
    assert found.macs(320) == 4 * 160**2 * 27 + 5 * 80**2 * 36 + 35
    assert found.macs(101) == 4 * 51**2 * 27 + 5 * 26**2 * 36 + 35  # counted there
    with pytest.raises(
        InputError, match=re.escape("MACs(102): the polynomial holds only for multiples of 32")
    ):
        found.macs(102)
    frame = found.to_dataframe()
    assert frame["n^2"].tolist() == [27, Fraction(45, 4), 0]
    assert frame["1"].tolist() == [0, 0, 35]


def test_sizes_that_share_a_step_say_so():
    found = hookcount.scaling(
        Strided(), images, sizes=[5, 9, 13, 17, 21]
    )  # ((n + 1) / 2)^2, ((n + 3) / 4)^2
    first, second = Fraction(4 * 27, 4), Fraction(5 * 36, 16)
    assert found.macs.polynomial == poly(
        first + 9 * second + 35, 2 * first + 6 * second, first + second
    )
    assert str(found.macs).endswith("for n = 1 mod 4")
    with pytest.raises(InputError, match=re.escape("holds only for n = 1 mod 4")):
        found.macs(8)


@pytest.mark.slow
def test_windows_with_padding_are_no_polynomial():
    models = pytest.importorskip("torchvision").models
    with torch.device("meta"):
        model = models.swin_t()
    found = hookcount.scaling(model, images)
    assert found.macs.polynomial is None
    text = str(found)
    assert "MACs(n) is not a polynomial of degree 4 or less" in text
    assert f"MACs(224) = {hookcount.count(model, images(224)).macs:,}" in text
    assert "no polynomial either, by themselves: features.1.0.attn" in text
    frame = found.to_dataframe().set_index("path")
    assert frame.loc["features.1.0.attn", "growth"] == "not a polynomial"
    assert frame.loc["features.1.0.attn", "n^2"] is None
    assert (
        frame.loc["features.1.0.mlp.0", "n^2"] == 96 * 384 // 16
    )  # at a quarter of the side; exact also beside a gap
    with pytest.raises(InputError, match=re.escape("MACs(500): MACs are not a polynomial of n")):
        found.macs(500)
    assert hookcount.scaling(model, images, sizes=range(224, 1400, 224)).macs.step == 224


class Costs(nn.Module):
    """Costs what it is told."""

    def __init__(self, cost):
        super().__init__()
        self.cost = cost

    def forward(self, x):
        return x.clone()


def costing(cost, **options):
    registry = Registry()
    registry.register(Costs, lambda module, x, *, out: Ops(macs=module.cost(x[0])))
    counter = hookcount.Counter(registry, run="shapes")
    return hookcount.scaling(Costs(cost), lambda n: torch.zeros(n), counter=counter, **options).macs


@pytest.mark.parametrize(
    "cost",
    [lambda n: n * ceil(log2(n)), lambda n: n // 3, lambda n: n**5, lambda n: 2 ** (n % 7)],
    ids=["n log n", "n // 3", "n^5", "2^(n mod 7)"],
)
def test_no_polynomial_is_said_to_be_none(cost):
    for sizes in (None, [3, 5, 9, 17], [64, 65, 100, 101, 130, 131]):
        found = costing(cost, sizes=sizes)
        assert found.polynomial is None
        assert str(found) == "MACs(n) is not a polynomial of degree 4 or less"


def test_a_polynomial_on_some_step_only():
    found = costing(lambda n: n // 3, sizes=[30, 33, 34, 36, 39, 41, 42, 45])
    assert (found.polynomial, found.step, found.missed) == (poly(0, Fraction(1, 3)), 3, (34, 41))


def test_four_sizes_are_enough_for_a_square_and_not_for_a_cube():
    assert costing(lambda n: n * n, sizes=[1, 2, 3, 5]).checked == (5,)
    assert costing(lambda n: n**3, sizes=[1, 2, 3, 5]).polynomial is None
    assert costing(lambda n: n**3, sizes=[1, 2, 3, 5, 8]).polynomial == poly(0, 0, 0, 1)


def test_ops_that_are_no_polynomial_beside_macs_that_are():
    class Sorting(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(D, 1)

        def forward(self, x):
            return self.a(x).squeeze(-1).sort(-1)

    found = hookcount.scaling(Sorting(), tokens)
    assert found.macs.polynomial == poly(0, D)
    assert found.flops.polynomial is None
    assert "no polynomial either, by themselves: the model itself" in str(found)


# -- polynomials -----------------------------------------------------------------------------------


@given(
    st.lists(st.integers(-(10**12), 10**12), max_size=5),
    st.sets(st.integers(1, 10**6), min_size=6, max_size=9),
)
def test_any_polynomial_is_found_again_and_at_its_own_degree(coefficients, sizes):
    values = {
        n: sum(each * n**power for power, each in enumerate(coefficients)) for n in sorted(sizes)
    }
    found = fit("it", values)
    while coefficients and not coefficients[-1]:
        coefficients.pop()
    assert found.polynomial == poly(*coefficients)
    assert (found.fitted + found.checked, len(found.fitted)) == (
        tuple(values),
        max(len(coefficients), 1),
    )


@given(st.dictionaries(st.integers(1, 50), st.integers(0, 100), min_size=4, max_size=8))
def test_what_is_found_holds_at_each_size_it_names(points):
    found = fit("it", dict(sorted(points.items())))
    for n in (*found.fitted, *found.checked):
        assert found.polynomial(n) == points[n]
        assert n % found.step == found.offset
    if found.polynomial is not None:
        assert {*found.fitted, *found.checked, *found.missed} == set(points)
        assert found.checked


def test_a_polynomial_in_words_and_in_sympy():
    assert str(poly(-3, 0, Fraction(1, 2), -1)) == "-n^3 + 1/2 n^2 - 3"
    assert str(poly(0, 1)) == "n"
    assert str(poly()) == "0"
    assert str(poly(-1234, 5678)) == "5,678 n - 1,234"
    assert str(poly(-3, 0, Fraction(1, 2)).sympy()) == "n**2/2 - 3"
    assert poly(1, 2, 3)(10) == 321


# -- what is given ---------------------------------------------------------------------------------


def test_each_form_of_input():
    class Two(nn.Module):
        def forward(self, a, b):
            return a @ b

    by_position = hookcount.scaling(Two(), lambda n: (torch.zeros(3, n), torch.zeros(n, 2)))
    by_name = hookcount.scaling(Two(), lambda n: {"b": torch.zeros(n, 2), "a": torch.zeros(3, n)})
    assert by_position.macs.polynomial == by_name.macs.polynomial == poly(0, 6)
    assert by_position.points_frame().iloc[0].tolist() == [64, 6 * 64, 2 * 6 * 64, 0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sizes": [1, 2, 3]}, "at least 4 different sizes, not 3"),
        ({"sizes": [8, 8, 16, 16, 32]}, "at least 4 different sizes, not 3"),
        ({"sizes": [0, 1, 2, 3]}, "the size 0 is not a whole number above 0"),
        ({"sizes": [1.5, 2, 3, 4]}, "the size 1.5 is not a whole number above 0"),
        ({"inputs": torch.zeros(1)}, "inputs is of type Tensor\n  To fix it: give a function"),
        ({"inputs": lambda n: [torch.zeros(n)]}, "inputs(64): the input is of type list"),
        ({"inputs": lambda n: torch.zeros(n, device="nowhere")}, "inputs(64): raised RuntimeError"),
    ],
)
def test_wrong_input_is_named(options, said):
    with pytest.raises(InputError, match=re.escape(said)):
        hookcount.scaling(nn.ReLU(), **{"inputs": lambda n: torch.zeros(n), **options})


def test_where_the_model_fails_size_and_module_are_named():
    class Limited(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(D, D), nn.Embedding(3, 3))

        def forward(self, x):
            x = self.body[0](x)
            return x if x.shape[1] <= 100 else self.body[1](x)

    with pytest.raises(
        InputError, match=re.escape("at n = 128, in 'body.1' (Embedding): counting failed with ")
    ) as caught:
        hookcount.scaling(Limited(), tokens)
    assert "To fix it: give sizes=" in str(caught.value)
    assert caught.value.__cause__ is not None
    assert hookcount.scaling(Limited(), tokens, sizes=[10, 20, 40, 100]).macs.polynomial == poly(
        0, D * D
    )


def test_a_size_of_hookcounts_own_that_the_model_refuses_is_named():
    class Even(nn.Module):
        def forward(self, x):
            return x.unflatten(1, (-1, 2)) @ torch.zeros(2, 2)

    found = hookcount.scaling(nn.Sequential(nn.Flatten(), Even()), lambda n: torch.zeros(3, n))
    assert found.refused == PROBES
    assert str(found).splitlines()[-1] == "The model does not run at n = 101, 203."
    assert (found.macs.polynomial, found.macs.step) == (poly(0, 3 * 2), 32)


def test_no_model_and_a_model_that_needs_values():
    with pytest.raises(ModelError, match="not an nn.Module"):
        hookcount.scaling(None, tokens)

    class Looks(nn.Module):
        def forward(self, x):
            return x[x > 0] @ torch.ones(int((x > 0).sum()))

    inputs = lambda n: torch.ones(n)  # noqa: E731
    with pytest.raises(
        InputError, match=re.escape("where values are needed, counter=hookcount.Counter()")
    ):
        hookcount.scaling(Looks(), inputs)
    assert hookcount.scaling(Looks(), inputs, counter=hookcount.Counter()).macs.polynomial == poly(
        0, 1
    )


def test_what_is_not_counted_is_said_once():
    @torch.library.custom_op("test_scaling::own", mutates_args=())
    def own(x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    own.register_fake(torch.empty_like)

    class Own(nn.Module):
        def forward(self, x):
            return own(x) @ x.T

    with pytest.warns(hookcount.UncountedWarning, match="test_scaling::own") as caught:
        found = hookcount.scaling(Own(), lambda n: torch.zeros(3, n))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert found.uncounted == ("test_scaling::own",)
    assert str(found).splitlines()[-1] == "Uncounted, so lower bounds: test_scaling::own"


# -- of a report -----------------------------------------------------------------------------------


def test_of_a_reports_model_with_its_formulas():
    registry = Registry()
    registry.register(nn.Linear, lambda module, x, *, out: Ops(macs=x.numel()))
    model = nn.Sequential(nn.Linear(D, D))
    report = hookcount.Counter(registry).count(model, tokens(5))
    assert report.scaling(tokens).macs.polynomial == poly(0, D)
    assert report.scaling(tokens, sizes=[1, 2, 3, 4]).sizes == (1, 2, 3, 4)
    assert hookcount.scaling(model, tokens).macs.polynomial == poly(0, D * D)


def test_of_a_report_under_another_convention():
    """thop's own count has no products between modules: nothing is left of n squared but what its
    layers do.
    """
    model = encoder(1).eval()
    report = hookcount.count(model, tokens(5)).under("thop")
    assert report.scaling(tokens, sizes=[4, 6, 8, 10]).macs.polynomial == poly(0, 2 * D * FF)
    assert report.macs == 5 * 2 * D * FF


def test_a_report_keeps_no_model_alive():
    model = nn.Linear(D, D)
    report = hookcount.count(model, tokens(5))
    for each in (pickle.loads(pickle.dumps(report)), copy.deepcopy(report)):
        assert each.macs == report.macs
        assert each.under("thop").headline == report.under("thop").headline
        with pytest.raises(ModelError, match="copied or pickled has no model"):
            each.scaling(tokens)
    assert report.scaling(tokens).macs.polynomial == poly(0, D * D)
    del model
    gc.collect()
    with pytest.raises(
        ModelError, match=re.escape("To fix it: call hookcount.scaling(model, inputs)")
    ):
        report.scaling(tokens)


def test_the_model_is_as_before():
    model = nn.Sequential(nn.BatchNorm1d(D), nn.Dropout()).train()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    hookcount.scaling(model, lambda n: torch.rand(n, D))
    assert all(torch.equal(each, model.state_dict()[name]) for name, each in before.items())


def test_in_words():
    lines = str(hookcount.scaling(encoder(1), tokens, sizes=[10, 20, 35, 50])).splitlines()
    params = 4 * D * D + 4 * D + 2 * D * FF + FF + D + 4 * D
    assert lines[0] == f"TransformerEncoder, params = {params:,} at every n"
    assert lines[1] == f"MACs(n) = {2 * D} n^2 + {4 * D * D + 2 * D * FF:,} n, for multiples of 5"
    assert lines[2] == "  fitted to n = 10, 20, 35; checked at n = 50"
    assert lines[3].startswith("FLOPs(n) = ")
    assert lines[5:] == [
        "MACs by role",
        f"  attention projections: {4 * D * D:,} n",
        f"  attention products: {2 * D} n^2",
        f"  feed-forward: {2 * D * FF:,} n",
    ]
