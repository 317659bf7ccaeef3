"""Attention in a shapes-only run: the ops of a real run, in every grad mode."""

import contextlib
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import hookcount
from hookcount.observe.shapes_run.attention import FOLLOWS_TRANSFORMS, Attention, as_on_the_device
from hookcount.observe.shapes_run.memo import Memo

by_another_name = F.scaled_dot_product_attention
MODES = (torch.enable_grad, torch.no_grad, torch.inference_mode)
FUSED = "aten::_scaled_dot_product_flash_attention_for_cpu"


def ops(report):
    """Per run of a module, its ops with their times."""
    return [
        (run.path, [(op.call.target.name(), op.times, op.called) for op in run.ops])
        for run in report.priced.trace.runs
    ]


def rows(report):
    return [(node.path, node.calls, node.own, node.inputs, node.outputs) for node in report.tree]


def both(model, *args):
    """A shapes-only count, which must equal the real one in rows and ops."""
    found = hookcount.Counter(run="shapes").count(model, *args)
    expected = hookcount.Counter(run="real").count(model, *args)
    assert ops(found) == ops(expected)
    assert rows(found) == rows(expected)
    return found


class Attends(nn.Module):
    """Makes q, k and v, and attends. A ``mask`` stays a constant."""

    def __init__(self, keys=4, depth=16, attend=None, block=contextlib.nullcontext, **options):
        super().__init__()
        self.q = nn.Linear(8, 4 * 16)
        self.k = nn.Linear(8, keys * 16)
        self.v = nn.Linear(8, keys * depth)
        self.attend, self.block, self.options = attend, block, options

    def forward(self, x, mask=None):
        q, k, v = (each.unflatten(-1, (-1, 16)) for each in (self.q(x), self.k(x), self.v(x)))
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        attend = self.attend or F.scaled_dot_product_attention
        with self.block():
            out = attend(q, k, v, attn_mask=mask, **self.options)
        return out.transpose(1, 2).flatten(2)


def of_math():
    return sdpa_kernel(SDPBackend.MATH)


CASES = {
    "plain": (Attends(), ()),
    "causal": (Attends(is_causal=True), ()),
    "scaled": (Attends(scale=0.5), ()),
    "a mask to add": (Attends(), (torch.zeros(5, 5),)),
    "a mask of each batch": (Attends(), (torch.zeros(3, 1, 5, 5),)),
    "a mask of truths": (Attends(), (torch.ones(5, 5, dtype=torch.bool),)),
    "grouped": (Attends(keys=2, enable_gqa=True), ()),
    "dropout": (Attends(dropout_p=0.5), ()),
    "separate ops asked for": (Attends(block=of_math), ()),
    "by another name": (Attends(attend=by_another_name), ()),
    "as the op": (Attends(attend=torch.ops.aten.scaled_dot_product_attention.default), ()),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_a_call_runs_as_the_ops_of_a_real_run(name, mode):
    model, args = CASES[name]
    with mode():
        found = both(model, torch.ones(3, 5, 8), *args)
    ran = {op for _, each in ops(found) for op, _, _ in each}
    in_parts = {"dropout", "separate ops asked for", *([] if is_fused(2, True) else ["grouped"])}
    assert (FUSED in ran) == (name not in in_parts)


def is_fused(keys, grouped=False):
    """What torch answers for 4 heads of queries: torch 2.6 fuses only as many heads of keys."""
    q, k = torch.ones(3, 4, 5, 16), torch.ones(3, keys, 5, 16)
    return torch._fused_sdp_choice(q, k, k, enable_gqa=grouped) != 0


@pytest.mark.skipif(not is_fused(1), reason="this torch runs it as separate ops")
@pytest.mark.parametrize("mode", MODES)
def test_one_key_head_serves_all_query_heads(mode):
    """As in Falcon. q, and k of each of the 4 query heads, are scaled: 4 (5 + 5) 16 muls a batch.

    A softmax has no muls.
    """
    with mode():
        found = both(Attends(keys=1), torch.ones(3, 5, 8))
    assert found.by_op().set_index("target").loc[FUSED, "muls"] == 3 * 4 * (5 + 5) * 16


def test_a_model_on_meta_runs_as_on_the_cpu():
    with torch.no_grad():
        on_meta = hookcount.count(Attends().to("meta"), torch.ones(3, 5, 8, device="meta"))
        assert ops(on_meta) == ops(hookcount.Counter(run="real").count(*given(Attends())))


def given(model):
    return model, torch.ones(3, 5, 8)


class ConstantKey(nn.Module):
    def __init__(self):
        super().__init__()
        self.q = nn.Linear(16, 16)
        self.seed = nn.Parameter(torch.ones(1, 1, 2, 16))

    def forward(self, x):
        key = torch.arange(32.0).view(1, 1, 2, 16)
        mixed = F.scaled_dot_product_attention(self.q(x), key, key)
        return F.scaled_dot_product_attention(self.seed, mixed, mixed)


@pytest.mark.parametrize("mode", MODES)
def test_a_key_that_is_a_constant_or_a_parameter(mode):
    with mode():
        both(ConstantKey(), torch.ones(1, 1, 3, 16))


class GivenKey(nn.Module):
    """Without heads, attention runs as separate ops."""

    def forward(self, x):
        return F.scaled_dot_product_attention(x.relu(), x, x)


@pytest.mark.parametrize("mode", MODES)
def test_a_second_count_of_attention_to_an_input(mode):
    counter, x = hookcount.Counter(run="shapes"), torch.ones(1, 3, 16)
    with mode():
        model = GivenKey()
        first, second = counter.count(model, x), counter.count(model, x)
        assert ops(first) == ops(second) == ops(both(model, x))


class AttendsTo(nn.Module):
    """Attends to its inputs as they are, then to an activation."""

    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, q, k, mask=None):
        out = F.scaled_dot_product_attention(q, k, k, attn_mask=mask, **self.options)
        F.scaled_dot_product_attention(q, torch.ones_like(k), k, attn_mask=mask, **self.options)
        return F.scaled_dot_product_attention(q, out, k * 1.0)


INPUTS = {
    "two axes": ((3, 8), (), {}),
    "three axes": ((2, 3, 8), (), {}),
    "three axes and a mask": ((2, 3, 8), (torch.zeros(3, 3),), {}),
    "three axes and dropout": ((2, 3, 8), (), {"dropout_p": 0.5}),
    "four axes": ((2, 2, 3, 8), (), {}),
    "four axes and a mask": ((2, 2, 3, 8), (torch.ones(3, 3, dtype=torch.bool),), {}),
    "five axes": ((2, 2, 2, 3, 8), (), {}),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", INPUTS)
def test_inputs_attend_without_a_layer_before(name, mode):
    shape, mask, options = INPUTS[name]
    with mode():
        found = both(AttendsTo(**options), torch.ones(shape), torch.ones(shape), *mask)
    # 3 x 3 products of 8 twice, per head and batch, in each of the 3 calls
    assert found.macs == 3 * 2 * 3 * 3 * 8 * math.prod(shape[:-2])


def of_itself(x):
    return F.scaled_dot_product_attention(x, x, x)


TRANSFORMS = {
    "grad": lambda x: torch.func.grad(lambda y: of_itself(y).sum())(x),
    "jacrev": lambda x: torch.func.jacrev(lambda y: of_itself(2 * y).sum())(x),
    "vjp": lambda x: torch.func.vjp(of_itself, x)[1](x),
    "grad of grad": lambda x: torch.func.grad(
        lambda y: torch.func.grad(lambda z: z.sum())(y).sum()
    )(of_itself(x)),
}


class Transformed(nn.Module):
    def __init__(self, transform):
        super().__init__()
        self.transform = transform

    def forward(self, x):
        return self.transform(x)


@pytest.mark.skipif(not FOLLOWS_TRANSFORMS, reason="this torch runs it as separate ops on meta")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_derivative_by_a_transform_is_that_of_the_fused_op(name, mode):
    with mode():
        found = both(Transformed(TRANSFORMS[name]), torch.ones(2, 4, 3, 16))
    # 4 heads of 2 batches: two products forward, and five backward, which computes one again
    assert found.macs == (2 if name == "grad of grad" else 7) * 2 * 4 * 3 * 3 * 16


def test_examples_of_vmap_are_counted_in_parts():
    model = Transformed(torch.vmap(of_itself))
    found, expected = (
        hookcount.Counter(run=run).count(model, torch.ones(5, 2, 4, 3, 16))
        for run in ("shapes", "real")
    )
    assert found.total == expected.total
    assert found.macs == 5 * 2 * 4 * 2 * 3 * 3 * 16


class Differentiates(Attends):
    def forward(self, x, mask=None):
        x = (x * 1.0).requires_grad_()
        (grad,) = torch.autograd.grad(super().forward(x, mask).sum(), x)
        return grad


def test_gradients_pass_through_fused_attention():
    assert any(
        op == FUSED + "_backward"
        for _, each in ops(both(*given(Differentiates())))
        for op, _, _ in each
    )


LAYERS = {
    "self-attention": nn.Sequential(
        nn.Linear(8, 8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    ),
    "encoder": nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
    ),
    "decoder": nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_fused_where_a_real_run_fuses_it(name, training, mode):
    x = torch.ones(3, 5, 8)
    with mode():
        both(LAYERS[name].train(training), *((x, x) if name == "decoder" else (x,)))


@pytest.mark.parametrize("mode", MODES)
def test_a_layer_beside_a_recurrent_one(mode):
    """For the recurrent one hookcount has a mode for functions, which would open the layer."""

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.GRU(8, 8, batch_first=True)
            self.second = LAYERS["encoder"]

        def forward(self, x):
            return self.second(self.first(x)[0])

    with mode():
        found, expected = (
            hookcount.Counter(run=run).count(Both().eval(), torch.ones(3, 5, 8))
            for run in ("shapes", "real")
        )
    assert rows(found) == rows(expected)
    assert [each for each in ops(found) if each[0] != "first"] == [
        each for each in ops(expected) if each[0] != "first"
    ]


def test_weights_of_fused_attention():
    class Weights(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            x = x * 1.0
            out, weights = self.attention(x, x, x)
            return out, weights * 2.0

    with torch.no_grad():
        both(Weights().eval(), torch.ones(3, 5, 8))


class AttendsToInputs(nn.Module):
    """Attends to the inputs themselves."""

    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, *tensors):
        return F.scaled_dot_product_attention(*tensors, **self.options)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"is_causal": True},
        {"dropout_p": 0.5},
        {"attn_mask": torch.ones(3, 6, dtype=torch.bool)},
    ],
)
@pytest.mark.parametrize("batch", [(4,), (2, 4), ()])
def test_inputs_without_a_dimension_of_heads(batch, options, mode):
    """torch 2.14 adds the dimension by views. These are on meta where the inputs are real."""
    query, key = torch.ones(*batch, 3, 8), torch.ones(*batch, 6, 8)
    with mode():
        real = hookcount.Counter(run="real").count(AttendsToInputs(**options), query, key, key)
        shapes = hookcount.count(AttendsToInputs(**options), query, key, key)
    assert shapes.run == "shapes"
    assert shapes.records == real.records


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_mask_that_torch_makes_of_causal_attention_is_not_computed(device, monkeypatch):
    """With dropout, attention on the CPU is separate ops. They make a mask of length x length."""
    from hookcount.observe.undo.guard import Guard

    computed = []

    def run(guard, op, facts, args, kwargs):
        computed.append(facts.name)
        return own(guard, op, facts, args, kwargs)

    own = Guard.run
    monkeypatch.setattr(Guard, "run", run)
    model = Attends(is_causal=True, dropout_p=0.5).to(device)
    report = hookcount.count(model, torch.ones(2, 5, 8, device=device))
    assert report.run == "shapes"
    ran = {str(op.call.target) for each in report.priced.trace.runs for op in each.ops}
    assert "aten.tril.default" in ran
    assert computed == []


def test_a_path_is_looked_for_once_per_distinct_call(monkeypatch):
    from hookcount.observe.shapes_run import attention

    looked = []

    def path_on(*args):
        looked.append(1)
        return own(*args)

    own = attention.path_on
    monkeypatch.setattr(attention, "path_on", path_on)
    model = nn.Sequential(nn.Linear(8, 8), Attends(), nn.Linear(64, 8), Attends())
    counter = hookcount.Counter()
    for _ in range(2):
        counter.count(model, torch.ones(3, 5, 8))
    assert len(looked) == 1


def test_a_wrong_call_raises_torchs_own_error():
    model = Attends(keys=3)
    with pytest.raises(RuntimeError) as expected:
        model(torch.ones(3, 5, 8))
    with pytest.raises(RuntimeError) as found:
        hookcount.count(model, torch.ones(3, 5, 8))
    assert str(found.value).splitlines()[0] == str(expected.value).splitlines()[0]


def test_torch_is_as_it_was_afterwards():
    def has_kernel():
        name = "aten::scaled_dot_product_attention"
        return torch._C._dispatch_has_kernel_for_dispatch_key(name, "AutogradMeta")

    name = torch.utils.backend_registration._privateuse1_backend_name
    before, function = has_kernel(), torch.overrides.has_torch_function
    q = torch.ones(1, 2, 3, 4, device="meta")
    with as_on_the_device():
        assert torch.utils.backend_registration._privateuse1_backend_name != "meta"
        assert F.scaled_dot_product_attention(q, q, q).shape == q.shape
    assert has_kernel() is before
    assert torch.overrides.has_torch_function is function
    assert torch.utils.backend_registration._privateuse1_backend_name is name


@pytest.mark.parametrize(("device", "known"), [("cpu", True), ("cuda", False)])
def test_the_path_of_jagged_tensors_on_a_gpu_is_not_guessed(device, known):
    class Placed:
        """Data on a device that this machine may lack."""

        def __init__(self):
            self.device = torch.device(device)

        def needed(self, what):
            return hookcount.DataNeededError(what)

    refused = pytest.raises(hookcount.DataNeededError, match="depends on the GPU")
    with contextlib.nullcontext() if known else refused:
        Attention(Placed(), Memo()).on_jagged()
