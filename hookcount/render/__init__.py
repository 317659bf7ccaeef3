"""Renderers: functions from a ``Priced`` to text."""
