"""Accelerators and processors: the peaks that their makers state, with the documents."""

from .dtypes import DTYPES, dtype_name
from .names import ALL, find, reported_as
from .row import DeviceRow, Document, Peaks

__all__ = [
    "ALL",
    "DTYPES",
    "DeviceRow",
    "Document",
    "Peaks",
    "dtype_name",
    "find",
    "reported_as",
]
