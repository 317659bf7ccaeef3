"""Observing one run of a model: hooks for modules, a dispatch mode for ops. Nothing behind this sees a tensor."""
