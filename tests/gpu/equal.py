"""A count on shapes of a model on a GPU, held against a count of its real run there."""

import os

import torch

import hookcount

GPU = torch.device(os.environ.get("HOOKCOUNT_GPU", "cuda"))
"""``HOOKCOUNT_GPU=cpu`` runs these tests where there is no GPU, to try them."""
PHASES = ("backward", "recompute", "optimizer")


def rows_of(report):
    return {(each.path, each.target, each.ops, each.calls) for each in report.records} | {
        ("uncounted", each.target, each.calls) for each in report.uncounted
    }


def differences(shapes, real):
    """What differs between two reports, as lines."""
    found = []
    if shapes.run != "shapes":
        found.append(f"the run on shapes was {shapes.run}")
    one, other = rows_of(shapes), rows_of(real)
    for mark, some in (("shapes", one - other), ("real", other - one)):
        found += sorted(f"{mark}: {each}" for each in some)
    return found


def same_forward(model, *args, training=False, **kwargs):
    with torch.set_grad_enabled(training):
        shapes = hookcount.Counter(run="shapes").count(model, *args, **kwargs)
        real = hookcount.Counter(run="real").count(model, *args, **kwargs)
    _none(differences(shapes, real))
    return shapes


def same_step(model, *args, optimizer=None, loss=None, steps=1, **kwargs):
    """Count a training step on shapes and for real."""
    reports = [
        hookcount.Training(
            loss=loss, optimizer=optimizer, steps=steps, counter=hookcount.Counter(run=run)
        ).count(model, *args, **kwargs)
        for run in ("shapes", "real")
    ]
    found = differences(*reports)
    for phase in PHASES:
        found += [f"{phase}: {each}" for each in differences(*(getattr(r, phase) for r in reports))]
    _none(found)
    return reports[0]


def _none(found):
    if found:
        raise AssertionError("\n".join(found))
