"""transformers' product by groups: each row meets the weight of its expert.

``test_experts.py`` counts its models, also on a torch where they run this op.
"""

from torch import Size

from hookcount import Ops
from hookcount.formulas.libraries.transformers import grouped_mm_fallback


def test_grouped_products():
    rows, experts, inner, outer = 7, 3, 4, 5
    found = grouped_mm_fallback(Size((rows, inner)), Size((experts, inner, outer)))
    assert found == Ops(macs=rows * inner * outer)
