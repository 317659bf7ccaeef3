"""Renderers: functions from a ``Report`` to text."""
