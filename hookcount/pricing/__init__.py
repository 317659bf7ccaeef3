"""From a trace and formulas to charges, records and the tree."""
