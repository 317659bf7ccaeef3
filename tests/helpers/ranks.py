"""Process groups in one process, and a model as people split it over several ranks."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

RANKS = 4
"""The ranks of ``several_ranks``. This process is the first of them."""


@contextmanager
def several_ranks(world: int = RANKS) -> Iterator[None]:
    """A process group of which only this rank exists. Its collectives do nothing."""
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", rank=0, world_size=world, store=FakeStore())
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def one_rank() -> Iterator[None]:
    """A process group of this process alone. Its collectives work."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()


class Gated(nn.Module):
    """A gated feed-forward block: 3 x width x hidden weights."""

    def __init__(self, width: int = 16, hidden: int = 32) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Attention(nn.Module):
    """Causal attention with heads of 2 numbers. The number of heads comes from the shapes."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.o = nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        q, k, v = (
            each(x).view(batch, length, -1, 2).transpose(1, 2) for each in (self.q, self.k, self.v)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(mixed.transpose(1, 2).reshape(batch, length, -1))


class Block(nn.Module):
    """A layer of a language model."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.LayerNorm(16)
        self.attention = Attention()
        self.between = nn.LayerNorm(16)
        self.gated = Gated()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.before(x))
        return x + self.gated(self.between(x))


class LanguageModel(nn.Module):
    """Two layers of 16 numbers, 64 words."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(64, 16)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 64, bias=False)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        x = self.embedding(words)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


TOKENS = 2 * 8
"""The words in ``words()``: two texts of 8."""
IN_A_BLOCK = TOKENS * (4 * 16 * 16 + 3 * 16 * 32) + 2 * 2 * 8 * 8 * 16
"""MACs of a block: four and three products with weights, then q k^T and the mix of v."""
IN_THE_HEAD = TOKENS * 16 * 64
"""MACs of the head."""
WHOLE = 2 * IN_A_BLOCK + IN_THE_HEAD
"""MACs of the model."""


def words() -> torch.Tensor:
    return torch.arange(TOKENS).view(2, 8)
