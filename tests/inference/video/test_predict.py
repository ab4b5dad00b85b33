"""`pose predict` on videos and cameras, end to end with a small model; the files that come out are read back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from pose.inference.video.boxes import boxes_of_frames
from pose.inference.video.predict import _Followed, predict_video
from pose.inference.video.reading import open_video
from pose.inference.video.writing import VideoWriter
from pose.synthetic.clip import FPS
from tests.helpers.browser import open_page
from tests.helpers.command import Outcome
from tests.helpers.dots import predictor
from tests.helpers.track_scores import score_tracks

Cli = Callable[..., Outcome]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, pose_cli: Cli) -> Path:
    """45 frames of two people who cross, with clip.json beside."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    outcome = pose_cli("clip", path, "--people", 2, "--frames", 45, "--seed", 1)
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"45 frames of 2 people: {path}, {path.with_suffix('.json')}\n"
    return path


def read_lines(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    header, *lines = (json.loads(line) for line in path.read_text().splitlines())
    return header, lines


def read_frames(path: Path) -> np.ndarray:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (frame := capture.read())[0]:
        frames.append(frame[1])
    return np.array(frames)


@pytest.mark.slow
def test_clip_to_video_and_lines(clip: Path, tiny_run: Path, tmp_path: Path, pose_cli: Cli) -> None:
    before = clip.read_bytes()
    out = tmp_path / "new" / "out.mp4"
    outcome = pose_cli("predict", tiny_run, clip, "--boxes", clip.with_suffix(".json"), "--out", out)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("45 frames, 2 tracks, ")
    assert " frames/s, H.264 (boxes: " in outcome.out
    assert sorted(p.name for p in out.parent.iterdir()) == ["out.jsonl", "out.mp4"]
    assert clip.read_bytes() == before

    header, lines = read_lines(out.with_suffix(".jsonl"))
    assert header["format"] == "pose-video-1"
    assert (header["fps"], header["size"], header["smoothed"]) == (15, [240, 320], True)
    assert [line["frame"] for line in lines] == list(range(45))
    assert [line["time"] for line in lines] == [round(i / 15, 4) for i in range(45)]

    # The tracks against the true ones: no matter what an untrained network says, they do not change.
    truth: list[Any] = [([], []) for _ in range(45)]
    for record in json.loads(clip.with_suffix(".json").read_text()):
        truth[record["frame"]][0].append(record["track"])
        truth[record["frame"]][1].append(record["bbox"])
    found = [([p["track"] for p in line["people"]], [p["bbox"] for p in line["people"]]) for line in lines]
    scores = score_tracks(*([(who, np.reshape(b, (-1, 4))) for who, b in rows] for rows in (truth, found)))
    assert scores.people == sum(len(who) for who, _ in truth) > 80
    assert (scores.missed, scores.false, scores.switches) == (0, 0, 0)

    frames, original = read_frames(out), read_frames(clip)
    assert frames.shape == original.shape == (45, 240, 320, 3)
    difference = np.abs(frames.astype(int) - original).max(axis=-1) > 60
    assert difference.any(axis=(1, 2)).all()  # something is drawn on every frame
    assert difference.mean() < 0.2


@pytest.mark.slow
def test_h264_that_players_take(clip: Path, tiny_run: Path, tmp_path: Path, pose_cli: Cli) -> None:
    av = pytest.importorskip("av")
    assert pose_cli("predict", tiny_run, clip, "--out", tmp_path / "out.mp4").code == 0
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")  # plays while it loads
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.average_rate) == FPS
        assert stream.frames == 45
        assert float(stream.duration * stream.time_base) == pytest.approx(3.0, abs=0.07)


@pytest.mark.slow
def test_without_pyav_it_is_mp4v_and_says_so(
    clip: Path, tiny_run: Path, tmp_path: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose.inference.video.writing.h264_by", lambda: None)
    outcome = pose_cli("predict", tiny_run, clip, "--out", tmp_path / "out.mp4", "--no-flip-test")
    assert outcome.code == 0, outcome.err
    assert "writing mp4v, which browsers do not play; pip install av for H.264" in outcome.err
    assert ", mp4v (boxes: whole frame)" in outcome.out
    assert read_frames(tmp_path / "out.mp4").shape == (45, 240, 320, 3)
    assert "each whole frame is taken as one person" in outcome.err


@pytest.mark.slow
def test_smoothing_can_be_switched_off(clip: Path, tiny_run: Path, tmp_path: Path, pose_cli: Cli) -> None:
    found = []
    for option in ("--smooth", "--no-smooth"):
        out = tmp_path / f"{option}.mp4"
        arguments = ("--boxes", clip.with_suffix(".json"), "--threshold", "-1", option)
        assert pose_cli("predict", tiny_run, clip, *arguments, "--out", out).code == 0
        header, lines = read_lines(out.with_suffix(".jsonl"))
        assert header["smoothed"] == (option == "--smooth")
        found.append([p["keypoints"] for line in lines for p in line["people"] if p["track"] == 1])
    smooth, raw = np.array(found[0]), np.array(found[1])
    np.testing.assert_array_equal(smooth[..., 2], raw[..., 2])
    np.testing.assert_array_equal(smooth[0], raw[0])
    assert np.diff(smooth[..., :2], 2, axis=0).std() < 0.95 * np.diff(raw[..., :2], 2, axis=0).std()


@pytest.mark.slow
def test_earlier_results_are_replaced_and_nothing_else(
    clip: Path, tiny_run: Path, tmp_path: Path, pose_cli: Cli
) -> None:
    out = tmp_path / "out.mp4"
    for _ in range(2):
        assert pose_cli("predict", tiny_run, clip, "--out", out).code == 0
    (tmp_path / "mine.mp4").write_bytes(b"precious")
    outcome = pose_cli("predict", tiny_run, clip, "--out", tmp_path / "mine.mp4")
    assert outcome.code == 2
    assert "mine.mp4 exists and is not of an earlier prediction" in outcome.err
    assert (tmp_path / "mine.mp4").read_bytes() == b"precious"
    outcome = pose_cli("predict", tiny_run, clip, "--out", clip)
    assert "is an input and would be overwritten" in outcome.err
    outcome = pose_cli("clip", clip)
    assert (outcome.code, "exists; delete it" in outcome.err) == (2, True)


@pytest.mark.slow
def test_bad_input_is_one_message(clip: Path, tiny_run: Path, tmp_path: Path, pose_cli: Cli) -> None:
    out = tmp_path / "out.mp4"
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "empty.mp4").touch()
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    bad_boxes = {
        "{": "is not JSON",
        "[]": "holds no list of boxes",
        '[{"bbox": [0, 0, 9, 9]}]': "record 0 needs a frame",
        '[{"frame": 0, "bbox": [0, 0, 9, -9]}]': "has bbox [0, 0, 9, -9]",
        '[{"frame": 0, "bbox": [0, 0, 9, 9], "score": "x"}]': "has score 'x'",
        '[{"frame": 45, "bbox": [0, 0, 9, 9]}]': "has a box on frame 45, but",
    }
    cases: list[tuple[list[Any], str]] = [
        ([tmp_path / "gone.mp4", "--out", out], "no video "),
        ([tmp_path / "broken.mp4", "--out", out], "broken, empty, no video, or in a codec"),
        ([tmp_path / "empty.mp4", "--out", out], "broken, empty, no video, or in a codec"),
        ([clip, "--out", tmp_path / "out.avi"], "name it with .mp4"),
        ([clip, "--out", folder], "is a folder"),
        ([clip, clip, "--out", out], "give it alone"),
        ([clip, "--camera", 0, "--out", out], "not both"),
        (["--out", out], "give images, folders or a video, or --camera N"),
        ([clip, "--heatmaps", "--out", out], "--heatmaps is for images"),
        (["--camera", 97, "--out", out], "camera 97 is not there"),
        (["--camera", 0, "--boxes", "x.json", "--out", out], "--boxes FILE is for videos"),
        ([clip, "--boxes", "gone.json", "--out", out], "no boxes gone.json"),
    ]
    for index, (text, message) in enumerate(bad_boxes.items()):
        path = tmp_path / f"{index}.json"
        path.write_text(text)
        cases.append(([clip, "--boxes", path, "--out", out], message))
    for arguments, message in cases:
        outcome = pose_cli("predict", tiny_run, *arguments)
        assert outcome.code == 2, arguments
        error = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
        assert len(error) == 1
        assert message in error[0]
        assert "Traceback" not in outcome.err
        assert not out.exists()


@pytest.mark.slow
def test_a_file_that_is_cut_off_gives_what_there_is(
    tmp_path: Path, tiny_run: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header that promises more frames than there are."""
    monkeypatch.setattr("pose.inference.video.writing.h264_by", lambda: None)
    with VideoWriter(tmp_path / "a.mp4", size=(64, 64), fps=10) as writer:
        for value in range(10):
            writer.write(np.full((64, 64, 3), 20 * value, dtype=np.uint8), value / 10)
    real = cv2.VideoCapture

    class Promising:
        def __init__(self, source: Any) -> None:
            self.inner = real(source)

        def get(self, key: int) -> float:
            return 11.0 if key == cv2.CAP_PROP_FRAME_COUNT else float(self.inner.get(key))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    monkeypatch.setattr("pose.inference.video.reading.cv2.VideoCapture", Promising)
    outcome = pose_cli("predict", tiny_run, tmp_path / "a.mp4", "--out", tmp_path / "out.mp4")
    assert outcome.code == 0
    assert "ended after 10 of its 11 frames; the file may be damaged" in outcome.err
    assert ", 1 frame unreadable): " in outcome.out


@pytest.mark.slow
def test_camera(clip: Path, tiny_run: Path, tmp_path: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that is a file here: frames by the clock, no count, until it ends."""
    real = cv2.VideoCapture
    asked = []

    def pretend(source: Any) -> Any:
        asked.append(source)
        return real(str(clip))

    monkeypatch.setattr("pose.inference.video.reading.cv2.VideoCapture", pretend)
    outcome = pose_cli("predict", tiny_run, "--camera", 2, "--out", tmp_path / "cam.mp4", "--no-flip-test")
    assert outcome.code == 0, outcome.err
    assert asked == [2]
    assert "recording camera 2 into" in outcome.err
    header, lines = read_lines(tmp_path / "cam.jsonl")
    assert header["source"] == "camera 2"
    times = [line["time"] for line in lines]
    assert len(times) == 45
    assert times == sorted(times)
    assert times[-1] != pytest.approx(44 / 15)  # the clock's, not the file's


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_keeps_what_is_done(clip: Path, tiny_run: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.mp4"
    with VideoWriter(long, size=(240, 320), fps=15) as writer:
        for index, frame in enumerate(list(read_frames(clip)) * 20):
            writer.write(frame, index / 15)
    command = [sys.executable, "-m", "pose", "predict", tiny_run, long, "--out", tmp_path / "out.mp4"]
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    lines = tmp_path / "out.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (lines.is_file() and lines.read_text().count("\n") > 5):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "stopped" in out
    assert "Traceback" not in err
    done = len(read_lines(lines)[1])
    assert 5 < done < 900
    assert len(read_frames(tmp_path / "out.mp4")) == done
    assert not list(tmp_path.glob(".*"))


def test_boxes_of_a_video_on_its_side(tmp_path: Path) -> None:
    """Boxes for the frames as stored, where the container turns them, or the other way round."""
    source = SimpleNamespace(size=(320, 240), frames=9, name="phone.mp4")
    box = {"frame": 0, "bbox": [20, 30, 60, 160]}
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps([box] * 9 + [{**box, "bbox": [200, 30, 60, 160]}]))  # one that reaches out is usual
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        boxes_of_frames(path, cast("Any", source), min_score=0)
    path.write_text(json.dumps([box] * 3 + [{**box, "bbox": [240, 30, 60, 160]}]))
    expected = "1 of 4 boxes reach out of the frames, which are 240 x 320 as players show them, but would"
    with pytest.warns(UserWarning, match=expected):
        boxes_of_frames(path, cast("Any", source), min_score=0)


def test_boxes_of_frames_that_the_header_does_not_count(clip: Path, tmp_path: Path) -> None:
    """Where the number in the header is too low, the file itself says which frames there are."""
    source = open_video(clip)
    count = sum(1 for _ in source)
    source.frames = 3
    path = tmp_path / "boxes.json"
    box = {"bbox": [20, 30, 60, 160]}
    path.write_text(json.dumps([{**box, "frame": count - 1}]))
    assert len(boxes_of_frames(path, source, min_score=0)(count - 1)[0]) == 1
    path.write_text(json.dumps([{**box, "frame": count}]))
    with pytest.raises(ValueError, match=f"a box on frame {count}, but .* has {count} frames, from 0 to {count - 1}"):
        boxes_of_frames(path, source, min_score=0)
    source.close()


@pytest.mark.parametrize("codec", ["best", "mp4v"])
def test_writer_takes_odd_sizes_and_irregular_times(
    tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if codec == "mp4v":
        monkeypatch.setattr("pose.inference.video.writing.h264_by", lambda: None)
    path = tmp_path / "odd.mp4"
    with VideoWriter(path, size=(61, 79), fps=10) as writer:
        for at, value in ((0.0, 40), (0.5, 120), (0.5, 130), (2.0, 200)):  # a time that stands still is moved on
            writer.write(np.full((61, 79, 3), value, dtype=np.uint8), at)
    frames = read_frames(path)
    assert frames.shape[1] - 61 in (0, 1)
    shown = [40] * 5 + [120] + [130] * 14 + [200] if codec == "mp4v" else [40, 120, 130, 200]
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), shown, atol=6)


class BlackFrames:
    """A source of black frames."""

    name, size, fps, live, unreadable = "frames", (64, 48), 10.0, False, 0

    def __init__(self, count: int) -> None:
        self.frames = count

    def __iter__(self) -> Iterator[tuple[int, float, np.ndarray]]:
        return ((number, number / 10, np.zeros((*self.size, 3), np.uint8)) for number in range(self.frames))

    def close(self) -> None:
        pass


@pytest.mark.filterwarnings("ignore:each whole frame", "ignore:no keypoint")
def test_earlier_results_stay_until_the_first_frame_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.mp4"
    predict_video(predictor(), BlackFrames(2), out=out)  # type: ignore[arg-type]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"out.mp4", "out.jsonl"}

    def fail(*args: Any, **kwargs: Any) -> None:
        raise ValueError("no memory")

    for name in ("pose.inference.base.PredictorBase.stream", "pose.inference.video.writing.VideoWriter.write"):
        with monkeypatch.context() as patch:
            patch.setattr(name, fail)
            with pytest.raises(ValueError, match="no memory"):
                predict_video(predictor(), BlackFrames(2), out=out)  # type: ignore[arg-type]
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_encoder_that_fails_on_the_first_frame_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    av = pytest.importorskip("av")
    (tmp_path / "a.mp4").write_bytes(b"earlier")

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space")

    monkeypatch.setattr(av.VideoFrame, "from_ndarray", fail)
    with pytest.raises(OSError, match="no space"), VideoWriter(tmp_path / "a.mp4", size=(64, 64), fps=10) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8), 0.0)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.mp4", b"earlier")]


def test_a_stream_that_cannot_be_added_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    av = pytest.importorskip("av")
    opened: list[Any] = []

    class Container:
        def __init__(self, file: str) -> None:
            self.closed = False
            Path(file).touch()

        def add_stream(self, *args: Any, **kwargs: Any) -> None:
            raise ValueError("no such rate")

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(av, "open", lambda file, *args, **kwargs: (opened.append(Container(file)), opened[-1])[1])
    with pytest.raises(ValueError, match="no such rate"), VideoWriter(tmp_path / "a.mp4", size=(64, 64), fps=10):
        pass
    assert opened[0].closed
    assert list(tmp_path.iterdir()) == []


def test_filters_of_those_who_left_are_dropped() -> None:
    """A camera never ends, and there is always somebody new."""
    finder = predictor()
    follow = _Followed(finder.skeleton, threshold=-1.0, smooth=True)
    image = np.zeros((300, 400, 3), np.uint8)
    for second in range(20):
        follow(finder.predict(image, [[10.0 + 30 * (second % 10), 10, 20, 40]]), 2.0 * second)
    assert follow.tracker.count == 20
    assert set(follow.filters) == {20}


@pytest.mark.filterwarnings("ignore:each whole frame", "ignore:no keypoint")
def test_frames_of_a_file_are_predicted_together_and_those_of_a_camera_at_once(tmp_path: Path) -> None:
    lines = []
    for live, batches in ((False, [8, 8, 4]), (True, [1] * 20)):
        model, source = predictor(flip_test=False), BlackFrames(20)
        source.live = live
        predict_video(model, source, out=tmp_path / "out.mp4")  # type: ignore[arg-type]
        assert model.model.batches == batches
        lines.append((tmp_path / "out.jsonl").read_bytes())
    assert lines[0] == lines[1]
    assert lines[0].count(b"\n") == 21
    # One that is asked to stop does so after the frame at hand.
    done = predict_video(
        predictor(),
        BlackFrames(20),  # type: ignore[arg-type]
        out=tmp_path / "out.mp4",
        stop=iter([False] * 2 + [True]).__next__,
    )
    assert (done.frames, done.stopped) == (3, True)
    assert len(read_frames(tmp_path / "out.mp4")) == 3


@pytest.mark.filterwarnings("ignore:each whole frame")
def test_it_is_said_if_nothing_is_drawn(tmp_path: Path) -> None:
    message = r"no keypoint of anybody scores more than 0.2 on any of 3 frames with people"
    with pytest.warns(UserWarning, match=message):
        predict_video(predictor(), BlackFrames(3), out=tmp_path / "out.mp4")  # type: ignore[arg-type]


def test_writer_leaves_nothing_of_no_frames(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", size=(64, 64), fps=10):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_browser_plays_it(clip: Path, tiny_run: Path, tmp_path: Path, pose_cli: Cli) -> None:
    pytest.importorskip("av")
    assert pose_cli("predict", tiny_run, clip, "--out", tmp_path / "out.mp4", "--no-flip-test").code == 0
    (tmp_path / "page.html").write_text('<link rel="icon" href="data:,"><video src="out.mp4" muted></video>')
    with open_page(tmp_path / "page.html", tmp_path / "profile") as browser:
        browser.script("document.querySelector('video').play().then(() => true)")
        browser.script("new Promise(done => setTimeout(done, 300))")
        played = browser.script(
            "(v => [v.videoWidth, v.videoHeight, v.duration, v.currentTime])(document.querySelector('video'))"
        )
        assert played[:2] == [320, 240]
        assert played[2] == pytest.approx(3.0, abs=0.1)
        assert played[3] > 0
        assert browser.problems == []
