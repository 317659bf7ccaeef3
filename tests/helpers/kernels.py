"""Compares a rule of output shapes with the kernel of the CPU."""

import torch

from hookcount.observe.shapes_run.output_shapes import output


def facts(made):
    """Shape, strides and dtype of each tensor; a stride that leads nowhere is None."""
    whole = made if isinstance(made, (tuple, list)) else (made,)
    return [
        (
            tuple(each.shape),
            tuple(
                step if size > 1 and each.numel() else None
                for size, step in zip(each.shape, each.stride(), strict=True)
            ),
            each.dtype,
        )
        for each in whole
    ]


def on_meta(value):
    if isinstance(value, torch.Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    return [on_meta(each) for each in value] if isinstance(value, list) else value


def same_as_the_kernel(op, *args, **kwargs):
    """Where a rule tells, the kernel gives the same. Returns whether the rule told."""
    named = {name: on_meta(value) for name, value in kwargs.items()}
    found = output(op._schema.name, False, [on_meta(each) for each in args], named)
    if found is None:
        return False
    assert facts(found) == facts(op(*args, **kwargs)), (op, args)
    return True
