"""``by_role`` of the other phases of a training step: products written out."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount import Training
from hookcount.core.ops import KINDS

B, N, D, H, FF, V = 2, 6, 16, 4, 40, 30
"""Batch, positions, width, heads, inner width, classes or words."""
RUNS = ("shapes", "real")
PHASES = ("backward", "recompute", "optimizer", "step")
PROJECTION, PRODUCT, LAYER = B * N * D * D, B * N * N * D, B * N * D * FF


def training(run="shapes", **options):
    return Training(counter=hookcount.Counter(run=run), **options)


def counted(report, column="macs"):
    """A column by role, where it is not 0. All columns must sum to the totals."""
    frame = report.by_role()
    assert (frame.macs.sum(), frame.flops.sum()) == (report.macs, report.flops)
    assert frame.params.sum() == report.params
    for kind in KINDS[1:]:
        assert frame[kind].sum() == getattr(report.total, kind)
    return {role: n for role, n in zip(frame.role, frame[column], strict=True) if n}


class Attention(nn.Module):
    """Layers for queries, keys and values; the products are separate ops."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(D, D) for _ in range(3))
        self.out = nn.Linear(D, D)

    def heads(self, x):
        return x.view(B, N, H, D // H).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.heads(self.q(x)), self.heads(self.k(x)), self.heads(self.v(x))
        x = (q @ k.transpose(2, 3) / 2).softmax(-1) @ v
        return self.out(x.transpose(1, 2).reshape(B, N, D))


class Fused(Attention):
    def forward(self, x):
        x = F.scaled_dot_product_attention(
            *(self.heads(each(x)) for each in (self.q, self.k, self.v))
        )
        return self.out(x.transpose(1, 2).reshape(B, N, D))


class Functional(nn.Module):
    """One module runs the products with its weights, and those of the attention."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Parameter(torch.zeros(3 * D, D)), nn.Parameter(torch.zeros(D, D))

    def forward(self, x):
        q, k, v = (
            each.view(B, N, H, D // H).transpose(1, 2)
            for each in F.linear(x, self.qkv).chunk(3, -1)
        )
        x = (q @ k.transpose(2, 3)).softmax(-1) @ v
        return F.linear(x.transpose(1, 2).reshape(B, N, D), self.out)


class Heads(nn.MultiheadAttention):
    """torch's own. With ``weights`` it runs no fused kernel."""

    def __init__(self, weights):
        super().__init__(D, H, batch_first=True)
        self.weights = weights

    def forward(self, x):
        return super().forward(x, x, x, need_weights=self.weights)[0]


class Whole(nn.Module):
    """It holds torch's own, whose call has one price."""

    def __init__(self, weights):
        super().__init__()
        self.heads = nn.MultiheadAttention(D, H, batch_first=True)
        self.weights = weights

    def forward(self, x):
        return self.heads(x, x, x, need_weights=self.weights)[0]


class Block(nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(D), attention
        self.feed = nn.Sequential(nn.Linear(D, FF), nn.GELU(), nn.Linear(FF, D))

    def forward(self, x):
        x = x + self.attention(self.norm(x))
        return x + self.feed(x)


class Words(nn.Module):
    """A BERT-like model: its head has the weight of the look-up."""

    def __init__(self, attention, reentrant=None):
        super().__init__()
        self.words, self.block = nn.Embedding(V, D), Block(attention)
        self.head = nn.Linear(D, V, bias=False)
        self.head.weight = self.words.weight
        self.reentrant = reentrant

    def forward(self, ids):
        x = self.words(ids)
        if self.reentrant is None:
            x = self.block(x)
        else:
            x = checkpoint(self.block, x, use_reentrant=self.reentrant)
        return self.head(x)


IDS = torch.zeros(B, N, dtype=torch.long)
ATTENTIONS = {
    "separate": (Attention, 4),
    "functional": (Functional, 4),
    "fused": (Fused, 5),
    "module": (lambda: Heads(True), 4),
    "module, fused": (lambda: Heads(False), 5),
    "one price": (lambda: Whole(True), 4),
    "one price, fused": (lambda: Whole(False), 5),
}
"""By name a class, and the products in the backward pass of its attention."""


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", ATTENTIONS)
def test_the_backward_of_a_transformer(name, run):
    make, products = ATTENTIONS[name]
    report = training(run, optimizer=torch.optim.SGD).count(Words(make()), IDS)
    forward = counted(report)
    assert forward == {
        "attention projections": 4 * PROJECTION,
        "attention products": 2 * PRODUCT,
        "feed-forward": 2 * LAYER,
        "head": B * N * D * V,
    }
    backward = {role: 2 * macs for role, macs in forward.items()}
    assert counted(report.backward) == backward | {"attention products": products * PRODUCT}
    total = {role: forward[role] + macs for role, macs in counted(report.backward).items()}
    assert counted(report.step) == total
    assert report.backward.by_role().attrs["rest"] == ()


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("name", ATTENTIONS)
def test_a_forward_that_runs_again(name, reentrant):
    report = training().count(Words(ATTENTIONS[name][0](), reentrant), IDS)
    forward = counted(report)
    again = {role: macs for role, macs in forward.items() if role != "head"}
    if not reentrant:  # stops before the last product, whose output nothing needs
        again["feed-forward"] -= LAYER
    assert counted(report.recompute) == again
    assert counted(report.recompute, "flops")["norms"] == counted(report, "flops")["norms"]
    assert counted(report.backward)["attention projections"] == 2 * 4 * PROJECTION


def test_the_roles_of_the_forward_are_those_of_a_count():
    for reentrant in (None, True, False):
        model = Words(Attention(), reentrant)
        report = training(optimizer=torch.optim.AdamW).count(model, IDS)
        counts = hookcount.count(model, IDS).by_role()
        assert report.by_role().equals(counts)
        assert report.by_role().attrs["rest"] == counts.attrs["rest"]


def test_a_frozen_role_has_only_the_gradients_of_its_inputs():
    model = Words(Attention())
    model.block.feed.requires_grad_(False)
    report = training().count(model, IDS)
    assert counted(report.backward)["feed-forward"] == 2 * LAYER
    assert counted(report.backward)["attention projections"] == 2 * 4 * PROJECTION


def test_norms_and_look_ups_are_no_contractions():
    report = training().count(Words(Attention()), IDS)
    found = counted(report.backward, "flops")
    norm = report.backward["block.norm"].flops
    assert found["norms"] == norm > 0
    assert found["embeddings"] == report.backward["words"].flops > 0


class Unnamed(nn.Module):
    """Normalizes and activates in one module, whose name says nothing."""

    def forward(self, x):
        return F.layer_norm(x, (D,)).relu()


def test_ops_that_normalize_are_norms_in_any_module():
    report = training().count(nn.Sequential(nn.Linear(D, D), Unnamed()), torch.zeros(B, D))
    charges = [each for each in report.backward.charges() if each.path == "1" and each.ops]
    by_target = {each.target.rpartition("::")[2]: each.ops for each in charges}
    found = report.backward["1"].by_role().set_index("role")
    for kind in KINDS[1:]:
        norm = getattr(by_target["native_layer_norm_backward"], kind)
        assert found[kind]["norms"] == norm
        rest = getattr(by_target["threshold_backward"], kind)
        assert found[kind]["elementwise/other"] == rest
    assert found["flops"]["norms"] > 0 < found["flops"]["elementwise/other"]


def test_an_update_has_the_role_of_its_parameter():
    """AdamW: 14 FLOPs for each element, and one for the step number of each tensor."""
    model = Words(Attention())
    report = training(optimizer=torch.optim.AdamW).count(model, IDS)
    assert counted(report.optimizer, "flops") == {
        "attention projections": 14 * 4 * (D * D + D) + 8,
        "feed-forward": 14 * (2 * D * FF + FF + D) + 4,
        "norms": 14 * 2 * D + 2,
        "embeddings": 14 * V * D + 1,
    }
    assert counted(report.optimizer["block"], "flops")["norms"] == 14 * 2 * D + 2


def test_an_optimizer_with_products():
    muon = getattr(torch.optim, "Muon", None)
    if muon is None:
        pytest.skip("this torch has no Muon")
    model = nn.Sequential(nn.Linear(D, FF, bias=False), nn.ReLU(), nn.Linear(FF, D, bias=False))
    report = training(optimizer=muon).count(nn.Sequential(model), torch.zeros(B, N, D))
    assert counted(report.optimizer) == {"feed-forward": report.optimizer.macs}
    assert report.optimizer.macs > 0


def test_a_part_has_the_roles_of_the_whole():
    report = training(optimizer=torch.optim.SGD).count(Words(Fused()), IDS)
    part = report.step["block"]
    assert counted(part)["attention products"] == (2 + 5) * PRODUCT
    assert "head" not in counted(part)
    assert counted(report["block.feed"].backward) == {"feed-forward": 2 * 2 * LAYER}


@pytest.mark.parametrize("convention", ["torch", "thop", "textbook"])
def test_conventions(convention):
    report = training(optimizer=torch.optim.SGD).count(Words(Fused()), IDS).under(convention)
    for name in PHASES:
        counted(getattr(report, name))


def test_work_outside_of_the_modules():
    model, other = nn.Linear(D, D), nn.Parameter(torch.zeros(D, V))
    with Training().watch(model) as watch:
        (model(torch.zeros(B, D)) @ other).sum().backward()
        torch.optim.SGD([*model.parameters(), other], lr=0.1).step()
    report = watch.report()
    assert counted(report.backward)["other contractions"] == 2 * B * D * V
    (line,) = report.backward.by_role().attrs["rest"]
    assert "outside of every module" in line
    assert counted(report.optimizer, "flops")["elementwise/other"] == 2 * D * V


class Twice(nn.Module):
    """A product with a weight, and a convolution of the same sizes."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(D, D))
        self.kernel = nn.Parameter(torch.zeros(D, D, 1))

    def forward(self, x):
        return F.conv1d((x @ self.weight)[None], self.kernel)[0]


def test_a_product_and_a_convolution_in_one_module():
    report = training().count(nn.Sequential(Twice(), nn.Linear(D, D)), torch.zeros(D, D))
    assert counted(report)["convolution"] == D**3
    # the product's input has no gradient
    assert counted(report.backward)["convolution"] == 2 * D**3
    assert counted(report.backward)["other contractions"] == D**3


class Similar(nn.Module):
    """A product with a weight and a product of activations: the same sizes in another order."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 2))

    def forward(self, x):
        return x.t() @ (x @ self.weight)


def test_a_role_that_shapes_do_not_show_is_named():
    model = nn.Sequential(Similar(), nn.Linear(2, V))
    report = training().count(model, torch.zeros(8, 4))
    both = report["0"].by_role()
    assert sorted(both.macs)[-2:] == [8 * 4 * 2, 8 * 4 * 2]  # two roles
    # the input has no gradient
    assert counted(report.backward)["other contractions"] == 2 * 8 * 4 * 2
    (line,) = report.backward.by_role().attrs["rest"]
    assert "shapes do not show which" in line


# -- models --------------------------------------------------------------------------------------


def test_a_vision_transformer():
    """Of the patches' convolution only the weight has a gradient: the image has none."""
    model = torchvision.models.VisionTransformer(32, 8, 2, H, D, FF, num_classes=V)
    report = training(optimizer=torch.optim.AdamW).count(model, torch.zeros(B, 3, 32, 32))
    positions = 16 + 1
    forward = counted(report)
    assert forward == {
        "attention projections": 2 * 4 * B * positions * D * D,
        "attention products": 2 * 2 * B * positions * positions * D,
        "feed-forward": 2 * 2 * B * positions * D * FF,
        "embeddings": B * 16 * D * 3 * 8 * 8,
        "head": B * D * V,
    }
    assert counted(report.backward) == {
        "attention projections": 2 * forward["attention projections"],
        "attention products": 2 * 5 * B * positions * positions * D,
        "feed-forward": 2 * forward["feed-forward"],
        "embeddings": forward["embeddings"],
        "head": 2 * forward["head"],
    }
    params = counted(report, "params")
    updates = counted(report.optimizer, "flops")
    tensors = {"attention projections": 8, "feed-forward": 8, "head": 2, "embeddings": 3}
    for role, count in tensors.items():
        assert updates[role] == 14 * params[role] + count


def test_a_convolutional_network():
    report = training().count(torchvision.models.resnet18(), torch.zeros(B, 3, 64, 64))
    forward, backward = counted(report), counted(report.backward)
    first = B * 32 * 32 * 64 * (3 * 7 * 7)
    assert backward["convolution"] == 2 * forward["convolution"] - first
    assert backward["head"] == 2 * forward["head"] == 2 * B * 512 * 1000
    assert set(backward) == {"convolution", "head"}


def test_a_recurrent_network():
    model = nn.LSTM(8, 16)
    report = training(loss=lambda out: out[0].sum()).count(model, torch.zeros(5, B, 8))
    # torch's kernel computes the gradient of the input too
    assert counted(report.backward) == {"other contractions": 2 * 5 * B * 4 * 16 * (8 + 16)}
    assert "gates of a recurrent layer" in report.backward.by_role().attrs["rest"][0]


@pytest.mark.zoo
@pytest.mark.parametrize("name", ["Bert", "GPT2", "Llama", "T5"])
def test_models_of_transformers(name):
    transformers = pytest.importorskip("transformers")
    if name == "GPT2":
        size = {"n_embd": 64, "n_layer": 2, "n_head": 4, "bos_token_id": 0, "eos_token_id": 0}
    elif name == "T5":
        size = {"d_model": 64, "num_layers": 2, "num_heads": 4, "d_ff": 128, "d_kv": 16}
    else:
        size = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
        size["intermediate_size"] = 128
    config = getattr(transformers, f"{name}Config")(vocab_size=1000, **size)
    config._attn_implementation = "eager"
    kind = {"Bert": "BertForMaskedLM", "GPT2": "GPT2LMHeadModel", "Llama": "LlamaForCausalLM"}
    model = getattr(transformers, kind.get(name, "T5ForConditionalGeneration"))(config)
    ids = torch.ones(2, 17, dtype=torch.long)
    more = {"decoder_input_ids": ids} if name == "T5" else {}
    report = training(loss=lambda out: out.logits.sum()).count(model, input_ids=ids, **more)
    forward = counted(report)
    assert {"attention projections", "attention products", "feed-forward", "head"} <= {*forward}
    assert counted(report.backward) == {role: 2 * macs for role, macs in forward.items()}
