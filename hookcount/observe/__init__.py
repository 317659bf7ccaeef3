"""Observes one run of a model: hooks see the modules, a dispatch mode sees the ops.

Tensors become shapes here. No other room of hookcount works with the tensors of a run.
"""
