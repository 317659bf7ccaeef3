"""Counts over a data set, and the statistics of their figures."""
