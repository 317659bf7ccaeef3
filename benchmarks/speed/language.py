"""Counts of the largest published language models, built on the meta device.

Measured are the time, the memory, and how the time grows with layers and tokens.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lib.apart import apart, peak_bytes
from lib.rounds import Times, in_turns
from lib.sheet import Figure, Outcome, Sheet, at_most

LLAMA, DEEPSEEK = "Llama-3.1-405B", "DeepSeek-V3 671B"

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    # https://huggingface.co/meta-llama/Llama-3.1-405B/blob/main/config.json
    LLAMA: (
        "Llama",
        {
            "hidden_size": 16384,
            "intermediate_size": 53248,
            "num_hidden_layers": 126,
            "num_attention_heads": 128,
            "num_key_value_heads": 8,
            "vocab_size": 128256,
            "max_position_embeddings": 131072,
            "rms_norm_eps": 1e-5,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
        },
    ),
    # https://huggingface.co/deepseek-ai/DeepSeek-V3/blob/main/config.json
    DEEPSEEK: (
        "DeepseekV3",
        {
            "hidden_size": 7168,
            "intermediate_size": 18432,
            "moe_intermediate_size": 2048,
            "num_hidden_layers": 61,
            "first_k_dense_replace": 3,
            "num_attention_heads": 128,
            "num_key_value_heads": 128,
            "q_lora_rank": 1536,
            "kv_lora_rank": 512,
            "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64,
            "v_head_dim": 128,
            "n_routed_experts": 256,
            "n_shared_experts": 1,
            "num_experts_per_tok": 8,
            "n_group": 8,
            "topk_group": 4,
            "norm_topk_prob": True,
            "routed_scaling_factor": 2.5,
            "vocab_size": 129280,
            "max_position_embeddings": 163840,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 40.0,
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "mscale": 1.0,
                "mscale_all_dim": 1.0,
                "original_max_position_embeddings": 4096,
            },
        },
    ),
}
TOKENS = 4096
LAYERS = (2, 4, 8, 16, 32, 64, 126)
LENGTHS = tuple(1024 * 2**power for power in range(8))


@dataclass(frozen=True)
class Row:
    """A model counted in a fresh process.

    ``first`` is the time of the first count there, ``later`` the median of further ones; both in
    seconds.
    """

    model: str
    params: int
    macs: int
    first: float
    later: float
    bytes_before: int
    bytes_peak: int

    def cells(self) -> tuple[str, ...]:
        figures = (
            f"{self.params / 1e9:.1f}",
            f"{self.macs / 1e12:.0f}",
            f"{self.first:.2f}",
            f"{self.later:.2f}",
        )
        return (
            self.model,
            *figures,
            f"{self.bytes_before / 1e9:.2f}",
            f"{self.bytes_peak / 1e9:.2f}",
        )


def _on_meta(name: str, **changed: Any) -> Any:
    import torch
    import transformers

    kind, config = CONFIGS[name]
    with torch.device("meta"):
        return getattr(transformers, f"{kind}ForCausalLM")(
            getattr(transformers, f"{kind}Config")(**{**config, **changed})
        ).eval()


def measure(name: str, rounds: int) -> Iterator[Row]:
    import torch

    import hookcount

    model, ids = _on_meta(name), torch.zeros(1, TOKENS, dtype=torch.long, device="meta")
    before = peak_bytes()
    with torch.no_grad():
        start = time.perf_counter()
        report = hookcount.count(model, ids)
        first = time.perf_counter() - start
        report.require_complete()
        later = in_turns({"count": lambda: hookcount.count(model, ids)}, rounds).median("count")
    yield Row(name, report.params, report.macs, first, later, before, peak_bytes())


def measure_layers(rounds: int) -> Iterator[Times]:
    import torch

    import hookcount

    ids = torch.zeros(1, TOKENS, dtype=torch.long, device="meta")
    models = {str(layers): _on_meta(LLAMA, num_hidden_layers=layers) for layers in LAYERS}
    with torch.no_grad():
        yield in_turns(
            {
                name: lambda model=model: hookcount.count(model, ids)
                for name, model in models.items()
            },
            rounds,
        )


def measure_lengths(rounds: int) -> Iterator[Times]:
    import torch

    import hookcount

    model = _on_meta(LLAMA)
    inputs = {
        str(tokens): torch.zeros(1, tokens, dtype=torch.long, device="meta") for tokens in LENGTHS
    }
    with torch.no_grad():
        yield in_turns(
            {name: lambda ids=ids: hookcount.count(model, ids) for name, ids in inputs.items()},
            rounds,
        )


def part(rounds: int) -> Outcome:
    if importlib.util.find_spec("transformers") is None:
        return Outcome(
            (Sheet("Large language models", ("transformers is not installed: not measured",), ()),)
        )
    rows = [row for name in CONFIGS for row in apart(measure, name, rounds)]
    (by_layers,) = apart(measure_layers, rounds)
    (by_length,) = apart(measure_lengths, rounds)
    large = Sheet(
        f"Large language models on meta, {TOKENS} tokens",
        (
            "model",
            "params (B)",
            "MACs (T)",
            "first count (s)",
            "later (s)",
            "peak before (GB)",
            "peak (GB)",
        ),
        tuple(row.cells() for row in rows),
        (
            "Each in a fresh process. The peak before the first count is that of torch, "
            "transformers and the model.",
        ),
    )
    layers, straightness = _layers(by_layers)
    lengths, flatness = _lengths(by_length)
    figures = [figure for row in rows for figure in _figures(row)]
    return Outcome((large, layers, lengths), (*figures, straightness, flatness))


def _figures(row: Row) -> tuple[Figure, Figure]:
    return (
        at_most(f"{row.model}, {TOKENS} tokens: the first count", row.first, 4, " s"),
        at_most(
            f"{row.model}, {TOKENS} tokens: peak memory of the process",
            row.bytes_peak / 1e9,
            1.2,
            " GB",
        ),
    )


def _layers(times: Times) -> tuple[Sheet, Figure]:
    seconds = [times.median(str(layers)) for layers in LAYERS]
    slope, start = statistics.linear_regression(LAYERS, seconds)
    squared = statistics.correlation(LAYERS, seconds) ** 2
    rows = (
        (str(n), f"{1000 * t:.0f}", f"{1000 * (start + slope * n):.0f}")
        for n, t in zip(LAYERS, seconds, strict=True)
    )
    fit = f"The line: {1000 * start:.0f} ms + {1000 * slope:.1f} ms per layer, R^2 {squared:.4f}."
    sheet = Sheet(
        f"{LLAMA} with fewer layers, {TOKENS} tokens",
        ("layers", "count (ms)", "the fitted line"),
        tuple(rows),
        (fit,),
    )
    return sheet, Figure(
        f"{LLAMA}: time linear in 2 to 126 layers, R^2",
        f"{squared:.4f}",
        ">= 0.99",
        squared >= 0.99,
    )


def _lengths(times: Times) -> tuple[Sheet, Figure]:
    seconds = [times.median(str(tokens)) for tokens in LENGTHS]
    spread = max(seconds) / min(seconds)
    rows = tuple((str(n), f"{1000 * t:.0f}") for n, t in zip(LENGTHS, seconds, strict=True))
    sheet = Sheet(
        f"{LLAMA} on more tokens",
        ("tokens", "count (ms)"),
        rows,
        (f"Longest over shortest time: {spread:.2f}.",),
    )
    return sheet, at_most(
        f"{LLAMA}: time flat from 1k to 128k tokens, longest / shortest", spread, 1.2
    )
