"""Callbacks of training loops. Each needs the library that it is for."""
