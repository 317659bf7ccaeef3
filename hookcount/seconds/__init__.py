"""Seconds: what a model and a device do per second."""
