"""Files of other tools are called by their names, with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pose.data.coco import load_coco
from pose.data.foreign import name_document
from pose.data.json_file import read_json
from pose.inference.video.boxes import read_frame_boxes
from pose.keypoints.skeletons import COCO17
from tests.helpers.command import Outcome
from tests.helpers.findings import make

BYTES = {
    "a.xml": (
        b"<?xml version='1.0'?>\n<annotations><version>1.1</version>",
        r"CVAT's XML.*: pose convert .*a\.xml out",
    ),
    "b.xml": (b"<annotation><folder>x</folder></annotation>", "Pascal VOC"),
    "page.json": (b"<!DOCTYPE html><html>log in</html>", "HTML, as of a page that asks to log in"),
    "a.txt": (b"0 0.5 0.5 0.1 0.2 0.5 0.5 2", "YOLO's labels are.*: pose convert data.yaml out"),
    "data.yaml": (b"kpt_shape: [17, 3]\nnames: [a]", "YOLO dataset.*: pose convert"),
    "c.csv": (b"scorer,me,me\nbodyparts,a,a\n", "labels of DeepLabCut.*: pose convert"),
    "d.csv": (b"x,y\n1,2\n", "a CSV table"),
    "e.h5": (b"\x89HDF\r\n\x1a\n", "HDF5 file, as of DeepLabCut or SLEAP"),
    "f.slp": (b"\x89HDF\r\n\x1a\n", "a SLEAP project.*: pose convert"),
    "g.tfrecord": (b"\x12\0\0\0\0\0\0\0", "a TFRecord file"),
    "h.zip": (b"PK\x03\x04", "a zip archive.*; unpack it"),
    "i.json": (b"PK\x03\x04", "a zip archive.*; unpack it"),
    "j.json": (b"\x1f\x8b\x08", "packed by gzip.*gunzip"),
    "k.jpg": (b"\xff\xd8\xff\xe0", "a JPEG image"),
    "l.jsonl": (b'{"a": 1}\n{"a": 2}\n', "a JSON on each line; expected one list"),
}
DOCUMENTS: dict[str, tuple[Any, str]] = {
    "labelme": ({"version": "5", "shapes": [], "imagePath": "a.jpg", "imageData": None}, "labelme's.*pose convert"),
    "label studio": ([{"id": 1, "annotations": [], "data": {"img": "a.jpg"}}], "Label Studio's JSON.*pose convert"),
    "label studio min": (
        [{"img": "a.jpg", "id": 1, "label": [], "annotation_id": 3, "lead_time": 2.5}],
        "Label Studio's JSON-MIN",
    ),
    "via": ({"_via_settings": {}, "_via_img_metadata": {}}, "VGG Image Annotator"),
    "via annotations": ({"a.jpg123": {"filename": "a.jpg", "size": 123, "regions": []}}, "VGG Image Annotator"),
    "supervisely": ({"description": "", "objects": [], "size": {"height": 4, "width": 5}}, "Supervisely's JSON"),
    "datumaro": ({"info": {}, "categories": {}, "items": []}, "Datumaro's JSON"),
    "openpose": ({"version": 1.3, "people": []}, "OpenPose's JSON"),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes(tmp_path: Path, name: str) -> None:
    content, message = BYTES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_json(tmp_path / name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_wherever_they_are_given(tmp_path: Path, name: str) -> None:
    document, message = DOCUMENTS[name]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document))
    for read in (lambda: load_coco(path, COCO17), lambda: read_frame_boxes(path)):
        with pytest.raises(ValueError, match=message):
            read()


def test_ours_are_not_foreign() -> None:
    record = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1.0}
    assert name_document(make()) is None
    assert name_document({"images": [], "annotations": [], "info": {"version": 1}}) is None
    for ours in (
        [],
        {},
        [record],
        [{"frame": 0, "bbox": [1, 2, 3, 4]}],
        [record | {"keypoints": [1, 2, 3]}],
        None,
        3,
    ):
        assert name_document(ours) is None


def test_folders_and_configs(pose_cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("path: .\ntrain: train/images\nval: val/images\nkpt_shape: [3, 3]\n")
    for command in (["check", tmp_path], ["check", tmp_path / "data.yaml"], ["train", tmp_path / "data.yaml"]):
        outcome = pose_cli(*map(str, command))
        assert outcome.code == 2
        assert "is the YAML of a YOLO dataset" in outcome.err
        assert "pose convert" in outcome.err
