from __future__ import annotations

from pathlib import Path

import pytest

from pose.runtime.errors import DataError
from pose.runtime.paths import expand_home, portable, user_path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    return tmp_path / "me"


def test_user_path(home: Path) -> None:
    assert user_path("~/drawn/a.png") == home / "drawn/a.png"
    assert user_path(Path("~")) == home
    assert user_path("a~b/~c") == Path("a~b/~c")
    with pytest.raises(DataError, match="~nobody-of-this-name/x: there is no home folder of that name"):
        user_path("~nobody-of-this-name/x")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("~", "{home}"),
        ("~/drawn", "{home}/drawn"),
        ("--out=~/drawn", "--out={home}/drawn"),
        ("data.root=~/coco", "data.root={home}/coco"),
        ("data.cache=~", "data.cache=~"),
        ("--out=~", "--out={home}"),
        ("~nobody-of-this-name/x", "~nobody-of-this-name/x"),
        ("photo~.jpg", "photo~.jpg"),
        ("notes=a ~/b", "notes=a ~/b"),
        ("./~", "./~"),
        ("-1", "-1"),
    ],
)
def test_expand_home(home: Path, given: str, expected: str) -> None:
    assert expand_home(given) == expected.format(home=home)


def test_portable() -> None:
    config = {
        "data": {"root": "/home/me/coco", "skeleton": {"keypoint_names": ["/nose"]}, "boxes": "C:\\me\\b.json"},
        "model": {"init": str(Path.cwd() / "runs/a"), "width": 1.0},
        "augment": {"extra": [{"name": "Blur", "file": "/me/x.png"}]},
        "here": "data/coco",
    }
    assert portable(config) == {
        "data": {"root": "coco", "skeleton": {"keypoint_names": ["/nose"]}, "boxes": "b.json"},
        "model": {"init": "runs/a", "width": 1.0},
        "augment": {"extra": [{"name": "Blur", "file": "x.png"}]},
        "here": "data/coco",
    }
