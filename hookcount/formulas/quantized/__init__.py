"""Formulas of quantized layers and ops."""

from . import (
    layers,
    onednn,
    quantization,
    scaled_products,
)

__all__ = [
    "layers",
    "onednn",
    "quantization",
    "scaled_products",
]
