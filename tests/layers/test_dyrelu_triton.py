"""The CUDA kernels in Triton's interpreter, on the CPU; tests/gpu compiles them where there is a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton")

# The interpreter is chosen when triton is imported, so this needs a process of its own, one for all cases.
SCRIPT = """
import torch
from pose.layers import dyrelu_fused
from tests.helpers.dyrelu_kernels import SMALL, check_kernels

torch.set_num_threads(1)
dyrelu_fused.forward = dyrelu_fused.cuda_forward
dyrelu_fused.backward = dyrelu_fused.cuda_backward
dyrelu_fused.is_supported = lambda x: True
print(check_kernels(SMALL, "cpu"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("between", ["0", "1"], ids=["operators between", "kernels between"])
def test_equals_the_plain_path(between: str) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1", "POSE_TRITON": between}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["24"]


def test_cuda_without_triton_takes_the_plain_path(monkeypatch: pytest.MonkeyPatch) -> None:
    from pose.layers import dyrelu_fused

    class OnCuda:
        ndim, is_cpu, is_cuda, dtype, shape = 4, False, True, torch.bfloat16, (1, 1, 1, 1)

        def numel(self) -> int:
            return 1

    assert dyrelu_fused.is_supported(OnCuda()) is dyrelu_fused.HAS_TRITON  # type: ignore[arg-type]
    monkeypatch.setattr(dyrelu_fused, "HAS_TRITON", False)
    assert not dyrelu_fused.is_supported(OnCuda())  # type: ignore[arg-type]
