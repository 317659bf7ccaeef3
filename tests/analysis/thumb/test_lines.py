"""From a counted step to a rule of thumb: the lines sum to the difference, each is written out."""

import copy
import pickle

import pytest
import torch
from helpers.tiny_lm import TinyLM
from torch import nn

import hookcount
from hookcount import InputError, Training
from hookcount.analysis.thumb.rules import RULES

IDS = torch.zeros(3, 4, dtype=torch.long)
D = 3 * 4
PROJECTIONS, FEED, HEAD = 2 * (8 * 24 + 8 * 8), 2 * 2 * 8 * 32, 8 * 32
SCORES = 2 * 2 * (3 * 2 * 4 * 4 * 4)
"""MACs of both products of attention, in two layers: batch, heads, length, length, size."""
TABLES, BIASES, NORMS = 32 * 8 + 4 * 8, 2 * (24 + 8 + 32 + 8), 5 * 2 * 8
STEP = 6 * D * (PROJECTIONS + FEED + HEAD) + 6 * SCORES


def by_line(report, name, **facts):
    """The differences by what and why, once they sum up."""
    found = report.reconcile(name, **facts)
    assert found.start + sum(line.difference for line in found.lines) == found.end
    sizes = [abs(line.difference) for line in found.lines]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 not in sizes
    return {(line.what, line.why): line.difference for line in found.lines}


@pytest.fixture(scope="module")
def step():
    return Training(optimizer=torch.optim.AdamW).count(TinyLM(), IDS).step


NO_PARAMETERS = "not in the rule: they have no parameters"
LOOKED_UP = "rows are looked up, which is no product"
NO_PRODUCT = "they are in no product"
OF_NORMS = "their parameters are in no product"
TIED = "not in the rule: the weight is an embedding table"


class TestByHand:
    def test_6nd(self, step):
        found = step.reconcile("6ND")
        assert (found.start, found.end) == (STEP, step.rule("6ND").figure)
        assert by_line(step, "6ND") == {
            ("embedding tables", LOOKED_UP): 6 * D * TABLES,
            ("biases", NO_PRODUCT): 6 * D * BIASES,
            ("attention products", NO_PARAMETERS): -6 * SCORES,
            ("norms", OF_NORMS): 6 * D * NORMS,
        }

    @pytest.mark.parametrize("name", ["6ND without embeddings", "transformers"])
    def test_a_tied_head_is_not_in_a_rule_without_embeddings(self, name):
        tied = Training().count(TinyLM(tied=True), IDS).step
        assert by_line(tied, name) == {
            ("head", TIED): -6 * D * HEAD,
            ("biases", NO_PRODUCT): 6 * D * BIASES,
            ("attention products", NO_PARAMETERS): -6 * SCORES,
            ("norms", OF_NORMS): 6 * D * NORMS,
        }
        assert by_line(tied, "6ND") == {
            ("embedding tables", LOOKED_UP): 6 * D * 4 * 8,
            ("biases", NO_PRODUCT): 6 * D * BIASES,
            ("attention products", NO_PARAMETERS): -6 * SCORES,
            ("norms", OF_NORMS): 6 * D * NORMS,
        }

    def test_2nd_of_a_forward_and_of_a_step(self, step):
        lines = {
            ("embedding tables", LOOKED_UP): 2 * D * TABLES,
            ("biases", NO_PRODUCT): 2 * D * BIASES,
            ("attention products", NO_PARAMETERS): -2 * SCORES,
            ("norms", OF_NORMS): 2 * D * NORMS,
        }
        assert by_line(hookcount.count(TinyLM(), IDS), "2ND") == lines
        backward = {("backward pass", "not in the rule"): -STEP * 2 // 3}
        assert by_line(step, "2ND") == {**lines, **backward}

    def test_torchtitan(self, step):
        assert by_line(step, "torchtitan") == {
            ("biases", NO_PRODUCT): 6 * D * BIASES,
            ("norms", OF_NORMS): 6 * D * NORMS,
        }

    def test_megatron(self, step):
        half = (
            "0.5 times the products that ran: it counts half of the scores, as with a causal mask"
        )
        assert by_line(step, "megatron") == {("attention products", half): -3 * SCORES}
        paper = (
            "0.75 times the products that ran: as the paper has it for a forward that runs again"
        )
        assert by_line(step, "megatron 2021") == {("head", paper): -6 * D * HEAD // 4}

    def test_2_plus_recompute(self, step):
        assert by_line(step, "2 + recompute") == {}

    def test_a_fused_attention_computes_the_scores_again(self):
        fused = Training().count(TinyLM(fused=True), IDS).step
        again = ("attention products", "the backward pass computes the scores again")
        assert by_line(fused, "2 + recompute") == {again: -SCORES}
        assert by_line(fused, "torchtitan")[again] == -SCORES


class TestBackward:
    def test_the_first_layer_needs_no_gradient_of_its_input(self):
        model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.Linear(16, 4, bias=False))
        step = Training().count(model, torch.zeros(5, 8)).step
        missing = {("other contractions", "an input needs no gradient"): 2 * 5 * 8 * 16}
        assert by_line(step, "6ND") == by_line(step, "2 + recompute") == missing

    def test_frozen_weights_also_with_biases_that_are_trained(self):
        model = TinyLM()
        for name, each in model.named_parameters():
            each.requires_grad_("bias" in name or "tokens" in name)
        frozen = "a frozen weight needs no gradient"
        assert by_line(Training().count(model, IDS).step, "2 + recompute") == {
            ("feed-forward", frozen): 2 * D * FEED,
            ("attention projections", frozen): 2 * D * PROJECTIONS,
            ("head", frozen): 2 * D * HEAD,
        }

    def test_a_layer_beside_a_frozen_one(self):
        class Adapted(nn.Module):
            """A frozen layer of 8 x 16 with an adapter of rank 2."""

            def __init__(self):
                super().__init__()
                self.base = nn.Linear(8, 16, bias=False).requires_grad_(False)
                self.down, self.up = nn.Linear(8, 2, bias=False), nn.Linear(2, 16, bias=False)

            def forward(self, x):
                return self.base(x) + self.up(self.down(x))

        lines = by_line(Training().count(Adapted(), torch.zeros(3, 8)).step, "6ND")
        frozen, inputs = (
            sum(difference for (_, reason), difference in lines.items() if reason == why)
            for why in ("a frozen weight needs no gradient", "an input needs no gradient")
        )
        assert (frozen, inputs) == (2 * 3 * 8 * 16, 2 * 3 * 8 * (16 + 2))
        assert sum(lines.values()) == frozen + inputs

    def test_no_gradient_reaches_a_head_that_the_loss_leaves_out(self):
        class Two(nn.Module):
            def __init__(self):
                super().__init__()
                self.used, self.idle = nn.Linear(8, 4, bias=False), nn.Linear(8, 2, bias=False)

            def forward(self, x):
                return self.used(x), self.idle(x)

        step = Training(loss=lambda out: out[0].sum()).count(Two(), torch.zeros(3, 8)).step
        lines = by_line(step, "6ND")
        why = "no gradient reached it"
        assert sum(lines[each] for each in lines if each[1] == why) == 2 * 2 * 3 * 8 * 2
        assert sum(lines.values()) == 2 * 2 * 3 * 8 * 2 + 2 * 3 * 8 * 4

    def test_a_forward_that_runs_again(self):
        class Again(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed = nn.Embedding(8, 8)
                self.layers = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 8))

            def forward(self, ids):
                x = self.embed(ids)
                return torch.utils.checkpoint.checkpoint(self.layers, x, use_reentrant=True)

        step = Training().count(Again(), IDS).step
        again = 2 * D * 2 * 8 * 16
        why = "not in the rule"
        assert by_line(step, "6ND")["forwards that ran again", why] == -again
        assert by_line(step, "2 + recompute") == {}
        assert by_line(step, "2 + recompute", recompute=0) == {
            ("forwards that ran again", why): -again
        }
        whole = ("forwards that ran again", "the rule counts a whole forward")
        assert by_line(step, "2 + recompute", recompute=2) == {whole: again}

    def test_products_of_an_optimizer_and_of_a_loss(self):
        model = nn.Sequential(nn.Linear(8, 8, bias=False))
        count = Training(loss=lambda out: (out @ out.t()).sum()).count
        loss = by_line(count(model, torch.zeros(3, 8)).step, "6ND")
        # out @ out.t(): its two operands have a gradient
        assert loss["outside of all modules", "not in the rule"] == -6 * 3 * 8 * 3
        if hasattr(torch.optim, "Muon"):
            step = Training(optimizer=torch.optim.Muon).count(model, torch.zeros(3, 8)).step
            lines = by_line(step, "6ND")
            # five steps of Newton-Schulz, each of three products of 8 x 8 x 8
            assert lines["optimizer", "not in the rule"] == -2 * 5 * 3 * 8**3


class TestRulesThatAreBadlyWrong:
    def test_a_convolution_uses_a_weight_at_each_position(self):
        model = nn.Sequential(
            nn.Conv2d(3, 4, 3, bias=False),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 5, bias=False),
        )
        step = Training().count(model, torch.zeros(2, 3, 8, 8)).step
        weights, positions = 4 * 3 * 9, 6 * 6
        times = f"{1 / positions:.4g} times the products that ran"
        assert by_line(step, "6ND") == {
            ("convolution", times): 6 * 2 * weights * (1 - positions),
            ("convolution", "an input needs no gradient"): 2 * 2 * weights * positions,
        }

    def test_an_expert_sees_some_of_the_tokens(self):
        class Mixture(nn.Module):
            """Four experts, each on a quarter of the rows."""

            def __init__(self):
                super().__init__()
                self.embed = nn.Embedding(32, 8)
                self.experts = nn.ModuleList([nn.Linear(8, 8, bias=False) for _ in range(4)])

            def forward(self, ids):
                parts = self.embed(ids).view(-1, 8).chunk(4)
                return torch.cat([mine(x) for mine, x in zip(self.experts, parts, strict=True)])

        step = Training().count(Mixture(), IDS).step
        lines = by_line(step, "6ND without embeddings")
        assert sum(lines.values()) == 6 * D * 8 * 8 * (4 - 1)
        assert by_line(step, "6ND without embeddings", n=8 * 8)[
            "n", "given, not that of the model"
        ] == (-6 * D * 8 * 8 * (4 - 1))

    def test_a_head_on_one_token_of_each_sequence(self):
        class First(TinyLM):
            def forward(self, ids):
                x = self.tokens(ids)
                for layer in self.layers:
                    x = layer(x)
                return self.head(self.norm(x[:, 0]))

        lines = by_line(Training().count(First(), IDS).step, "6ND")
        assert lines["head", "4 times the products that ran"] == 6 * (D - 3) * HEAD


@pytest.mark.parametrize("name", RULES)
def test_passes_add_up(name):
    """A step of four passes has four times the lines of one pass."""
    one = Training().count(TinyLM(), IDS).step
    four = Training(steps=4).count(TinyLM(), IDS).step
    assert four.rule(name).figure == 4 * one.rule(name).figure
    expected = {line: 4 * difference for line, difference in by_line(one, name).items()}
    assert by_line(four, name) == expected


def test_batches_of_other_sizes_in_a_loop():
    model = TinyLM()
    with Training().watch(model) as watch:
        for length in (2, 4):
            model(IDS[:, :length]).sum().backward()
    step = watch.report().step
    tokens = 3 * (2 + 4)
    assert step.rule("6ND").tokens == tokens
    scores = 2 * 2 * 3 * 2 * 4 * (2 * 2 + 4 * 4)
    assert by_line(step, "6ND")["attention products", NO_PARAMETERS] == -6 * scores


@pytest.mark.parametrize("path", ["layers.0", "layers.1.attention", "head", "tokens"])
def test_a_part_has_lines_of_its_own(step, path):
    lines = by_line(step[path], "6ND")
    own = {
        "layers.0": {
            ("biases", NO_PRODUCT): 6 * D * BIASES // 2,
            ("attention products", NO_PARAMETERS): -3 * SCORES,
            ("norms", OF_NORMS): 6 * D * 2 * 2 * 8,
        },
        "layers.1.attention": {
            ("biases", NO_PRODUCT): 6 * D * (24 + 8),
            ("attention products", NO_PARAMETERS): -3 * SCORES,
        },
        "head": {},
        "tokens": {("embedding tables", LOOKED_UP): 6 * D * 32 * 8},
    }
    assert lines == own[path]


def test_copies_and_conventions_change_nothing(step):
    lines = step.reconcile("6ND").lines
    for other in (pickle.loads(pickle.dumps(step)), copy.deepcopy(step), step.under("thop")):
        assert other.reconcile("6ND").lines == lines
    found = pickle.loads(pickle.dumps(step.reconcile("6ND")))
    assert (found.start, found.lines, found.end) == (STEP, lines, step.rule("6ND").figure)


def test_a_convention_is_reconciled_as_before(step):
    found = step.reconcile("torch")
    assert found.end == step.under("torch").headline
    assert found.start + sum(line.difference for line in found.lines) == found.end


def test_the_text_and_the_table(step):
    found = step.reconcile("6ND")
    text = str(found).splitlines()
    assert text[0].split() == ["2", "x", "MACs,", "FLOPs", f"{STEP:,}"]
    assert text[-1].split() == ["6ND,", "FLOPs", f"{found.end:,}"]
    frame = found.to_dataframe()
    assert frame["difference"].sum() == found.end - STEP
    assert frame.attrs == {"start": STEP, "end": found.end}


class TestErrors:
    def test_no_backward_pass_was_counted(self):
        report = hookcount.count(TinyLM(), IDS)
        for each in (report, report.step):
            with pytest.raises(InputError, match=r"no backward pass was counted\n  .*Training"):
                each.reconcile("6ND")

    def test_a_part_of_a_step(self):
        report = Training().count(TinyLM(), IDS)
        with pytest.raises(InputError, match=r"no backward pass\n  .*report\.step"):
            report.reconcile("6ND")
        for name in ("6ND", "2ND"):
            with pytest.raises(InputError, match=r"has no forward\n  .*report\.step"):
                report.backward.reconcile(name)

    def test_a_name_of_nothing(self, step):
        with pytest.raises(InputError, match=r"no convention and no rule of thumb\n.*thop.*'6ND'"):
            step.reconcile("6nd")

    def test_facts_of_a_convention(self, step):
        with pytest.raises(InputError, match="facts go with a rule of thumb only"):
            step.reconcile("thop", tokens=3)

    def test_a_model_without_tokens(self):
        step = Training().count(nn.Sequential(nn.Conv2d(3, 4, 3)), torch.zeros(2, 3, 8, 8)).step
        with pytest.raises(InputError, match=r"the number of tokens: .*\n  .*give tokens=\.\.\."):
            step.reconcile("6ND")
        assert step.rule("6ND", tokens=2).figure == 6 * 2 * (4 * 3 * 9 + 4)
