"""What the tests of the command line share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

CONFIGS = Path(__file__).parents[2] / "configs"
METRICS = ["AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL"]
Cli = Callable[..., Any]


def refusal(outcome: Any, *parts: str) -> str:
    """Check that a command ended in one message, with all of `parts` in it, and nothing else; returns it."""
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    assert "Traceback" not in outcome.err
    starts = [i for i, line in enumerate(lines) if line.startswith("error: ")]
    assert len(starts) == 1, outcome.err
    assert all(line.startswith("  ") for line in lines[starts[0] + 1 :]), outcome.err
    message = "\n".join(lines[starts[0] :])
    for part in parts:
        assert part in message
    return message


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def rewrite(run: Path, to: Path, change: Callable[[dict[str, Any]], object] | None) -> Path:
    """A copy of a run's best checkpoint with a changed header; without one for None."""
    with safe_open(run / "best.safetensors", framework="pt") as file:
        header = json.loads(file.metadata()["pose"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    if change is not None:
        change(header)
    to.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, to, {"pose": json.dumps(header)} if change is not None else None)
    return to
