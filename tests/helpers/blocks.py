"""The blocks that detection transformers are made of, small and written out: what a counter of such
models must get right.

Shapes are in the docstrings: b images, q queries, d channels, h heads, l levels of s positions in
all, p points.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn


def inverse_sigmoid(x, eps=1e-5):
    x = x.clamp(0, 1)
    return torch.log(x.clamp(min=eps) / (1 - x).clamp(min=eps))


class MLP(nn.Module):
    def __init__(self, *widths):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)


def flattened(maps):
    """[b, s, d] of maps [b, d, *], and their sizes as a tensor on the maps' device."""
    sizes = torch.as_tensor(
        [each.shape[-2:] for each in maps], dtype=torch.long, device=maps[0].device
    )
    return torch.cat([each.flatten(2).transpose(1, 2) for each in maps], 1), sizes


class DeformableAttention(nn.Module):
    """Multi-scale deformable attention: each query samples p points on each of l levels, per head,
    and weighs them.
    """

    def __init__(self, d, heads, levels, points):
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.value, self.out = nn.Linear(d, d), nn.Linear(d, d)
        self.offsets = nn.Linear(d, heads * levels * points * 2)
        self.weights = nn.Linear(d, heads * levels * points)

    def forward(self, query, reference, memory, sizes):
        """[b, q, d] = attend([b, q, d], [b, q, l, 2 or 4], [b, s, d], [l, 2])."""
        b, q, _ = query.shape
        value = self.value(memory).view(b, memory.shape[1], self.heads, -1)
        offsets = self.offsets(query).view(b, q, self.heads, self.levels, self.points, 2)
        weights = self.weights(query).view(b, q, self.heads, -1).softmax(-1)
        if reference.shape[-1] == 2:
            places = (
                reference[:, :, None, :, None]
                + offsets / torch.stack([sizes[:, 1], sizes[:, 0]], -1)[:, None]
            )
        else:
            places = (
                reference[:, :, None, :, None, :2]
                + offsets / self.points * reference[:, :, None, :, None, 2:] * 0.5
            )
        return self.out(
            self.sample(
                value,
                sizes,
                2 * places - 1,
                weights.view(b, q, self.heads, self.levels, self.points),
            )
        )

    def sample(self, value, sizes, places, weights):
        """The levels one after the other, sliced out by Python numbers."""
        start, sampled = 0, []
        for level, (height, width) in enumerate(sizes.tolist()):
            part = value[:, start : start + height * width]
            sampled.append(self.on_level(part, height, width, places[:, :, :, level]))
            start += height * width
        return self.weighed(sampled, weights)

    def on_level(self, part, height, width, places):
        """[b * h, d / h, q, p] sampled of [b, height * width, h, d / h] at [b, q, h, p, 2]."""
        b, _, heads, depth = part.shape
        image = part.permute(0, 2, 3, 1).reshape(b * heads, depth, height, width)
        grid = places.transpose(1, 2).flatten(0, 1)
        return F.grid_sample(
            image, grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )

    def weighed(self, sampled, weights):
        b, q = weights.shape[:2]
        weights = weights.transpose(1, 2).reshape(b * self.heads, 1, q, -1)
        summed = (torch.stack(sampled, -2).flatten(-2) * weights).sum(-1)
        return summed.view(b, -1, q).transpose(1, 2)


class SplitDeformableAttention(DeformableAttention):
    """The same, with the levels split by sizes that are a tensor."""

    def sample(self, value, sizes, places, weights):
        parts = value.split([height * width for height, width in sizes], dim=1)
        sampled = []
        for level, (height, width) in enumerate(sizes):
            sampled.append(self.on_level(parts[level], height, width, places[:, :, :, level]))
        return self.weighed(sampled, weights)


class DeformableStage(nn.Module):
    """Queries attend to maps [b, d, *] from reference points of their own."""

    def __init__(self, attention, d):
        super().__init__()
        self.attention, self.reference = attention, nn.Linear(d, 2)

    def forward(self, query, *maps):
        memory, sizes = flattened(maps)
        reference = self.reference(query).sigmoid()[:, :, None].expand(-1, -1, len(maps), -1)
        return self.attention(query, reference, memory, sizes)


class ConvNorm(nn.Module):
    def __init__(self, i, o, kernel, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(o)

    def forward(self, x):
        return F.silu(self.norm(self.conv(x)))


class Fusion(nn.Module):
    """Two ways through a concatenation, one of them with a block of two parallel convolutions."""

    def __init__(self, d):
        super().__init__()
        self.left, self.right = ConvNorm(2 * d, d, 1), ConvNorm(2 * d, d, 1)
        self.wide, self.narrow = nn.Conv2d(d, d, 3, padding=1), nn.Conv2d(d, d, 1)

    def forward(self, x):
        left = self.left(x)
        return F.silu(self.wide(left) + self.narrow(left)) + self.right(x)


class HybridEncoder(nn.Module):
    """Attention within the smallest map, then the maps are fused from small to large and back."""

    def __init__(self, d, heads, inner):
        super().__init__()
        self.within = nn.TransformerEncoderLayer(
            d, heads, inner, dropout=0.0, activation="gelu", batch_first=True
        )
        self.lateral, self.up = ConvNorm(d, d, 1), Fusion(d)
        self.down, self.back = ConvNorm(d, d, 3, 2), Fusion(d)

    @staticmethod
    def positions(width, height, d, temperature=10_000.0):
        """[1, height * width, d] of sines and cosines: made of no data."""
        y, x = torch.meshgrid(
            torch.arange(height).float(), torch.arange(width).float(), indexing="ij"
        )
        omega = 1.0 / temperature ** (torch.arange(d // 4) / (d // 4))
        x, y = x.flatten()[:, None] * omega, y.flatten()[:, None] * omega
        return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], 1)[None]

    def forward(self, large, small):
        b, d, height, width = small.shape
        tokens = small.flatten(2).transpose(1, 2)
        tokens = self.within(tokens + self.positions(width, height, d).to(tokens.device))
        small = self.lateral(tokens.transpose(1, 2).reshape(b, d, height, width))
        large = self.up(
            torch.cat([F.interpolate(small, scale_factor=2.0, mode="nearest"), large], 1)
        )
        return large, self.back(torch.cat([self.down(large), small], 1))


class QuerySelection(nn.Module):
    """The k best-scored positions of the memory become queries, their boxes counted
    from anchors.
    """

    def __init__(self, d, classes, k):
        super().__init__()
        self.k = k
        self.project = nn.Sequential(nn.Linear(d, d), nn.LayerNorm(d))
        self.score, self.box = nn.Linear(d, classes), MLP(d, d, d, 4)

    def anchors(self, sizes, device):
        """[1, s, 4] inverse sigmoids, and which of them are inside the image: [1, s, 1]."""
        found = []
        for level, (height, width) in enumerate(sizes):
            y, x = torch.meshgrid(
                torch.arange(height, device=device),
                torch.arange(width, device=device),
                indexing="ij",
            )
            centre = (torch.stack([x, y], -1) + 0.5) / torch.tensor([width, height], device=device)
            found.append(
                torch.cat([centre, torch.full_like(centre, 0.05 * 2.0**level)], -1).flatten(0, 1)
            )
        anchors = torch.cat(found)[None]
        valid = ((anchors > 0.01) & (anchors < 0.99)).all(-1, keepdim=True)
        return torch.log(anchors / (1 - anchors)).masked_fill(~valid, torch.inf), valid

    def forward(self, *maps):
        memory, _ = flattened(maps)
        anchors, valid = self.anchors([each.shape[-2:] for each in maps], memory.device)
        memory = self.project(valid.to(memory.dtype) * memory)
        scores, boxes = self.score(memory), self.box(memory) + anchors
        best = scores.max(-1).values.topk(self.k, dim=1).indices
        queries = memory.gather(1, best.unsqueeze(-1).expand(-1, -1, memory.shape[-1]))
        return queries.detach(), boxes.gather(1, best.unsqueeze(-1).expand(-1, -1, 4)).sigmoid()


class Denoising(nn.Module):
    """Noisy copies of the targets are put before the queries, in groups that may not see each
    other, in training.
    """

    def __init__(self, d, heads, classes, groups):
        super().__init__()
        self.classes, self.groups = classes, groups
        self.label, self.box = nn.Embedding(classes + 1, d, padding_idx=classes), MLP(4, d, d)
        self.attention = nn.MultiheadAttention(d, heads, batch_first=True)

    def noisy(self, targets):
        """[b, groups * m] labels and [b, groups * m, 4] boxes, where m is the most that an image
        has.
        """
        most = max(len(each["labels"]) for each in targets)
        labels = torch.full([len(targets), most], self.classes, device=targets[0]["labels"].device)
        boxes = torch.zeros([len(targets), most, 4], device=targets[0]["boxes"].device)
        for row, each in enumerate(targets):
            labels[row, : len(each["labels"])] = each["labels"]
            boxes[row, : len(each["boxes"])] = each["boxes"]
        labels, boxes = labels.tile(1, self.groups), boxes.tile(1, self.groups, 1)
        changed = torch.rand_like(labels, dtype=torch.float) < 0.5
        labels = torch.where(changed, torch.randint_like(labels, 0, self.classes), labels)
        spread = torch.cat([boxes[..., 2:], boxes[..., 2:]], -1) * 0.5
        return labels, (boxes + (torch.rand_like(boxes) * 2.0 - 1.0) * spread).clamp(0.0, 1.0), most

    def mask(self, copies, most, queries):
        """[n, n], true where a query may not look: the real ones never at the copies, the copies
        only within their group.
        """
        n = copies + queries
        mask = torch.zeros(n, n, dtype=torch.bool)
        mask[copies:, :copies] = True
        for group in range(self.groups):
            first, last = group * most, (group + 1) * most
            mask[first:last, :first] = True
            mask[first:last, last:copies] = True
        return mask

    def forward(self, queries, targets):
        labels, boxes, most = self.noisy(targets)
        copies = self.label(labels) + self.box(inverse_sigmoid(boxes))
        mask = self.mask(copies.shape[1], most, queries.shape[1]).to(queries.device)
        x = torch.cat([copies, queries], 1)
        x = x + self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]
        return x.split([copies.shape[1], queries.shape[1]], dim=1)


class DecoderLayer(nn.Module):
    def __init__(self, d, heads, levels, points, inner):
        super().__init__()
        self.among = nn.MultiheadAttention(d, heads, batch_first=True)
        self.across = SplitDeformableAttention(d, heads, levels, points)
        self.feed = MLP(d, inner, d)
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(3))

    def forward(self, x, position, reference, memory, sizes):
        q = x + position
        x = self.norms[0](x + self.among(q, q, x, need_weights=False)[0])
        x = self.norms[1](x + self.across(x + position, reference, memory, sizes))
        return self.norms[2](x + self.feed(x))


class Refinement(nn.Module):
    """A decoder whose layers correct the boxes one after the other, all with the same two heads."""

    def __init__(self, d, heads, levels, points, inner, classes, layers):
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(d, heads, levels, points, inner) for _ in range(layers)
        )
        self.boxes = nn.ModuleList([MLP(d, d, 4)] * layers)
        self.scores = nn.ModuleList([nn.Linear(d, classes)] * layers)
        self.position = MLP(4, 2 * d, d)

    def forward(self, queries, boxes, *maps):
        memory, sizes = flattened(maps)
        all_boxes, all_scores = [], []
        for layer, box, score in zip(self.layers, self.boxes, self.scores, strict=True):
            reference = boxes.detach()[:, :, None].expand(-1, -1, len(maps), -1)
            queries = layer(queries, self.position(boxes.detach()), reference, memory, sizes)
            boxes = (box(queries) + inverse_sigmoid(boxes.detach())).sigmoid()
            all_boxes.append(boxes)
            all_scores.append(score(queries))
        return torch.stack(all_scores), torch.stack(all_boxes)


class BorrowedProjection(nn.Module):
    """Attention that projects with the weight of a layer which it never calls, with a bias of two
    parts and none for k.
    """

    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.mat, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d)
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(d)), nn.Parameter(torch.zeros(d))
        self.register_buffer("no_bias", torch.zeros(d))

    def forward(self, x):
        b, n, d = x.shape
        qkv = F.linear(x, self.mat.weight, torch.cat([self.q_bias, self.no_bias, self.v_bias]))
        q, k, v = qkv.view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d))


class RotaryAttention(nn.Module):
    """Attention over queries and keys that are turned by angles of their positions."""

    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.depth = heads, d // heads
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.register_buffer(
            "frequencies",
            1.0 / 10_000 ** (torch.arange(0, self.depth, 2) / self.depth),
            persistent=False,
        )

    def turned(self, x):
        angles = torch.outer(torch.arange(x.shape[2], device=x.device).float(), self.frequencies)
        cos, sin = torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin()
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat([-second, first], -1) * sin

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, self.depth).permute(2, 0, 3, 1, 4).unbind(0)
        scores = torch.einsum("bhid,bhjd->bhij", self.turned(q), self.turned(k)) / math.sqrt(
            self.depth
        )
        future = torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)
        weights = scores.masked_fill(future, -torch.inf).softmax(-1)
        return self.out(
            torch.einsum("bhij,bhjd->bhid", weights, v).transpose(1, 2).reshape(b, n, d)
        )


class MaskHead(nn.Module):
    """Each query's mask is its product with every pixel; where the mask is low, the next attention
    may not look.
    """

    def __init__(self, d, heads, classes):
        super().__init__()
        self.heads = heads
        self.score, self.embed = nn.Linear(d, classes + 1), MLP(d, d, d)
        self.attention = nn.MultiheadAttention(d, heads, batch_first=True)

    def forward(self, queries, pixels, small):
        masks = torch.einsum("bqc,bchw->bqhw", self.embed(queries), pixels)
        low = (
            F.interpolate(masks, size=small.shape[-2:], mode="bilinear", align_corners=False)
            .sigmoid()
            .flatten(2)
            < 0.5
        )
        low = (low & ~low.all(-1, keepdim=True)).repeat_interleave(self.heads, 0)
        memory = small.flatten(2).transpose(1, 2)
        attended = self.attention(
            queries, memory, memory, attn_mask=low.detach(), need_weights=False
        )[0]
        return self.score(queries + attended), masks


class Block(nn.Module):
    """[b, 8] = relu([b, 8] @ [8, 8]) + [b, 8]."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(8, 8)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.lin(x)) + x
