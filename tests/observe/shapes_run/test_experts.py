"""Mixtures of experts: what runs for the given number of tokens, as products of the configuration's
numbers.

Each token goes through its k experts, whichever they are, so the MACs are tokens x the matrices a
token meets + attention.
"""

import json
import subprocess
import sys

import pytest
import torch

import hookcount

transformers = pytest.importorskip("transformers", minversion="5.0")
pytestmark = pytest.mark.zoo

RUNS = {run: hookcount.Counter(run=run) for run in ("shapes", "real")}


def mixtral_macs(c, batch, tokens):
    """q, k, v, o; the router and k experts of three matrices; the head. Scores and weighted sum,
    over the whole square.
    """
    depth = c.hidden_size // c.num_attention_heads
    attention = (
        2 * c.hidden_size * c.hidden_size + 2 * c.hidden_size * c.num_key_value_heads * depth
    )
    experts = (
        c.hidden_size * c.num_local_experts
        + c.num_experts_per_tok * 3 * c.hidden_size * c.intermediate_size
    )
    per_token = c.num_hidden_layers * (attention + experts) + c.hidden_size * c.vocab_size
    square = c.num_hidden_layers * batch * c.num_attention_heads * tokens * tokens * (depth + depth)
    return batch * tokens * per_token + square


def deepseek_matrices(c):
    """Elements of the matrices that one token meets: latent attention, dense layers, router, k
    routed experts and the shared.
    """
    query = c.hidden_size * c.q_lora_rank + c.q_lora_rank * c.num_attention_heads * (
        c.qk_nope_head_dim + c.qk_rope_head_dim
    )
    latent = c.hidden_size * (c.kv_lora_rank + c.qk_rope_head_dim)
    key_value = c.kv_lora_rank * c.num_attention_heads * (c.qk_nope_head_dim + c.v_head_dim)
    out = c.num_attention_heads * c.v_head_dim * c.hidden_size
    dense = 3 * c.hidden_size * c.intermediate_size
    routed = (
        (c.num_experts_per_tok + c.n_shared_experts) * 3 * c.hidden_size * c.moe_intermediate_size
    )
    sparse = c.hidden_size * c.n_routed_experts + routed
    feed = (
        c.first_k_dense_replace * dense + (c.num_hidden_layers - c.first_k_dense_replace) * sparse
    )
    return (
        c.num_hidden_layers * (query + latent + key_value + out)
        + feed
        + c.hidden_size * c.vocab_size
    )


def deepseek_macs(c, batch, tokens):
    """The matrices, and per head scores of depth nope + rope, a weighted sum of depth v."""
    depths = c.qk_nope_head_dim + c.qk_rope_head_dim + c.v_head_dim
    square = c.num_hidden_layers * batch * c.num_attention_heads * tokens * tokens * depths
    return batch * tokens * deepseek_matrices(c) + square


def small_mixtral():
    return transformers.MixtralConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=50,
        num_local_experts=4,
        num_experts_per_tok=2,
    )


def small_deepseek():
    return transformers.DeepseekV3Config(
        hidden_size=32,
        intermediate_size=40,
        moe_intermediate_size=12,
        num_hidden_layers=3,
        first_k_dense_replace=1,
        num_attention_heads=4,
        num_key_value_heads=4,
        vocab_size=50,
        n_routed_experts=8,
        num_experts_per_tok=2,
        n_group=4,
        topk_group=2,
        n_shared_experts=1,
        q_lora_rank=10,
        kv_lora_rank=6,
        qk_nope_head_dim=8,
        qk_rope_head_dim=4,
        v_head_dim=6,
    )


SMALL = [
    (small_mixtral, "MixtralForCausalLM", mixtral_macs),
    (small_deepseek, "DeepseekV3ForCausalLM", deepseek_macs),
]


def built(config, name, implementation):
    model = getattr(transformers, name)(config).eval()
    model.set_experts_implementation(implementation)
    return model


@torch.no_grad()
@pytest.mark.parametrize("implementation", ["grouped_mm", "batched_mm"])
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("make", "name", "macs"), SMALL)
def test_static_paths_are_the_product(make, name, macs, run, implementation):
    config = make()
    report = RUNS[run].count(built(config, name, implementation), torch.randint(0, 50, (2, 7)))
    assert report.run == run
    assert report.macs == macs(config, 2, 7)
    assert report.uncounted == ()


@torch.no_grad()
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("make", "name", "macs"), SMALL)
def test_the_loop_over_experts_is_the_same_product_whatever_the_routing(make, name, macs, seed):
    config = make()
    torch.manual_seed(seed)
    report = RUNS["real"].count(built(config, name, "eager"), torch.randint(0, 50, (2, 7)))
    assert report.macs == macs(config, 2, 7)
    assert report.uncounted == ()


@pytest.mark.parametrize(("make", "name", "macs"), SMALL)
def test_the_loop_over_experts_needs_no_values(make, name, macs):
    """Shapes alone, on meta, against the real run on random weights: every kind, every expert's
    share.
    """
    config = make()
    model, ids = built(config, name, "eager"), torch.randint(0, 50, (2, 7))
    with torch.no_grad():
        expected = RUNS["real"].count(model, ids)
        found = RUNS["shapes"].count(model.to("meta"), ids)
    assert found.macs == macs(config, 2, 7)
    assert found.total == expected.total
    assert {node.path for node in found.tree if node.calls} == {
        node.path for node in expected.tree if node.calls
    }


SIZES = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 64,
    "num_hidden_layers": 2,
}
FEW = {"num_local_experts": 4, "num_experts_per_tok": 2}
LOOPS = {  # those that have no static path
    "DbrxForCausalLM": {
        "d_model": 32,
        "n_heads": 4,
        "n_layers": 2,
        "max_seq_len": 64,
        "vocab_size": 64,
        "ffn_config": {"ffn_hidden_size": 24, "moe_num_experts": 4, "moe_top_k": 2},
        "attn_config": {"kv_n_heads": 2, "rope_theta": 1e4, "clip_qkv": 8},
    },
    "JetMoeForCausalLM": {**SIZES, **FEW, "intermediate_size": 24, "kv_channels": 8},
    "SwitchTransformersForConditionalGeneration": {
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 24,
        "num_layers": 2,
        "num_decoder_layers": 2,
        "num_sparse_encoder_layers": 1,
        "num_sparse_decoder_layers": 1,
        "num_heads": 4,
        "num_experts": 4,
        "vocab_size": 64,
    },
    "NllbMoeForConditionalGeneration": {
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 24,
        "decoder_ffn_dim": 24,
        "encoder_sparse_step": 1,
        "decoder_sparse_step": 1,
        "num_experts": 4,
        "vocab_size": 64,
    },
    "OpenAIPrivacyFilterForTokenClassification": {
        **SIZES,
        **FEW,
        "intermediate_size": 24,
        "head_dim": 8,
        "num_labels": 3,
    },
}


@torch.no_grad()
@pytest.mark.parametrize("name", LOOPS)
def test_what_can_only_loop(name):
    if not hasattr(transformers, name):
        pytest.skip(f"no {name} in this transformers")
    cls = getattr(transformers, name)
    model = cls(cls.config_class(**LOOPS[name], pad_token_id=0)).eval()
    ids = torch.randint(3, 64, (2, 8))
    options = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
    expected = RUNS["real"].count(model, ids, **options)
    found = RUNS["shapes"].count(model.to("meta"), ids, **options)
    assert (found.run, found.uncounted) == ("shapes", ())
    assert found.total == expected.total


def on_meta(config, name):
    with torch.device("meta"):
        return getattr(transformers, name)(config).eval()


def count_4096_tokens(model):
    report = hookcount.count(model, torch.zeros(1, 4096, dtype=torch.long))
    assert report.run == "shapes"
    assert report.uncounted == ()
    return report


def test_mixtral_8x7b():
    """46.7 B parameters, 12.9 B of them active (Jiang et al., Mixtral of Experts,
    arXiv:2401.04088).
    """
    config = transformers.MixtralConfig()
    assert (
        config.hidden_size,
        config.intermediate_size,
        config.num_hidden_layers,
        config.vocab_size,
    ) == (4096, 14336, 32, 32000)
    report = count_4096_tokens(on_meta(config, "MixtralForCausalLM"))
    assert report.macs == mixtral_macs(config, 1, 4096)
    idle = 32 * (8 - 2) * 3 * 4096 * 14336
    assert round(report.params / 1e9, 1) == 46.7
    assert round((report.params - idle) / 1e9, 1) == 12.9


def test_deepseek_v3():
    """671 B parameters, 37 B activated for each token (DeepSeek-V3 Technical Report,
    arXiv:2412.19437).

    The published 671 B are without the module for multi-token prediction, which transformers does
    not build; the 37 B are the
    matrices that a token meets.
    """
    config = transformers.DeepseekV3Config()
    assert (
        config.hidden_size,
        config.num_hidden_layers,
        config.n_routed_experts,
        config.vocab_size,
    ) == (7168, 61, 256, 129280)
    model = on_meta(config, "DeepseekV3ForCausalLM")
    assert not [name for name, _ in model.named_modules() if "mtp" in name or "eh_proj" in name]
    assert len(model.model.layers) == 61
    report = count_4096_tokens(model)
    assert report.macs == deepseek_macs(config, 1, 4096)
    embedding, norms = 129280 * 7168, 61 * (2 * 7168 + 1536 + 512) + 7168
    idle = (61 - 3) * (256 - 8) * 3 * 7168 * 2048
    assert report.params == deepseek_matrices(config) + idle + embedding + norms
    assert round(report.params / 1e9) == 671
    assert round(deepseek_matrices(config) / 1e9) == 37


GIANT = """
import json, sys, time
import torch, transformers, hookcount

name, sizes = json.loads(sys.argv[1])
config = getattr(transformers, name)(**sizes)
with torch.device("meta"):
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
ids = torch.zeros(1, 4096, dtype=torch.long, device="meta")
found = []
with torch.no_grad():
    for _ in range(2):  # the first count of a process also imports
        began = time.process_time()
        macs = hookcount.count(model, input_ids=ids, use_cache=False).macs
        found.append(time.process_time() - began)
# not ru_maxrss, which begins with the memory of the process that started this one
(peak,) = (int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([macs, min(found), peak * 1024]))
"""
LLAMA_405B = {
    "hidden_size": 16_384,
    "intermediate_size": 53_248,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
    "vocab_size": 128_256,
}
TOKENS = 4_096


def llama_405b():
    """q and o; k and v of 8 heads of 128; three matrices; scores and weighted sum; the head."""
    attention = 2 * 16_384 * 16_384 + 2 * 16_384 * 8 * 128 + 2 * TOKENS * 16_384
    return TOKENS * (126 * (attention + 3 * 16_384 * 53_248) + 16_384 * 128_256)


def mixtral_8x7b():
    """As above with 32 heads of 128, 2 of 8 experts, and the router."""
    attention = 2 * 4_096 * 4_096 + 2 * 4_096 * 8 * 128 + 2 * TOKENS * 4_096
    experts = 2 * 3 * 4_096 * 14_336 + 4_096 * 8
    return TOKENS * (32 * (attention + experts) + 4_096 * 32_000)


def deepseek_v3():
    """61 layers: 3 are dense, and 58 have 8 of 256 experts, one that all share, and the router.

    q goes through 1,536, k and v through 512, with 64 for the positions of all heads. There are 128
    heads, of 128 + 64 for the scores and 128 for the sum.
    """
    queries = 7_168 * 1_536 + 1_536 * 128 * (128 + 64)
    keys = 7_168 * (512 + 64) + 512 * 128 * (128 + 128)
    attention = queries + keys + 128 * 128 * 7_168 + TOKENS * 128 * (128 + 64 + 128)
    experts = 3 * 7_168 * 2_048 * (8 + 1) + 7_168 * 256
    dense = 3 * 7_168 * 18_432
    return TOKENS * (61 * attention + 3 * dense + 58 * experts + 7_168 * 129_280)


GIANTS = {
    "Llama-405B": ("LlamaConfig", LLAMA_405B, llama_405b),
    "Mixtral": ("MixtralConfig", {"sliding_window": None}, mixtral_8x7b),
    "DeepSeek-V3": ("DeepseekV3Config", {}, deepseek_v3),
}


@pytest.mark.parametrize("name", GIANTS)
def test_a_giant_on_meta_is_the_product_by_hand(name):
    config, sizes, product = GIANTS[name]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GIANT, json.dumps([config, sizes])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    macs, seconds, memory = json.loads(done.stdout.splitlines()[-1])
    assert macs == product()
    assert seconds <= 4
    assert memory <= 1.2e9
