"""Training steps of Llama-3.1-405B on meta, against products written out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lib.apart import apart, peak_bytes
from lib.sheet import Figure, Outcome, Sheet, at_most

# https://huggingface.co/meta-llama/Llama-3.1-405B/blob/main/config.json
LAYERS, HIDDEN, INNER, HEADS, GROUPS, VOCABULARY = 126, 16384, 53248, 128, 8, 128256
TOKENS = 4096
KINDS = ("no checkpoint", "checkpoint", "reentrant checkpoint")


@dataclass(frozen=True)
class Products:
    """MACs of a step for a Llama of some sizes."""

    layers: int
    hidden: int
    inner: int
    heads: int
    groups: int
    vocabulary: int
    tokens: int

    @property
    def linear(self) -> int:
        """Of a layer: queries and output, keys and values, and the three of the MLP."""
        wide, narrow = self.hidden * self.hidden, self.hidden * self.hidden // self.heads
        return self.tokens * (2 * wide + 2 * narrow * self.groups + 3 * self.hidden * self.inner)

    @property
    def product(self) -> int:
        """Of one product of attention, such as scores: S x S x H."""
        return self.tokens * self.tokens * self.hidden

    @property
    def head(self) -> int:
        """Of the head, over the vocabulary."""
        return self.tokens * self.hidden * self.vocabulary

    @property
    def forward(self) -> int:
        """Attention has two products."""
        return self.layers * (self.linear + 2 * self.product) + self.head

    @property
    def backward(self) -> int:
        """Two for each linear product, and five for a kernel of attention."""
        return self.layers * (2 * self.linear + 5 * self.product) + 2 * self.head

    def recompute(self, kind: str) -> int:
        """The layers run again. The newer checkpoint stops before the last product of each layer.

        Nothing that the backward pass needs comes after it.
        """
        if kind == "no checkpoint":
            return 0
        last = 0 if kind.startswith("reentrant") else self.tokens * self.hidden * self.inner
        return self.layers * (self.linear + 2 * self.product - last)


LLAMA = Products(LAYERS, HIDDEN, INNER, HEADS, GROUPS, VOCABULARY, TOKENS)


@dataclass(frozen=True)
class Row:
    """A count in a fresh process."""

    kind: str
    macs: Mapping[str, int]
    complete: bool
    seconds: float
    bytes_before: int
    bytes_peak: int


def counted(kind: str, sizes: Products) -> Any:
    """The report of a step."""
    import hookcount

    model, ids = _made(kind, sizes)
    return _count(hookcount, model, ids)


def _count(hookcount: Any, model: Any, ids: Any) -> Any:
    step = hookcount.Training(loss=lambda out: out.logits.sum())
    return step.count(model, ids, use_cache=False)


def _made(kind: str, sizes: Products) -> tuple[Any, Any]:
    import torch
    import transformers

    config = transformers.LlamaConfig(
        hidden_size=sizes.hidden,
        intermediate_size=sizes.inner,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.groups,
        vocab_size=sizes.vocabulary,
        max_position_embeddings=131072,
    )
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config).train()
    if kind != "no checkpoint":
        model.gradient_checkpointing_enable({"use_reentrant": kind.startswith("reentrant")})
        model.enable_input_require_grads()
    return model, torch.zeros(1, sizes.tokens, dtype=torch.long, device="meta")


def measure(kind: str) -> Iterator[Row]:
    import hookcount

    model, ids = _made(kind, LLAMA)
    before, start = peak_bytes(), time.perf_counter()
    report = _count(hookcount, model, ids)
    seconds = time.perf_counter() - start
    macs = {each: getattr(report, each).macs for each in ("backward", "recompute")}
    complete = not report.step.uncounted
    yield Row(kind, {"forward": report.macs, **macs}, complete, seconds, before, peak_bytes())


def part() -> Outcome:
    """A row for each kind of checkpointing."""
    rows = [row for kind in KINDS for row in apart(measure, kind)]
    hand = {
        kind: {
            "forward": LLAMA.forward,
            "backward": LLAMA.backward,
            "recompute": LLAMA.recompute(kind),
        }
        for kind in KINDS
    }
    sheet = Sheet(
        f"A training step of Llama-3.1-405B on {TOKENS} tokens, in TMACs",
        ("kind", "forward", "backward", "again", "count (s)", "before (GB)", "peak (GB)"),
        tuple(
            [
                (
                    row.kind,
                    *(f"{each / 1e12:.2f}" for each in row.macs.values()),
                    f"{row.seconds:.2f}",
                    f"{row.bytes_before / 1e9:.2f}",
                    f"{row.bytes_peak / 1e9:.2f}",
                )
                for row in rows
            ]
        ),
        ("Each in a fresh process: the first count, and the peak memory of the process.",),
    )
    equal = sum(row.macs == hand[row.kind] and row.complete for row in rows)
    figures = [
        Figure("Llama-3.1-405B: equal to hand products", f"{equal} of 3", "all", equal == len(rows))
    ]
    for row in rows:
        what = f"Llama-3.1-405B, {row.kind}"
        figures.append(at_most(f"{what}: the first count", row.seconds, 5, " s"))
        figures.append(at_most(f"{what}: peak memory", row.bytes_peak / 1e9, 1.2, " GB"))
    return Outcome((sheet,), tuple(figures))
