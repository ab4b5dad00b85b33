"""Fixtures that several test files share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

from pose.keypoints.skeletons import COCO17
from tests.helpers.command import Outcome, call_pose
from tests.helpers.tiny import make_tiny_config

# Tensors are tiny here: several threads would only wait for each other, and on a busy machine for long.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def coco_sample() -> Path:
    """Folder of real COCO images and annotations; tests that need it are skipped where it is not given."""
    folder = os.environ.get("POSE_COCO_SAMPLE")
    if not folder:
        pytest.skip("set POSE_COCO_SAMPLE to a folder with annotations/ and images/ of COCO 2017")
    return Path(folder)


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten 80 x 64 pictures of one "person" each: 17 dots, red at left and green at right, on noise.

    The layout is that of COCO; train and val are the same pictures, and boxes.json holds a detection of each.
    """
    root = tmp_path_factory.mktemp("tiny")
    (root / "images").mkdir()
    rng = np.random.default_rng(0)
    images, annotations, detections = [], [], []
    for number in range(1, 11):
        image = rng.integers(0, 60, (80, 64, 3), dtype=np.uint8)
        points = rng.uniform((12, 14), (52, 66), (17, 2))
        for index, (x, y) in enumerate(points):
            color = {"left": (0, 0, 255), "right": (0, 255, 0), "middle": (255, 255, 255)}[COCO17.sides[index]]
            cv2.circle(image, (round(x), round(y)), 2, color, -1)
        name = f"{number:06}.png"
        cv2.imwrite(str(root / "images" / name), image)
        images.append({"id": number, "file_name": name, "width": 64, "height": 80})
        keypoints = np.concatenate([points, np.full((17, 1), 2)], axis=1)
        box = [8, 10, 48, 60]
        annotations.append(
            {
                **{"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "bbox": box, "area": 2880},
                **{"num_keypoints": 17, "keypoints": keypoints.ravel().tolist()},
            }
        )
        detections.append({"image_id": number, "category_id": 1, "bbox": [9, 9, 47, 61], "score": 0.9})
    names = {"keypoints": list(COCO17.keypoint_names), "skeleton": []}
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", **names}],
    }
    (root / "people.json").write_text(json.dumps(document))
    (root / "boxes.json").write_text(json.dumps(detections))
    return root


@pytest.fixture
def tiny_config(tiny_dataset: Path) -> dict[str, Any]:
    """A config for `tiny_dataset` that trains in seconds; as data, to be changed or written as YAML."""
    return make_tiny_config(tiny_dataset)


@pytest.fixture(scope="session")
def pose_cli() -> Callable[..., Outcome]:
    """`pose_cli("eval", run, "--boxes", "gt")` runs the command in this process."""
    return call_pose


@pytest.fixture(scope="session")
def tiny_run(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of `tiny_config`, trained by the command for two epochs; to be read only.

    Beside it lies the file it was trained from, tiny.yaml.
    """
    folder = tmp_path_factory.mktemp("runs")
    config = make_tiny_config(tiny_dataset)
    config["train"] |= {"epochs": 2, "milestones": []}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    outcome = call_pose("train", folder / "tiny.yaml", "--out", folder / "run", "--workers", 0)
    assert outcome.code == 0, outcome.err
    return folder / "run"
