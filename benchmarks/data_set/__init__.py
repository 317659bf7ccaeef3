"""Counts and times of detectors over images of several sizes."""
