"""Models whose count shows what an earlier try left, and caches of transformers."""

import functools

import pytest
import torch
from torch import nn

from .making import KINDS, Kind, Sample, kind
from .objects import Plain

P = 2 * 4 * 8 * 10
"""MACs of ``p`` on one entry of the history: 640. Two rows of four tokens, 8 inputs, 10 outputs."""
ZOO = (pytest.mark.zoo,)


class History(nn.Module):
    """The layer sees all entries, one after another along the tokens."""

    def __init__(self, where=lambda model, given: given):
        super().__init__()
        self.p, self.asks, self.where = nn.Linear(8, 10, bias=False), False, where

    def forward(self, x, c=None):
        c = self.where(self, c)
        c.append(x)
        y = self.p(torch.cat(c, 1))
        if self.asks:
            y.nonzero()
        return y


class Masked(nn.Module):
    """The layer runs twice if the batch has a mask."""

    def __init__(self):
        super().__init__()
        self.p, self.asks = nn.Linear(8, 10, bias=False), False

    def forward(self, batch):
        y = self.p(batch["x"])
        if batch.pop("mask", None) is not None:
            y = y + self.p(batch["x"])
        if self.asks:
            y.nonzero()
        return y


def tokens():
    return torch.randn(2, 4, 8)


@kind("tries: a list that is an argument", macs=P)
def argument():
    return Sample(History(), (tokens(), []))


@kind("tries: a history in a plain object", macs=P)
def plain_object():
    model = History(lambda model, given: model.memory.seen)
    model.memory = Plain(seen=[])
    return Sample(model, (tokens(),))


@kind("tries: a list on the model", macs=P)
def on_model():
    model = History(lambda model, given: model.seen)
    model.seen = []
    return Sample(model, (tokens(),))


@kind("tries: a list on the class", macs=P)
def on_class():
    class Remembers(History):
        seen = []  # noqa: RUF012

    return Sample(Remembers(lambda model, given: model.seen), (tokens(),))


@kind("tries: a mask that is taken out of the batch", macs=2 * P)
def mask():
    return Sample(Masked(), ({"x": tokens(), "mask": torch.ones(2)},))


class Decodes(nn.Module):
    """A language model that ends with an op that needs values, if it is asked to."""

    def __init__(self, lm):
        super().__init__()
        self.lm, self.asks = lm, False

    def forward(self, ids, **kwargs):
        y = self.lm(ids, **kwargs).logits
        if self.asks:
            y.nonzero()
        return y


def llama():
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, vocab_size=10, attn_implementation="eager",
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


def decode_macs(seen, hidden=16, inner=32, words=10):
    """MACs of one token that sees ``seen`` keys: projections, attention, MLP, head.

    The product of the rotary embedding is an outer one. It contracts nothing.
    """
    attention = 2 * hidden * seen
    layer = 4 * hidden * hidden + attention + 3 * hidden * inner
    return 2 * layer + hidden * words


def decodes(name, make, keys):
    """A kind: one decode step after four tokens. ``keys``: how many keys its attention sees."""

    def made():
        model = llama()
        cache = make(model.config)
        with torch.no_grad():
            model(torch.zeros(1, 4, dtype=torch.int64), past_key_values=cache, use_cache=True)
        ids = torch.zeros(1, 1, dtype=torch.int64)
        return Sample(Decodes(model), (ids,), {"past_key_values": cache, "use_cache": True})

    KINDS[name] = Kind(name, made, decode_macs(keys), marks=ZOO)


def of_transformers(name, **kwargs):
    """A function that makes a cache of a class of transformers."""

    def make(config):
        transformers = pytest.importorskip("transformers")
        cache = getattr(transformers, name, None)
        if cache is None:
            pytest.skip(f"transformers has no {name}")
        return cache(**(kwargs | ({"config": config} if kwargs else {})))

    return make


class LikeQuantized:
    """Makes a DynamicCache whose layers keep integers and a scale beside the last tokens."""

    def __new__(cls, config):
        transformers = pytest.importorskip("transformers")

        class Quantized(transformers.cache_utils.DynamicLayer):
            def update(self, key, value, *args, **kwargs):
                keys, values = super().update(key, value, *args, **kwargs)
                self.scale = keys.abs().amax()
                self.packed = (keys / self.scale * 7).to(torch.int8)
                self.steps = getattr(self, "steps", 0) + 1
                return keys, values

        cache = transformers.DynamicCache()
        cache.layer_class_to_replicate = Quantized
        return cache


decodes("cache: DynamicCache", of_transformers("DynamicCache"), 5)
decodes("cache: StaticCache", of_transformers("StaticCache", max_cache_len=8), 8)
decodes("cache: like QuantizedCache", LikeQuantized, 5)


def sliding(config):
    """A DynamicCache whose layers keep four tokens."""
    transformers = pytest.importorskip("transformers")
    cache = transformers.DynamicCache()
    make = functools.partial(transformers.cache_utils.DynamicSlidingWindowLayer, sliding_window=16)
    cache.layer_class_to_replicate = make
    return cache


decodes("cache: sliding window", sliding, 5)


def encoder_decoder():
    """One decode step of a tiny Bart after two tokens."""
    transformers = pytest.importorskip("transformers")
    config = transformers.BartConfig(
        d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, vocab_size=10,
        max_position_embeddings=16, attn_implementation="eager", pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2,
    )  # fmt: skip
    model = transformers.BartForConditionalGeneration(config).eval()
    cache = transformers.EncoderDecoderCache(
        transformers.DynamicCache(), transformers.DynamicCache()
    )
    ids = torch.ones(1, 3, dtype=torch.int64)
    with torch.no_grad():
        encoded = model.model.encoder(ids)
        model(
            decoder_input_ids=ids[:, :2], encoder_outputs=encoded, past_key_values=cache,
            use_cache=True,
        )  # fmt: skip
    kwargs = {"encoder_outputs": encoded, "past_key_values": cache, "use_cache": True}

    class Decoder(Decodes):
        def forward(self, ids, **kwargs):
            return super().forward(None, decoder_input_ids=ids, **kwargs)

    return Sample(Decoder(model), (ids[:, :1],), kwargs)


# self-attention over three tokens, cross-attention over three cached ones (its keys and values are
# in the cache, so it projects queries and output alone), two linear layers, the head
KINDS["cache: EncoderDecoderCache"] = Kind(
    "cache: EncoderDecoderCache",
    encoder_decoder,
    4 * 16 * 16 + 2 * 16 * 3 + 2 * 16 * 16 + 2 * 16 * 3 + 2 * 16 * 32 + 16 * 10,
    marks=ZOO,
)
