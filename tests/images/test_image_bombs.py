"""Image files that claim more pixels than anybody has: refused by their header, without the memory for them."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pose.images.read import read_header

# In a process of its own, for its memory. OpenCV, which reads its own limit when it is imported, comes first.
READ = """
import cv2, pose, resource, sys
from pathlib import Path
from pose.images.read import read_image
from pose.check.image_files import _look
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    try:
        print("read", read_image(name).shape)
    except ValueError as error:
        print(error)
    print(_look(Path(name), decode=True).problem)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of 12,000 x 12,000 pixels, a bit each, in a few KB; and one of four pixels."""
    folder = tmp_path_factory.mktemp("bombs")
    flat = Image.new("1", (12_000, 12_000))
    flat.save(folder / "a.png")
    flat.save(folder / "b.tif", compression="group4")
    cv2.imwrite(str(folder / "c.png"), np.zeros((2, 2, 3), np.uint8))
    data = bytearray((folder / "c.png").read_bytes())
    data[16:24] = (32_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (folder / "d.png").write_bytes(data)
    return [folder / name for name in ("a.png", "b.tif", "d.png", "c.png")]


def test_bombs_are_refused_before_they_fill_the_memory(bombs: list[Path]) -> None:
    assert all(path.stat().st_size < 200_000 for path in bombs)
    result = subprocess.run([sys.executable, "-c", READ, *bombs], capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    for index, bomb in enumerate(bombs[:3]):
        assert lines[2 * index] == (
            f"{bomb} has or claims more than 134 million pixels; shrink it, or if it is right set "
            "OPENCV_IO_MAX_IMAGE_PIXELS to as many"
        )
        assert lines[2 * index + 1] == "image-unreadable"
    assert lines[6:8] == ["read (2, 2, 3)", ""]
    assert int(lines[8]) < 150  # MB; as RGB each would take 400


def test_headers_of_bombs_are_read_or_unknown(bombs: list[Path]) -> None:
    """The library for headers has a limit of its own, which is no error of any usual kind."""
    assert all(read_header(bomb)[1] == 1 for bomb in bombs)


def run(code: str, **environment: str) -> list[str]:
    kept = {key: value for key, value in os.environ.items() if key != "OPENCV_IO_MAX_IMAGE_PIXELS"}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=True)
    return result.stdout.split()


def test_the_limit_is_ours_alone() -> None:
    """The program that imports this package keeps its environment, and with it OpenCV's limit for its own images."""
    code = "import os, pose.images.read as r; print(r.MAX_IMAGE_PIXELS, 'OPENCV_IO_MAX_IMAGE_PIXELS' in os.environ)"
    assert run(code) == [str(2**27), "False"]


@pytest.mark.parametrize(("text", "number"), [("300000000", 300_000_000), ("200MB", 200 * 2**20), ("9kb", 9 * 2**10)])
def test_the_limit_is_written_as_opencv_reads_it(text: str, number: int) -> None:
    code = "import pose.images.read as r; print(r.MAX_IMAGE_PIXELS)"
    assert run(code, OPENCV_IO_MAX_IMAGE_PIXELS=text) == [str(number)]


def test_a_program_that_set_another_text_later_gets_the_usual_limit() -> None:
    code = "import cv2, os; os.environ['OPENCV_IO_MAX_IMAGE_PIXELS'] = 'many'; import pose.images.read as r; "
    assert run(code + "print(r.MAX_IMAGE_PIXELS)") == [str(2**27)]
