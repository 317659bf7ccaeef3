"""Formulas of backward ops."""

from . import (
    attention,
    elementwise,
    normalization,
    pooling,
)

__all__ = [
    "attention",
    "elementwise",
    "normalization",
    "pooling",
]
