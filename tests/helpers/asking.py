"""Figures of hookcount and of a tool for the same models.

They run in a process of their own, since a tool that fails leaves patches.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import warnings

import pytest
from lib.peers import PEERS

from helpers import products
from helpers.paths import BENCHMARKS, ROOT, TESTS

MODELS = {
    "resnet18": 64,
    "mobilenet_v3_small": 64,
    "shufflenet_v2_x0_5": 64,
    "swin_t": 64,
    "swin_v2_t": 64,
    "vit_b_32": 224,
}
"""Classifiers of torchvision, and the side of the image that each is given."""


def figures(convention, peer):
    """By case hookcount's figure under ``convention`` and the tool's. Skips without the tool."""
    folder = os.environ.get("PEERS_DIR")
    if PEERS[peer].version(folder) is None:
        pytest.skip(f"{peer} is not installed")
    own = PEERS[peer].folder(folder) or ""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            "import sys; from helpers import asking; asking.answer(*sys.argv[1:])",
            convention,
            peer,
        ],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                map(str, (TESTS, BENCHMARKS, ROOT, own, os.environ.get("PYTHONPATH", "")))
            ),
            "OMP_NUM_THREADS": "1",
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {case: tuple(pair) for case, pair in json.loads(done.stdout.splitlines()[-1]).items()}


def answer(convention, peer):
    """In that process: prints the figures of all cases."""
    import torch

    import hookcount

    found = {}
    with torch.no_grad():
        for name, make in cases():
            model, args = make()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", hookcount.UncountedWarning)
                mine = hookcount.Counter(run="real").count(model, *args).under(convention).headline
            with contextlib.redirect_stdout(io.StringIO()):
                found[name] = mine, PEERS[peer].count(model, args)
    print(json.dumps(found))


def cases():
    """By name a function that makes a model and its arguments.

    The models: one op each, those of ``products.py``, and classifiers of torchvision.
    """
    import torch
    from lib import one_op

    for name in one_op.cases():
        yield name, lambda name=name: one_op.cases()[name]
    for name, (make, shape, *_) in products.CASES.items():
        yield (
            f"products: {name}",
            lambda make=make, shape=shape: (make().eval(), (torch.zeros(shape),)),
        )
    try:
        from torchvision import models
    except ImportError:
        return
    for name, side in MODELS.items():
        yield (
            name,
            lambda name=name, side=side: (
                models.get_model(name).eval(),
                (torch.zeros(1, 3, side, side),),
            ),
        )
