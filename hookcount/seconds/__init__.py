"""Seconds: how long a model takes, beside what it computes and what a device can do."""
