"""hookcount's own convention: a MAC is two FLOPs, every other primitive operation is one."""

from .convention import Convention

DEFAULT = Convention("default", {"macs": 2, "adds": 1, "muls": 1, "compares": 1, "specials": 1})
