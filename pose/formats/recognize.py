"""Tell the format of annotations by what the files hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pose.data.json_file import read_json
from pose.formats import deeplabcut, labelme
from pose.formats.coco import ROBOFLOW
from pose.formats.yolo_yaml import find_yaml
from pose.images.files import files_below
from pose.runtime.errors import DataError

FORMATS = {
    "coco": "COCO keypoints: FILE.json, or a folder with annotations/*.json (CVAT's COCO export too)",
    "yolo": "YOLO-pose: a data.yaml with kpt_shape, or its folder",
    "cvat": "CVAT for images 1.1: annotations.xml with skeletons",
    "labelstudio": "Label Studio: its JSON export (not JSON-MIN)",
    "labelme": "labelme: a folder with a JSON for each image",
    "roboflow": f"Roboflow's COCO export: a folder with train/{ROBOFLOW}",
    "deeplabcut": "DeepLabCut: CollectedData_NAME.csv or .h5, or the project's folder",
    "sleap": "SLEAP: FILE.slp (sleap-io reads it)",
}


def recognize(path: Path) -> str:
    """Name the format of a file or folder, a key of `FORMATS`.

    Raises:
        FileNotFoundError: nothing is there.
        DataError: it is none of them; with the list, and what it is where that is known.
    """
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}; check the path")
    found = _of_folder(path) if path.is_dir() else _of_file(path)
    if found not in FORMATS:
        listed = "".join(f"\n  {name:11} {text}" for name, text in FORMATS.items())
        raise DataError(f"{path} is {found or 'of no format that is read'}; these are (--from NAME):{listed}")
    return found


def _of_folder(path: Path) -> str:
    if (path / ROBOFLOW).is_file() or any(path.glob(f"*/{ROBOFLOW}")):
        return "roboflow"
    if find_yaml(path) is not None:
        return "yolo"
    if (path / "annotations.xml").is_file():
        return "cvat"
    if deeplabcut.find_tables(path):
        return "deeplabcut"
    if any((path / "annotations").glob("*.json")):
        return "coco"
    for file in files_below(path):
        if file.suffix.lower() == ".json":
            return "labelme" if labelme.is_labelme(_json(file)) else ""
    texts = sum(file.suffix.lower() == ".txt" for file in files_below(path))
    return f"a folder of {texts} text files without a data.yaml with kpt_shape" if texts else ""


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if head.startswith(b"\x89HDF"):
        return _of_hdf5(path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _of_xml(head)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return "yolo" if find_yaml(path) is not None else "YAML without kpt_shape, which YOLO-pose needs"
    if suffix == ".csv" or head.startswith(b"scorer,"):
        return (
            "deeplabcut" if head.removeprefix(b"\xef\xbb\xbf").startswith(b"scorer,") else "CSV, but not DeepLabCut's"
        )
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive; unpack it and give the folder"
    if suffix == ".txt":
        return "text, as YOLO's labels are; give the data.yaml of their dataset"
    return _of_json(path)


def _of_hdf5(path: Path) -> str:
    if path.suffix.lower() == ".slp":
        return "sleap"
    content = path.read_bytes()
    if b"df_with_missing" in content or b"bodyparts" in content:
        return "deeplabcut"
    if b"track_occupancy" in content:
        return "an analysis file of SLEAP, which has predictions only; give the .slp"
    return "HDF5, but neither SLEAP's nor DeepLabCut's"


def _of_xml(head: bytes) -> str:
    if b"<annotations" in head:
        return "cvat"
    return "Pascal VOC's XML, which has no keypoints" if b"<annotation" in head else "XML, but not CVAT's"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None


def _of_json(path: Path) -> str:
    document = read_json(path)
    if labelme.is_labelme(document):
        return "labelme"
    if isinstance(document, dict):
        if isinstance(document.get("images"), list) and isinstance(document.get("annotations"), list):
            return "roboflow" if path.name == ROBOFLOW else "coco"
        if "_via_img_metadata" in document:
            return "a project of VIA (VGG Image Annotator), whose regions have no keypoints with names"
        if isinstance(document.get("objects"), list) and "size" in document:
            return "a file of Supervisely; export COCO keypoints there"
        if isinstance(document.get("data"), dict):
            return "labelstudio"
    if isinstance(document, list):
        first = document[0] if document and isinstance(document[0], dict) else {}
        if isinstance(first.get("data"), dict):
            return "labelstudio"
        if {"rectanglelabels", "keypointlabels"} & set(str(first).split("'")):
            return "JSON-MIN of Label Studio, which does not say whose a keypoint is; export JSON"
        if "image_id" in first:
            return "a list of detections or results, without images and categories"
    return "JSON, but of none of them"
