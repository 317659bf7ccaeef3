"""Differences that are not mended yet, by kind. A line that is no longer needed fails a test."""

NOT_MENDED: dict[str, str] = {}
