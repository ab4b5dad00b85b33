"""The config that most tests train from."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def make_tiny_config(root: Path) -> dict[str, Any]:
    """A config for the fixture `tiny_dataset` that trains in seconds; as data, to be changed or written as YAML."""
    split = {"images": "images", "annotations": "people.json"}
    return {
        "data": {"root": str(root), "train": dict(split), "val": dict(split)},
        "model": {
            "width": 0.1,
            "activation": "dyrelu_c",
            "input_size": [64, 64],
            "head": {"activation": "dyrelu_c", "channels": [16, 16, 16, 16], "hidden": [16, 32, 32, 32]},
        },
        "train": {"epochs": 3, "batch_size": 4, "milestones": [2], "seed": 1},
        "eval": {"every": 2, "batch_size": 4},
    }
