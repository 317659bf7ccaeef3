"""The hooks of thop, in ``basic_hooks``."""
