"""Figures for people, through plotly. They know labels, values and colours, and no models."""
