"""Modules of multi-scale deformable attention: what their written-out form runs, in every kind."""

import pytest
import torch
import torch.nn.functional as F
from helpers.standins import named
from torch import nn

import hookcount
from hookcount.testing import check_formula

B, L = 2, 5  # samples, queries
D, HEADS, LEVELS, POINTS, SIZES = 16, 4, 2, 3, [(4, 6), (2, 3)]
PLACES = 4 * 6 + 2 * 3


class Deformable(nn.Module):
    """Deformable DETR's module, its kernel written out or, ``unseen``, called where torch does not
    see it.
    """

    unseen = False

    def __init__(self):
        super().__init__()
        self.d_model, self.n_levels, self.n_heads, self.n_points = D, LEVELS, HEADS, POINTS
        self.num_levels, self.num_heads, self.num_points, self.batch_first = (
            LEVELS,
            HEADS,
            POINTS,
            False,
        )
        self.value_proj, self.output_proj = nn.Linear(D, D), nn.Linear(D, D)
        self.sampling_offsets = nn.Linear(D, HEADS * LEVELS * POINTS * 2)
        self.attention_weights = nn.Linear(D, HEADS * LEVELS * POINTS)

    def attend(self, query, reference, memory, sizes, padding=None):
        b, q, _ = query.shape
        value = self.value_proj(memory)
        if padding is not None:
            value = value.masked_fill(padding[..., None], 0.0)
        value = value.view(b, -1, HEADS, D // HEADS)
        offsets = self.sampling_offsets(query).view(b, q, HEADS, LEVELS, POINTS, 2)
        weights = self.attention_weights(query).view(b, q, HEADS, LEVELS * POINTS)
        if self.unseen:
            return self.output_proj(torch.from_numpy(query.detach().numpy()[..., ::-1].copy()))
        weights = weights.softmax(-1).transpose(1, 2).reshape(b * HEADS, 1, q, LEVELS * POINTS)
        if reference.shape[-1] == 2:
            places = reference[:, :, None, :, None] + offsets / sizes.flip(-1)[:, None]
        else:
            places = (
                reference[:, :, None, :, None, :2]
                + offsets / POINTS * reference[:, :, None, :, None, 2:] * 0.5
            )
        grids, sampled = 2 * places - 1, []
        for level, part in enumerate(value.split([h * w for h, w in SIZES], 1)):
            image = part.flatten(2).transpose(1, 2).reshape(b * HEADS, D // HEADS, *SIZES[level])
            grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)
            sampled.append(F.grid_sample(image, grid, align_corners=False))
        out = (torch.stack(sampled, -2).flatten(-2) * weights).sum(-1).view(b, D, q)
        return self.output_proj(out.transpose(1, 2))

    def forward(self, query, reference_points, input_flatten, sizes, starts, padding=None):
        return self.attend(query, reference_points, input_flatten, sizes, padding)


class OfQueries(Deformable):
    """The form of mmcv, detrex and Grounding DINO, which add the input where
    ``identity`` says so.
    """

    identity = True

    def forward(
        self,
        query,
        key=None,
        value=None,
        query_pos=None,
        reference_points=None,
        spatial_shapes=None,
        **kwargs,
    ):
        x = query if query_pos is None else query + query_pos
        if not self.batch_first:
            x, value = x.transpose(0, 1), value.transpose(0, 1)
        out = self.attend(x, reference_points, value, spatial_shapes)
        if not self.batch_first:
            out = out.transpose(0, 1)
        return out + query if self.identity else out


class WithIdentity(OfQueries):
    def forward(
        self,
        query,
        key=None,
        value=None,
        identity=None,
        query_pos=None,
        key_padding_mask=None,
        **kwargs,
    ):
        return super().forward(query, key, value, query_pos, **kwargs)


class WithoutIdentity(OfQueries):
    identity = False

    def forward(self, query, key=None, value=None, query_pos=None, key_padding_mask=None, **kwargs):
        return super().forward(query, key, value, query_pos, **kwargs)


LINEARS = B * PLACES * D * D + B * L * (
    D * HEADS * LEVELS * POINTS * 2 + D * HEADS * LEVELS * POINTS + D * D
)
DEFORMABLE = (
    "models.ops.modules.ms_deform_attn.MSDeformAttn",
    "models.dino.ops.modules.ms_deform_attn.MSDeformAttn",
    "mask2former.modeling.pixel_decoder.ops.modules.ms_deform_attn.MSDeformAttn",
)


@pytest.mark.parametrize("coordinates", [2, 4])
@pytest.mark.parametrize("path", DEFORMABLE)
def test_deformable_attention_is_what_its_written_out_form_runs(path, coordinates):
    query, memory, reference = (
        torch.rand(B, L, D),
        torch.rand(B, PLACES, D),
        torch.rand(B, L, LEVELS, coordinates),
    )
    sizes, starts = torch.tensor(SIZES), torch.tensor([0, 24])
    module = named(path, Deformable)()
    padding = torch.zeros(B, PLACES, dtype=torch.bool)
    found = check_formula(module, query, reference, memory, sizes, starts, padding).formula
    assert found.macs == LINEARS
    # 4 taps a sample of d / h channels; the weighted sum of l p samples; both muls and adds, none a
    # contraction
    samples = B * L * HEADS * LEVELS * POINTS
    aim = {2: 1, 4: 3}[coordinates]
    assert (
        found.muls == samples * (D // HEADS) * 4 + B * L * D * LEVELS * POINTS + samples * 2 * aim
    )
    module.unseen = True
    unseen = hookcount.Counter(run="real").count(module, query, reference, memory, sizes, starts)
    assert (unseen.total, unseen.uncounted) == (found, ())


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("position", [False, True])
@pytest.mark.parametrize(
    ("path", "cls"),
    [
        ("mmcv.ops.multi_scale_deform_attn.MultiScaleDeformableAttention", WithIdentity),
        ("detrex.layers.multi_scale_deform_attn.MultiScaleDeformableAttention", WithIdentity),
        (
            "groundingdino.models.GroundingDINO.ms_deform_attn.MultiScaleDeformableAttention",
            WithoutIdentity,
        ),
    ],
)
def test_deformable_attention_of_the_mm_family(path, cls, position, batch_first):
    module = named(path, cls)()
    module.batch_first = batch_first
    query, memory = torch.rand(B, L, D), torch.rand(B, PLACES, D)
    if not batch_first:
        query, memory = query.transpose(0, 1), memory.transpose(0, 1)
    options = {
        "reference_points": torch.rand(B, L, LEVELS, 2),
        "spatial_shapes": torch.tensor(SIZES),
    }
    if position:
        options["query_pos"] = torch.rand(query.shape)
    assert check_formula(module, query, value=memory, **options).formula.macs == LINEARS
