"""Networks without memory."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from pose.runtime.device import without_memory


def test_networks_without_memory_have_shapes_alone() -> None:
    state = torch.get_rng_state()
    with without_memory():
        network = nn.Sequential(nn.Conv2d(3, 10**6, 30), nn.BatchNorm2d(10**6), nn.Linear(10**6, 10**6))
        nn.init.trunc_normal_(network[2].weight)
    assert network[0].weight.is_meta
    assert network[0].weight.shape == (10**6, 3, 30, 30)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.empty(1).is_meta
    assert torch.randn(100).std() > 0.5


@pytest.mark.slow
def test_the_first_prediction_does_not_import_a_compiler() -> None:
    """It would take a second, twice what else a start takes."""
    code = (
        "import sys, numpy, pose; pose.load('demo', 'cpu')(numpy.zeros((50, 40, 3), 'uint8')); "
        "print([name for name in ('torch._dynamo', 'sympy', 'torchvision', 'albumentations') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert (result.stdout, result.returncode) == ("[]\n", 0), result.stderr
