"""Steps that call functions: element-wise, products, views, in place, ``out=``, shapes.

Each maker takes the generator, the values so far and the position of one. It returns a step, or
None if the value does not fit. A step that raises is left out of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .program import Step

Function = Callable[[Tensor], Any]


def _step(name: str, function: Function, at: int, torch_counts: bool = True) -> Step:
    return Step(name, lambda model, values, options: function(values[at]), torch_counts)


def element_wise(rng: Random, values: list[Tensor], at: int) -> Step | None:
    chosen = rng.choice(
        [
            lambda x: torch.sigmoid(x) * x,
            lambda x: F.gelu(x, approximate="tanh"),
            lambda x: (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + 1e-5).sqrt(),
            lambda x: torch.where(x > 0, x, 0.1 * x),
            lambda x: x.clamp(-1, 1) ** 2,
            lambda x: x * torch.linspace(0, 1, x.shape[-1], device=x.device, dtype=x.dtype),
            lambda x: x + torch.arange(x.shape[-1], device=x.device).to(x.dtype).cos(),
            lambda x: F.softmax(x, dim=-1).log(),
            lambda x: x.cumsum(-1),
            lambda x: torch.addcmul(x, x, x, value=0.5),
            lambda x: torch.lerp(x, x.abs(), 0.5),
            lambda x: x.double().float() - x.bfloat16(),
            lambda x: F.dropout(x, 0.3, training=True),
            lambda x: F.layer_norm(x, x.shape[-1:]),
        ]
    )
    return _step("element-wise", chosen, at)


def reductions(rng: Random, values: list[Tensor], at: int) -> Step | None:
    chosen = rng.choice(
        [
            lambda x: x.sum(-1, keepdim=True),
            lambda x: x.mean(0, keepdim=True),
            lambda x: x.amax(-1, keepdim=True) - x.amin(-1, keepdim=True),
            lambda x: x.topk(min(2, x.shape[-1]), dim=-1),
            lambda x: x.sort(dim=-1).values,
            lambda x: x.norm(dim=-1, keepdim=True),
            lambda x: torch.logsumexp(x, -1, keepdim=True),
            lambda x: x.argmax(-1),
            lambda x: torch.var_mean(x, dim=-1, keepdim=True),
        ]
    )
    return _step("reduction", chosen, at)


def products(rng: Random, values: list[Tensor], at: int) -> Step | None:
    if values[at].dim() < 2:
        return None

    def contracted(x: Tensor) -> Tensor:
        return torch.tensordot(x, x, dims=([-1], [-1])) if x.dim() == 2 else x @ x.mT

    chosen: Function = rng.choice(
        [
            lambda x: x @ x.mT,
            lambda x: torch.einsum("...ij,...kj->...ik", x, x),
            lambda x: torch.softmax(x @ x.mT / x.shape[-1] ** 0.5, -1) @ x,
            lambda x: F.linear(x, torch.ones(3, x.shape[-1], device=x.device, dtype=x.dtype)),
            contracted,
            lambda x: (x.mT @ x).tril(),
        ]
    )
    if rng.random() < 0.2:
        return _step("attention", lambda x: F.scaled_dot_product_attention(x, x, x), at, False)
    # of one row it is a dot product, which FlopCounterMode does not know
    return _step("product", chosen, at, torch_counts=chosen is not contracted)


def views(rng: Random, values: list[Tensor], at: int) -> Step | None:
    chosen = rng.choice(
        [
            lambda x: x.reshape(x.shape[0], -1),
            lambda x: x.transpose(-1, -2),
            lambda x: x.permute(*reversed(range(x.dim()))),
            lambda x: x.unsqueeze(1).expand(-1, 2, *x.shape[1:]),
            lambda x: x[..., ::2],
            lambda x: x[..., : max(x.shape[-1] // 2, 1)],
            lambda x: x[:, None, :, None] if x.dim() == 2 else x.flatten(0, 1),
            lambda x: x.unfold(-1, min(2, x.shape[-1]), 1),
            lambda x: x.diagonal(dim1=-2, dim2=-1).unsqueeze(0),
            lambda x: x.narrow(-1, 0, 1),
            lambda x: x.view(*x.shape[:-1], 1, -1),
            lambda x: x.flip(-1).roll(1, -1),
            lambda x: x.contiguous().view(-1, x.shape[-1]).as_strided((1, x.shape[-1]), (1, 1)),
            lambda x: x.to(memory_format=torch.channels_last) if x.dim() == 4 else x.T,
        ]
    )
    return _step("view", chosen, at)


def splits(rng: Random, values: list[Tensor], at: int) -> Step | None:
    chosen = rng.choice(
        [
            lambda x: x.chunk(2, dim=-1),
            lambda x: x.split([1, x.shape[-1] - 1], dim=-1),
            lambda x: x.unbind(1)[:2],
            lambda x: torch.cat([x, x.relu()], dim=-1),
            lambda x: torch.stack([x, -x], dim=1),
            lambda x: torch.cat([each * each for each in x.chunk(2, -1)], -1),
            lambda x: F.pad(x, (1, 1)),
            lambda x: x.repeat(1, *[2] * (x.dim() - 1)),
            lambda x: x.repeat_interleave(2, dim=-1),
            lambda x: torch.meshgrid(x.flatten()[:3], x.flatten()[:2], indexing="ij"),
        ]
    )
    return _step("split", chosen, at)


def in_place(rng: Random, values: list[Tensor], at: int) -> Step | None:
    def into_slice(x: Tensor) -> Tensor:
        x[..., 0] = x[..., -1] * 2
        return x

    def masked(x: Tensor) -> Tensor:
        mask = torch.ones(x.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        return x.masked_fill_(mask, 0.0)

    def of_view(x: Tensor) -> Tensor:
        x.transpose(-1, -2)[..., 0].mul_(3)
        return x

    def accumulated(x: Tensor) -> Tensor:
        made = torch.zeros_like(x)
        for each in range(min(3, x.shape[-1])):
            made[..., each] += x[..., each]
        return made

    chosen = rng.choice(
        [
            lambda x: x.add_(1),
            lambda x: x.mul_(x),
            lambda x: F.relu(x, inplace=True),
            lambda x: x.clone().div_(2).clamp_(min=0),
            lambda x: x.copy_(x.flip(0)),
            lambda x: x.zero_() + 1,
            lambda x: torch.zeros_like(x).index_add_(
                0, torch.arange(x.shape[0], device=x.device), x
            ),
            lambda x: x.sub_(x.mean(-1, keepdim=True)),
            into_slice,
            masked,
            of_view,
            accumulated,
        ]
    )
    return _step("in place", chosen, at)


def reshaped_in_place(rng: Random, values: list[Tensor], at: int) -> Step | None:
    chosen = rng.choice(
        [
            lambda x: x.unsqueeze_(1),
            lambda x: x.t_() if x.dim() == 2 else x.transpose_(-1, -2),
            lambda x: x.squeeze_(1),
            lambda x: x.relu().unsqueeze_(0).swapaxes_(0, -1),
        ]
    )
    return _step("reshaped in place", chosen, at)


def with_out(rng: Random, values: list[Tensor], at: int) -> Step | None:
    def empty(x: Tensor, *shape: int) -> Tensor:
        return torch.empty(shape or (0,), device=x.device, dtype=x.dtype)

    def preallocated(x: Tensor) -> Tensor:
        made = torch.empty_like(x)
        torch.add(x, 1, out=made)
        return torch.mul(made, 2, out=made)

    def resized(x: Tensor) -> Tensor:
        made = empty(x)
        torch.mul(x, 2, out=made)
        return made.relu()

    chosen = rng.choice(
        [
            preallocated,
            resized,
            lambda x: torch.matmul(x, x.mT, out=empty(x)),
            lambda x: torch.cat([x, x], -1, out=empty(x)).exp(),
            lambda x: torch.mm(x, x.t(), out=empty(x, 0, 0)) @ x,
            lambda x: torch.sum(x, -1, keepdim=True, out=empty(x)) * x,
            lambda x: torch.stack([x, x], out=empty(x)).sigmoid(),
            lambda x: torch.max(x, -1, keepdim=True, out=(empty(x), empty(x).long()))[0] - x,
            lambda x: torch.bmm(x, x.mT, out=empty(x)).softmax(-1),
        ]
    )
    return _step("out=", chosen, at)


def of_two(rng: Random, values: list[Tensor], at: int) -> Step | None:
    """A function of this value and another one, whatever their shapes."""
    other = rng.randrange(len(values))
    known: list[Callable[[Tensor, Tensor], Any]] = [
        torch.add,
        torch.mul,
        torch.maximum,
        lambda a, b: torch.cat([a, b], -1),
        lambda a, b: torch.where(a > b, a, b),
        lambda a, b: a.add_(b),
        lambda a, b: torch.gather(a, -1, b.long() % a.shape[-1]),
        lambda a, b: a[b.long().flatten() % a.shape[0]],
        lambda a, b: F.cosine_similarity(a, b, dim=-1),
    ]
    unknown = [
        torch.matmul,  # with a vector too
        torch.cdist,
    ]
    if rng.random() < 0.1:
        return Step(
            "attention",
            lambda model, values, options: F.scaled_dot_product_attention(
                values[at], values[other], values[other]
            ),
            torch_counts=False,
        )
    chosen = rng.choice(known + unknown)
    return Step(
        "of two",
        lambda model, values, options: chosen(values[at], values[other]),
        torch_counts=chosen in known,
    )


def by_option(rng: Random, values: list[Tensor], at: int) -> Step | None:
    """A step that a keyword argument of the model decides."""

    def run(model: Any, values: list[Tensor], options: dict[str, Any]) -> Any:
        x = values[at]
        if options.get("flip"):
            x = x.flip(-1)
        for _ in range(options.get("times", 1)):
            x = x * options.get("scale", 1.0)
        bias = options.get("bias")
        return x if bias is None else x + bias

    return Step("by option", run)


MAKERS = (
    element_wise,
    element_wise,
    reductions,
    products,
    products,
    views,
    views,
    splits,
    in_place,
    in_place,
    reshaped_in_place,
    with_out,
    of_two,
    of_two,
    by_option,
)
