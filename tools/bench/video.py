"""A frame of a video, 640 x 480 with one person in a given box: read, predicted, tracked, drawn, written; one thread.

    POSE_MEDIAPIPE=/path/to/python python tools/bench/video.py [--quick]

Against MediaPipe's solutions.pose of complexity 0, which reads, tracks, draws and writes the same frames: its Python
is another one, as it wants packages of its own (`pip install mediapipe==0.10.14 opencv-python-headless`), and it
downloads its smallest network when it first runs. Without POSE_MEDIAPIPE, ours is timed alone. Both are processes, in
turns at the whole video; the times are those of the processor, and both write mp4v by OpenCV.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from timing import Row, markdown, row

FRAMES, SIZE, SCALE = 60, (480, 640), 2  # of the clip, which is generated at half the size

OURS = """
import sys, time, warnings
from pathlib import Path
import cv2, pose
from pose.inference.video import writing
from pose.inference.video.predict import predict_video
from pose.inference.video.reading import open_video
cv2.setNumThreads(1)
writing.h264_by = lambda: None
clip, boxes, model = map(Path, sys.argv[1:])
predictor = pose.load(model, threads=1)
for line in sys.stdin:
    begin = time.process_time()
    done = predict_video(predictor, open_video(clip), out=clip.with_name("ours.mp4"), boxes=boxes)
    print((time.process_time() - begin) / done.frames, flush=True)
"""
THEIRS = """
import contextlib, sys, time
import cv2
from mediapipe.python.solutions import drawing_utils, pose
cv2.setNumThreads(1)
clip, boxes, model = sys.argv[1:]
with contextlib.redirect_stdout(sys.stderr):  # it says that it downloads its network
    network = pose.Pose(model_complexity=0)
for line in sys.stdin:
    begin = time.process_time()
    capture = cv2.VideoCapture(clip)
    writer = cv2.VideoWriter(clip + ".theirs.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 15, (640, 480))
    frames = 0
    while (read := capture.read())[0]:
        found = network.process(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
        drawing_utils.draw_landmarks(read[1], found.pose_landmarks, pose.POSE_CONNECTIONS)
        writer.write(read[1])
        frames += 1
    writer.release()
    print((time.process_time() - begin) / frames, flush=True)
"""


def make_clip(folder: Path, *, frames: int) -> tuple[Path, Path]:
    """A video of one generated person, and its true boxes."""
    from pose.inference.video.writing import VideoWriter
    from pose.runtime.files import write_json
    from pose.synthetic.clip import FPS, render_clip, truth_records

    clip = folder / "clip.mp4"
    boxes: list[dict[str, Any]] = []
    with VideoWriter(clip, size=SIZE, fps=FPS) as writer:
        for number, frame in enumerate(render_clip(0, frames=frames, people=1)):
            large = cv2.resize(frame.image, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
            writer.write(large, number / FPS)
            boxes += [
                {**record, "bbox": [SCALE * v for v in record["bbox"]]} for record in truth_records(number, frame)
            ]
    write_json(folder / "boxes.json", boxes)
    return clip, folder / "boxes.json"


def rows(quick: bool) -> list[Row]:
    """The row; `quick` takes a few frames, once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip, boxes = make_clip(folder, frames=4 if quick else FRAMES)
        model = folder / "demo.onnx"
        subprocess.run(
            [sys.executable, "-m", "pose", "export", "demo", "--onnx", model], check=True, capture_output=True
        )
        commands = {"ours": [sys.executable, "-W", "ignore", "-c", OURS]}
        if theirs := os.environ.get("POSE_MEDIAPIPE"):
            commands["theirs"] = [theirs, "-c", THEIRS]
        running = {
            name: subprocess.Popen(
                [*command, clip, boxes, model],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for name, command in commands.items()
        }
        times: dict[str, list[float]] = {name: [] for name in running}
        for turn in range(-1, 1 if quick else 9):
            for name, process in running.items():
                assert process.stdin is not None
                assert process.stdout is not None
                print("go", file=process.stdin, flush=True)
                seconds = float(process.stdout.readline())
                if turn >= 0:
                    times[name].append(seconds)
        for process in running.values():
            process.communicate()
    against = "MediaPipe 0.10.14, complexity 0" if "theirs" in times else "itself: there is no POSE_MEDIAPIPE"
    return [
        row(
            times,
            what="a frame of a video, 640 x 480, one person in a given box, .onnx",
            against=against,
            target="<= 0.45" if "theirs" in times else "",
            ours="ours",
            baseline="theirs" if "theirs" in times else "ours",
        )
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="a few frames, once: only to see that it runs")
    print(markdown(rows(parser.parse_args(argv).quick)))


if __name__ == "__main__":
    main()
