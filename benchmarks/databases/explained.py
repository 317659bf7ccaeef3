"""Differences that stay, by reason."""

EXPLAINED: dict[str, str] = {}
