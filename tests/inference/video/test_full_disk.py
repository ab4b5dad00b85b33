"""A disk that is full in the middle of a video: one message with the file's name, and no file that does not play."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose.inference.video.predict import _Lines
from pose.inference.video.writing import VideoWriter, h264_by
from tests.helpers.dots import BOX, example_image, predictor

FRAME = np.full((48, 64, 3), 90, dtype=np.uint8)


def write_two(path: Path) -> None:
    with VideoWriter(path, size=(48, 64), fps=10) as writer:
        writer.write(FRAME, 0.0)
        writer.write(FRAME, 0.1)


def test_the_encoder_of_opencv_says_nothing_so_the_file_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cv2.VideoWriter

    class Full:
        """Leaves what OpenCV leaves on a full disk: a file without its end."""

        fourcc = real.fourcc

        def __init__(self, path: str, *arguments: Any) -> None:
            self.path, self.inner = Path(path), real(path, *arguments)

        def release(self) -> None:
            self.inner.release()
            self.path.write_bytes(self.path.read_bytes()[:200])

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    monkeypatch.setattr("pose.inference.video.writing.h264_by", lambda: None)
    write_two(tmp_path / "a.mp4")
    before = (tmp_path / "a.mp4").read_bytes()
    monkeypatch.setattr("pose.inference.video.writing.cv2.VideoWriter", Full)
    with pytest.raises(
        OSError, match=r"cannot write .*a\.mp4: the file cannot be opened again, so the disk may be full"
    ):
        write_two(tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.skipif(h264_by() is None, reason="needs PyAV with H.264")
def test_the_first_error_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(writer: VideoWriter, image: Any, time: float) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(writer.part))

    monkeypatch.setattr(VideoWriter, "_write", refuse)
    with pytest.raises(OSError, match=r"^cannot write .*/a\.mp4: No space left on device; free some space$"):
        write_two(tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


WRITE = """
import sys
import numpy as np
from pathlib import Path
from pose.inference.video.writing import VideoWriter
path = Path(sys.argv[1])
Path(path.parent, f".{path.name}.part.mp4").symlink_to("/dev/full")
with VideoWriter(path, size=(48, 64), fps=10) as writer:
    for number in range(100):  # the encoder holds some back
        writer.write(np.full((48, 64, 3), number, dtype=np.uint8), number / 10)
"""


@pytest.mark.skipif(h264_by() is None or not Path("/dev/full").exists(), reason="PyAV with H.264, a device of Linux")
def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    """PyAV ends the process by SIGSEGV if it is asked for more after its file's header could not be written."""
    result = subprocess.run([sys.executable, "-c", WRITE, tmp_path / "a.mp4"], capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    assert "a.mp4: No space left on device; free some space" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_lines_say_how_far_they_go() -> None:
    people = predictor().predict(example_image(), [BOX])
    lines = _Lines(Path("/dev/full"), {})
    with pytest.raises(OSError, match=r"/dev/full: No space left .*; it has the frames before frame 7\."):
        lines.write(7, 0.5, people, [1])
    lines.close()
