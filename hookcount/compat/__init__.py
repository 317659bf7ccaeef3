"""Front doors with the names, signatures and return types of other tools.

To try hookcount, change one import: ``hookcount.compat.thop`` replaces ``thop``,
``hookcount.compat.ptflops`` replaces ``ptflops``, and so on. None of them needs the tool.

Each one counts in the convention of its tool, but by hookcount's rules: it leaves nothing on the
model, and an option that is not supported raises an error.
"""
