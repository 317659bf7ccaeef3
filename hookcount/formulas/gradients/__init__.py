"""Formulas of backward ops."""

from . import (
    attention,
    distance,
    elementwise,
    indexing,
    loss,
    normalization,
    pooling,
    recurrent,
    resampling,
)

__all__ = [
    "attention",
    "distance",
    "elementwise",
    "indexing",
    "loss",
    "normalization",
    "pooling",
    "recurrent",
    "resampling",
]
