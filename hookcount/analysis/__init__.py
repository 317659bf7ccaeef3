"""Readers of a priced trace: coverage, tables, roles, scaling, reconciliation, matching, size."""
