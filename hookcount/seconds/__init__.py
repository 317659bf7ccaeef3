"""Seconds: how long a model takes, whole and module by module, beside what it computes."""
