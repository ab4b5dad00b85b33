"""Make tests/formats/real by the tools themselves, so that readers are tested on what those write.

In an environment of its own:

    pip install labelme==6.3.1 label-studio-sdk==2.1.2 datumaro==1.13.12 sleap-io==0.9.5 supervision==0.31.2 \
        pandas==2.3.3 tables==3.11.1 ultralytics==8.4.190 opencv-python-headless
    PYTHONPATH=$PWD python tests/formats/make_real.py

DeepLabCut writes its tables by pandas alone (`to_csv` and `to_hdf` with the key df_with_missing), which is done here.
CVAT's server cannot be installed from an index; it exports COCO by datumaro, which is run here, and the XML in
real/cvat is written by hand after its source (cvat/apps/dataset_manager/formats/cvat.py).
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.formats.base import EDGES, NAMES, PAIRS, SIZES, make_document, write_images

REAL = Path(__file__).resolve().parent / "real"
Dog = tuple[dict[str, Any], dict[str, Any], list[list[float]]]


def dogs() -> list[Dog]:
    """Each annotation with its image and its points."""
    document = make_document()
    images = {image["id"]: image for image in document["images"]}
    return [(images[a["image_id"]], a, np.reshape(a["keypoints"], (-1, 3)).tolist()) for a in document["annotations"]]


def make_labelme(images: Path) -> None:
    """A JSON for each image; labelme has no visibility, so hidden points are as visible ones."""
    from labelme._label_file import LabelFile

    for name, (height, width) in SIZES.items():
        shapes: list[dict[str, Any]] = []
        for image, a, points in dogs():
            if image["file_name"] != name:
                continue
            common = {"group_id": a["id"], "description": "", "flags": {}, "mask": None}
            x, y, w, h = a["bbox"]
            # Drawn from the lower right corner, as a user may.
            shapes.append({"label": "dog", "points": [[x + w, y + h], [x, y]], "shape_type": "rectangle", **common})
            shapes += [
                {"label": n, "points": [[px, py]], "shape_type": "point", **common}
                for n, (px, py, v) in zip(NAMES, points, strict=True)
                if v
            ]
        target = REAL / "labelme" / Path(name).with_suffix(".json")
        target.parent.mkdir(parents=True, exist_ok=True)
        LabelFile().save(
            filename=str(target),
            shapes=shapes,
            image_path=Path(name).name,
            image_height=height,
            image_width=width,
        )


def make_label_studio() -> None:
    """Tasks as the server exports them, checked by the SDK against the labeling config."""
    from label_studio_sdk.label_interface import LabelInterface

    points = "".join(f'<Label value="{name}"/>' for name in NAMES)
    interface = LabelInterface(
        '<View><Image name="img" value="$image"/><RectangleLabels name="box" toName="img"><Label value="dog"/>'
        f'</RectangleLabels><KeyPointLabels name="kp" toName="img">{points}</KeyPointLabels></View>'
    )
    tasks = []
    for number, (name, (height, width)) in enumerate(SIZES.items(), 1):
        result: list[dict[str, Any]] = []
        common = {"original_width": width, "original_height": height, "image_rotation": 0, "to_name": "img"}
        common |= {"origin": "manual"}
        for image, a, keypoints in dogs():
            if image["file_name"] != name:
                continue
            key = f"rg{a['id']:08d}"
            x, y, w, h = a["bbox"]
            value = {
                "x": 100 * x / width,
                "y": 100 * y / height,
                "width": 100 * w / width,
                "height": 100 * h / height,
            }
            box = {**value, "rotation": 0, "rectanglelabels": ["dog"]}
            result.append({"id": key, "from_name": "box", "type": "rectanglelabels", "value": box, **common})
            for n, (px, py, v) in zip(NAMES, keypoints, strict=True):
                if v:
                    point = {"x": 100 * px / width, "y": 100 * py / height, "width": 0.4, "keypointlabels": [n]}
                    region = {"id": f"{key}{n}", "from_name": "kp", "type": "keypointlabels", "parentID": key}
                    result.append({**region, "value": point, **common})
        annotation = {"id": 70 + number, "was_cancelled": False, "ground_truth": False, "result": result}
        assert not result or interface.validate_annotation(annotation), name
        upload = f"/data/upload/1/0a1b2c3{number}-{Path(name).name}"
        tasks.append({"id": number, "annotations": [annotation], "predictions": [], "data": {"image": upload}})
    write(REAL / "labelstudio.json", tasks)


def make_datumaro(images: Path) -> None:
    """CVAT's COCO export: datumaro writes annotations/person_keypoints_default.json."""
    from datumaro.components.annotation import AnnotationType, Bbox, LabelCategories, Points, PointsCategories
    from datumaro.components.dataset import Dataset
    from datumaro.components.dataset_base import DatasetItem
    from datumaro.components.media import Image

    labels = LabelCategories.from_iterable(["dog"])
    points = PointsCategories.from_iterable([(0, NAMES, {tuple(edge) for edge in EDGES})])
    items = []
    for name in SIZES:
        annotations: list[Any] = []
        for image, a, keypoints in dogs():
            if image["file_name"] == name:
                flat = [v for x, y, _ in keypoints for v in (x, y)]
                seen = [int(v) for _, _, v in keypoints]
                common = {"label": 0, "id": a["id"], "group": a["id"]}
                annotations += [Points(flat, seen, **common), Bbox(*a["bbox"], **common)]
        media = Image.from_file(path=str(images / name))
        items.append(
            DatasetItem(id=str(Path(name).with_suffix("")), subset="default", media=media, annotations=annotations)
        )
    categories = {AnnotationType.label: labels, AnnotationType.points: points}
    with tempfile.TemporaryDirectory() as folder:
        Dataset.from_iterable(items, categories=categories).export(folder, "coco_person_keypoints", save_media=False)
        for file in Path(folder).rglob("*.json"):
            document = json.loads(file.read_text())
            write(REAL / "cvat_coco" / file.relative_to(folder), document)


def make_sleap(images: Path) -> None:
    """A .slp whose images are named below the working folder, so that no path of a machine is in the file."""
    import sleap_io

    skeleton = sleap_io.Skeleton(
        nodes=list(NAMES),  # sleap-io replaces the names in the list itself by its nodes
        edges=[(NAMES[a - 1], NAMES[b - 1]) for a, b in EDGES],
        symmetries=[(NAMES[a], NAMES[b]) for a, b in PAIRS],
        name="dog",
    )
    videos, frames = [], []
    for name, (height, width) in SIZES.items():
        video = sleap_io.Video.from_filename([f"{images.name}/{name}"], grayscale=False)
        assert video.shape == (1, height, width, 3)
        videos.append(video)
        own = [
            sleap_io.Instance.from_numpy(
                np.array([[x, y] if v else [np.nan, np.nan] for x, y, v in points]), skeleton=skeleton
            )
            for image, _, points in dogs()
            if image["file_name"] == name
        ]
        if name == "a.png":
            guess = np.full((len(NAMES), 2), 50.0)
            own.append(
                sleap_io.PredictedInstance.from_numpy(
                    guess, skeleton=skeleton, point_scores=np.ones(len(NAMES)), score=0.5
                )
            )
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=0, instances=own))
    labels = sleap_io.Labels(labeled_frames=frames, videos=videos, skeletons=[skeleton])
    labels.save(str(REAL / "dogs.slp"), verbose=False)


def make_yolo(images: Path) -> None:
    """Ultralytics' own labels of the COCO file (convert_coco), with its data.yaml as its documentation has it."""
    from ultralytics.data.converter import convert_coco

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "json")
        source.mkdir()
        (source / "train.json").write_text(json.dumps(make_document()))
        convert_coco(str(source), save_dir=str(Path(folder, "out")), use_keypoints=True, cls91to80=False)
        for file in Path(folder, "out/labels/train").rglob("*.txt"):
            target = REAL / "yolo/labels/train" / file.relative_to(Path(folder, "out/labels/train"))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.read_text())
    flips = list(range(len(NAMES)))
    for a, b in PAIRS:
        flips[a], flips[b] = b, a
    lines = ["path: ../datasets/dogs", "train: images/train", "val: images/train", f"kpt_shape: [{len(NAMES)}, 3]"]
    lines += [f"flip_idx: {flips}", "names:", "  0: unused", "  1: cat", "  2: dog", "kpt_names:"]
    lines += [line for i in range(3) for line in (f"  {i}:", *(f"    - {name}" for name in NAMES))]
    (REAL / "yolo/data.yaml").write_text("\n".join(lines) + "\n")


def make_deeplabcut() -> None:
    """CollectedData of several animals with three columns of index, and of one animal in one column."""
    import pandas as pd

    folder = REAL / "deeplabcut/labeled-data/walk"
    folder.mkdir(parents=True, exist_ok=True)
    levels = ["scorer", "individuals", "bodyparts", "coords"]
    columns = pd.MultiIndex.from_product([["ann"], ["rex", "fido"], NAMES, ["x", "y"]], names=levels)
    index = pd.MultiIndex.from_tuples([("labeled-data", "walk", f"img{i:03d}.png") for i in range(len(SIZES))])
    frame = pd.DataFrame(np.nan, index=index, columns=columns)
    for row, name in enumerate(SIZES):
        own = [points for image, _, points in dogs() if image["file_name"] == name]
        for who, points in zip(["rex", "fido"], own, strict=False):
            for part, (x, y, v) in zip(NAMES, points, strict=True):
                if v:
                    frame.iloc[row, frame.columns.get_loc(("ann", who, part, "x"))] = x
                    frame.iloc[row, frame.columns.get_loc(("ann", who, part, "y"))] = y
    frame.to_csv(folder / "CollectedData_ann.csv")
    frame.to_hdf(folder / "CollectedData_ann.h5", key="df_with_missing", mode="w")
    single = frame.xs("rex", axis=1, level="individuals")
    single.index = ["/".join(i) for i in single.index]
    single.to_csv(REAL / "deeplabcut/CollectedData_single.csv")


def write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


def main() -> None:
    kept = (REAL / "cvat/annotations.xml").read_bytes() if (REAL / "cvat/annotations.xml").is_file() else None
    shutil.rmtree(REAL, ignore_errors=True)
    REAL.mkdir()
    if kept is not None:
        (REAL / "cvat").mkdir()
        (REAL / "cvat/annotations.xml").write_bytes(kept)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        images = Path(folder, "dogs")
        write_images(images)
        make_labelme(images)
        make_label_studio()
        make_datumaro(images)
        make_sleap(images)
        make_yolo(images)
        make_deeplabcut()


if __name__ == "__main__":
    main()
