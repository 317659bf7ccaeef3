"""Loggers that say less in a block."""

import logging

from hookcount.models.quiet import quiet


def test_each_warning_once_and_nothing_below(caplog):
    logger = logging.getLogger("a.library.of.this.test")
    with caplog.at_level(logging.DEBUG), quiet(logger.name, logging.WARNING):
        for _ in range(3):
            logger.info("a word")
            logger.warning("a warning about %s", "scales")
    assert [each.getMessage() for each in caplog.records] == ["a warning about scales"]
    assert logger.filters == []
    with caplog.at_level(logging.DEBUG):
        logger.info("a word")
    assert caplog.records[-1].getMessage() == "a word"
