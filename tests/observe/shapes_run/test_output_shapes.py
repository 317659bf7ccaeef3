"""The rules for output shapes against torch's own shapes-only implementations, stride by stride."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hookcount.observe.shapes_run.output_shapes import (
    _BINARY,
    _COMPARE,
    _ELEMENTWISE_GRADIENTS,
    _GRADIENTS,
    _UNARY,
    RULES,
    output,
)
from hookcount.observe.shapes_run.shape_checks import check_shapes

aten = torch.ops.aten
layouts = st.sampled_from(["contiguous", "transposed", "channels last", "strided"])


def tensor(shape, layout="contiguous", dtype=torch.float32):
    made = torch.empty(shape, device="meta", dtype=dtype)
    if layout == "transposed" and made.dim() > 1:
        return torch.empty(
            (*shape[:-2], shape[-1], shape[-2]), device="meta", dtype=dtype
        ).transpose(-1, -2)
    if layout == "channels last" and made.dim() == 4:
        return made.to(memory_format=torch.channels_last)
    if layout == "strided" and made.dim() > 0:
        return torch.empty((*shape[:-1], 2 * shape[-1]), device="meta", dtype=dtype)[..., ::2]
    return made


def steps(tensor):
    """The strides that lead anywhere: an axis of one element may have any."""
    return [stride for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]


def same(op, *args, **kwargs):
    """Where a rule tells, torch tells the same. Whether it told."""
    found = output(op._schema.name, False, args, kwargs)
    if found is None:
        return False
    expected = op(*args, **kwargs)
    for ours, theirs in zip(
        *((each if isinstance(each, tuple) else (each,))[:1] for each in (found, expected)),
        strict=True,
    ):
        assert (ours.shape, steps(ours), ours.dtype) == (
            theirs.shape,
            steps(theirs),
            theirs.dtype,
        ), (op, args)
    return True


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4)
dtypes = st.sampled_from([torch.float32, torch.bfloat16, torch.int64])


@settings(max_examples=15, deadline=None)
@given(shape=shapes, layout=layouts, dtype=dtypes)
@pytest.mark.parametrize("name", _UNARY.split())
def test_unary(name, shape, layout, dtype):
    given_ = tensor(shape, layout, dtype)
    told = same(getattr(aten, name).default, given_)
    assert told == dtype.is_floating_point


@settings(max_examples=60, deadline=None)
@given(
    shape=shapes,
    cut=st.integers(0, 3),
    ones=st.lists(st.booleans(), min_size=4, max_size=4),
    layout=layouts,
    other=layouts,
    types=st.tuples(dtypes, dtypes),
)
@pytest.mark.parametrize("name", _BINARY.split())
def test_binary(name, shape, cut, ones, layout, other, types):
    small = [1 if one else size for size, one in zip(shape, ones, strict=False)][
        min(cut, len(shape) - 1) :
    ]
    op = getattr(aten, name).Tensor
    for left, right in ((shape, small), (small, shape), (shape, shape)):
        same(op, tensor(left, layout, types[0]), tensor(right, other, types[1]))
    same(op, tensor(shape, layout, types[0]), 2.0)
    assert same(op, tensor(shape), tensor(small))


@settings(max_examples=30, deadline=None)
@given(
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    layout=layouts,
    axis=st.integers(0, 3),
    keep=st.booleans(),
)
def test_rows_and_axes(shape, layout, axis, keep):
    given_, axis = tensor(shape, layout), axis % len(shape)
    same(aten._softmax.default, given_, axis, False)
    same(aten._safe_softmax.default, given_, axis)
    same(aten.mean.dim, given_, [axis], keep)
    same(aten.cat.default, [given_, given_], axis)
    same(aten.native_layer_norm.default, given_, [shape[-1]], None, None, 1e-5)
    statistics = tensor([shape[1]])
    for training in (False, True)[
        : 1 if given_.numel() == shape[1] else 2
    ]:  # no variance of one element
        same(
            aten.native_batch_norm.default,
            given_,
            None,
            None,
            statistics,
            statistics,
            training,
            0.1,
            1e-5,
        )
    assert same(aten.mean.dim, tensor(shape), [axis], keep)
    plain = tensor(shape)
    either = plain.dim() == 4 and plain.is_contiguous(
        memory_format=torch.channels_last
    )  # torch says which layout it takes
    assert same(aten.cat.default, [plain, plain], axis) != either


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 5), min_size=3, max_size=3), layout=layouts, other=layouts)
def test_addmm(sizes, layout, other):
    m, k, n = sizes
    assert same(aten.addmm.default, tensor([n]), tensor([m, k], layout), tensor([k, n], other))
    assert not same(aten.addmm.default, tensor([m, n]), tensor([m, k]), tensor([k, n]))
    assert (
        output("aten::addmm", False, (tensor([n]), tensor([m, k]), tensor([k + 1, n])), {}) is None
    )


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 5), min_size=4, max_size=4), layout=layouts, other=layouts)
def test_matrix_products(sizes, layout, other):
    n, m, k, p = sizes
    assert same(aten.mm.default, tensor([m, k], layout), tensor([k, p], other))
    assert same(aten.bmm.default, tensor([n, m, k], layout), tensor([n, k, p], other))
    assert output("aten::bmm", False, (tensor([n, m, k]), tensor([n, k + 1, p])), {}) is None
    assert (
        output("aten::mm", False, (tensor([m, k]), tensor([k, p], dtype=torch.bfloat16)), {})
        is None
    )


@settings(max_examples=80, deadline=None)
@given(
    axes=st.integers(1, 3),
    groups=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    size=st.lists(st.integers(3, 9), min_size=3, max_size=3),
    kernel=st.lists(st.integers(1, 4), min_size=3, max_size=3),
    stride=st.lists(st.integers(1, 3), min_size=3, max_size=3),
    padding=st.lists(st.integers(0, 2), min_size=3, max_size=3),
    dilation=st.lists(st.integers(1, 2), min_size=3, max_size=3),
    layout=layouts,
    bias=st.booleans(),
)
def test_convolution(axes, groups, channels, size, kernel, stride, padding, dilation, layout, bias):
    x = tensor([2, channels[0] * groups, *size[:axes]], layout)
    weight = tensor([channels[1] * groups, channels[0], *kernel[:axes]])
    args = (
        weight,
        tensor([channels[1] * groups]) if bias else None,
        stride[:axes],
        padding[:axes],
        dilation[:axes],
    )
    given_ = (x, *args, False, [0] * axes, groups)
    told = output("aten::convolution", False, given_, {})
    if told is not None:
        assert same(aten.convolution.default, *given_)
    elif (
        layout == "contiguous" and x.shape[1] > 1
    ):  # torch says what is wrong, or lays it out in its own way
        assert any(
            n + 2 * p < d * (k - 1) + 1
            for n, k, p, d in zip(size[:axes], kernel, padding, dilation, strict=False)
        ) or (x.is_contiguous(memory_format=torch.channels_last) if axes == 2 else False)
    with pytest.raises(RuntimeError, match="channels"):
        check_shapes("aten::convolution", (x, *args, False, [0] * axes, groups + 1))


@settings(max_examples=60, deadline=None)
@given(
    size=st.lists(st.integers(2, 9), min_size=3, max_size=3),
    kernel=st.lists(st.integers(1, 4), min_size=1, max_size=2),
    stride=st.lists(st.integers(1, 3), max_size=2),
    padding=st.integers(0, 1),
    layout=layouts,
    up=st.booleans(),
)
def test_pooling(size, kernel, stride, padding, layout, up):
    x = tensor([2, *size], layout)
    fits = all(
        n + 2 * padding >= k and k >= 2 * padding
        for n, k in zip(size[1:], kernel * (3 - len(kernel)), strict=True)
    )
    if fits:
        told = same(aten.max_pool2d_with_indices.default, x, kernel, stride, [padding], [1], up)
        assert same(aten.avg_pool2d.default, x, kernel, stride, [padding], up) == told
        assert told == (layout == "contiguous" and size[0] > 1 and not up) or layout != "contiguous"
    elif not up:
        assert output("aten::avg_pool2d", False, (x, kernel, stride, [padding]), {}) is None


@settings(max_examples=40, deadline=None)
@given(shape=shapes, layout=layouts, factor=st.sampled_from([-1, 1]))
def test_copies_and_masks(shape, layout, factor):
    given_, mask = tensor(shape, layout), tensor(shape, layout, torch.bool)
    for memory_format in (None, torch.contiguous_format, torch.preserve_format):
        same(aten.clone.default, given_, memory_format=memory_format)
    same(aten.roll.default, given_, [1], [0])
    same(aten.masked_fill.Scalar, given_, mask, 0.0)
    same(
        aten._unsafe_view.default,
        given_,
        [shape[0], factor * given_.numel() // shape[0] if factor > 0 else -1],
    )
    for name in _COMPARE.split():
        same(getattr(aten, name).Scalar, given_, 2)
    plain = tensor(shape)
    assert same(aten.clone.default, plain, memory_format=None)
    assert same(aten.roll.default, plain, [1], [0])
    assert same(aten.masked_fill.Scalar, plain, tensor(shape[-1:], dtype=torch.bool), 0.0)
    assert same(aten._unsafe_view.default, plain, [-1, shape[-1]])
    assert all(same(getattr(aten, name).Scalar, plain, 2) for name in _COMPARE.split())


def test_mean_of_a_number():
    assert same(aten.mean.dim, tensor([]), [0])
    assert same(aten.mean.dim, tensor([]), [-1], True)
    assert output("aten::mean", False, (tensor([2, 3]), [-3]), {}) is None  # torch refuses it
    assert output("aten::mean", False, (tensor([]), [1]), {}) is None


GROUPED = {
    "rows": ((6, 8), (2, 8, 7), [4, 6]),
    "columns": ((2, 6, 8), (8, 16), [4, 16]),
    "batches": ((2, 6, 8), (2, 8, 7), None),
    "the axis that is summed": ((6, 16), (16, 7), [8, 16]),
}


@pytest.mark.skipif(not hasattr(aten, "_grouped_mm"), reason="this torch has no such op")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("form", GROUPED)
def test_grouped_products_as_the_kernel_gives_them(form, dtype):
    """torch's shapes-only implementation refuses these dtypes, so the real op is the oracle."""
    left, right, ends = GROUPED[form]
    offs = None if ends is None else torch.tensor(ends, dtype=torch.int32)
    first = torch.ones(left, dtype=dtype)
    second = torch.ones(*right[:-2], right[-1], right[-2], dtype=dtype).mT
    try:
        expected = aten._grouped_mm.default(first, second, offs)
    except RuntimeError as error:
        pytest.skip(f"this torch refuses it: {error}")
    given_ = (first.to("meta"), second.to("meta"))
    found = output(
        "aten::_grouped_mm", False, (*given_, None if offs is None else offs.to("meta")), {}
    )
    assert (found.shape, found.stride()) == (expected.shape, expected.stride())
    assert (found.dtype, found.device.type) == (expected.dtype, "meta")
    wrong = torch.ones(1, 1, dtype=torch.int32, device="meta")  # torch says what is wrong
    assert output("aten::_grouped_mm", False, (*given_, wrong), {}) is None


@pytest.mark.skipif(not hasattr(aten, "_grouped_mm"), reason="this torch has no such op")
def test_grouped_products_of_rows_that_the_kernel_refuses():
    first, second = torch.ones(6, 6), torch.ones(2, 6, 5)
    offs = torch.tensor([2, 6], dtype=torch.int32)
    with pytest.raises(RuntimeError):
        aten._grouped_mm.default(first, second, offs)
    given_ = (first.to("meta"), second.to("meta"), offs.to("meta"))
    with pytest.raises(RuntimeError, match="multiples of 16 bytes"):
        output("aten::_grouped_mm", False, given_, {})


def test_in_place_gives_what_was_given():
    x = tensor([2, 3])
    assert output("aten::add_", True, (x, tensor([3])), {}) is x
    assert output("aten::add_", True, (tensor([3]), x), {}) is None  # torch says what is wrong
    assert output("aten::relu_", True, (x,), {}) is x


def test_every_rule_is_tested():
    tested = {
        "addmm",
        "native_batch_norm",
        "native_layer_norm",
        "_softmax",
        "_safe_softmax",
        "mean",
        "cat",
        "mm",
        "bmm",
        "_grouped_mm",
        "convolution",
        "max_pool2d_with_indices",
        "avg_pool2d",
        "clone",
        "roll",
        "masked_fill",
        "_unsafe_view",
        *_COMPARE.split(),
        *_UNARY.split(),
        *_BINARY.split(),
    }
    elsewhere = {
        "_native_multi_head_attention",
        "_transformer_encoder_layer_fwd",
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_flash_attention_for_cpu_backward",
        *("geqrf", "linalg_eig", "linalg_lstsq", "_ctc_loss", "histogram"),
        *("_histogramdd_bin_edges", "_histogramdd_from_bin_cts", "_histogramdd_from_bin_tensors"),
        "_batch_norm_with_update",
        *("mkldnn_rnn_layer", "mkldnn_rnn_layer_backward"),
        *_GRADIENTS.split(),
        *(f"{name}_backward" for name in _ELEMENTWISE_GRADIENTS.split()),
        *("native_batch_norm_backward", "native_layer_norm_backward", "convolution_backward"),
        *("_softmax_backward_data", "_log_softmax_backward_data"),
        *("slice_backward", "select_backward", "sum"),
        *("_cudnn_rnn", "_cudnn_rnn_backward", "cudnn_batch_norm", "cudnn_batch_norm_backward"),
        *("_thnn_fused_lstm_cell", "_thnn_fused_lstm_cell_backward_impl"),
        *("_thnn_fused_gru_cell", "_thnn_fused_gru_cell_backward"),
        *("_fused_rms_norm", "_fused_rms_norm_backward"),
        *("native_dropout", "native_dropout_backward"),
    }  # in the test files of their own rules
    alike = {"_native_batch_norm_legit", "_native_batch_norm_legit_no_training"}
    assert {name.removeprefix("aten::") for name in RULES} == tested | elsewhere | alike
