"""Formulas and helpers that several tools' conventions share."""
