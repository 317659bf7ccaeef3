"""Observing: hooks see the modules, a dispatch mode sees the ops; tensors become shapes here and go no further."""
