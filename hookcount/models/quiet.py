"""Loggers of other libraries, which say less while a model is built."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet(name: str, least: int) -> Iterator[None]:
    """In the block, a logger passes on only what is at the level ``least`` or above.

    Its settings stay as they are. The logger need not be in use yet.
    """

    def passes(record: logging.LogRecord) -> bool:
        return record.levelno >= least

    logger = logging.getLogger(name)
    logger.addFilter(passes)
    try:
        yield
    finally:
        logger.removeFilter(passes)
