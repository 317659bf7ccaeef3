"""Fifteen models of transformers, small, in six kinds of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

KINDS = ("full", "tied", "frozen", "LoRA", "checkpoint", "reentrant checkpoint")


@dataclass(frozen=True)
class Small:
    """A model: its class, its config, and the layers that get an adapter."""

    type: str
    config: Mapping[str, Any]
    adapted: tuple[str, ...] = ("q_proj", "v_proj")
    tied: bool = True
    """Whether its head can share the weight of its embedding."""
    side: str = "one"
    """Its inputs: ids, ids on both sides, an image, or sound."""


_SIZE = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "vocab_size": 1000,
}
_GROUPED = {**_SIZE, "num_key_value_heads": 2}
_TWO_SIDES = {
    "d_model": 64,
    "vocab_size": 1000,
    **{f"{side}_layers": 2 for side in ("encoder", "decoder")},
    **{f"{side}_attention_heads": 4 for side in ("encoder", "decoder")},
    **{f"{side}_ffn_dim": 128 for side in ("encoder", "decoder")},
}
_NAMES = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}

SMALL = {
    "bert": Small("BertForMaskedLM", _SIZE, ("query", "value")),
    "distilbert": Small(
        "DistilBertForMaskedLM",
        {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128, "vocab_size": 1000},
        ("q_lin", "v_lin"),
    ),
    "deberta": Small(
        "DebertaV2ForMaskedLM",
        {**_SIZE, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
        ("query_proj", "value_proj"),
    ),
    "gpt2": Small(
        "GPT2LMHeadModel",
        {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 1000, **_NAMES},
        ("c_attn",),
    ),
    "opt": Small(
        "OPTForCausalLM",
        {
            **{each: _SIZE[each] for each in _SIZE if each != "intermediate_size"},
            "ffn_dim": 128,
            "word_embed_proj_dim": 64,
        },
    ),
    "llama": Small("LlamaForCausalLM", _GROUPED),
    "qwen2": Small("Qwen2ForCausalLM", _GROUPED),
    "gemma2": Small("Gemma2ForCausalLM", {**_GROUPED, "head_dim": 16}),
    "phi3": Small("Phi3ForCausalLM", {**_GROUPED, "pad_token_id": 0}, ("qkv_proj",)),
    "mixtral": Small("MixtralForCausalLM", {**_GROUPED, "num_local_experts": 4}),
    "t5": Small(
        "T5ForConditionalGeneration",
        {"d_model": 64, "num_layers": 2, "num_heads": 4, "d_ff": 128, "vocab_size": 1000}
        | {"d_kv": 16},
        ("q", "v"),
        side="both",
    ),
    "bart": Small("BartForConditionalGeneration", _TWO_SIDES, side="both"),
    "vit": Small(
        "ViTForImageClassification",
        {**{each: _SIZE[each] for each in _SIZE if each != "vocab_size"}, "image_size": 64},
        ("q_proj", "v_proj", "query", "value"),
        tied=False,
        side="image",
    ),
    "mamba": Small(
        "MambaForCausalLM",
        {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 1000, "state_size": 8},
        ("in_proj", "x_proj"),
    ),
    "whisper": Small(
        "WhisperForConditionalGeneration",
        {**_TWO_SIDES, **_NAMES, "decoder_start_token_id": 1}
        | {"max_source_positions": 50, "suppress_tokens": None},
        side="sound",
    ),
}


def made(name: str, kind: str) -> nn.Module:
    """A model in train mode. Its attention is the eager one, which no kernel hides."""
    import transformers

    small = SMALL[name]
    cls = getattr(transformers, small.type)
    config = {**small.config, "attn_implementation": "eager"}
    if small.tied:
        config["tie_word_embeddings"] = kind == "tied"
    model: Any = cls(cls.config_class(**config)).train()
    if kind == "frozen":
        parameters = list(model.parameters())
        for each in parameters[: len(parameters) // 2]:
            each.requires_grad_(False)
    elif kind == "LoRA":
        import peft

        adapters = peft.LoraConfig(r=4, target_modules=list(small.adapted))
        model = peft.get_peft_model(model, adapters).train()
    elif "checkpoint" in kind:
        model.gradient_checkpointing_enable({"use_reentrant": kind.startswith("reentrant")})
        model.enable_input_require_grads()
    return model  # type: ignore[no-any-return]


def inputs(name: str) -> dict[str, torch.Tensor]:
    """Inputs of a model, on the CPU."""
    ids = torch.ones(2, 17, dtype=torch.long)
    return {
        "one": {"input_ids": ids},
        "both": {"input_ids": ids, "decoder_input_ids": ids[:, :7]},
        "image": {"pixel_values": torch.zeros(2, 3, 64, 64)},
        "sound": {
            "input_features": torch.zeros(2, 80, 100),
            "decoder_input_ids": ids[:, :7],
        },
    }[SMALL[name].side]
