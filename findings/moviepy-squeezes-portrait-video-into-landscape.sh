#!/usr/bin/env bash
# Measured at version: moviepy 2.2.1 with imageio-ffmpeg 0.8.1 (brings FFmpeg 9.0.2; with 0.6.0 it is right), numpy 2.4.6.
# Behaviour: a phone's portrait video (stored lying, with a display matrix of 90 degrees) is given by VideoFileClip as a
# landscape picture: upright people, squeezed in height and stretched in width. clip.size is the stored one, clip.rotation 0.
# FFmpeg turns the frames, and moviepy, which reads the rotation from FFmpeg's printed words, no longer finds it there,
# since these words changed; so it asks FFmpeg to scale the upright frame to the lying size. No warning.
# Guess: an upright 96 x 160 frame, or the lying 160 x 96 one; both would keep the proportions.
# Seen: 160 x 96, and a square of 16 x 16 pixels is 27 wide and 10 high.
# Why it matters: people are 2.8 times as wide as they should be (for 16:9: 3.2 times): a network for people finds joints on
# the squeezed figure, with scores that look fair, and the coordinates belong to no frame of the file.
# Instead: pin imageio-ffmpeg==0.6.0 beside moviepy 2.2.1 (its clip.size is (96, 160) then), or look at a frame first.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check moviepy==2.2.1 imageio-ffmpeg==0.8.1 numpy==2.4.6
cd "$work"
cat > see.py <<'EOF'
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
from moviepy import VideoFileClip

width, height = 160, 96
frame = np.full((height, width, 3), 40, np.uint8)
frame[64:80, 16:32] = (255, 0, 0)
ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
if sys.argv[1] == "make":
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "20", "-i", "-"]
    coded = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "5", "lying.mp4"]
    subprocess.run([*ffmpeg, *raw, *coded], input=frame.tobytes() * 20, check=True)
    subprocess.run([*ffmpeg, "-display_rotation", "90", "-i", "lying.mp4", "-c", "copy", "portrait.mp4"], check=True)
for name in ("lying.mp4", "portrait.mp4"):
    with VideoFileClip(name) as clip:
        picture = clip.get_frame(0.25).astype(int)
        rows, columns = np.nonzero((picture[..., 0] > 150) & (picture[..., 1] < 110))
        square = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
        print(f"{name:13s} clip.size {tuple(clip.size)} rotation {clip.rotation} frame {picture.shape} square {square}")
        if name == "lying.mp4":
            assert picture.shape == (96, 160, 3) and square == (16, 16)
        elif sys.argv[1] == "make":
            assert tuple(clip.size) == (160, 96) and clip.rotation == 0 and picture.shape == (96, 160, 3)
            assert 25 <= square[0] <= 29 and 8 <= square[1] <= 11, square
        else:
            assert tuple(clip.size) == (96, 160) and picture.shape == (160, 96, 3) and square == (16, 16)
EOF
"$work/venv/bin/python" see.py make
echo "with imageio-ffmpeg 0.6.0:"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check imageio-ffmpeg==0.6.0
"$work/venv/bin/python" see.py look
echo "as recorded"
