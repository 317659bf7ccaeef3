"""From a trace and formulas to charges, records, a tree."""
