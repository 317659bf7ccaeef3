"""A tiny language model, small enough to write each of its products out.

Its two layers have 8 hidden units, 2 heads of 4, and a feed-forward of 32. Its vocabulary has 32
tokens, and its sequences are at most 4 long.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    """Self-attention, as two products or as one fused op."""

    def __init__(self, fused: bool):
        super().__init__()
        self.fused = fused
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x):
        batch, length, _ = x.shape
        query, key, value = (
            each.view(batch, length, 2, 4).transpose(1, 2) for each in self.qkv(x).chunk(3, -1)
        )
        if self.fused:
            mixed = F.scaled_dot_product_attention(query, key, value)
        else:
            mixed = (query @ key.transpose(-1, -2)).softmax(-1) @ value
        return self.out(mixed.transpose(1, 2).reshape(batch, length, 8))


class Layer(nn.Module):
    def __init__(self, fused: bool):
        super().__init__()
        self.first, self.attention = nn.LayerNorm(8), Attention(fused)
        self.second, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 32), nn.Linear(32, 8)

    def forward(self, x):
        x = x + self.attention(self.first(x))
        return x + self.down(F.gelu(self.up(self.second(x))))


class TinyLM(nn.Module):
    def __init__(self, *, tied: bool = False, fused: bool = False):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(32, 8), nn.Embedding(4, 8)
        self.layers = nn.ModuleList([Layer(fused), Layer(fused)])
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 32, bias=False)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))
