"""The times of frames: their own, also where the rate changes or the header lies; counted where they are useless."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose.inference.video.predict import predict_video
from pose.inference.video.reading import open_video
from tests.helpers.command import Outcome
from tests.helpers.dots import predictor

av = pytest.importorskip("av")
# 40 frames: 20 a second, from the 20th on 5 a second.
TIMES = [number * 0.05 if number < 20 else 1.0 + (number - 20) * 0.2 for number in range(40)]
CODECS = {".mp4": "mpeg4", ".webm": "libvpx", ".mkv": "mpeg4", ".avi": "mpeg4"}


def write(path: Path, times: list[float] = TIMES, *, rate: int = 20) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODECS[path.suffix], rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * number, dtype=np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def times_of(path: Path) -> list[float]:
    source = open_video(path)
    times = [at for _, at, _ in source]
    source.close()
    return times


@pytest.mark.filterwarnings("ignore:.*its header says 1000 frames/s")
@pytest.mark.parametrize("suffix", CODECS)
def test_frames_have_their_own_times(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(times_of(path), TIMES, atol=0.0011)
    assert times_of(path)[20] == pytest.approx(1.0, abs=0.0011)


def test_a_late_start_is_taken_off(tmp_path: Path) -> None:
    times = times_of(write(tmp_path / "a.mkv", [0.5 + time for time in TIMES]))
    np.testing.assert_allclose(times, TIMES, atol=0.0011)


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_a_late_start_is_no_damage(tmp_path: Path, suffix: str, recwarn: pytest.WarningsRecorder) -> None:
    """Their length, of which the number of frames is estimated, counts from 0."""
    path = write(tmp_path / f"a{suffix}", [3 + 0.05 * number for number in range(20)])
    found = predict_video(predictor(), open_video(path), out=tmp_path / "o.mp4", boxes="whole")
    assert (found.frames, found.missing) == (20, 0)
    assert not any("damaged" in str(warning.message) for warning in recwarn)


def test_pixels_that_are_not_square_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.mp4")
    lie(monkeypatch, CAP_PROP_SAR_NUM=lambda _: 4.0, CAP_PROP_SAR_DEN=lambda _: 3.0)
    with pytest.warns(
        UserWarning, match=r"its pixels are not square \(4:3\); frames are taken, and drawn, as they are"
    ):
        open_video(path).close()


class Lying:
    """A capture with other properties than the file's."""

    def __init__(self, inner: Any, **properties: Callable[[float], float]) -> None:
        self.inner, self.properties = inner, {getattr(cv2, key): value for key, value in properties.items()}

    def get(self, key: int) -> float:
        return self.properties.get(key, float)(self.inner.get(key))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def lie(monkeypatch: pytest.MonkeyPatch, **properties: Callable[[float], float]) -> None:
    real = cv2.VideoCapture
    monkeypatch.setattr("pose.inference.video.reading.cv2.VideoCapture", lambda path: Lying(real(path), **properties))


@pytest.mark.parametrize(
    ("lying", "expected", "frame"),
    [
        (lambda ms: 0.0, [number / 20 for number in range(40)], 1),
        (lambda ms: float("nan"), [number / 20 for number in range(40)], 1),
        (lambda ms: ms if ms < 990 else 0.0, [number / 20 for number in range(40)], 20),
        (lambda ms: ms if ms < 1390 else 1e9, [*TIMES[:22], *(1.2 + number / 20 for number in range(1, 19))], 22),
    ],
)
def test_useless_times_are_counted_and_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lying: Callable[[float], float],
    expected: list[float],
    frame: int,
) -> None:
    path = write(tmp_path / "a.mkv")
    lie(monkeypatch, CAP_PROP_POS_MSEC=lying)
    with pytest.warns(UserWarning, match=f"no usable time of frame {frame} .* 20 frames/s are assumed") as said:
        times = times_of(path)
    np.testing.assert_allclose(times, expected, atol=0.0011)
    assert len(said) == 1


def test_the_drawn_video_plays_as_the_original(
    tmp_path: Path, tiny_run: Path, pose_cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As browsers record: 1000 frames/s in the header."""
    lie(monkeypatch, CAP_PROP_FPS=lambda fps: 1000.0, CAP_PROP_FRAME_COUNT=lambda count: -9e18)
    outcome = pose_cli("predict", tiny_run, write(tmp_path / "a.webm"), "--out", tmp_path / "out.mp4")
    monkeypatch.undo()
    assert outcome.code == 0, outcome.err
    assert "its header says 1000 frames/s, so the times of its frames are used alone" in outcome.err
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()[1:]]
    np.testing.assert_allclose([line["time"] for line in lines], TIMES, atol=0.0011)
    np.testing.assert_allclose(times_of(tmp_path / "out.mp4"), TIMES, atol=0.0011)


def test_without_pyav_it_plays_as_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.mkv")
    monkeypatch.setattr("pose.inference.video.writing.h264_by", lambda: None)
    with pytest.warns(UserWarning, match="has 40 frames; the 97 of its header are an estimate"):
        summary = predict_video(predictor(), open_video(path), out=tmp_path / "out.mp4")
    assert (summary.frames, summary.missing, summary.codec) == (40, 0, "mp4v")
    shown = times_of(tmp_path / "out.mp4")
    assert shown[-1] == pytest.approx(TIMES[-1], abs=0.06)


class Damaged:
    """A capture that cannot read some frames."""

    def __init__(self, inner: Any, bad: set[int]) -> None:
        self.inner, self.bad, self.number = inner, bad, -1

    def read(self) -> tuple[bool, Any]:
        self.number += 1
        found, frame = self.inner.read()
        return (False, None) if self.number in self.bad else (found, frame)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.mark.parametrize(
    ("bad", "said", "missing"),
    [
        ({3, 4, 9}, ["frame 3 cannot be read, and is left out", "3 frames could not be read, with others after"], 3),
        ({5}, ["frame 5 cannot be read", "1 frame could not be read"], 1),
        ({38, 39}, ["ended after 38 of its 40 frames"], 2),
    ],
)
def test_frames_that_cannot_be_read_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: set[int], said: list[str], missing: int
) -> None:
    """So boxes of a file stay with their frames; the first is told of at once, all are counted at the end."""
    path, real = write(tmp_path / "a.mp4"), cv2.VideoCapture
    boxes = [{"frame": number, "bbox": [5, 5, 20 + number, 20]} for number in range(40)]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    monkeypatch.setattr("pose.inference.video.reading.cv2.VideoCapture", lambda name: Damaged(real(name), bad))
    with pytest.warns(UserWarning, match=said[0]) as warned:
        summary = predict_video(
            predictor(), open_video(path), out=tmp_path / "out.mp4", boxes=tmp_path / "boxes.json", smooth=False
        )
    texts = [str(each.message) for each in warned]
    for words in said:
        assert sum(words in text for text in texts) == 1, texts
    assert (summary.frames, summary.missing) == (40 - len(bad), missing)
    _, *lines = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert [line["frame"] for line in lines] == [number for number in range(40) if number not in bad]
    for line in lines:
        assert line["people"][0]["bbox"][2] == 20 + line["frame"]
        assert line["time"] == pytest.approx(TIMES[line["frame"]], abs=0.002)
