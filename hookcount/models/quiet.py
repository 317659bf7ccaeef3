"""Loggers of other libraries, which say less while a model is built."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet(name: str, least: int) -> Iterator[None]:
    """In the block, a logger passes on each text once, and only at the level ``least`` or above.

    Its settings stay as they are. The logger need not be in use yet.
    """
    said: set[str] = set()

    def passes(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.levelno < least or text in said:
            return False
        said.add(text)
        return True

    logger = logging.getLogger(name)
    logger.addFilter(passes)
    try:
        yield
    finally:
        logger.removeFilter(passes)
