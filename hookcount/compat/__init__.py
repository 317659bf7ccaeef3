"""Front doors with the names, signatures and return types of other tools, so that trying hookcount is a change of one line.

``hookcount.compat.thop`` stands for ``thop``, ``hookcount.compat.ptflops`` for ``ptflops``, and so on; none needs the tool. Each
counts in the convention of its tool, by hookcount's rules: nothing is left on the model, and what is not supported raises.
"""
