#!/usr/bin/env bash
# Measured at version: moviepy 2.2.1 (imageio-ffmpeg 0.8.1, opencv-python-headless 5.0.0.93, numpy 2.4.6).
# Behaviour: ImageSequenceClip(frames, fps=25).write_videofile(...) writes 299 frames for 300, and about 107 of these show the
# picture before the one that belongs there: pictures are doubled here and left out there. 30 fps: 299 frames, 96 wrong.
# The clip looks a frame up by its time, and the times of frames, sums and products of 1/fps, fall just short of the
# frame's own start.
# Guess: 300 pictures in, the same 300 out in order: the class is made of a list of pictures and one fps.
# Why it matters: it is the usual way to write drawn keypoints to a video. The file plays without a visible fault, but frame k
# of it is not picture k: keypoints kept by frame number (a JSON beside the video, tracks, labels made from this video)
# are one frame off for a third of it, and the last picture is missing.
# Instead: write with OpenCV, PyAV or imageio (checked below: imageio writes all 300 in order).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check moviepy==2.2.1 imageio==2.38.1 imageio-ffmpeg==0.8.1 \
    opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'EOF'
import cv2
import imageio.v2
import numpy as np
from moviepy import ImageSequenceClip


def numbered(number):
    """A picture with its number as ten bright or dark fields."""
    picture = np.full((32, 160, 3), 40, np.uint8)
    for bit in range(10):
        picture[4:28, bit * 16 : bit * 16 + 16] = 255 if number >> bit & 1 else 0
    return picture


def numbers(path):
    capture, found = cv2.VideoCapture(path), []
    while True:
        done, picture = capture.read()
        if not done:
            return found
        found.append(sum(1 << bit for bit in range(10) if picture[8:24, bit * 16 + 4 : bit * 16 + 12].mean() > 128))


frames = [numbered(number) for number in range(300)]
for fps in (25, 30):
    ImageSequenceClip(frames, fps=fps).write_videofile("moviepy.mp4", logger=None)
    imageio.v2.mimwrite("imageio.mp4", frames, fps=fps)
    found = numbers("moviepy.mp4")
    wrong = [(place, number) for place, number in enumerate(found) if number != place]
    print(f"{fps} fps: moviepy wrote {len(found)} of 300, {len(wrong)} wrong, (place, picture) {wrong[:4]} ...")
    assert len(found) == 299 and len(wrong) > 60 and all(number == place - 1 for place, number in wrong)
    assert numbers("imageio.mp4") == list(range(300))
EOF
echo "as recorded"
