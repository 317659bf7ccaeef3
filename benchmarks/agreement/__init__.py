"""Counts held against other tools and against real runs."""
