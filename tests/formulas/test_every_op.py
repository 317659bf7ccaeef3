"""Every op that torch has is priced, free, a view, composite, or in a written list of those left
unknown, each with its reason.

So a new torch cannot slip one in: an op of no known state fails here, of a forward or of a backward
pass, and so does a reason that no longer holds.
"""

import pytest
import torch

from hookcount.formulas import BUILTIN
from hookcount.rules.resolver import Resolver

UNKNOWN = {
    "iterations whose number is in the values": """
        _compute_linear_combination _linalg_eigvals linalg_eig
        linalg_matrix_sqrth linalg_polar""",
    "the values say how much is to be done": """
        _coalesce _histogramdd_bin_edges _histogramdd_from_bin_cts _histogramdd_from_bin_tensors
        multilabel_margin_loss_forward multilabel_margin_loss_backward""",
    "products and sums of sparse tensors: the work is in the pattern, which shapes do not tell": """
        _cslt_compress _cslt_sparse_mm _cslt_sparse_mm_search _sparse_addmm _sparse_csr_prod
        _sparse_csr_sum
        _sparse_log_softmax _sparse_log_softmax_backward_data _sparse_mm_reduce_impl
        _sparse_mm_reduce_impl_backward _sparse_softmax_backward_data _sparse_sum_backward
        _sparse_semi_structured_addmm _sparse_semi_structured_apply
        _sparse_semi_structured_apply_dense _sparse_semi_structured_linear
        _sparse_semi_structured_mm
        _sparse_semi_structured_tile _sparse_softmax _sparse_sparse_matmul _sparse_sum _spsolve
        _to_sparse_semi_structured hspmm native_norm sparse_sampled_addmm""",
    "nested tensors: the lengths of the rows are not in the shape": (
        "_nested_tensor_softmax_with_shape"
    ),
    "derivatives along a tangent, which no backward pass runs": "glu_jvp glu_backward_jvp",
    "packing of weights, once before any forward": """
        _convert_weight_to_int4pack _convert_weight_to_int4pack_for_cpu
        _dyn_quant_pack_4bit_weight""",
    "statistics gathered from several devices": (
        "batch_norm_gather_stats batch_norm_gather_stats_with_counts"
    ),
    "overloads for packed weights of an old format, which torch only still loads": (
        "quantized_gru quantized_lstm"
    ),
    "torch's own tests": "_foobar",
}
WRITTEN = {name: reason for reason, names in UNKNOWN.items() for name in names.split()}

COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd


def overloads():
    """Each overload that the dispatcher can call and that pricing may meet, with its name in
    ``aten``.

    A composite one is decomposed before it is priced; one that writes into ``out=`` is found under
    its functional form's name.
    """
    for schema in torch._C._jit_get_all_schemas():
        if not schema.name.startswith("aten::") or any(
            argument.is_out for argument in schema.arguments
        ):
            continue
        name = schema.name.removeprefix("aten::")
        packet = getattr(torch.ops.aten, name, None)
        op = getattr(packet, schema.overload_name or "default", None)
        if (
            op is None
            or not torch._C._dispatch_has_kernel(op.name())
            or op.has_kernel_for_dispatch_key(COMPOSITE)
        ):
            continue
        yield name, op


def unresolved():
    """The names of which some overload is neither priced nor free nor a view."""
    resolver = Resolver(BUILTIN)
    return {name for name, op in overloads() if resolver.op(op)[0] is None}


def base(name):
    """The name without the underscore of the form in place."""
    return name.removesuffix("_")


def is_tested(name):
    """torch's own test ops are no ops."""
    return not name.startswith("_test_")


def test_every_op_has_a_state():
    missing = sorted(name for name in unresolved() if is_tested(name) and base(name) not in WRITTEN)
    assert not missing, (
        f"register a formula for these, or FREE, or write down why not: {' '.join(missing)}"
    )


def test_every_pointwise_op_is_priced_or_free():
    resolver = Resolver(BUILTIN)
    pointwise = [
        (name, op)
        for name, op in overloads()
        if torch.Tag.pointwise in op.tags and base(name) not in WRITTEN
    ]
    tagged = {name for name, op in pointwise if resolver.op(op)[0] is None}
    assert not tagged


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_what_is_written_down_as_unknown_is_unknown(name):
    assert f"aten::{name}" not in BUILTIN, (
        f"{name} has a state by now: take it off the list ({WRITTEN[name]})"
    )


def test_the_walk_sees_the_ops_that_models_run():
    seen = {name for name, _ in overloads()}
    assert {
        "relu",
        "add",
        "mm",
        "convolution",
        "_softmax",
        "sum",
        "sort",
        "cat",
        "empty",
        "_to_copy",
        "convolution_backward",
    } <= seen
    assert len(seen) > 800


def test_the_walk_notices_an_op_that_nobody_priced():
    thinner = {name for name, op in overloads() if Resolver(type(BUILTIN)()).op(op)[0] is None}
    assert {"relu", "mm", "empty"} <= thinner
    assert "view" not in thinner
