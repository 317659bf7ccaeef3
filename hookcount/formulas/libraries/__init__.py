"""Formulas of other packages' ops and modules, by name. None of these packages is imported."""

from . import (
    bitsandbytes,
    collectives,
    deformable_attention,
    flash_attention,
    graphs,
    mamba,
    sparse_convolution,
    torchvision,
    transformers,
)

__all__ = [
    "bitsandbytes",
    "collectives",
    "deformable_attention",
    "flash_attention",
    "graphs",
    "mamba",
    "sparse_convolution",
    "torchvision",
    "transformers",
]
