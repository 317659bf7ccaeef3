"""Formulas of quantized layers and ops."""

from . import (
    layers,
    onednn,
    quantization,
    recurrent,
    scaled_products,
)

__all__ = [
    "layers",
    "onednn",
    "quantization",
    "recurrent",
    "scaled_products",
]
