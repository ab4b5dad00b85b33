"""Which of the annotation files of a folder hold keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pose.data.image_names import split_name
from pose.data.json_file import read_json


def keypoint_files(files: Sequence[Path]) -> list[Path]:
    """Choose the files that are called keypoints, and of the others those of other splits that hold some.

    Where none is called so, all of them. COCO's instances and captions are large, and are not opened.
    """
    called = [file for file in files if "keypoints" in file.stem]
    splits = {split_name(file) for file in called}
    return [
        file
        for file in files
        if not called or file in called or (split_name(file) not in splits and _has_keypoints(read_json(file)))
    ]


def _has_keypoints(document: Any) -> bool:
    """Whether a document is a COCO file with keypoints of somebody."""
    people = document.get("annotations") if isinstance(document, dict) else None
    return isinstance(people, list) and any(isinstance(p, dict) and p.get("keypoints") for p in people)
