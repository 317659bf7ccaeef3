"""The figures of rules of thumb: products written out, and the tools that the rules are from."""

import types

import pytest
import torch
from helpers.tiny_lm import TinyLM
from torch import nn

import hookcount
from hookcount import InputError, Training
from hookcount.analysis.thumb.rules import RULES

IDS = torch.zeros(3, 4, dtype=torch.long)
TOKENS = 3 * 4
WEIGHTS = 2 * (8 * 24 + 8 * 8 + 8 * 32 + 32 * 8)
HEAD = 8 * 32
TABLES = 32 * 8 + 4 * 8
OTHERS = 2 * (24 + 8 + 32 + 8) + (2 * 2 + 1) * 2 * 8  # biases and norms
ATTENTION = 12 * 2 * 2 * 4 * 4  # layers, heads, size of a head, length of a sequence
BY_HAND = {
    "2ND": 2 * TOKENS * (WEIGHTS + HEAD + TABLES + OTHERS),
    "2ND without embeddings": 2 * TOKENS * (WEIGHTS + HEAD + OTHERS),
    "6ND": 6 * TOKENS * (WEIGHTS + HEAD + TABLES + OTHERS),
    "6ND without embeddings": 6 * TOKENS * (WEIGHTS + HEAD + OTHERS),
    "transformers": 6 * TOKENS * (WEIGHTS + HEAD + OTHERS),
    "torchtitan": TOKENS * (6 * (WEIGHTS + HEAD + OTHERS) + ATTENTION),
    "megatron": 6 * TOKENS * (2 * (8 * (8 + 2 * 8 + 8) + 8 * 4 + 2 * 8 * 32) + 8 * 32),
    # 72 B L s h^2 (1 + s / 6h + V / 16Lh), times 96 to have no fractions
    "megatron 2021": 72 * 3 * 2 * 4 * 8**2 * (96 + 2 * 4 + 6 * 32 // (2 * 8)) // 96,
    "2 + recompute": 3 * 2 * (TOKENS * (WEIGHTS + HEAD) + 2 * 2 * (3 * 2 * 4 * 4 * 4)),
}


@pytest.fixture(scope="module")
def report():
    return Training().count(TinyLM(), IDS)


@pytest.mark.parametrize("name", RULES)
def test_a_figure_is_the_product_written_out(report, name):
    found = report.step.rule(name)
    assert found.figure == BY_HAND[name]
    assert sum(found.parts.values()) == found.figure
    assert hookcount.count(TinyLM(), IDS).rule(name) == found


def test_an_estimate_says_what_it_is(report):
    found = report.rule("6ND")
    assert found.n == sum(each.numel() for each in TinyLM().parameters())
    assert (found.tokens, found.unit, found.formula) == (12, "FLOPs", "6 x n x tokens")
    assert "2001.08361" in found.source
    assert str(found) == (
        f"6ND: {BY_HAND['6ND']:,} FLOPs = 6 x n x tokens, with tokens = 12, n = {found.n:,}"
    )
    assert report.rule("2 + recompute").n is None


def test_a_tied_table_counts_once_and_torchtitan_keeps_it():
    tied = Training().count(TinyLM(tied=True), IDS)
    assert tied.rule("6ND").figure == BY_HAND["6ND"] - 6 * TOKENS * HEAD
    assert tied.rule("transformers").figure == BY_HAND["transformers"] - 6 * TOKENS * HEAD
    assert tied.rule("torchtitan").figure == BY_HAND["torchtitan"]


def test_a_table_that_a_function_multiplies_by_is_tied_too():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.linear = nn.Embedding(50, 8), nn.Linear(8, 8, bias=False)

        def forward(self, ids):
            return nn.functional.linear(self.linear(self.table(ids)), self.table.weight)

    found = Training().count(Model(), IDS)
    assert found.step.rule("6ND").figure == found.step.macs * 2 == 6 * TOKENS * (50 * 8 + 8 * 8)
    given = {"layers": 1, "heads": 1, "head_size": 1, "sequence": 1}
    assert found.rule("torchtitan", **given).n == 50 * 8 + 8 * 8
    assert found.rule("6ND without embeddings").n == 8 * 8


def test_checkpointing_is_one_more_forward_of_two_rules():
    class Again(TinyLM):
        def forward(self, ids):
            run = super().forward
            return torch.utils.checkpoint.checkpoint(run, ids, use_reentrant=False)

    found = Training().count(Again(), IDS).step
    assert found.rule("2 + recompute").figure == BY_HAND["2 + recompute"] * 4 // 3
    assert found.rule("megatron 2021").figure == BY_HAND["megatron 2021"] * 4 // 3
    assert found.rule("2 + recompute", recompute=0).figure == BY_HAND["2 + recompute"]
    assert found.rule("6ND").figure == BY_HAND["6ND"]


class TestSideBySide:
    def test_a_row_has_what_was_counted(self, report):
        rows = report.step.by_rule().set_index("rule")
        assert rows["figure"].to_dict() == BY_HAND
        assert rows["counted"].to_dict() == {
            name: 2 * (report.macs if name.startswith("2ND") else report.step.macs)
            for name in BY_HAND
        }
        assert rows.loc["6ND", "ratio"] == BY_HAND["6ND"] / (2 * report.step.macs)
        assert (rows.loc["6ND", "tokens"], rows.loc["megatron", "n"]) == (12, None)
        assert "error" not in rows

    def test_what_is_computed_again_counts_for_rules_that_count_it(self):
        class Again(TinyLM):
            def forward(self, ids):
                run = super().forward
                return torch.utils.checkpoint.checkpoint(run, ids, use_reentrant=False)

        found = Training().count(Again(fused=True), IDS)
        rows = found.step.by_rule().set_index("rule")["counted"]
        assert rows["6ND"] == found.model_flops == BY_HAND["2 + recompute"]
        assert rows["2 + recompute"] == rows["megatron 2021"] == found.hardware_flops
        assert found.hardware_flops > found.model_flops

    def test_without_a_backward_pass_only_a_forward_was_counted(self):
        rows = hookcount.count(TinyLM(), IDS).by_rule().set_index("rule")
        assert rows.loc["2ND", "counted"] is not None
        assert rows.loc["6ND", "counted"] is None
        assert rows["figure"].to_dict() == BY_HAND

    def test_a_rule_that_lacks_a_fact_says_so(self):
        rows = Training().count(nn.Sequential(nn.Linear(8, 4)), torch.zeros(2, 8)).by_rule()
        errors = rows.set_index("rule")["error"]
        assert errors["6ND"] == ""
        assert errors["torchtitan"] == "the number of layers that attend: the run does not show it"
        assert rows.set_index("rule").loc["torchtitan", "figure"] is None


class TestErrors:
    def test_an_unknown_rule(self, report):
        with pytest.raises(InputError, match="'6nd': this names no rule of thumb\n  To fix it"):
            report.rule("6nd")

    def test_a_fact_of_another_rule(self, report):
        with pytest.raises(InputError, match="the rule '6ND' does not use it"):
            report.rule("6ND", heads=2)

    @pytest.mark.parametrize(
        ("facts", "message"),
        [
            ({"token": 3}, "no rule of thumb has such a fact\n  To fix it: use tokens"),
            ({"tokens": 0}, "give an int from 1"),
            ({"tokens": 2.5}, "give an int from 1"),
            ({"tokens": True}, "give an int from 1"),
        ],
    )
    def test_a_fact_that_is_none(self, report, facts, message):
        for of in (report.rule, report.step.reconcile):
            with pytest.raises(InputError, match=message):
                of("6ND", **facts)
        with pytest.raises(InputError, match=message):
            report.by_rule(**facts)

    def test_a_report_of_a_file_has_no_calls(self, report):
        read = hookcount.Report.from_json(report.to_json())
        for of in (lambda: read.rule("6ND"), lambda: read.reconcile("2ND"), read.by_rule):
            with pytest.raises(InputError, match="it holds no calls"):
                of()


def configs():
    transformers = pytest.importorskip("transformers")
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "vocab_size": 96,
        "intermediate_size": 80,
    }
    llama = transformers.LlamaConfig(**sizes, num_key_value_heads=2)
    gpt2 = transformers.GPT2Config(n_layer=3, n_head=4, n_embd=32, vocab_size=96)
    return transformers, {
        "gpt2": (transformers.GPT2LMHeadModel, gpt2),
        "llama": (transformers.LlamaForCausalLM, llama),
        "bert": (transformers.BertForMaskedLM, transformers.BertConfig(**sizes)),
        "t5": (
            transformers.T5ForConditionalGeneration,
            transformers.T5Config(d_model=32, d_ff=80, d_kv=8, num_layers=2, vocab_size=96),
        ),
    }


@pytest.mark.zoo
class TestTransformers:
    """The rules on models of transformers, against its own method and against their configs."""

    @pytest.mark.parametrize("name", ["gpt2", "llama", "bert", "t5"])
    def test_the_method_of_the_trainer_says_the_same(self, name):
        transformers, known = configs()
        make, config = known[name]
        with torch.device("meta"):
            model = make(config)
        inputs = {"input_ids": torch.zeros(2, 24, dtype=torch.long)}
        if name == "t5":
            inputs["decoder_input_ids"] = inputs["input_ids"][:, :10]
        trainer = types.SimpleNamespace(model=model)
        expected = transformers.Trainer.floating_point_ops(trainer, inputs)
        report = Training().count(model, **inputs)
        assert report.step.rule("transformers").figure == expected > 0

    def test_torchtitan_and_megatron_by_the_config(self):
        _, known = configs()
        make, config = known["llama"]
        with torch.device("meta"):
            model = make(config)
        report = Training().count(model, torch.zeros(2, 24, dtype=torch.long))
        size = config.hidden_size // config.num_attention_heads
        elements = sum(each.numel() for each in model.parameters())
        active = elements - model.model.embed_tokens.weight.numel()
        per_token = 6 * active + 12 * config.num_hidden_layers * config.hidden_size * 24
        assert report.rule("torchtitan").figure == per_token * 2 * 24
        forward = 0
        for _ in range(config.num_hidden_layers):
            forward += 2 * 32 * (32 + 2 * 2 * size)  # query; keys and values of two heads
            forward += 2 * 2 * 32 * 24 // 2  # both products, of half of all scores
            forward += 2 * 32 * 32 + 2 * 3 * 32 * config.intermediate_size
        forward += 2 * 32 * config.vocab_size
        assert report.rule("megatron").figure == 3 * forward * 2 * 24

    def test_llama_of_405_billion(self):
        transformers, _ = configs()
        config = transformers.LlamaConfig(
            hidden_size=16384,
            intermediate_size=53248,
            num_hidden_layers=126,
            num_attention_heads=128,
            num_key_value_heads=8,
            vocab_size=128256,
            attn_implementation="eager",  # a fused attention has a fifth product, if it is picked
        )
        with torch.device("meta"):
            model = transformers.LlamaForCausalLM(config)
        ids = torch.zeros(1, 4096, dtype=torch.long)
        report = Training().count(model, ids, use_cache=False)
        layer = 2 * 16384 * 16384 + 2 * 16384 * 8 * 128 + 3 * 16384 * 53248 + 2 * 16384
        table = 128256 * 16384
        rest = 126 * layer + 16384 + table
        assert report.rule("6ND").figure == 6 * 4096 * (rest + table)
        assert report.rule("6ND without embeddings").figure == 6 * 4096 * rest
        attention = 12 * 126 * 16384 * 4096
        assert report.rule("torchtitan").figure == 4096 * (6 * rest + attention)
        scores = 6 * 2 * 126 * 4096**2 * 16384
        lines = report.step.reconcile("6ND").lines
        assert [(line.what, line.difference) for line in lines] == [
            ("attention products", -scores),
            ("embedding tables", 6 * 4096 * table),
            ("norms", 6 * 4096 * (126 * 2 + 1) * 16384),
        ]
