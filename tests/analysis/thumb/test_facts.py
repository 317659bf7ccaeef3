"""The facts of rules of thumb: what a run shows of them, and what must be given."""

import pytest
import torch
import torch.nn.functional as F
from helpers.tiny_lm import TinyLM
from torch import nn

import hookcount
from hookcount import InputError

IDS = torch.zeros(3, 4, dtype=torch.long)


def facts(model, *args, rule="megatron", **given):
    return hookcount.count(model, *args).rule(rule, **given).facts


class Grouped(nn.Module):
    """Attention of ``heads`` queries and ``kv_heads`` keys, and a gated feed-forward."""

    def __init__(self, heads, kv_heads, size, hidden, ffn, fused=True):
        super().__init__()
        self.sizes, self.fused = (heads, kv_heads, kv_heads), fused
        self.query = nn.Linear(hidden, heads * size, bias=False)
        self.key = nn.Linear(hidden, kv_heads * size, bias=False)
        self.value = nn.Linear(hidden, kv_heads * size, bias=False)
        self.out = nn.Linear(heads * size, hidden, bias=False)
        self.mlp = Gated(hidden, ffn)

    def forward(self, x):
        layers = (self.query, self.key, self.value)
        query, key, value = (
            layer(x).unflatten(-1, (heads, -1)).transpose(1, 2)
            for layer, heads in zip(layers, self.sizes, strict=True)
        )
        times = self.sizes[0] // self.sizes[1]
        key, value = (each.repeat_interleave(times, 1) for each in (key, value))
        if self.fused:
            mixed = F.scaled_dot_product_attention(query, key, value)
        else:
            mixed = (query @ key.transpose(-1, -2)).softmax(-1) @ value
        return self.mlp(x + self.out(mixed.transpose(1, 2).flatten(2)))


class Gated(nn.Module):
    def __init__(self, hidden, ffn):
        super().__init__()
        self.gate, self.up = nn.Linear(hidden, ffn, bias=False), nn.Linear(hidden, ffn, bias=False)
        self.down = nn.Linear(ffn, hidden, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Decoder(nn.Module):
    def __init__(self, *sizes, layers=3, fused=True):
        super().__init__()
        hidden = sizes[3]
        self.table = nn.Embedding(50, hidden)
        self.layers = nn.ModuleList([Grouped(*sizes, fused=fused) for _ in range(layers)])
        self.head = nn.Linear(hidden, 50, bias=False)

    def forward(self, ids):
        x = self.table(ids)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


@pytest.mark.parametrize("fused", [True, False])
def test_groups_of_heads_and_a_gate(fused):
    ids = torch.zeros(2, 9, dtype=torch.long)
    assert facts(Decoder(6, 2, 4, 20, 28, fused=fused), ids) == {
        "tokens": 2 * 9,
        "sequence": 9,
        "layers": 3,
        "heads": 6,
        "kv_heads": 2,
        "head_size": 4,
        "hidden": 20,
        "ffn": 28,
        "ffn_products": 3,
        "vocab": 50,
    }


def test_a_fact_that_is_given_replaces_what_ran():
    found = facts(TinyLM(), IDS, vocab=128, kv_heads=1, tokens=1000)
    assert (found["vocab"], found["kv_heads"], found["tokens"]) == (128, 1, 1000)
    assert found["sequence"] == 4


class TestTokens:
    def test_the_ids_of_the_input_count_also_if_positions_are_looked_up_first(self):
        class First(TinyLM):
            def forward(self, ids):
                x = self.positions(torch.arange(ids.shape[1])) + self.tokens(ids)
                for layer in self.layers:
                    x = layer(x)
                return self.head(self.norm(x))

        found = facts(First(), IDS)
        assert (found["tokens"], found["vocab"]) == (12, 32)

    def test_without_ids_the_rows_of_the_first_product_count(self):
        class Embedded(TinyLM):
            def forward(self, x):
                x = x + self.positions(torch.arange(x.shape[1]))
                for layer in self.layers:
                    x = layer(x)
                return self.head(self.norm(x))

        found = facts(Embedded(), torch.zeros(5, 4, 8))
        assert (found["tokens"], found["sequence"], found["vocab"]) == (20, 4, 32)

    @pytest.mark.parametrize("change", ["flat", "turned"])
    def test_a_sequence_is_that_of_the_input_also_if_the_ids_are_changed(self, change):
        class Changed(TinyLM):
            def forward(self, ids):
                x = self.tokens(ids.t() if change == "turned" else ids.reshape(-1))
                x = x.transpose(0, 1) if change == "turned" else x.view(3, 4, 8)
                for layer in self.layers:
                    x = layer(x)
                return self.head(self.norm(x))

        found = facts(Changed(), IDS)
        assert (found["tokens"], found["sequence"], found["heads"]) == (12, 4, 2)

    def test_ids_of_which_the_batch_is_last(self):
        class Turned(TinyLM):
            def forward(self, ids):
                return super().forward(ids.t())

        found = facts(Turned(), IDS.t())
        assert (found["tokens"], found["sequence"], found["heads"]) == (12, 4, 2)

    def test_without_ids_a_sequence_is_as_long_as_its_queries(self):
        layer = nn.TransformerEncoderLayer(8, 2, 32, dropout=0)
        report = hookcount.Training().count(layer, torch.zeros(5, 3, 8))  # length, batch, hidden
        found = report.rule("torchtitan").facts
        assert (found["tokens"], found["sequence"], found["heads"]) == (15, 5, 2)

    def test_one_sequence_without_a_batch(self):
        table = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 8))
        ids = torch.zeros(7, dtype=torch.long)
        found = facts(table, ids, rule="torchtitan", layers=1, heads=1, head_size=1)
        assert (found["tokens"], found["sequence"]) == (7, 7)

    def test_a_bag_of_ids(self):
        model = nn.Sequential(nn.EmbeddingBag(9, 8), nn.Linear(8, 4, bias=False))
        report = hookcount.count(model, torch.zeros(3, 5, dtype=torch.long))
        assert report.rule("6ND").tokens == 15
        assert report.rule("6ND without embeddings").n == 8 * 4
        assert report.rule("transformers").n == 8 * 4 + 9 * 8  # this is no nn.Embedding

    def test_rows_of_vectors(self):
        assert facts(nn.Linear(8, 4), torch.zeros(6, 8), rule="6ND") == {"tokens": 6, "n": 36}


def test_layers_that_share_their_weights_count_each_call():
    class Twice(TinyLM):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([self.layers[0], self.layers[0], self.layers[0]])

    found = facts(Twice(), IDS)
    assert (found["layers"], found["kv_heads"], found["ffn_products"]) == (3, 2, 2)


@pytest.mark.parametrize(
    ("model", "args", "rule", "fact"),
    [
        (nn.Conv2d(3, 4, 3), (torch.zeros(1, 3, 8, 8),), "2ND", "tokens"),
        (nn.Linear(8, 4), (torch.zeros(6, 8),), "torchtitan", "layers"),
        (nn.Linear(8, 4), (torch.zeros(6, 8),), "megatron", "hidden"),
        (TinyLM().layers[0].attention, (torch.zeros(3, 4, 8),), "megatron", "ffn"),
        (TinyLM().layers[0], (torch.zeros(3, 4, 8),), "megatron", "vocab"),
    ],
)
def test_a_fact_that_nothing_shows_must_be_given(model, args, rule, fact):
    report = hookcount.count(model, *args)
    with pytest.raises(InputError, match=rf"the run does not show it\n  .*give {fact}=\.\.\."):
        report.rule(rule)


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_each_kind_of_run_shows_the_same(run):
    report = hookcount.Counter(run=run).count(TinyLM(fused=True), IDS)
    expected = {"hidden": 8, "tokens": 12, "heads": 2, "head_size": 4, "layers": 2, "kv_heads": 2}
    expected |= {"sequence": 4, "ffn": 32, "ffn_products": 2, "vocab": 32}
    assert report.rule("megatron").facts == expected
