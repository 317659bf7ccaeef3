"""Conventions against the tools themselves, where these are installed (the extra ``[peers]``; ``PEERS_DIR``, see benchmarks)."""

import contextlib
import copy
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import hookcount

models = pytest.importorskip("torchvision").models
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TOOLS = {"torch": "FlopCounterMode", "fvcore": "fvcore", "thop": "thop", "ultralytics": "ultralytics-thop"}
NAMES = (
    *("shufflenet_v2_x0_5", "mobilenet_v3_small", "mnasnet0_5", "squeezenet1_1", "efficientnet_b0", "regnet_y_400mf"),
    *("googlenet", "resnet18", "densenet121", "vit_b_32", "convnext_tiny", "swin_t", "swin_v2_t"),
)

# each tool in a process of its own: two of them have one import name, and some leave buffers on what they counted
_ASK = """
import sys
from test_conventions_peers import compare
compare(*sys.argv[1:])
"""


def compare(name, *which):
    """Ends with a message that names each model where the tool's figure is another."""
    sys.path.insert(0, str(BENCHMARKS))
    from peers import PEERS

    peer = PEERS[TOOLS[name]]
    if folder := peer.folder(os.environ.get("PEERS_DIR")):
        sys.path.insert(0, folder)
    wrong = []
    with torch.no_grad():
        for each in which:
            model = models.get_model(each, weights=None, init_weights=False) if each == "googlenet" else models.get_model(each)
            images = torch.zeros(1, 3, 224, 224)
            report = hookcount.Counter(run="real").count(model.eval(), images)
            with contextlib.redirect_stdout(io.StringIO()):
                theirs = peer.count(copy.deepcopy(model), (images,))
            if report.under(name).headline != theirs:
                wrong.append(f"{each}: {report.under(name).headline} for {theirs}")
    sys.exit("; ".join(wrong) or 0)


@pytest.mark.parametrize("name", TOOLS)
def test_the_tools_own_figure(name):
    sys.path.insert(0, str(BENCHMARKS))
    try:
        from peers import PEERS
    finally:
        sys.path.remove(str(BENCHMARKS))
    if PEERS[TOOLS[name]].version(os.environ.get("PEERS_DIR")) is None:
        pytest.skip(f"{TOOLS[name]} is not installed")
    folders = [Path(__file__).parent, Path(hookcount.__file__).parents[1], os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _ASK, name, *NAMES],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
