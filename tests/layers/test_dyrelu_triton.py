"""The CUDA kernels in Triton's interpreter, on the CPU, against the plain path in fp64."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

pytest.importorskip("triton")

# The interpreter is chosen when triton is imported, so this needs a process of its own, one for all cases.
SCRIPT = """
import copy, json
import torch
from torch import nn
from pose.layers import dyrelu_fused
from pose.layers.dyrelu import DyReLU

torch.set_num_threads(1)
dyrelu_fused.forward = dyrelu_fused.cuda_forward
dyrelu_fused.backward = dyrelu_fused.cuda_backward
dyrelu_fused.is_supported = lambda x: True
found = {}

def run(function, module, x, dy):
    x = x.detach().requires_grad_()
    module.zero_grad()
    y = function(x)
    y.backward(dy)
    return [y.detach(), x.grad, *(p.grad for p in module.parameters())]

for shape in [(2, 5, 3, 4), (1, 40, 7, 11)]:
    for variant in "BC":
        for layout in (torch.contiguous_format, torch.channels_last):
            for dtype in (torch.float32, torch.bfloat16, torch.float16):
                torch.manual_seed(0)
                module = DyReLU(shape[1], variant, reduction=2, alpha=(1.0, 0.2), beta=(0.1, -0.1), gamma=0.8)
                for weight in module.fc2.parameters():
                    weight.data *= 3
                if variant == "C":
                    nn.init.normal_(module.attention.weight, std=3)
                x, dy = (torch.randn(shape).to(dtype).contiguous(memory_format=layout) for _ in range(2))
                ours = run(module, module, x, dy)
                assert ours[0].dtype == ours[1].dtype == dtype
                assert ours[0].stride() == ours[1].stride() == x.stride()
                again = run(module, module, x, dy)
                assert all(torch.equal(a, b) for a, b in zip(ours, again))
                double = copy.deepcopy(module).double()
                plain = run(double.plain, double, x.double(), dy.double())
                assert len(ours) == len(plain)
                error = [((a.double() - b).abs().max() / b.abs().max()).item() for a, b in zip(ours, plain)]
                clamped = (module.spatial_attention(x.float()) == 1).float().mean().item() if variant == "C" else None
                found[f"{shape} {variant} {layout} {dtype}"] = [str(dtype), error, clamped]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_equals_the_plain_path() -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    result = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert len(found) == 24
    for case, (dtype, errors, clamped) in found.items():
        # Sums are fp32 in each case; y and dx are cut to the input's type (the interpreter does not round).
        rounding = {"torch.float32": 0.0, "torch.bfloat16": 2.0**-7, "torch.float16": 2.0**-10}[dtype]
        assert max(errors) < 1e-5 + rounding, case
        assert max(errors[2:]) < 1e-5, case
        assert clamped is None or 0 < clamped < 1, case


def test_cuda_without_triton_takes_the_plain_path(monkeypatch: pytest.MonkeyPatch) -> None:
    from pose.layers import dyrelu_fused

    class OnCuda:
        ndim, is_cpu, is_cuda, dtype = 4, False, True, torch.bfloat16

        def numel(self) -> int:
            return 1

    assert dyrelu_fused.is_supported(OnCuda()) is dyrelu_fused.HAS_TRITON  # type: ignore[arg-type]
    monkeypatch.setattr(dyrelu_fused, "HAS_TRITON", False)
    assert not dyrelu_fused.is_supported(OnCuda())  # type: ignore[arg-type]
