#!/usr/bin/env bash
# Measured at version: opencv-python-headless 5.0.0.93 (4.14.0 alike), decord 0.6.0, imageio 2.38.1 with imageio-ffmpeg 0.8.1.
# Behaviour: an MP4 whose display matrix says "mirror left and right" (a mirroring camera writes that instead of mirroring the
# pixels) is turned by 180 degrees by OpenCV and by decord: what was at the lower left comes out at the upper right. Only
# FFmpeg itself (here through imageio) mirrors it: lower left to lower right. The matrix is taken for a rotation, which is all
# that CAP_PROP_ORIENTATION_META can say; it says 180. Rotations of 90, 180 and 270 are right in all three.
# Guess: mirrored, as players show it, or at worst shown as stored. Nobody expects the person to stand on the head.
# Why it matters: a top-down network finds nobody or nonsense in such a clip while the same file looks right in every player;
# and results on the stored, the mirrored and the turned picture have three different meanings of left.
# Instead: with CAP_PROP_ORIENTATION_AUTO set to 0 OpenCV gives the stored frames (checked below); mirror them yourself, or run
# the file through ffmpeg once, which bakes the matrix into the pixels.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 decord==0.6.0 \
    imageio==2.38.1 imageio-ffmpeg==0.8.1 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'EOF'
import subprocess

import cv2
import decord
import imageio.v2
import imageio_ffmpeg
import numpy as np

width, height = 160, 96
frame = np.full((height, width, 3), 40, np.uint8)
frame[64:80, 16:32] = (255, 0, 0)  # a red square at the lower left, centre (23.5, 71.5)
ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "20", "-i", "-"]
subprocess.run(
    [*ffmpeg, *raw, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "5", "plain.mp4"], input=frame.tobytes() * 10, check=True
)
for name, matrix in (("mirrored", ["-display_hflip"]), ("turned", ["-display_rotation", "180"])):
    subprocess.run([*ffmpeg, *matrix, "-i", "plain.mp4", "-c", "copy", f"{name}.mp4"], check=True)


def square(picture):
    picture = np.asarray(picture).astype(int)
    rows, columns = np.nonzero((picture[..., 0] > 150) & (picture[..., 1] < 110))
    return round(float(columns.mean())), round(float(rows.mean()))


def opencv(path, upright=True):
    capture = cv2.VideoCapture(path)
    if not upright:
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    return square(capture.read()[1][..., ::-1]), capture.get(cv2.CAP_PROP_ORIENTATION_META)


def decord_frame(path):
    return square(decord.VideoReader(path)[0].asnumpy())


def ffmpeg_frame(path):
    with imageio.v2.get_reader(path, "ffmpeg") as reader:
        return square(reader.get_data(0))


stored, mirrored, turned = (24, 72), (136, 72), (136, 24)
for name, wanted in (("plain", stored), ("turned", turned), ("mirrored", mirrored)):
    path = f"{name}.mp4"
    print(f"{name:9s} ffmpeg {ffmpeg_frame(path)} opencv {opencv(path)} decord {decord_frame(path)}")
    assert ffmpeg_frame(path) == wanted
    seen = turned if name == "mirrored" else wanted  # the surprise
    assert opencv(path)[0] == decord_frame(path) == seen
assert opencv("mirrored.mp4")[1] == 180
print("mirrored, ORIENTATION_AUTO = 0:", opencv("mirrored.mp4", upright=False)[0])
assert opencv("mirrored.mp4", upright=False)[0] == stored
EOF
echo "as recorded"
