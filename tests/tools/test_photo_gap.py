"""tools/photo_gap.py: what it measures of people's boxes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.tools import TOOLS, load_tool


@pytest.mark.slow
def test_measures_what_is_there(tmp_path: Path) -> None:
    """Two people of 50 x 96 pixels: one gray at the bottom without ankles, one black above it with all keypoints."""
    image = np.full((200, 100, 3), 120, np.uint8)
    image[4:100, 10:60] = 0
    (tmp_path / "images" / "few").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "images" / "few" / "a.png"), image)
    upper, whole = [30, 150, 2, 36, 142, 2] + [30, 150, 2] * 9 + [0, 0, 0] * 6, [30, 50, 2] * 17
    people = [
        {"id": i, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 4000, "bbox": box, "keypoints": keypoints}
        | {"num_keypoints": sum(v > 0 for v in keypoints[2::3])}
        for i, (box, keypoints) in enumerate((([10, 104, 50, 96], upper), ([10, 4, 49, 95], whole)), 1)
    ]
    document = {"images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 200}], "annotations": people}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "person_keypoints_few.json").write_text(json.dumps(document))
    done = subprocess.run(
        [sys.executable, TOOLS / "photo_gap.py", tmp_path / "few"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = {line[:52].strip(): float(line[52:]) for line in done.stdout.splitlines()[1:]}
    assert rows["people"] == 2
    assert rows["mean brightness (0..255)"] == pytest.approx(60, abs=1)
    assert rows["pixels darker than 25 (%)"] == pytest.approx(50, abs=1)
    assert rows["chroma (Lab)"] == 0
    assert rows["keypoints labeled"] == 14
    assert rows["ankle labeled (%)"] == 50
    assert rows["box ends at the image's bottom (%)"] == 50
    assert rows["no ankle, though the box ends inside the image (%)"] == 0
    filled = 100 * np.mean([4000 / (50 * 96), 4000 / (49 * 95)])
    assert rows["of the box filled by the person (%)"] == pytest.approx(filled, abs=0.06)
    assert rows["two keypoints of the face labeled (%)"] == 100
    assert rows["distance across such faces, no hip labeled (pixels)"] == 10 * 192 / 96
    assert rows["distance across such faces, a hip labeled (pixels)"] == 0


def test_how_people_hold_themselves() -> None:
    tool = load_tool("photo_gap")
    places = {
        0: (50, 28),
        3: (62, 25),
        4: (42, 25),
        5: (70, 50),
        6: (30, 50),
        9: (80, 90),
        11: (60, 100),
        12: (40, 100),
    }
    keypoints = np.zeros((17, 3))
    for k, xy in places.items():
        keypoints[k] = (*xy, 2)
    tilt, width, nose, drop, left, right = tool.posture(
        {"keypoints": keypoints.ravel().tolist(), "bbox": [20, 10, 70, 160]}
    )
    assert (tilt, width, nose) == (0, 80, 44)
    assert drop == pytest.approx(100 * 3 / np.hypot(20, 3))
    assert left == 50
    assert np.isnan(right)
    keypoints[6, :2] = (30, 90)
    assert tool.posture({"keypoints": keypoints.ravel().tolist(), "bbox": [20, 10, 70, 160]})[0] == pytest.approx(45)
