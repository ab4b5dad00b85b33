"""Lightweight top-down human pose estimation with Dynamic ReLU.

`load` a model and call it on images; `create_model`, `list_models` and `DyReLU` are for networks of one's own.
Each is imported when it is first used, so that `import pose` costs next to nothing.
"""

from __future__ import annotations

import os

# As `typing` has it, whose import alone would be most of that of `pose`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pose.config.zoo import create_model, list_models
    from pose.inference.load import load
    from pose.layers.dyrelu import DyReLU

# Read by onnxruntime when it is first imported: its builds send usage data to their maker unless told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
__all__ = ["DyReLU", "__version__", "create_model", "list_models", "load"]

_HOMES = {
    "DyReLU": "pose.layers.dyrelu",
    "create_model": "pose.config.zoo",
    "list_models": "pose.config.zoo",
    "load": "pose.inference.load",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pose' has no attribute '{name}'; it has {', '.join(__all__)}")
    from importlib import import_module

    from pose.runtime.opencv_settings import check_opencv_settings

    check_opencv_settings()
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
