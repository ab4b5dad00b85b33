"""Files that the tools themselves wrote (tests/formats/make_real.py) become the labels they were made of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pose.formats.convert import Converted, convert
from pose.formats.image_files import below_common
from pose.formats.sleap import video_folders
from tests.formats.base import EDGES, NAMES, assert_same, make_document, people_of, sizes_of, write_images

REAL = Path(__file__).parent / "real"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the exports, and the images in `images`."""
    shutil.copytree(REAL, tmp_path / "real")
    write_images(tmp_path / "images")
    return tmp_path


def run(place: Path, source: str, **options: Any) -> tuple[dict[str, Any], Converted]:
    done = convert(place / source, place / "out.json", **options)
    return json.loads(done.written[0].read_text()), done


def test_cvat(place: Path) -> None:
    """Boxes are joined to skeletons by what lies in them, attributes are counted, edges come from the drawing."""
    document, done = run(place, "real/cvat/annotations.xml")
    assert_same(people_of(document), people_of(make_document()))
    assert sizes_of(document) == sizes_of(make_document())
    assert document["categories"] == [{"id": 1, "name": "dog", "keypoints": NAMES, "skeleton": EDGES}]
    assert +done.notes.left_out == {"attributes": 4}
    assert +done.notes.guessed == {"areas, as width * height of the box": 4}


def test_coco_of_cvat(place: Path) -> None:
    """The folder's layout; its images may be missing."""
    (place / "real/cvat_coco/images/default").mkdir(parents=True)
    document, _ = run(place, "real/cvat_coco")
    prefix = "images/default/"
    expected = {prefix + name: own for name, own in people_of(make_document()).items()}
    assert_same(people_of(document), expected)
    assert [a["id"] for a in document["annotations"]] == [31, 33, 35, 37]


def test_label_studio(place: Path) -> None:
    """Names of uploads lose their random digits and folders; keypoints are told their order."""
    # An image without regions has no size in the export, so the images are asked for.
    with pytest.raises(ValueError, match=r"sizes of 1 image are not known, e.g. of empty.png.*--images"):
        run(place, "real/labelstudio.json")
    (place / "images/deep/b.png").rename(place / "images/b.png")
    options = {"keypoints": ",".join(NAMES), "images": place / "images"}
    document, done = run(place, "real/labelstudio.json", **options)
    expected = {Path(name).name: own for name, own in people_of(make_document(), visible=True).items()}
    assert_same(people_of(document), expected)
    assert done.labels.kinds()[0].name == "dog"


def test_label_studio_guesses_the_order_and_says_so(place: Path) -> None:
    (place / "images/deep/b.png").rename(place / "images/b.png")
    document, done = run(place, "real/labelstudio.json", images=place / "images")
    assert sorted(document["categories"][0]["keypoints"]) == sorted(NAMES)
    assert any(text.startswith("guessed: the order of the keypoints") for text in done.notes.remarks)


def test_labelme(place: Path) -> None:
    """Ids are the group ids, and boxes may be drawn from any corner."""
    document, _ = run(place, "real/labelme", keypoints=",".join(NAMES))
    assert_same(people_of(document), people_of(make_document(), visible=True))
    assert [a["id"] for a in document["annotations"]] == [31, 33, 35, 37]
    assert sizes_of(document) == sizes_of(make_document())


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("..\\images\\a.png", "images/a.png"),
        ("../images/a.png", "images/a.png"),
        ("deep\\b.png", "labels/deep/b.png"),
        ("..\\..\\a.png", "labels/a.png"),
        ("C:\\me\\a.png", "labels/a.png"),
    ],
)
def test_labelme_by_windows_and_in_a_folder_of_its_own(tmp_path: Path, name: str, found: str) -> None:
    """A path that stays in the folder is followed; of others the name is kept, as before."""
    document = {"shapes": [{"label": "nose", "points": [[1, 2]], "shape_type": "point", "group_id": 1}]}
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.json").write_text(
        json.dumps({**document, "imagePath": name, "imageHeight": 40, "imageWidth": 60})
    )
    convert(tmp_path, tmp_path / "out.json")
    (image,) = json.loads((tmp_path / "out.json").read_text())["images"]
    assert image["file_name"] == found


def test_x_anylabeling(place: Path) -> None:
    """Its rectangles have four corners, and hidden keypoints are difficult."""
    common = {"group_id": 1, "flags": {}, "attributes": {}}
    shapes = [
        {"label": "dog", "shape_type": "rectangle", "points": [[2, 3], [20, 3], [20, 30], [2, 30]], **common},
        {"label": "nose", "shape_type": "point", "points": [[4, 5]], "difficult": True, **common},
        {"label": "tail", "shape_type": "point", "points": [[9, 8]], "difficult": False, **common},
    ]
    (place / "xa").mkdir()
    content = {"version": "4.2.1", "shapes": shapes, "imagePath": "a.png", "imageHeight": 40, "imageWidth": 60}
    (place / "xa/a.json").write_text(json.dumps(content))
    (person,) = run(place, "xa", keypoints="nose,tail")[0]["annotations"]
    assert (person["bbox"], person["keypoints"]) == ([2, 3, 18, 27], [4, 5, 1, 9, 8, 2])


def test_yolo(place: Path) -> None:
    """Labels of Ultralytics' converter; the path of its data.yaml leads elsewhere and is not followed."""
    shutil.copytree(place / "images", place / "real/yolo/images/train")
    document, done = run(place, "real/yolo/data.yaml")
    expected = {f"images/train/{name}": own for name, own in people_of(make_document()).items()}
    assert_same(people_of(document), expected)
    assert document["categories"][0]["keypoints"] == NAMES
    assert done.labels.kinds()[0].flips() == ((1, 2), (4, 5))
    (said,) = [text for text in done.notes.remarks if "path" in text]
    assert said.endswith("its path is not followed, as it leads nowhere below that: '../datasets/dogs'")


@pytest.mark.parametrize("path", ["", "path: .\n", "path: {place}/real/yolo\n"])
def test_yolo_whose_path_is_its_folder(place: Path, path: str) -> None:
    shutil.copytree(place / "images", place / "real/yolo/images/train")
    config = place / "real/yolo/data.yaml"
    config.write_text(config.read_text().replace("path: ../datasets/dogs\n", path.format(place=place)))
    _, done = run(place, "real/yolo/data.yaml")
    assert not any("path" in text for text in done.notes.remarks)


def test_yolo_labels_apart_from_their_images(place: Path) -> None:
    """Joined by name, without any folder that the data.yaml has."""
    (place / "real/yolo/labels/train").rename(place / "real/yolo/valid")
    (place / "real/yolo/classes.txt").write_text("dog\n")
    with pytest.raises(ValueError, match=r"leads to no images.*--images"):
        run(place, "real/yolo")
    document, done = run(place, "real/yolo", images=place / "images")
    expected = {n: own for n, own in people_of(make_document()).items() if n != "empty.png"}
    assert_same(people_of(document), expected)
    assert done.notes.left_out["text files without an image of their name"] == 1
    assert {image.split for image in done.labels.images} == {"val"}


@pytest.mark.parametrize("suffix", ["csv", "h5"])
def test_deeplabcut_with_several_animals(place: Path, suffix: str) -> None:
    """Individuals are tracks, and frames are named below the project's folder."""
    if suffix == "h5":
        pytest.importorskip("tables")
        pytest.importorskip("pandas")
    names = {"a.png": "img000.png", "deep/b.png": "img001.png", "empty.png": "img002.png"}
    folder = place / "real/deeplabcut/labeled-data/walk"
    for name, frame in names.items():
        shutil.copy(place / "images" / name, folder / frame)
    document, done = run(place, f"real/deeplabcut/labeled-data/walk/CollectedData_ann.{suffix}")
    expected = {
        f"labeled-data/walk/{names[name]}": own for name, own in people_of(make_document(), visible=True).items()
    }
    assert_same(people_of(document), expected, boxes=False)
    assert [a["track"] for a in document["annotations"]] == ["rex", "fido", "rex", "fido"]
    assert done.notes.guessed["boxes, as the extent of the keypoints and a tenth more on each side"] == 4
    assert sorted(sizes_of(document).values()) == sorted(sizes_of(make_document()).values())


def test_deeplabcut_with_one_animal(place: Path) -> None:
    shutil.copytree(place / "images", place / "real/deeplabcut/labeled-data/walk", dirs_exist_ok=True)
    for i, name in enumerate(("a.png", "deep/b.png", "empty.png")):
        shutil.copy(place / "images" / name, place / f"real/deeplabcut/labeled-data/walk/img{i:03d}.png")
    document, _ = run(place, "real/deeplabcut/CollectedData_single.csv")
    counts = [a["num_keypoints"] for a in document["annotations"]]
    assert counts == [5, 3]
    assert document["annotations"][0]["keypoints"][:6] == [30, 30, 2, 40, 25.5, 2]


def test_deeplabcut_without_images_asks_for_them(place: Path) -> None:
    with pytest.raises(ValueError, match=r"sizes of 3 images are not known.*--images"):
        run(place, "real/deeplabcut/CollectedData_single.csv")


def test_sleap(place: Path) -> None:
    """Predicted instances are left out."""
    pytest.importorskip("sleap_io")
    document, done = run(place, "real/dogs.slp", images=place / "images")
    expected = people_of(make_document(), visible=True)
    assert_same(people_of(document), expected, boxes=False)
    assert document["categories"][0]["skeleton"] == EDGES
    assert done.labels.kinds()[0].flips() == ((1, 2), (4, 5))
    assert done.notes.left_out["predicted instances, which nobody has corrected"] == 1
    assert sizes_of(document) == sizes_of(make_document())


def test_paths_of_another_machine_are_told_below_their_common_folder() -> None:
    names = ["C:\\Users\\ann\\dogs\\a.png", "C:\\Users\\ann\\dogs\\deep\\b.png"]
    assert list(below_common(names).values()) == ["a.png", "deep/b.png"]
    assert below_common(["/home/ann/a.png"]) == {"/home/ann/a.png": "a.png"}
    assert list(below_common(["C:\\a.png", "D:\\a.png", "/mnt/a.png", "a.png"]).values()) == [
        "C/a.png",
        "D/a.png",
        "mnt/a.png",
        "a.png",
    ]


def test_videos_of_one_name_keep_their_frames_apart() -> None:
    assert video_folders(["/data/mon/cam1.mp4", "D:\\tue\\cam2.avi"]) == {
        "/data/mon/cam1.mp4": "cam1",
        "D:\\tue\\cam2.avi": "cam2",
    }
    both = ["/data/mon/cam1.mp4", "/data/tue/cam1.mp4", "/data/tue/cam1.avi.mp4"]
    assert list(video_folders(both).values()) == ["mon/cam1", "tue/cam1", "tue/cam1.avi"]
    inside = ["/data/two.pkg.slp/video0", "/data/two.pkg.slp/video1"]  # of a package that tells no more
    assert list(video_folders(inside).values()) == ["video0", "video1"]
    assert list(video_folders(["a/cam1.mp4", "a/cam1.avi"]).values()) == ["cam1.mp4", "cam1.avi"]
    assert list(video_folders(["C:\\mon\\cam1.mp4", "D:\\mon\\cam1.mp4"]).values()) == ["C/mon/cam1", "D/mon/cam1"]
