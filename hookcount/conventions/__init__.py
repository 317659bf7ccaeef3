"""Conventions: hookcount's own, one file for each other tool, and two from the literature."""

from __future__ import annotations

from ..core.errors import InputError
from ..rules.convention import Convention
from .calflops import CALFLOPS, CALFLOPS_FLOPS
from .deepspeed import DEEPSPEED, DEEPSPEED_FLOPS
from .default import DEFAULT, MODULES
from .fvcore import FVCORE
from .mmcv import MMCV
from .ptflops import PTFLOPS
from .ptflops_pytorch import PTFLOPS_PYTORCH
from .rfdetr import RFDETR
from .rfdetr_text import RFDETR_TEXT
from .textbook import TEXTBOOK
from .thop import THOP
from .torch import TORCH
from .torchinfo import TORCHINFO
from .torchprofile import TORCHPROFILE
from .torchvision import TORCHVISION
from .ultralytics import ULTRALYTICS

CONVENTIONS = {
    each.name: each
    for each in (
        DEFAULT,
        TORCH,
        TORCHVISION,
        FVCORE,
        THOP,
        ULTRALYTICS,
        TORCHINFO,
        TORCHPROFILE,
        PTFLOPS,
        PTFLOPS_PYTORCH,
        MMCV,
        CALFLOPS,
        CALFLOPS_FLOPS,
        DEEPSPEED,
        DEEPSPEED_FLOPS,
        TEXTBOOK,
        RFDETR,
        RFDETR_TEXT,
    )
}
"""Each convention by its name, hookcount's own first."""

__all__ = ["CONVENTIONS", "DEFAULT", "MODULES", "Convention", "named"]


def named(convention: Convention | str) -> Convention:
    """The convention that has this name. A ``Convention`` is returned as it is.

    Raises ``InputError`` if no convention has the name.
    """
    if isinstance(convention, Convention):
        return convention
    if convention not in CONVENTIONS:
        known = ", ".join(CONVENTIONS)
        raise InputError(
            f"{convention!r} names no convention. "
            f"To fix it: use one of {known}, or give a hookcount.Convention."
        )
    return CONVENTIONS[convention]
