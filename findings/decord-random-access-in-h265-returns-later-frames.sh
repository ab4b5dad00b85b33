#!/usr/bin/env bash
# Measured at version: decord 0.6.0 (numpy 2.4.6; clips made by FFmpeg 9.0.2 of imageio-ffmpeg 0.8.1).
# Behaviour: decord.VideoReader of an H.265 clip as x265 writes it by default gives the right frames when they are read in order, and
# later frames than asked after any jump behind the first key frame: v[12] is frame 13, v[23] is 26, v[35] is 38; get_batch too.
# The same reader then keeps this shift for the frames that follow. The frames before a key frame in time but after it in
# the file cannot be decoded after a jump to it, and decord counts without them. H.264 with closed groups is right.
# Guess: v[i] is the same picture however the reader came there; "random access" is what the library is for.
# Why it matters: training and labelling tools fetch single frames; phones record H.265. Keypoints of frame i are then put on a
# frame up to three later, and only for clips of that kind.
# Instead: read such clips from the start in order (checked below), or convert them to H.264 with closed groups.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check decord==0.6.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'EOF'
import subprocess

import decord
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

jumps = [30, 12, 23, 5, 35, 13]
for name in ("h264", "h265"):
    in_order = decord.VideoReader(f"{name}.mp4")
    assert [number_of(in_order[i].asnumpy()) for i in range(count)] == list(range(count))
    jumping = decord.VideoReader(f"{name}.mp4")
    got = [number_of(jumping[i].asnumpy()) for i in jumps]
    batch = [number_of(f) for f in decord.VideoReader(f"{name}.mp4").get_batch(jumps).asnumpy()]
    print(f"{name}: in order right; asked {jumps}, given {got}, by get_batch {batch}")
    if name == "h264":
        assert got == batch == jumps
    else:
        late = [given - asked for asked, given in zip(jumps, got)]
        assert got[3] == 5 and sum(1 for n in late if n > 0) >= 4 and min(late) >= 0 and max(late) <= 4, late
        assert batch != jumps
EOF
echo "as recorded"
