"""Formats are told by their content, and what is none of them is named for what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pose.formats.recognize import FORMATS, recognize
from tests.formats.test_real import REAL
from tests.helpers.command import call_pose

OWN = {
    **{"cvat": "cvat", "cvat/annotations.xml": "cvat", "cvat_coco": "coco", "labelstudio.json": "labelstudio"},
    **{"labelme": "labelme", "labelme/a.json": "labelme", "yolo": "yolo", "yolo/data.yaml": "yolo"},
    **{"deeplabcut": "deeplabcut", "deeplabcut/CollectedData_single.csv": "deeplabcut", "dogs.slp": "sleap"},
    **{"deeplabcut/labeled-data/walk/CollectedData_ann.h5": "deeplabcut"},
    **{"cvat_coco/annotations/person_keypoints_default.json": "coco"},
}


@pytest.mark.parametrize("name", OWN)
def test_what_tools_write(name: str) -> None:
    assert recognize(REAL / name) == OWN[name]


OTHERS: dict[str, tuple[Any, str]] = {
    "boxes.json": ([{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 1}], "a list of detections or results"),
    "via.json": ({"_via_img_metadata": {}}, "VIA"),
    "sly.json": ({"size": {}, "objects": [], "tags": []}, "Supervisely"),
    "min.json": ([{"image": "a.jpg", "kp": [{"x": 1, "keypointlabels": ["nose"]}]}], "JSON-MIN of Label Studio"),
    "other.json": ({"a": 1}, "JSON, but of none of them"),
    "voc.xml": ("<annotation><object/></annotation>", "Pascal VOC"),
    "page.xml": ("<html/>", "XML, but not CVAT's"),
    "config.yaml": ("data: {}", "YAML without kpt_shape"),
    "table.csv": ("a,b\n1,2\n", "CSV, but not DeepLabCut's"),
    "0001.txt": ("0 0.5 0.5 0.1 0.1", "give the data.yaml"),
    "all.zip": ("PK\x03\x04", "a zip archive; unpack it"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_none_of_them(tmp_path: Path, name: str) -> None:
    content, said = OTHERS[name]
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    outcome = call_pose("convert", path, tmp_path / "out.json")
    assert outcome.code == 2
    assert said in outcome.err
    assert all(name in outcome.err for name in FORMATS)
    assert not (tmp_path / "out.json").exists()


def test_a_folder_of_labels_without_their_yaml(tmp_path: Path) -> None:
    (tmp_path / "0.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(ValueError, match=r"a folder of 1 text files without a data.yaml"):
        recognize(tmp_path)


def test_cvat_for_video_names_the_other_export(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text("<annotations><track id='0' label='dog'/></annotations>")
    outcome = call_pose("convert", path, tmp_path / "out.json")
    assert outcome.code == 2
    assert "export `CVAT for images 1.1`" in outcome.err


def test_another_format_than_from_says(tmp_path: Path) -> None:
    outcome = call_pose("convert", REAL / "labelstudio.json", tmp_path / "out.json", "--from", "cvat")
    assert outcome.code == 2
    assert "labelstudio.json is Label Studio, not cvat (" in outcome.err
    assert "leave out --from, or give --from labelstudio" in outcome.err
    broken = tmp_path / "annotations.xml"
    broken.write_text("<annotations>")
    outcome = call_pose("convert", broken, tmp_path / "out.json", "--from", "cvat")
    assert "is no XML" in outcome.err
    assert "--from" not in outcome.err


def test_the_name_of_a_format_is_checked(tmp_path: Path) -> None:
    outcome = call_pose("convert", REAL / "cvat", tmp_path / "out", "--to", "yolov8")
    assert (outcome.code, outcome.err) == (2, "error: there is no format 'yolov8'; did you mean 'yolo'?\n")
    outcome = call_pose("convert", REAL / "cvat", tmp_path / "out")
    assert outcome.code == 2
    assert "does not say which format to write; give --to" in outcome.err
