#!/usr/bin/env bash
# Measured at version: imageio 2.38.1 with av (PyAV) 18.1.0 and imageio-ffmpeg 0.8.1 (to make the clips), numpy 2.4.6.
# Behaviour: imageio.v3.imread(path, index=i, plugin="pyav") is not the i-th frame that imiter gives, without a word, when
# (a) the clip is H.265 as x265 writes it by default: the last frames of each group of pictures are replaced by the next key
# frame (11 is 12; 21, 22 and 23 are 24); (b) its first time stamp is not 0 (here 1 s, as cut or recorded streams have): indexes
# 2 to 20 all give frame 0, and 39 gives 19. With H.264 of the same frames, from time 0, all are right.
# The index is made into a time from 0, and the first frame that the decoder gives after a jump is believed.
# Guess: index=i is what the i-th step of the iteration gives, or an error.
# Why it matters: drawing or checking keypoints at a frame number loads another frame, off by one to twenty, though the file
# and the numbers are right; a person who moves has labels beside the body.
# Instead: iterate (imiter) and count (checked below: right for all three).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check imageio==2.38.1 av==18.1.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'EOF'
import subprocess

import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np

width, height, count = 160, 96, 40
ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "20", "-i", "-"]


def numbered(number):
    picture = np.full((height, width, 3), 40, np.uint8)
    for bit in range(6):
        picture[8:24, 8 + bit * 16 : 24 + bit * 16] = 255 if number >> bit & 1 else 0
    return picture


def number_of(picture):
    return sum(1 << bit for bit in range(6) if picture[12:20, 12 + bit * 16 : 20 + bit * 16].mean() > 128)


pictures = b"".join(numbered(number).tobytes() for number in range(count))
h264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "5", "-g", "12", "-bf", "3"]
h265 = ["-c:v", "libx265", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p", "-crf", "5", "-g", "12"]
for name, options in (("h264", h264), ("h265", h265)):
    subprocess.run([*ffmpeg, *raw, *options, f"{name}.mp4"], input=pictures, check=True)
subprocess.run([*ffmpeg, "-i", "h264.mp4", "-c", "copy", "-output_ts_offset", "1.0", "later.mp4"], check=True)

seen = {}
for name in ("h264", "h265", "later"):
    path = f"{name}.mp4"
    assert [number_of(f) for f in iio.imiter(path, plugin="pyav")] == list(range(count)), name
    got = [number_of(iio.imread(path, index=i, plugin="pyav")) for i in range(count)]
    seen[name] = got
    print(f"{name:8s} (index, frame given):", [(i, n) for i, n in enumerate(got) if i != n] or "all right")
assert seen["h264"] == list(range(count))
wrong = [i for i, n in enumerate(seen["h265"]) if n != i]
assert 3 <= len(wrong) <= 12 and seen["h265"][11] == 12 and all(seen["h265"][i] > i for i in wrong)
assert seen["later"][2:20] == [0] * 18 and seen["later"][39] == 19
EOF
echo "as recorded"
