"""A forward on a GPU: a count on shapes has the rows of the real run, and uses no memory there."""

import pytest
import torch
from gpu.equal import GPU, same_forward
from torch import nn
from torch.nn import functional as F

import hookcount

pytestmark = pytest.mark.gpu

CLASSIFIERS = (
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3"),
    *("maxvit_t", "mnasnet1_0", "mobilenet_v2", "mobilenet_v3_large", "regnet_y_400mf"),
    *("resnet50", "resnext50_32x4d", "shufflenet_v2_x1_0", "squeezenet1_1", "swin_t"),
    *("swin_v2_t", "vgg11_bn", "vit_b_16"),
)
OTHERS = {
    "deeplabv3_resnet50": (1, 3, 128, 160),
    "lraspp_mobilenet_v3_large": (1, 3, 128, 160),
    "r3d_18": (1, 3, 8, 112, 112),
    "mvit_v2_s": (1, 3, 16, 224, 224),
    "swin3d_t": (1, 3, 8, 112, 112),
}


def built(name):
    models = pytest.importorskip("torchvision.models")
    options = {}
    if name.startswith(("deeplab", "lraspp")):
        options = {"weights_backbone": None}
    elif name in ("googlenet", "inception_v3"):
        options = {"init_weights": False}
    with torch.device(GPU):
        return models.get_model(name, **options).eval()


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_classifiers(name, layout):
    side = 299 if name == "inception_v3" else 224
    x = torch.randn(2, 3, side, side, device=GPU).to(memory_format=layout)
    same_forward(built(name).to(memory_format=layout), x)


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_of_torchvision(name):
    same_forward(built(name), torch.randn(OTHERS[name], device=GPU))


@pytest.mark.parametrize("name", ["resnet50", "vit_b_16", "swin_t", "convnext_tiny"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(name, dtype):
    x = torch.randn(2, 3, 224, 224, device=GPU, dtype=dtype)
    same_forward(built(name).to(dtype), x)


@pytest.mark.parametrize("name", ["resnet50", "vit_b_16", "swin_t", "mobilenet_v3_large"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast(name, dtype):
    x = torch.randn(2, 3, 224, 224, device=GPU)
    with torch.autocast(GPU.type, dtype=dtype):
        same_forward(built(name), x)


class Attends(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, **self.options)


# the queries, the keys; then options
ATTENTION = {
    "plain": ((2, 4, 64, 64), (2, 4, 64, 64), {}),
    "causal": ((2, 4, 64, 64), (2, 4, 64, 64), {"is_causal": True}),
    "of other lengths": ((2, 4, 1, 64), (2, 4, 33, 64), {}),
    "odd head": ((2, 4, 33, 36), (2, 4, 33, 36), {}),
    "wide head": ((1, 2, 32, 256), (1, 2, 32, 256), {}),
    "very wide head": ((1, 2, 32, 512), (1, 2, 32, 512), {}),
    "long": ((1, 2, 2048, 64), (1, 2, 2048, 64), {"is_causal": True}),
    "dropout": ((2, 4, 64, 64), (2, 4, 64, 64), {"dropout_p": 0.1}),
    "grouped": ((2, 8, 64, 64), (2, 2, 64, 64), {"enable_gqa": True}),
    "three axes": ((4, 64, 64), (4, 64, 64), {}),
    "one head of odd size": ((2, 1, 10, 3), (2, 1, 10, 3), {}),
}
MASKED = ("plain", "of other lengths", "long")
KINDS = [(name, masked) for name in ATTENTION for masked in (False, True)]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("name", "masked"), [(n, m) for n, m in KINDS if not m or n in MASKED])
def test_attention(name, masked, dtype, training):
    of_queries, of_keys, options = ATTENTION[name]
    if masked:
        shape = (*of_queries[:-1], of_keys[-2])
        options = {"attn_mask": torch.zeros(shape, device=GPU, dtype=dtype)}
    made = {"device": GPU, "dtype": dtype, "requires_grad": training}
    q, k, v = (torch.randn(shape, **made) for shape in (of_queries, of_keys, of_keys))
    same_forward(Attends(**options), q, k, v, training=training)


LAYERS = {
    "LSTM": (nn.LSTM, {}),
    "LSTM, two directions": (nn.LSTM, {"bidirectional": True, "num_layers": 2}),
    "LSTM with projections": (nn.LSTM, {"proj_size": 8}),
    "LSTM with dropout": (nn.LSTM, {"num_layers": 2, "dropout": 0.1}),
    "GRU": (nn.GRU, {"batch_first": True}),
    "GRU without biases": (nn.GRU, {"bias": False, "bidirectional": True}),
    "RNN": (nn.RNN, {}),
    "RNN with relu": (nn.RNN, {"nonlinearity": "relu", "num_layers": 2}),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("length", [5, 100])
@pytest.mark.parametrize("name", LAYERS)
def test_recurrent_layers(name, length, training):
    kind, options = LAYERS[name]
    layer = kind(12, 16, **options).to(GPU).train(training)
    same_forward(layer, torch.randn(length, 3, 12, device=GPU), training=training)


def test_packed_sequences():
    layer = nn.LSTM(12, 16).to(GPU)
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(5, 3, 12, device=GPU), [5, 4, 1])
    same_forward(layer, packed)


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
@pytest.mark.parametrize("training", [False, True])
def test_cells(cell, training):
    same_forward(cell(12, 16).to(GPU), torch.randn(3, 12, device=GPU), training=training)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("weights", [False, True])
def test_multihead_attention(weights, training, dtype):
    module = nn.MultiheadAttention(64, 4, batch_first=True, device=GPU, dtype=dtype)
    x = torch.randn(2, 10, 64, device=GPU, dtype=dtype)
    same_forward(module.train(training), x, x, x, need_weights=weights, training=training)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("training", [False, True])
def test_transformer_encoder(training, dtype, activation):
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, activation=activation)
    model = nn.TransformerEncoder(layer, 2).to(GPU, dtype).train(training)
    same_forward(model, torch.randn(2, 10, 64, device=GPU, dtype=dtype), training=training)


def test_a_padded_batch_in_an_encoder():
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).to(GPU).eval()
    padding = torch.zeros(2, 10, dtype=torch.bool, device=GPU)
    padding[1, 7:] = True
    x = torch.randn(2, 10, 64, device=GPU)
    with torch.no_grad():
        auto = hookcount.count(model, x, src_key_padding_mask=padding)
        real = hookcount.Counter(run="real").count(model, x, src_key_padding_mask=padding)
    assert (auto.macs, auto.uncounted) == (real.macs, real.uncounted)


class Composites(nn.Module):
    """Functions that torch opens by the device, or prices by it."""

    def forward(self, x):
        parts = [F.batch_norm(x, None, None, training=True), F.group_norm(x, 2), F.gelu(x)]
        parts += [F.instance_norm(x), F.interpolate(x, size=x.shape[2:], mode="bilinear")]
        parts += [F.layer_norm(x, x.shape[1:]), F.avg_pool2d(x, 3, 1, 1), F.softmax(x, 1)]
        parts += [F.grid_sample(x, torch.zeros(*x.shape[:1], *x.shape[2:], 2, device=x.device))]
        return sum(parts), torch.fft.rfft2(x), x.sort().values, x.cumsum(1), x.topk(2).values


def test_functions():
    same_forward(Composites(), torch.randn(2, 4, 8, 8, device=GPU))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Conv2d(8, 8, 3, groups=8),
        lambda: nn.Conv2d(8, 16, 3, padding=2, dilation=2),
        lambda: nn.ConvTranspose2d(8, 8, 3, stride=2, groups=4),
        lambda: nn.Conv2d(8, 8, 3, padding="same", padding_mode="reflect"),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_convolutions(make, training):
    x = torch.randn(2, 8, 12, 12, device=GPU, requires_grad=training)
    same_forward(make().to(GPU), x, training=training)


def test_a_linear_of_a_half_whose_gelu_is_fused():
    model = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.ReLU())
    same_forward(model.to(GPU, torch.bfloat16), torch.ones(4, 64, device=GPU).bfloat16())


def test_a_product_of_eight_bits():
    class Product(nn.Module):
        def forward(self, x, w):
            one = torch.ones((), device=x.device)
            return torch._scaled_mm(x, w.t(), one, one, out_dtype=torch.bfloat16)

    x = torch.zeros(32, 64, device=GPU).to(torch.float8_e4m3fn)
    w = torch.zeros(48, 64, device=GPU).to(torch.float8_e4m3fn)
    if GPU.type == "cuda" and torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("no products of eight bits")
    assert same_forward(Product(), x, w).macs == 32 * 48 * 64


def test_a_product_of_int8():
    class Product(nn.Module):
        def forward(self, x, w):
            return torch._int_mm(x, w)

    x = torch.zeros(32, 64, device=GPU, dtype=torch.int8)
    w = torch.zeros(64, 48, device=GPU, dtype=torch.int8)
    assert same_forward(Product(), x, w).macs == 32 * 48 * 64


def test_a_count_on_shapes_takes_no_memory_and_waits_for_nothing():
    model, x = built("resnet50"), torch.randn(8, 3, 224, 224, device=GPU)
    if GPU.type != "cuda":
        pytest.skip("of the memory of a GPU")
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    torch.cuda.set_sync_debug_mode("error")
    try:
        report = hookcount.count(model, x)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert report.run == "shapes"
    assert torch.cuda.max_memory_allocated() == before
    assert report.macs == 8 * hookcount.count(model.to("meta"), x[:1].to("meta")).macs


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "t5", "whisper"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_transformers(name, attention):
    transformers = pytest.importorskip("transformers")
    from training.text import SMALL

    small = SMALL[name]
    cls = getattr(transformers, small.type)
    config = cls.config_class(**{**small.config, "attn_implementation": attention})
    model = cls(config).to(GPU).eval()
    ids = torch.zeros(2, 12, dtype=torch.long, device=GPU)
    given = {"input_ids": ids}
    if name == "t5":
        given["decoder_input_ids"] = ids
    if name == "whisper":
        given = {"input_features": torch.zeros(2, 80, 100, device=GPU), "decoder_input_ids": ids}
    same_forward(model, **given)
