"""Files that were made to do harm: they lead nowhere, run nothing, and cost no more than others of their size."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose.formats.convert import convert
from pose.formats.cvat import _edges
from pose.formats.hdf5 import apart, check_size, reading
from pose.formats.split import prefix
from pose.formats.yolo import CONFIDENCES
from tests.formats.base import make_document, write_dataset, write_images
from tests.formats.test_real import REAL


class Evil:
    """Its pickle makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.folder),))


def test_the_end_of_a_name_leads_nowhere_else(tmp_path: Path) -> None:
    """x//home/me/secret.png is below x, and its end /home/me/secret.png is not."""
    source = write_dataset(tmp_path)
    secret = tmp_path / "secret.png"
    (tmp_path / "images/a.png").rename(secret)
    document = make_document()
    document["images"][0]["file_name"] = f"x/{secret}"
    source.write_text(json.dumps(document))
    done = convert(source, tmp_path / "yolo", target_format="yolo", images=tmp_path / "images")
    assert done.copied == 2
    assert not list((tmp_path / "yolo").rglob("secret.png"))


def test_only_images_are_copied(tmp_path: Path) -> None:
    """A dataset may bring a link of an image's name to any file of the user's."""
    source = write_dataset(tmp_path)
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (tmp_path / "images/a.png").unlink()
    (tmp_path / "images/a.png").symlink_to(secret)
    done = convert(source, tmp_path / "me", target_format="labelme", images=tmp_path / "images")
    assert done.copied == 2
    assert not (tmp_path / "me/a.png").exists()


def test_a_pickle_in_hdf5_runs_nothing(tmp_path: Path) -> None:
    """Not even where the library passes over it, as PyTables does; arrays are read."""
    made = tmp_path / "made"
    data, numbers = pickle.dumps(Evil(made)), pickle.dumps(np.arange(3.0))

    def read() -> Any:
        with reading(tmp_path / "x.h5", "table"):
            with contextlib.suppress(Exception):
                pickle.loads(data)
            return pickle.loads(numbers)

    with pytest.raises(ValueError, match=r"x.h5 holds a pickle that asks for \w+.mkdir, which could run code"):
        read()
    assert not made.exists()
    with reading(tmp_path / "x.h5", "table"):
        np.testing.assert_array_equal(pickle.loads(numbers), [0, 1, 2])
    pickle.loads(data)
    assert made.exists()  # elsewhere all is as it was


def test_damaged_hdf5(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"x.slp is no file of SLEAP \(cannot open\)"),
        reading(tmp_path / "x.slp", "file of SLEAP"),
    ):
        raise RuntimeError("cannot\nopen")
    check_size(tmp_path, [2**30, 2**30])
    with pytest.raises(ValueError, match=r"holds arrays of 4\.3 GB"):
        check_size(tmp_path, [2**31, 2**31])


@pytest.mark.slow
def test_a_library_that_ends_its_process(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x\.h5 ends the library that reads HDF5"):
        apart(tmp_path / "x.h5", os._exit, 9)
    assert apart(tmp_path / "x.h5", os.path.basename, "a/b") == "b"


@pytest.mark.slow
def test_a_table_of_deeplabcut_runs_nothing(tmp_path: Path) -> None:
    tables = pytest.importorskip("tables")
    pytest.importorskip("pandas")
    path = tmp_path / "CollectedData_me.h5"
    shutil.copy(REAL / "deeplabcut/labeled-data/walk/CollectedData_ann.h5", path)
    convert(path, tmp_path / "good.json", images=_images(tmp_path))
    with tables.open_file(path, "a") as content:
        content.get_node("/df_with_missing")._v_attrs.errors = Evil(tmp_path / "made")
    with pytest.raises(ValueError, match=r"holds a pickle that asks for \w+.mkdir"):
        convert(path, tmp_path / "out.json", images=tmp_path / "images")
    assert not (tmp_path / "made").exists()
    for name, make in (("link", _add_link), ("bomb", _add_bomb)):
        other = tmp_path / f"CollectedData_{name}.h5"
        shutil.copy(REAL / "deeplabcut/labeled-data/walk/CollectedData_ann.h5", other)
        with tables.open_file(other, "a") as content:
            make(content, tables)
        with pytest.raises(ValueError, match=r"leads to another file|holds arrays of 1,600\.0 GB"):
            convert(other, tmp_path / "out.json", images=tmp_path / "images")


def _add_link(content: Any, tables: Any) -> None:
    content.create_external_link("/", "other", "elsewhere.h5:/x")


def _add_bomb(content: Any, tables: Any) -> None:
    content.create_carray("/", "bomb", atom=tables.Float64Atom(), shape=(10**6, 2 * 10**5))


@pytest.mark.slow
def test_a_file_of_sleap_leads_to_no_other(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("sleap_io")
    for number, make in enumerate(
        (
            lambda content: content.__setitem__("tracks_json2", h5py.ExternalLink("elsewhere.h5", "x")),
            lambda content: content.create_dataset("x", (4,), "u1", external=[(str(tmp_path / "secret"), 0, 4)]),
            lambda content: content.create_dataset("x", (10**6, 10**6), "f8", chunks=True),
        )
    ):
        path = tmp_path / f"{number}.slp"
        shutil.copy(REAL / "dogs.slp", path)
        with h5py.File(path, "a") as content:
            make(content)
        with pytest.raises(ValueError, match=r"leads to another file by|holds arrays of 8,000\.0 GB"):
            convert(path, tmp_path / "out.json")


def _images(folder: Path) -> Path:
    write_images(folder / "images")
    for i, image in enumerate(("a.png", "deep/b.png", "empty.png")):
        shutil.copy(folder / "images" / image, folder / f"images/img{i:03d}.png")
    return folder / "images"


YAML = "kpt_shape: [6, 3]\ntrain: images/train\nval: images/train\nnames: {0: dog}\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[6, 3]", "[1000000000, 3]", r"expected \[K, 2\] or \[K, 3\], K up to 10000"),
        ("0: dog", "0: &a [x], 1: !!pairs [a: *a]", "names"),  # few aliases are none of the kinds below
        ("{0: dog}", "!!timestamp x", "is no YAML"),
    ],
)
def test_a_yaml_of_yolo(tmp_path: Path, old: str, new: str, message: str) -> None:
    write_images(tmp_path / "yolo/images/train")
    (tmp_path / "yolo/data.yaml").write_text(YAML.replace(old, new))
    if message == "names":
        convert(tmp_path / "yolo", tmp_path / "out.json")
        return
    with pytest.raises(ValueError, match=message):
        convert(tmp_path / "yolo", tmp_path / "out.json")


def test_confidences_in_yolo_labels(tmp_path: Path) -> None:
    """As a model's saved predictions have them; flags written as 1.000000 and 2.000000 are flags."""
    write_images(tmp_path / "yolo/images/train")
    (tmp_path / "yolo/data.yaml").write_text(YAML)
    (tmp_path / "yolo/labels/train").mkdir(parents=True)
    thirds = ["0.93", "0.02", "0.5", "2.000000", "1.000000", "0"]
    row = " ".join(["0 0.5 0.5 0.4 0.6", *(f"0.4 0.3 {third}" for third in thirds)])
    (tmp_path / "yolo/labels/train/a.txt").write_text(row)
    done = convert(tmp_path / "yolo", tmp_path / "out.json")
    assert done.labels.people[0].keypoints_img[:, 2].tolist() == [2, 0, 2, 2, 1, 0]
    assert done.labels.people[0].keypoints_img[1].tolist() == [0, 0, 0]
    assert done.notes.guessed[CONFIDENCES] == 3


def test_a_yaml_that_repeats_itself(tmp_path: Path) -> None:
    """Written out, it would be 9^12 names."""
    write_images(tmp_path / "yolo/images/train")
    text = YAML.replace("{0: dog}", "*a12")
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 13))]
    tuples = "\n".join(lines[1:]).replace("[", "!!pairs [").replace("*", "a: *")
    for level in ("\n".join(lines), f"{lines[0]}\n{tuples}"):
        (tmp_path / "yolo/data.yaml").write_text(f"{level}\n{text}")
        with pytest.raises(ValueError, match="repeats parts of itself by aliases"):
            convert(tmp_path / "yolo", tmp_path / "out.json")
    (tmp_path / "yolo/data.yaml").write_text(f"{YAML}me: &me [*me]\n")
    convert(tmp_path / "yolo", tmp_path / "self.json")


def test_shares_without_measure(tmp_path: Path) -> None:
    write_images(tmp_path / "yolo/images/train")
    (tmp_path / "yolo/data.yaml").write_text(YAML)
    (tmp_path / "yolo/labels/train").mkdir(parents=True)
    rows = [f"0 0.5 0.5 0.2 {height} " + "0.5 0.5 2 " * 6 for height in ("0.2", "1e308", "inf", "nan")]
    (tmp_path / "yolo/labels/train/a.txt").write_text("\n".join(rows))
    done = convert(tmp_path / "yolo", tmp_path / "out.json")
    assert len(done.labels.people) == 1
    assert done.notes.left_out["rows with another number of values, or of a class without a name"] == 3


def test_a_table_that_would_take_all_memory(tmp_path: Path) -> None:
    """Ten thousand short rows below as many columns: the file is small, the table would not be."""
    head = "".join(
        f"{row}{f',{cell}' * 20_000}\n" for row, cell in (("scorer", "s"), ("bodyparts", "b"), ("coords", "x"))
    )
    (tmp_path / "CollectedData_me.csv").write_text(head + "a.png\n" * 20_000)
    with pytest.raises(ValueError, match="rows that are shorter than its header, which names 20,000 columns"):
        convert(tmp_path / "CollectedData_me.csv", tmp_path / "out.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.json")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        convert(tmp_path / "in.json", tmp_path / "out.json")


def test_an_address_that_is_none(tmp_path: Path) -> None:
    """It costs none of the others."""
    tasks = json.loads((REAL / "labelstudio.json").read_text())[:2]
    tasks[0]["data"]["image"] = "http://[x"
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    done = convert(tmp_path / "tasks.json", tmp_path / "out.json")
    assert done.notes.left_out["tasks without the name of an image"] == 1
    assert len(done.labels.images) == 1


def test_patterns_take_no_time() -> None:
    """Each of these took a minute and more: the time grew by the square of the length."""
    assert _edges("<circle" * 200_000, ["a"], []) == ()
    assert _edges(f"<circle {'a' * 200_000}>", ["a"], []) == ()
    assert prefix("a" + "." * 200_000 + "!") == "a" + "." * 200_000 + "!"
    assert prefix("a" + ".a" * 200_000 + "!") == "a" + ".a" * 200_000 + "!"
    assert prefix("1" * 200_000 + "a.png") == ""
    assert prefix("walk/frame_0012.rf.3a.jpg") == "walk/frame_"
    assert prefix("walk/frame") == "walk/frame"
