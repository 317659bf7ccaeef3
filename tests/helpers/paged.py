"""The pages of the models of ``helpers.pictured``, made and parsed once."""

from __future__ import annotations

import functools

from helpers.parsed import Page
from helpers.pictured import counted


@functools.cache
def made(name: str) -> str:
    """The page of a model, without a title."""
    return str(counted(name).to_html())


@functools.cache
def parsed(name: str) -> Page:
    """The same as a browser sees it."""
    return Page(made(name))
