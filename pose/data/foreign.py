"""What a file is that is no COCO file: recognized by its content and name, so that a message can call it by its name.

None of these is read here. Some `pose convert` turns into COCO's keypoint JSON.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from pose.runtime.errors import DataError
from pose.runtime.text import shell_word

_EXPORT = "export COCO keypoints from there instead"
_BINARY = (  # the first bytes of a file, what it is, and what to do
    (b"PK\x03\x04", "a zip archive", "unpack it, and give the JSON in it"),
    (b"\x1f\x8b", "packed by gzip", "unpack it first: gunzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and give the JSON in it"),
    (b"Rar!", "a RAR archive", "unpack it, and give the JSON in it"),
    (b"\x93NUMPY", "an array of numpy", _EXPORT),
    (b"PAR1", "a Parquet file", _EXPORT),
    (b"SQLite format 3", "an SQLite database", _EXPORT),
    (b"MATLAB 5.0", "a MATLAB file", _EXPORT),
    (b"\xff\xd8\xff", "a JPEG image", "give the annotations, and the images by their folder"),
    (b"\x89PNG", "a PNG image", "give the annotations, and the images by their folder"),
)
_YAML = "YAML"
_HEAD = 4096  # bytes that tell what a file is


def refuse_foreign_bytes(path: Path, content: bytes) -> None:
    """Stop at the bytes of a file of another format than JSON.

    Raises:
        DataError: with its name and what to do.
    """
    named = _name_bytes(path, content[:_HEAD])
    if named is not None:
        _refuse(path, *named)


def refuse_foreign(path: Path | str, document: Any) -> None:
    """Stop at the content of a JSON or YAML file that is another tool's.

    Raises:
        DataError: with its name and what to do.
    """
    named = name_document(document)
    if named is not None:
        _refuse(path, *named)


def find_foreign(folder: Path) -> str:
    """What a folder without COCO annotations holds instead, as the end of a message; "" where nothing is known."""
    if next(folder.glob("*/_annotations.coco.json"), None) is not None:
        return f"{folder} is a dataset as Roboflow exports COCO's; {_convert(folder)}"
    for pattern in (
        "*.yaml",
        "*.slp",
        "*.xml",
        "*.csv",
        "*.h5",
        "*.tfrecord",
        "*.zip",
        "labels/*.txt",
        "labels/*/*.txt",
    ):
        for path in sorted(folder.glob(pattern))[:3]:
            with contextlib.suppress(OSError):
                with path.open("rb") as opened:
                    named = _name_bytes(path, opened.read(_HEAD))
                if named is not None and named[0] != _YAML:
                    return f"{path} is {named[0]}; {named[1] or _convert(folder)}"
    return ""


def name_document(document: Any) -> tuple[str, str] | None:
    """Name what parsed JSON or YAML is, and what to do with it ("" if `pose convert` reads it); None if unknown."""
    first = document[0] if isinstance(document, list) and document else None
    if isinstance(first, dict):
        return _name_record(first)
    if not isinstance(document, dict):
        return None
    keys = document.keys()
    for wanted, name, advice in (
        ({"shapes", "imagePath"}, "labelme's JSON of one image", "convert its folder: pose convert FOLDER out.json"),
        ({"kpt_shape"}, "the YAML of a YOLO dataset", ""),
        ({"nc", "names"}, "the YAML of a YOLO dataset", ""),
        ({"names", "train", "val"}, "the YAML of a YOLO dataset", ""),
        ({"_via_img_metadata"}, "a project of the VGG Image Annotator (VIA)", _EXPORT),
        ({"_via_settings"}, "a project of the VGG Image Annotator (VIA)", _EXPORT),
        ({"objects", "size"}, "Supervisely's JSON of one image", _EXPORT),
        ({"classes", "projectType"}, "Supervisely's meta.json", _EXPORT),
        ({"metadata", "instances"}, "SuperAnnotate's JSON of one image", _EXPORT),
        ({"item", "annotations"}, "V7 Darwin's JSON of one image", _EXPORT),
        ({"items", "categories"}, "Datumaro's JSON", _EXPORT),
        ({"people", "version"}, "OpenPose's JSON of one image", _EXPORT),
        ({"samples"}, "FiftyOne's JSON", _EXPORT),
    ):
        if wanted <= keys and "images" not in keys:
            return name, advice
    values = list(document.values())[:5]
    if values and all(isinstance(v, dict) and {"filename", "regions"} <= v.keys() for v in values):
        return "annotations of the VGG Image Annotator (VIA)", _EXPORT
    return None


def _name_record(first: dict[str, Any]) -> tuple[str, str] | None:
    """Name a list by its first record."""
    keys = first.keys()
    if "data" in keys and keys & {"annotations", "completions", "predictions"}:
        return "Label Studio's JSON", ""
    if keys & {"kp-1", "keypoint", "keypoints", "label", "bbox"} and "annotation_id" in keys and "lead_time" in keys:
        return "Label Studio's JSON-MIN", "export its JSON, and convert that: pose convert FILE out.json"
    for wanted, name in (
        ({"data_row"}, "Labelbox's JSON"),
        ({"data_units"}, "Encord's JSON"),
        ({"shapes", "imagePath"}, "labelme's JSON"),
        ({"image", "annotations"}, "CreateML's JSON"),
    ):
        if wanted <= keys:
            return name, _EXPORT
    return None


def _name_bytes(path: Path, head: bytes) -> tuple[str, str] | None:
    suffix, text = path.suffix.lower(), head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for start, name, advice in _BINARY:
        if head.startswith(start):
            return name, advice
    if head.startswith(b"\x89HDF\r\n"):
        if suffix == ".slp":
            return "a SLEAP project", ""
        return (
            "an HDF5 file, as of DeepLabCut or SLEAP",
            f"{_convert(path)} (of DeepLabCut; of SLEAP convert the .slp)",
        )
    if text.startswith(b"<"):
        return _name_xml(text)
    if suffix in (".tfrecord", ".tfrecords", ".record"):
        return "a TFRecord file", _EXPORT
    if suffix == ".csv":
        return ("labels of DeepLabCut (CSV)", "") if text.startswith(b"scorer") else ("a CSV table", _EXPORT)
    if suffix == ".txt" and not text.startswith((b"{", b"[")):
        return "text, as YOLO's labels are", "convert the dataset by its data.yaml: pose convert data.yaml out.json"
    if suffix in (".yaml", ".yml"):
        yolo = b"kpt_shape" in head or b"names:" in head
        return ("the YAML of a YOLO dataset", "") if yolo else (_YAML, "give a JSON")
    return None


def _name_xml(text: bytes) -> tuple[str, str]:
    if b"<annotations" in text:
        return "CVAT's XML", ""
    if b"<annotation>" in text or b"<annotation " in text:
        return "the XML of one image in Pascal VOC's format", _EXPORT
    return (
        ("HTML, as of a page that asks to log in", "fetch the file itself")
        if b"<html" in text.lower()
        else (
            "XML",
            _EXPORT,
        )
    )


def _refuse(path: Path | str, name: str, advice: str) -> None:
    raise DataError(f"{path} is {name}, not COCO's JSON; {advice or _convert(path)}")


def _convert(path: Path | str) -> str:
    return f"convert it: pose convert {shell_word(path)} out.json"
