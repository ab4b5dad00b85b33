from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

import pose
from pose.images.files import find_images
from pose.images.names import explain_missing
from pose.images.read import read_image
from pose.images.write import write_image
from pose.inference.video.reading import open_video

IMAGE = np.full((8, 8, 3), 90, dtype=np.uint8)


@pytest.mark.parametrize(
    ("there", "given", "words"),
    [
        ("my photo.jpg", "my%20photo.jpg", "URL-encoded"),
        ("my%20photo.jpg", "my photo.jpg", "URL-encoded"),
        (unicodedata.normalize("NFD", "für.jpg"), unicodedata.normalize("NFC", "für.jpg"), "another Unicode form"),
        ("a.JPG", "a.jpg", "capital letters"),
        ("a.jpg", "a.JPG", "capital letters"),
    ],
)
def test_other_spellings_are_named(there: str, given: str, words: str, tmp_path: Path) -> None:
    write_image(tmp_path / there, IMAGE)
    if (tmp_path / given).exists():
        pytest.skip("one name for this file system")
    with pytest.raises(FileNotFoundError) as error:
        read_image(tmp_path / given)
    assert f"there is {tmp_path / there}, whose name is spelled otherwise" in str(error.value)
    assert words in str(error.value)
    with pytest.raises(FileNotFoundError, match="spelled otherwise"):
        find_images([tmp_path / given], out=tmp_path / "out")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("rtsp://camera/stream", "it is a stream, and no streams are read here; record it"),
        ("http://example.org/a.jpg", "it is a URL, and nothing is downloaded here"),
        ("https://example.org/clip.mp4", "it is a URL, and nothing is downloaded here"),
        ("s3://bucket/a.jpg", "it is a URL, and nothing is downloaded here"),
        ("file:///home/me/my%20photo.jpg", "it is a URL; write the path: /home/me/my photo.jpg"),
        ("nowhere/*.jpg", "nothing has such a name; patterns take"),
        ("nowhere/a.jpg", "check the path"),
    ],
)
def test_what_is_no_file_is_named_for_what_it_is(given: str, words: str, tmp_path: Path) -> None:
    assert words in explain_missing(given)
    assert words in explain_missing(Path(given))  # which makes one stroke of two
    with pytest.raises(FileNotFoundError) as error:
        find_images([Path(given)], out=tmp_path)
    assert words in str(error.value)
    with pytest.raises(FileNotFoundError) as error:
        open_video(Path(given))
    assert words in str(error.value)


def test_a_pattern_where_one_file_is_taken(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=r"a pattern, and one file is taken here; give one of .*/a\.mp4, "):
        open_video(tmp_path / "*.mp4")


def test_urls_of_weights() -> None:
    with pytest.raises(FileNotFoundError, match=r"no checkpoint https:/.*; it is a URL, and nothing"):
        pose.load("https://example.org/best.safetensors")


def test_patterns_in_quotes_are_read(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/b/2.jpg", "a/[3].jpg"):
        write_image(tmp_path / name, IMAGE)

    def found(pattern: str) -> list[str]:
        return [image.name for image in find_images([tmp_path / pattern], out=tmp_path / "out")]

    assert found("a/?.jpg") == ["1.jpg"]
    assert found("a/**/*.jpg") == ["1.jpg", "[3].jpg", "2.jpg"]
    assert found("a/[3].jpg") == ["[3].jpg"]  # a file's own name comes first
