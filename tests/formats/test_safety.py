"""Files of others lead nowhere outside of their folder, and nothing that is there is overwritten."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from pose.formats.convert import convert
from pose.formats.split import split_coco
from tests.formats.base import NAMES, make_document, write_dataset, write_images
from tests.formats.test_real import REAL


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "C:\\secret.png", "a/../../secret.png"])
def test_names_that_leave_their_folder(tmp_path: Path, name: str) -> None:
    """In each format; the others of the file are read."""
    text = (REAL / "cvat/annotations.xml").read_text().replace('name="a.png"', f'name="{name}"')
    (tmp_path / "annotations.xml").write_text(text)
    done = convert(tmp_path / "annotations.xml", tmp_path / "1.json")
    assert done.notes.left_out["images whose name leaves their folder, or is empty"] == 1
    tasks = json.loads((REAL / "labelstudio.json").read_text())[:2]
    tasks[0]["data"]["image"] = f"/data/local-files/?d={name}"
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    done = convert(tmp_path / "tasks.json", tmp_path / "2.json")
    assert [image.file_name for image in done.labels.images][-1] == "b.png"
    assert all(".." not in image.file_name and image.file_name[0] != "/" for image in done.labels.images)
    rows = (REAL / "deeplabcut/CollectedData_single.csv").read_text().replace("labeled-data/walk/img000.png", name)
    (tmp_path / "CollectedData_me.csv").write_text(rows)
    write_images(tmp_path / "images")
    for i, image in enumerate(("a.png", "deep/b.png", "empty.png")):
        shutil.copy(tmp_path / "images" / image, tmp_path / f"images/img{i:03d}.png")
    done = convert(tmp_path / "CollectedData_me.csv", tmp_path / "3.json", images=tmp_path / "images")
    assert done.notes.left_out["images whose name leaves the project, or is empty"] == 1


@pytest.mark.parametrize("split", ["../../elsewhere", "/tmp", "a/b", ".."])
def test_a_split_names_no_other_folder(tmp_path: Path, split: str) -> None:
    shutil.copytree(REAL / "labelme", tmp_path / "me")
    path = tmp_path / "me/a.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "split": split}))
    done = convert(tmp_path / "me", tmp_path / "out/yolo", target_format="yolo")
    assert done.notes.left_out["names of splits that are no plain words"] == 1
    assert (tmp_path / "out/yolo/labels/train/a.txt").is_file()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["yolo"]


def test_a_yaml_leads_nowhere_else(tmp_path: Path) -> None:
    write_images(tmp_path / "private/images/train")
    shutil.copytree(REAL / "yolo", tmp_path / "yolo")
    text = (tmp_path / "yolo/data.yaml").read_text().replace("../datasets/dogs", str(tmp_path / "private"))
    (tmp_path / "yolo/data.yaml").write_text(text)
    with pytest.raises(ValueError, match="leads to no images"):
        convert(tmp_path / "yolo", tmp_path / "out.json")


def test_roboflow_writes_a_path_above_its_folder(tmp_path: Path) -> None:
    """../train/images, and means train/images."""
    write_images(tmp_path / "yolo/train/images")
    shutil.copytree(REAL / "yolo/labels/train", tmp_path / "yolo/train/labels")
    text = f"train: ../train/images\nval: ../train/images\nkpt_shape: [{len(NAMES)}, 3]\nnames: [a, b, dog]\n"
    (tmp_path / "yolo/data.yaml").write_text(text)
    done = convert(tmp_path / "yolo", tmp_path / "out.json", keypoints=",".join(NAMES))
    assert len(done.labels.people) == 4
    assert done.notes.remarks == ["val leads to the images of train in data.yaml; they are taken once"]


def test_xml_with_a_document_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text('<!DOCTYPE a [<!ENTITY e "ha">]><annotations><image name="&e;"/></annotations>')
    with pytest.raises(ValueError, match="has a DOCTYPE"):
        convert(path, tmp_path / "out.json")
    path.write_text('<?xml version="1.0"?>\n<annotations><image')
    with pytest.raises(ValueError, match=r"is no XML .*cut off"):
        convert(path, tmp_path / "out.json")


@pytest.mark.parametrize("target", ["coco", "yolo", "cvat", "labelstudio", "deeplabcut"])
def test_nothing_is_overwritten(tmp_path: Path, target: str) -> None:
    source = write_dataset(tmp_path)
    out = tmp_path / {"deeplabcut": "out.csv", "yolo": "out", "cvat": "out.xml"}.get(target, "out.json")
    out.write_text("mine")
    with pytest.raises(ValueError, match="exists already; give another name"):
        convert(source, out, target_format=target)
    assert out.read_text() == "mine"
    out.unlink()
    beside = {"labelstudio": "out.config.xml", "cvat": "out.labels.json"}.get(target)
    if beside is not None:
        (tmp_path / beside).write_text("mine")
        with pytest.raises(ValueError, match="exists already; give another name"):
            convert(source, out, target_format=target)
        assert not out.exists()


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_dataset(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pose.formats.write.shutil.copyfile", fail)
    with pytest.raises(OSError, match=r"cannot write .*out: No space left on device"):
        convert(source, tmp_path / "out", target_format="yolo", images=tmp_path / "images")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dogs.json", "images"]
    with pytest.raises(OSError, match=r"cannot write .*dogs\.json.out: .*; choose another folder$"):
        convert(source, source / "out", target_format="yolo", images=tmp_path / "images")


def test_of_files_that_belong_together_none_stays_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_dataset(tmp_path)
    before = sorted(tmp_path.iterdir())
    real = os.replace

    def fail(old: str, new: Path) -> None:
        if new.name in ("out.xml", "dogs_val.json"):  # the second of each two
            raise OSError(28, "No space left on device")
        real(old, new)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match=r"cannot write .*out\.xml: No space left on device"):
        convert(source, tmp_path / "out.xml")
    with pytest.raises(OSError, match=r"cannot write .*dogs_val\.json: No space left on device"):
        split_coco(source, share=0.5)
    assert sorted(tmp_path.iterdir()) == before


def test_two_images_that_would_share_their_labels(tmp_path: Path) -> None:
    document = make_document()
    document["images"][2]["file_name"] = "a.jpg"
    path = tmp_path / "dogs.json"
    path.write_text(json.dumps(document))
    for target, name in (("yolo", "labels/train/a.txt"), ("labelme", "a.json")):
        with pytest.raises(ValueError, match=f"two images would .*{name}"):
            convert(path, tmp_path / "out", target_format=target)


def test_a_folder_is_not_written_into_what_is_read(tmp_path: Path) -> None:
    write_images(tmp_path / "yolo/images/train")
    shutil.copytree(REAL / "yolo", tmp_path / "yolo", dirs_exist_ok=True)
    with pytest.raises(ValueError, match="lies in"):
        convert(tmp_path / "yolo", tmp_path / "yolo/again", target_format="labelme")


@pytest.mark.parametrize(
    ("name", "packages"),
    [("dogs.slp", "sleap-io"), ("deeplabcut/labeled-data/walk/CollectedData_ann.h5", "pandas tables")],
)
def test_a_missing_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, packages: str
) -> None:
    monkeypatch.setattr("pose.runtime.errors.importlib.util.find_spec", lambda module: None)
    with pytest.raises(ValueError, match=f"pip install {packages}$"):
        convert(REAL / name, tmp_path / "out.json")


def test_labels_without_their_image_are_counted(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    convert(tmp_path / "dogs.json", tmp_path / "yolo", target_format="yolo", images=tmp_path / "images")
    gone = next((tmp_path / "yolo/images").rglob("a.png"))
    gone.unlink()
    (tmp_path / "yolo/labels/train/classes.txt").write_text("dog\n")
    done = convert(tmp_path / "yolo", tmp_path / "back.json")
    assert done.notes.left_out["text files without an image of their name"] == 1


def test_a_table_of_a_model_is_no_table_of_labels(tmp_path: Path) -> None:
    """DeepLabCut writes what its network found with a likelihood, of which labels have none."""
    write_dataset(tmp_path)
    (tmp_path / "found.csv").write_text(
        "scorer,net,net,net,net,net,net\nbodyparts,nose,nose,nose,tail,tail,tail\n"
        "coords,x,y,likelihood,x,y,likelihood\na.png,10,10,0.99,20,20,0.01\n"
    )
    done = convert(tmp_path / "found.csv", tmp_path / "out.json", images=tmp_path / "images")
    assert done.notes.guessed["keypoints that a model found, taken as labels whatever their likelihood"] == 2


def test_names_that_are_not_used(tmp_path: Path) -> None:
    source = write_dataset(tmp_path)
    for keypoints, said in (("coco17", 1), (",".join(NAMES), 0)):
        done = convert(source, tmp_path / f"{said}.json", keypoints=keypoints)
        assert sum("--keypoints is not used" in remark for remark in done.notes.remarks) == said
