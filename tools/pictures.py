"""Write pictures of docs/images: python tools/pictures.py [people levels video check report ...] [--run RUN]

All are of generated people, none is chosen by itself: the first pictures (of `levels` seven in a row) and the first
video of the seeds below, which no model was trained on. `people` and `video` are what the model in the package finds,
or that of --run; `report` is the page of a run of `pose demo` that `pose eval` has evaluated, and needs chromium.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

import pose
from pose.drawing.people import draw_people
from pose.drawing.sheets import grid
from pose.images.types import Image
from pose.images.write import write_image
from pose.synthetic.dataset import image_rng
from pose.synthetic.levels import LEVELS
from pose.synthetic.people.image import render_people

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SEED = 1  # the demo's own pictures are of seed 0
LARGEST = 150_000  # bytes
TILE = (300, 225)  # height, width


def people(run: str) -> None:
    """The first six pictures, cut to their first person."""
    model = pose.load(run, "cpu")
    tiles = []
    for index in range(6):
        made = render_people(image_rng(SEED, "val", index), LEVELS["easy"])
        box = made.figures[0].box_xywh
        found = model.predict(made.image, [figure.box_xywh for figure in made.figures])
        tile, move = _cut(made.image, box)
        points = found.keypoints * move[0, 0] + move[:, 2]
        tiles.append(draw_people(tile, points, found.scores, skeleton=found.skeleton))
    _write("demo.jpg", grid(tiles, columns=6, gap=4))


def levels(run: str) -> None:
    """Seven pictures of each level, a row each."""
    side = 170
    tiles = []
    for level in LEVELS.values():
        for index in range(49, 56):
            image = render_people(image_rng(SEED, "val", index), level).image
            scale = side / min(image.shape[:2])
            size = (max(side, round(image.shape[1] * scale)), max(side, round(image.shape[0] * scale)))
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            top, left = (size[1] - side) // 2, (size[0] - side) // 2
            tiles.append(np.asarray(small[top : top + side, left : left + side], dtype=np.uint8))
    _write("levels.jpg", grid(tiles, columns=7, gap=4))


def _cut(image: Image, box_xywh: ArrayLike) -> tuple[Image, NDArray[np.float64]]:
    """A tile with the box in its middle, as far as the image reaches, and the affine to it."""
    (x, y, w, h), (height, width) = np.asarray(box_xywh), TILE
    limits = np.array(image.shape[1::-1], dtype=np.float64)
    high = min(1.25 * max(h, w * height / width), limits[1], limits[0] * height / width)
    size = np.array([high * width / height, high])
    corner = np.clip((x + w / 2, y + h / 2) - size / 2, 0, limits - size)
    scale = height / high
    move = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
    tile = cv2.warpAffine(image, move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(tile, dtype=np.uint8), move


def video(run: str) -> None:
    """Frames of a tracked video, a second apart."""
    with tempfile.TemporaryDirectory() as folder:
        clip, out = Path(folder, "clip.mp4"), Path(folder, "out.mp4")
        _pose("clip", clip, "--people", 3, "--frames", 60, "--seed", SEED)
        _pose("predict", run, clip, "--boxes", clip.with_suffix(".json"), "--out", out)
        capture = cv2.VideoCapture(str(out))
        frames = [frame[..., ::-1] for ok, frame in (capture.read() for _ in range(60)) if ok]
        capture.release()
    _write(
        "video.jpg", grid([np.ascontiguousarray(frame) for frame in frames[14:45:15]], columns=3, gap=4), width=1200
    )


def check(run: str) -> None:
    """The contact sheet of `pose check`."""
    with tempfile.TemporaryDirectory() as folder:
        _pose("figures", Path(folder, "people"), "--level", "easy", "--train", 30, "--val", 1, "--seed", SEED)
        _pose("check", Path(folder, "people"), "--out", Path(folder, "out"))
        sheet = cv2.imread(str(Path(folder, "out", "train.jpg")))
    _write("check.jpg", np.ascontiguousarray(sheet[..., ::-1]), width=1100)


def report(run: str) -> None:
    """The top of the page of a run, as a browser shows it."""
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder, "report.html"), Path(folder, "shot.png")
        _pose("report", run, "--out", page)
        browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size = ["--window-size=1280,1450", "--force-device-scale-factor=1", f"--screenshot={shot}"]
        subprocess.run([*browser, *size, page.as_uri()], check=True, capture_output=True)
        image = cv2.imread(str(shot))
    _write("report.png", np.ascontiguousarray(image[..., ::-1]), width=800)


def _pose(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "pose", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def _write(name: str, image: Image, *, width: int | None = None) -> None:
    path = IMAGES / name
    if width is not None:
        height = round(image.shape[0] * width / image.shape[1])
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    for quality in (88, 80, 70, 60):
        write_image(path, image, quality=quality)
        if path.stat().st_size <= LARGEST:
            break
    print(f"{path}: {image.shape[1]} x {image.shape[0]}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    known = {"people": people, "levels": levels, "video": video, "check": check, "report": report}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*known, []], help="which; all but the report if none is given")
    parser.add_argument("--run", default="demo", help="the model; for the report a run's folder, e.g. demo/run")
    given = parser.parse_args()
    for chosen in given.names or ["people", "levels", "video", "check"]:
        known[chosen](given.run)
