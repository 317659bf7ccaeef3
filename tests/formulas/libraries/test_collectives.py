"""Collectives are free, all of them, and only they."""

import importlib

import pytest
import torch

from hookcount import FREE
from hookcount.formulas import BUILTIN
from hookcount.formulas.libraries.collectives import GROUPS

if not torch.distributed.is_available():
    pytest.skip("this torch has no torch.distributed", allow_module_level=True)

for name in ("tensor", "fsdp", "_symmetric_memory", "_functional_collectives"):
    importlib.import_module(f"torch.distributed.{name}")  # they define ops

MULTIPLIES = ("matmul", "_async_input_mm")


def known(namespace):
    """The ops of a namespace in the installed torch."""
    names = (each.partition("::") for each in torch._C._dispatch_get_all_op_names())
    return {name.partition(".")[0] for space, _, name in names if space == namespace}


@pytest.mark.parametrize(
    "namespace", sorted(set(GROUPS) - {"symm_mem"})
)  # that grows with each torch
def test_each_op_of_torch_is_free(namespace):
    assert known(namespace) <= set(GROUPS[namespace].split())


def test_what_multiplies_is_not_free():
    assert not any(name.endswith(MULTIPLIES) for name in GROUPS["symm_mem"].split())
    assert any(name.endswith(MULTIPLIES) for name in known("symm_mem"))


@pytest.mark.parametrize("namespace", GROUPS)
def test_they_are_registered_as_free(namespace):
    for name in GROUPS[namespace].split():
        assert BUILTIN.get(f"{namespace}::{name}").price is FREE
