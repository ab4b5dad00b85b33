"""The benchmarks of exported files run and say what they measured; nothing here looks at times."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).parents[2] / "tools/bench"


def test_inference(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.delitem(sys.modules, "inference", raising=False)
    import inference

    rows = inference.rows(quick=True)
    keys = {"what", "against", "target", "ratio", "ours_ms", "baseline_ms", "note"}
    assert all(set(row) == keys and row["ratio"] > 0 for row in rows)
    assert rows[0]["target"] == "<= 2.2"
    assert any("floor" in row["what"] for row in rows)
