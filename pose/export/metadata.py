"""What an exported file says about itself: inside it, and as JSON beside it for programs that cannot look inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from onnx import ModelProto

import pose
from pose.checkpoints.checkpoint import Checkpoint
from pose.data.transforms import IMAGE_MEAN, IMAGE_STD
from pose.models.pose_net import STRIDE
from pose.runtime.files import write_atomic, write_json
from pose.runtime.paths import portable


def header_of(checkpoint: Checkpoint, *, format: str, in_graph: bool, **more: Any) -> dict[str, Any]:
    """Describe what is needed to use a file.

    Args:
        format: which kind of file.
        in_graph: whether the graph normalizes the image.
        more: entries that only this kind of file has.
    """
    config = checkpoint.pose_config
    return {
        "format": format,
        "pose": pose.__version__,
        "skeleton": checkpoint.skeleton.to_dict(),
        "input_size": list(config.model.input_size),
        "stride": STRIDE,
        "unbiased": config.model.make_codec().unbiased,
        "normalisation": {"in_graph": in_graph, "mean": list(IMAGE_MEAN), "std": list(IMAGE_STD)},
        **more,
        "epoch": checkpoint.epoch,
        "metrics": checkpoint.metrics,
        "config": portable(config.model_dump(mode="json")),
    }


def put_header(graph: ModelProto, header: dict[str, Any], doc: str) -> None:
    """Put a header into a file, and a line on what goes in and what comes out."""
    del graph.metadata_props[:]
    graph.metadata_props.add(key="pose", value=json.dumps(header))
    graph.doc_string = doc


def header_path(path: Path) -> Path:
    """The JSON beside an exported file."""
    return path.with_suffix(".json")


def write_with_header(path: Path, data: bytes, header: dict[str, Any]) -> None:
    """Write an exported file, and its header beside it."""
    write_atomic(path, data)
    write_json(header_path(path), header)
