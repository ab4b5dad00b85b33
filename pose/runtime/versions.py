"""What a bug report needs: the versions of this package, of Python and of the libraries, and the devices."""

from __future__ import annotations

import platform
from importlib import metadata

import pose

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "opencv-python-headless",
    "albumentations",
    "pycocotools",
    "pydantic",
    "safetensors",
    "onnx",
    "onnxruntime",
    "typer",
    "rich",
    "tensorboard",
)


def versions() -> dict[str, str]:
    """The versions of this package, Python, the platform and the libraries, and the devices, by name.

    Of the devices nothing is known without PyTorch.
    """
    found = {"pose": pose.__version__, "python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    try:
        import torch
    except ModuleNotFoundError:
        return found
    found["threads"] = str(torch.get_num_threads())
    found["cuda"] = torch.version.cuda or "none" if torch.cuda.is_available() else "not available"
    for index in range(torch.cuda.device_count()):
        found[f"cuda:{index}"] = torch.cuda.get_device_name(index)
    return found
