"""A padding mask makes ``nn.TransformerEncoder`` run on nested tensors: real steps are counted."""

import pickle

import pytest
import torch
from torch import nn

import hookcount

LENGTHS, LONGEST, WIDE, INNER = (10, 4, 4), 10, 16, 32


def encoder(layers=2, **options):
    layer = nn.TransformerEncoderLayer(WIDE, 4, INNER, batch_first=True)
    return nn.TransformerEncoder(layer, layers, **options).eval()


def inputs(device="cpu", lengths=LENGTHS):
    mask = torch.arange(LONGEST)[None] >= torch.tensor(lengths)[:, None]
    return torch.ones(len(lengths), LONGEST, WIDE, device=device), mask


def products(lengths, layers=2):
    """Four projections, two linear layers, and two products of attention with itself."""
    steps = 4 * WIDE * WIDE + 2 * WIDE * INNER
    return layers * sum(length * steps + 2 * length * length * WIDE for length in lengths)


class Around(nn.Module):
    """The encoder gets an activation, which a shapes-only run has on meta."""

    def __init__(self, inner):
        super().__init__()
        self.first, self.inner = nn.Linear(WIDE, WIDE), inner

    def forward(self, x, mask):
        return self.inner(self.first(x), src_key_padding_mask=mask) * 2.0


def ops(report):
    return [
        (run.path, [(op.call.target.name(), op.times) for op in run.ops])
        for run in report.priced.trace.runs
    ]


def test_the_lengths_of_the_issue():
    x, mask = inputs(lengths=(10, 4))
    with torch.no_grad():
        found = hookcount.count(encoder(), x, src_key_padding_mask=mask)
    assert found.macs == products((10, 4)) == 64_768


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_both_runs_count_real_steps(mode):
    model = Around(encoder())
    with mode():
        found = hookcount.Counter(run="shapes").count(model, *inputs())
        expected = hookcount.Counter(run="real").count(model, *inputs())
    own = len(LENGTHS) * LONGEST * WIDE * WIDE
    assert found.macs == expected.macs == own + products(LENGTHS)
    assert ops(found) == ops(expected)
    assert found.total == expected.total
    assert found.by_role()["macs"].sum() == found.macs
    assert pickle.loads(pickle.dumps(found)).macs == found.macs


def test_the_layers_cost_what_each_sequence_costs_alone():
    with torch.no_grad():
        together = hookcount.count(encoder(), inputs()[0], src_key_padding_mask=inputs()[1])
        alone = [hookcount.count(encoder(), torch.ones(1, each, WIDE)) for each in LENGTHS]
    of_layers = "aten::_transformer_encoder_layer_fwd"
    assert together.by_op().set_index("target").loc[of_layers, "muls"] == sum(
        each.total.muls for each in alone
    )


def test_a_model_on_meta_takes_the_lengths_of_a_real_mask():
    x, mask = inputs("meta")
    with torch.no_grad():
        model = Around(encoder()).to("meta")
        assert hookcount.count(model, x, mask).macs == len(LENGTHS) * LONGEST * WIDE**2 + products(
            LENGTHS
        )


@pytest.mark.parametrize("check", [False, True])
def test_a_mask_on_meta_counts_as_if_nothing_were_padding(check):
    x, mask = inputs("meta")
    with torch.no_grad():
        model = encoder(mask_check=check).to("meta")
        found = hookcount.count(model, x, src_key_padding_mask=mask.to("meta"))
    assert found.macs == products([LONGEST] * len(LENGTHS))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad])
def test_steps_that_do_not_come_first_are_counted_whole(mode):
    """There, and with gradients, torch computes the padding too."""
    x, mask = inputs()
    with mode():
        model = Around(encoder())
        found = hookcount.Counter(run="shapes").count(model, x, mask.flip(1))
        expected = hookcount.Counter(run="real").count(model, x, mask.flip(1))
    whole = len(LENGTHS) * LONGEST * WIDE**2 + products([LONGEST] * len(LENGTHS))
    assert found.macs == expected.macs == whole
    assert ops(found) == ops(expected)


@pytest.mark.parametrize(
    ("change", "run"),
    [
        (lambda x: x * 2.0, "shapes"),
        (lambda x: torch.softmax(x, 2) + x, "shapes"),
        (
            lambda x: nn.functional.layer_norm(x, (WIDE,), torch.ones(WIDE), torch.ones(WIDE)),
            "shapes",
        ),
        (lambda x: x + x.sum(-1, keepdim=True).to_padded_tensor(0.0).sum().item(), "real"),
    ],
)
def test_another_op_on_such_a_tensor(change, run):
    class Changes(nn.TransformerEncoderLayer):
        def forward(self, src, *args, **kwargs):
            return change(super().forward(src, *args, **kwargs))

    model = encoder(1)
    model.layers[0].__class__ = Changes
    x, mask = inputs()
    with torch.no_grad():
        found = hookcount.count(Around(model), x, mask)
        expected = hookcount.Counter(run="real").count(Around(model), x, mask)
    assert found.run == run
    assert found.macs == len(LENGTHS) * LONGEST * WIDE**2 + products(LENGTHS, 1)
    assert found.total == expected.total
