"""Roles: the work of a model by its purpose."""
