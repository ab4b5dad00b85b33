"""What tools write for projects of several tasks, cameras, scorers and kinds of objects: nothing is mixed up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from pose.formats.convert import Converted, convert
from pose.runtime.errors import DataError
from tests.formats.base import NAMES, make_document, write_dataset, write_images


def run(source: Path, **options: Any) -> tuple[dict[str, Any], Converted]:
    out = source.parent / f"{source.stem}.converted.json"
    done = convert(source, out, **options)
    return json.loads(done.written[0].read_text()), done


def boxes_of(document: dict[str, Any]) -> list[list[float]]:
    return [person["bbox"] for person in document["annotations"]]


def write_cvat(folder: Path, *images: str) -> Path:
    path = folder / "annotations.xml"
    path.write_text(f"<annotations>{''.join(images)}</annotations>")
    return path


def cvat_image(name: str, *shapes: str, more: str = "") -> str:
    return f'<image id="0" name="{name}" width="400" height="400" {more}>{"".join(shapes)}</image>'


def cvat_skeleton(*points: tuple[float, float], group: int = 0) -> str:
    own = "".join(f'<points label="{n}" points="{x},{y}"/>' for n, (x, y) in zip("abc", points, strict=False))
    return f'<skeleton label="person" group_id="{group}">{own}</skeleton>'


def cvat_box(label: str, x: float, y: float, w: float, h: float, group: int = 0) -> str:
    return f'<box label="{label}" xtl="{x}" ytl="{y}" xbr="{x + w}" ybr="{y + h}" group_id="{group}"/>'


def test_a_box_of_something_else_is_not_the_persons(tmp_path: Path) -> None:
    """Somebody before a car; beside whom, in the second image, is a box of his own that holds less of him."""
    person, car = cvat_skeleton((100, 100), (120, 200), (130, 130)), cvat_box("car", 10, 10, 350, 350)
    own = cvat_box("person box", 95, 95, 50, 95)
    file = write_cvat(tmp_path, cvat_image("a.jpg", person, car), cvat_image("b.jpg", person, car, own))
    document, done = run(file)
    assert boxes_of(document) == [[90, 90, 50, 120], [95, 95, 50, 95]]  # the first around the keypoints
    assert done.notes.left_out["boxes without keypoints"] == 2
    (tmp_path / "annotations.converted.json").unlink()
    rider, bike = (
        cvat_skeleton((100, 100), (120, 200), (130, 130), group=4),
        cvat_box("bike", 90, 90, 60, 130, group=4),
    )
    group = cvat_image("a.jpg", rider, bike, cvat_skeleton((9, 9), (20, 20)), cvat_box("person box", 5, 5, 20, 20))
    document, _ = run(write_cvat(tmp_path, group))  # nor in a group, where people have boxes of their own
    assert boxes_of(document) == [[90, 90, 50, 120], [5, 5, 20, 20]]
    # Without boxes of the person's own label anywhere, one of another is taken if it looks like the person.
    file = write_cvat(tmp_path, cvat_image("a.jpg", person, car, cvat_box("bbox", 95, 95, 50, 120)))
    (tmp_path / "annotations.converted.json").unlink()
    document, done = run(file)
    assert boxes_of(document) == [[95, 95, 50, 120]]
    assert done.notes.guessed["boxes labeled 'bbox', taken for 'person'"] == 1


@pytest.mark.parametrize("first", [True, False])
def test_boxes_do_not_depend_on_the_order_of_people(tmp_path: Path, first: bool) -> None:
    """One whose few keypoints lie in the other's box too; and two people of one group, with their boxes."""
    few, all_of = cvat_skeleton((50, 50), (60, 60)), cvat_skeleton((40, 40), (80, 80), (90, 90))
    boxes = [cvat_box("person", 30, 30, 70, 70), cvat_box("person", 0, 0, 200, 200)]
    alone = [few, all_of] if first else [all_of, few]
    near, far = (50, 50), (350, 150)
    group = [cvat_skeleton(p, (p[0] + 10, p[1] + 40), group=3) for p in (near, far)]
    around = [cvat_box("person", p[0] - 10, p[1] - 10, 60, 60, group=3) for p in (far, near)]
    file = write_cvat(tmp_path, cvat_image("a.jpg", *alone, *boxes), cvat_image("b.jpg", *group, *around))
    document, _ = run(file)
    expected = [[0, 0, 200, 200], [30, 30, 70, 70]]
    assert boxes_of(document)[:2] == (expected if first else expected[::-1])
    assert boxes_of(document)[2:] == [[40, 40, 60, 60], [340, 140, 60, 60]]


def test_frames_that_cvat_names_without_a_suffix(tmp_path: Path) -> None:
    """Of a video task; the files of a project lie in folders of its subsets."""
    file = write_cvat(tmp_path, cvat_image("frame_000000", cvat_skeleton((9, 9), (20, 20)), more='subset="Train"'))
    folder = tmp_path / "images/Train"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "frame_000000.PNG"), np.zeros((400, 400, 3), np.uint8))
    document, done = run(file)
    assert document["images"][0]["file_name"] == "Train/frame_000000.PNG"
    assert done.notes.guessed["images named without a suffix, found with one"] == 1
    assert done.labels.root == tmp_path / "images"


@pytest.mark.parametrize("target", ["coco", "roboflow"])
def test_splits_number_categories_alike(tmp_path: Path, target: str) -> None:
    """Whoever stands first in each."""
    box, other = cvat_skeleton((9, 9), (20, 20)), cvat_skeleton((9, 9), (20, 20)).replace("person", "cat")
    train, val = (f'subset="{name}"' for name in ("Train", "Validation"))
    images = [cvat_image("a.jpg", box, other, more=train), cvat_image("b.jpg", other, box, more=val)]
    convert(
        write_cvat(tmp_path, *images),
        tmp_path / "out.json" if target == "coco" else tmp_path / "out",
        target_format=target,
    )
    files = sorted(tmp_path.glob("out_*.json")) or sorted(tmp_path.glob("out/*/*.json"))
    found = [{c["id"]: c["name"] for c in json.loads(path.read_text())["categories"]} for path in files]
    assert found == [{1: "person", 2: "cat"}] * 2


def test_a_split_without_people_is_read_again(tmp_path: Path) -> None:
    images = [cvat_image("a.jpg", cvat_skeleton((9, 9), (20, 20)), more='subset="Train"')]
    images.append(cvat_image("b.jpg", more='subset="Validation"'))
    convert(write_cvat(tmp_path, *images), tmp_path / "out", target_format="roboflow")
    done = convert(tmp_path / "out", tmp_path / "again.json")
    categories = [json.loads(path.read_text())["categories"] for path in done.written]
    assert [[c["name"] for c in each] for each in categories] == [["person"]] * 2


def test_images_of_one_path_are_told(tmp_path: Path) -> None:
    person = cvat_skeleton((9, 9), (20, 20))
    file = write_cvat(tmp_path, cvat_image("a.jpg", person), cvat_image("a.jpg", person), cvat_image("b.jpg"))
    _, done = run(file)
    assert any(text.startswith("doubled: 1 path that several images have, e.g. a.jpg") for text in done.notes.remarks)


def region(kind: str, label: str, x: float, y: float, on: str = "img") -> dict[str, Any]:
    size = {"width": 20, "height": 30} if kind == "rectangle" else {"width": 0.5}
    value = {"x": x, "y": y, **size, f"{kind}labels": [label]}
    return {
        **{"type": f"{kind}labels", "to_name": on, "value": value, "id": f"{on}{kind}{x}{y}"},
        **{"original_width": 100, "original_height": 100, "image_rotation": 0},
    }


def write_tasks(folder: Path, *tasks: dict[str, Any]) -> Path:
    path = folder / "tasks.json"
    path.write_text(json.dumps(list(tasks)))
    return path


def dog(x: float, on: str = "img") -> list[dict[str, Any]]:
    return [
        region("rectangle", "dog", x, 10, on),
        region("keypoint", "nose", x + 2, 12, on),
        region("keypoint", "tail", x + 9, 30, on),
    ]


def names_of(document: dict[str, Any]) -> list[str]:
    return [image["file_name"] for image in document["images"]]


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        (["/data/upload/3/ab12cd34-1.jpg", "/data/upload/3/ff12cd34-1.jpg"], ["ab12cd34-1.jpg", "ff12cd34-1.jpg"]),
        (["s3://lab/mon/1.jpg", "s3://lab/tue/1.jpg"], ["mon/1.jpg", "tue/1.jpg"]),
        (["/data/upload/3/ab12cd34-1.jpg", "/data/upload/3/ff12cd34-2.jpg"], ["1.jpg", "2.jpg"]),
    ],
)
def test_images_of_one_name_in_label_studio(tmp_path: Path, urls: list[str], names: list[str]) -> None:
    tasks = [{"data": {"image": url}, "annotations": [{"result": dog(5)}]} for url in urls]
    document, done = run(write_tasks(tmp_path, *tasks))
    assert names_of(document) == names
    what = "file names that several addresses share, with what tells these apart"
    assert done.notes.guessed[what] == (2 if names[0] != "1.jpg" else 0)


def test_uploads_whose_files_keep_their_digits(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    cv2.imwrite(str(tmp_path / "media/ab12cd34-1.jpg"), np.zeros((100, 100, 3), np.uint8))
    task = {"data": {"image": "/data/upload/3/ab12cd34-1.jpg"}, "annotations": [{"result": dog(5)}]}
    document, _ = run(write_tasks(tmp_path, task), images=tmp_path / "media")
    assert names_of(document) == ["ab12cd34-1.jpg"]


def test_two_images_in_a_task_of_label_studio(tmp_path: Path) -> None:
    """Where regions name them as the data do, they are apart; else nobody knows which is which."""
    result = [*dog(5, "left"), *dog(40, "right")]
    task = {"data": {"left": "l.jpg", "right": "r.jpg"}, "annotations": [{"result": result}]}
    document, _ = run(write_tasks(tmp_path, task))
    assert names_of(document) == ["l.jpg", "r.jpg"]
    assert boxes_of(document) == [[5, 10, 20, 30], [40, 10, 20, 30]]
    (tmp_path / "tasks.converted.json").unlink()
    task = {"data": {"left": "l.jpg", "right": "r.jpg"}, "annotations": [{"result": dog(40, "right")}]}
    assert names_of(run(write_tasks(tmp_path, task))[0]) == ["r.jpg"]  # on one of them only
    (tmp_path / "tasks.converted.json").unlink()
    task["data"] = {"a": "l.jpg", "b": "r.jpg"}
    _, done = run(write_tasks(tmp_path, task))
    assert done.notes.guessed["tasks with several images, whose regions are taken for those of the first"] == 1
    (tmp_path / "tasks.converted.json").unlink()
    task = {"data": {"a": "l.jpg", "b": "r.jpg"}, "annotations": [{"result": result}]}
    with pytest.raises(DataError, match="regions on one of several images, of which nothing tells the file: 6"):
        run(write_tasks(tmp_path, task))


def test_the_image_among_the_data_of_a_task(tmp_path: Path) -> None:
    data = {"source": "http://lab.org/page.html", "photo": "http://lab.org/1.jpg?size=2"}
    old = {"data": data, "completions": [{"result": dog(5)}]}  # as before Label Studio 1.0
    document, _ = run(write_tasks(tmp_path, old))
    assert names_of(document) == ["1.jpg"]
    assert len(document["annotations"]) == 1


def test_json_min_is_named_with_ids_of_images_too(tmp_path: Path) -> None:
    path = write_tasks(tmp_path, {"image": "a.jpg", "image_id": 3, "box": [{"rectanglelabels": ["dog"]}]})
    with pytest.raises(DataError, match="is JSON-MIN of Label Studio"):
        run(path)


def write_labelme(path: Path, *shapes: tuple[str, str, Any, int | None]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = [
        {"shape_type": kind, "label": label, "points": points, "group_id": group, "flags": {}}
        for kind, label, points, group in shapes
    ]
    document = {"shapes": content, "imagePath": f"{path.stem}.jpg", "imageHeight": 200, "imageWidth": 200}
    path.write_text(json.dumps(document))
    return path


def test_a_rectangle_without_a_group_names_the_category(tmp_path: Path) -> None:
    """Also beside a point that is nobody's."""
    shapes = [
        ("rectangle", "dog", [[10, 10], [110, 110]], None),
        ("point", "nose", [[20, 20]], 4),
        ("point", "tail", [[100, 100]], 4),
    ]
    for i, more in enumerate([[], [("point", "nose", [[190, 190]], None)]]):
        document, _ = run(write_labelme(tmp_path / f"{i}.json", *shapes, *more))
        assert document["categories"][0]["name"] == "dog"
        assert boxes_of(document) == [[10, 10, 100, 100]]


@pytest.mark.parametrize("target", ["roboflow", "yolo"])
def test_images_of_one_name_keep_their_folders(tmp_path: Path, target: str) -> None:
    """labelme's of two cameras."""
    for i, camera in enumerate(("cam1", "cam2")):
        box = [[10, 10], [110 + i, 110]]
        write_labelme(
            tmp_path / f"lm/{camera}/0.json", ("rectangle", "dog", box, 1), ("point", "nose", [[20, 20]], 1)
        )
        cv2.imwrite(str(tmp_path / f"lm/{camera}/0.jpg"), np.full((200, 200, 3), 40 * i, np.uint8))
    done = convert(tmp_path / "lm", tmp_path / "out", target_format=target)
    assert done.copied == len(list((tmp_path / "out").rglob("0.jpg"))) == 2
    document, _ = run(tmp_path / "out")
    widths = {name: box[2] for name, box in zip(names_of(document), boxes_of(document), strict=True)}
    assert {Path(name).parent.name: round(width) for name, width in widths.items()} == {"cam1": 100, "cam2": 101}


def test_two_images_for_one_place_are_refused(tmp_path: Path) -> None:
    """Of two folders that a data.yaml names for one split."""
    for folder in ("a", "b"):
        write_images(tmp_path / "yolo/images" / folder)
    config = {
        "train": ["images/a", "images/b"],
        "kpt_shape": [2, 3],
        "names": {0: "dog"},
        "kpt_names": {0: ["l", "r"]},
    }
    (tmp_path / "yolo/data.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(DataError, match=r"images/a/a.png and images/b/a.png would both be train/a.png; rename one"):
        convert(tmp_path / "yolo", tmp_path / "out", target_format="roboflow")
    assert not (tmp_path / "out").exists()


def test_labels_with_a_byte_order_mark_and_a_list_of_images(tmp_path: Path) -> None:
    """As Windows' tools write; and Ultralytics' own layout: the YAML above, the list's names from where it lies."""
    write_images(tmp_path / "dogs/images/train")
    (tmp_path / "dogs/labels/train").mkdir(parents=True)
    row = "0 0.5 0.5 0.2 0.3 0.4 0.5 2 0.6 0.5 1\n"
    (tmp_path / "dogs/labels/train/a.txt").write_bytes(b"\xef\xbb\xbf" + (row * 2).encode())
    (tmp_path / "dogs/train.txt").write_text("./images/train/a.png\n")
    config = {"path": "dogs", "train": "train.txt", "kpt_shape": [2, 3], "names": {0: "dog"}}
    file = tmp_path / "dogs.yaml"
    file.write_text(yaml.safe_dump(config))
    document, done = run(file)
    assert names_of(document) == ["dogs/images/train/a.png"]
    assert len(document["annotations"]) == 2
    assert not any(done.notes.left_out.values())


def write_table(path: Path, scorer: str, columns: list[tuple[str, str]], rows: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pairs = [(who, part, coord) for who, part in columns for coord in "xy"]
    head = [[scorer] * len(pairs), *([p[i] for p in pairs] for i in range(3))]
    lines = [
        ",".join([n, *row]) for n, row in zip(("scorer", "individuals", "bodyparts", "coords"), head, strict=True)
    ]
    numbers = ",".join(str(10 + 7 * i) for i in range(len(pairs)))
    lines += [f"labeled-data/{path.parent.name}/img{i}.png,{numbers}" for i in range(rows)]
    path.write_text("\n".join(lines) + "\n")
    for i in range(rows):
        cv2.imwrite(str(path.parent / f"img{i}.png"), np.zeros((300, 300, 3), np.uint8))


def test_unique_body_parts_of_deeplabcut_are_no_animal(tmp_path: Path) -> None:
    columns = [("m1", "nose"), ("m1", "tail"), ("m2", "nose"), ("m2", "tail"), ("single", "corner")]
    write_table(tmp_path / "labeled-data/v/CollectedData_A.csv", "A", columns)
    document, _ = run(tmp_path)
    assert {c["name"]: c["keypoints"] for c in document["categories"]} == {
        "individual": ["nose", "tail"],
        "single": ["corner"],
    }
    assert [a["num_keypoints"] for a in document["annotations"]] == [2, 2, 1]
    document, _ = run(tmp_path / "labeled-data/v/CollectedData_A.csv", category="individual")
    assert [a["track"] for a in document["annotations"]] == ["m1", "m2"]


def test_tables_of_two_scorers_are_refused(tmp_path: Path) -> None:
    for scorer in "AB":
        write_table(tmp_path / f"labeled-data/v/CollectedData_{scorer}.csv", scorer, [("m1", "nose")])
    with pytest.raises(
        DataError, match=r"several scorers, CollectedData_A.csv, CollectedData_B.csv; move those away"
    ):
        run(tmp_path)


def test_each_video_of_deeplabcut_has_its_table(tmp_path: Path) -> None:
    """One has a CSV and an HDF5, another the HDF5 alone."""
    pytest.importorskip("pandas")
    pytest.importorskip("tables")
    for video in ("v", "w"):
        write_table(tmp_path / f"labeled-data/{video}/CollectedData_A.csv", "A", [("m1", "nose")])
        csv = tmp_path / f"labeled-data/{video}/CollectedData_A.csv"
        convert(csv, csv.with_suffix(".h5"), images=tmp_path)
    csv.unlink()
    document, _ = run(tmp_path)
    assert names_of(document) == ["labeled-data/v/img0.png", "labeled-data/w/img0.png"]


def test_tracks_pass_through_coco(tmp_path: Path) -> None:
    """bob stands first in the second image."""
    document = make_document()
    for person, track in zip(document["annotations"], ["alice", "bob", "bob", "alice"], strict=True):
        person["track"] = track
    (tmp_path / "dogs.json").write_text(json.dumps(document))
    done = convert(tmp_path / "dogs.json", tmp_path / "CollectedData_A.csv")
    assert [p.track for p in done.labels.people] == ["alice", "bob", "bob", "alice"]
    again, _ = run(tmp_path / "CollectedData_A.csv", images=write_dataset(tmp_path / "d").parent / "images")
    noses = {(a["track"], a["image_id"]): a["keypoints"][0] for a in again["annotations"]}
    assert noses == {("alice", 1): 30, ("bob", 1): 80, ("bob", 2): 20, ("alice", 2): 0}
    copy, _ = run(tmp_path / "dogs.json")
    assert [a["track"] for a in copy["annotations"]] == ["alice", "bob", "bob", "alice"]


def test_coco_holds_what_it_held(tmp_path: Path) -> None:
    """Other entries, a category that nobody is of, and visibilities as training takes them: above 0 or not."""
    document = make_document()
    document["images"][0] |= {"crowdIndex": 0.3, "frame_id": 7, "date_captured": float("nan")}
    document["categories"] = [{"id": 1, "name": "cat", "keypoints": NAMES}, *document["categories"]]
    document["categories"][1] |= {"supercategory": "animal", "sigmas": [0.1] * len(NAMES)}
    document["annotations"][0]["keypoints"][2] = -1
    document["licenses"] = [{"id": 1}]
    (tmp_path / "dogs.json").write_text(json.dumps(document))
    copy, done = run(tmp_path / "dogs.json")
    del document["images"][0]["date_captured"]  # which JSON has not, and pandas writes
    assert copy["images"] == document["images"]
    assert done.notes.left_out["other entries that are no finite numbers"] == 1
    expected = document["categories"]
    assert copy["categories"] == [{**expected[0], "skeleton": []}, expected[1]]
    assert copy["annotations"][0]["keypoints"][:6] == [30, 30, 0, 40, 25.5, 2]
    assert "left out: what dogs.json holds beside images, people and categories: licenses" in done.notes.remarks
    write_dataset(tmp_path / "d")
    other = convert(tmp_path / "dogs.json", tmp_path / "yolo", target_format="yolo", images=tmp_path / "d/images")
    assert other.notes.lost["other entries of images"] == 2
    config = yaml.safe_load((tmp_path / "yolo/data.yaml").read_text())
    (tmp_path / "f/annotations").mkdir(parents=True)
    for name in ("train", "val"):
        (tmp_path / f"f/annotations/dog_keypoints_{name}.json").write_text(json.dumps(document))
    for path in convert(tmp_path / "f", tmp_path / "both.json").written:  # each category once
        assert [c["id"] for c in json.loads(path.read_text())["categories"]] == [1, 3]
    assert config["names"] == {0: "cat", 1: "dog"}  # as the categories are numbered, not by the first one's kind


def test_each_split_of_a_folder_is_read(tmp_path: Path) -> None:
    """One file is called keypoints, and the other's split is in no such file; captions have none."""
    (tmp_path / "annotations").mkdir()
    document = make_document()
    for name in ("dog_keypoints_train", "val", "instances_train"):
        (tmp_path / f"annotations/{name}.json").write_text(json.dumps(document))
    captions = {**document, "annotations": [{"id": 1, "image_id": 5, "caption": "a dog"}]}
    (tmp_path / "annotations/captions_test.json").write_text(json.dumps(captions))
    done = convert(tmp_path, tmp_path / "out.json")
    assert [path.name for path in done.written] == ["out_train.json", "out_val.json"]
    what = "files in annotations without keypoints, or of a split that another has"
    assert done.notes.left_out[what] == 2


def test_keypoints_in_another_order_are_put_into_one(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    order = [5, 4, 3, 2, 1, 0]
    for name in ("train", "val"):
        document = make_document()
        if name == "val":
            document["categories"][0]["keypoints"] = [NAMES[i] for i in order]
            for person in document["annotations"]:
                person["keypoints"] = np.reshape(person["keypoints"], (-1, 3))[order].ravel().tolist()
        (tmp_path / f"annotations/dog_keypoints_{name}.json").write_text(json.dumps(document))
    done = convert(tmp_path, tmp_path / "out.json")
    train, val = (json.loads(path.read_text()) for path in done.written)
    assert [a["keypoints"] for a in train["annotations"]] == [a["keypoints"] for a in val["annotations"]]
    assert train["categories"] == val["categories"]
    assert done.notes.guessed["people of 'dog' with keypoints in another order, put into that of the first"] == 4


def test_wholebody_in_lists_of_its_own_is_told(tmp_path: Path) -> None:
    document = make_document()
    document["annotations"][0]["foot_kpts"] = [1, 2, 2]
    (tmp_path / "dogs.json").write_text(json.dumps(document))
    _, done = run(tmp_path / "dogs.json")
    assert any("--keypoints coco-wholebody133 joins them" in text for text in done.notes.remarks)


def test_keypoints_that_are_no_numbers_end_the_work(tmp_path: Path) -> None:
    document = make_document()
    for person in document["annotations"]:
        person["keypoints"] = [{"xy": [1, 2], "visible": 2}]
    (tmp_path / "dogs.json").write_text(json.dumps(document))
    with pytest.raises(
        DataError, match=r"nobody can be read; the keypoints of 4 annotations are not x, y, visibility"
    ):
        run(tmp_path / "dogs.json")


def test_pairs_that_names_do_not_tell_are_not_lost_without_a_word(tmp_path: Path) -> None:
    """From SLEAP to COCO; and the names of images that are not in full stay."""
    pytest.importorskip("sleap_io")
    document = make_document()
    document["categories"][0]["keypoints"] = ["nose", "wingA", "wingB", "tail", "legA", "legB"]
    write_dataset(tmp_path)
    config = {
        "train": "images/train",
        "kpt_shape": [6, 3],
        "names": {0: "dog"},
        "flip_idx": [0, 2, 1, 3, 5, 4],
        "kpt_names": {0: document["categories"][0]["keypoints"]},
    }
    write_images(tmp_path / "yolo/images/train")
    (tmp_path / "yolo/labels/train").mkdir(parents=True)
    row = "0 0.5 0.5 0.2 0.3 " + " ".join(f"{0.1 * i + 0.2:.1f} 0.5 2" for i in range(6))
    (tmp_path / "yolo/labels/train/a.txt").write_text(row)
    (tmp_path / "yolo/data.yaml").write_text(yaml.safe_dump(config))
    convert(tmp_path / "yolo", tmp_path / "fly.slp")
    document, done = run(tmp_path / "fly.slp")
    said = "names do not tell these: data.skeleton.flip_pairs: [[wingA, wingB], [legA, legB]]"
    assert any(text.endswith(said) for text in done.notes.remarks)
    assert "images/train/deep/b.png" in names_of(document)
