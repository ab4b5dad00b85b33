#!/usr/bin/env bash
# Measured at version: supervision 0.31.2 with opencv-python 5.0.0.93, numpy 2.4.6 (clip made by FFmpeg 9.0.2 of imageio-ffmpeg 0.8.1).
# Behaviour: in a clip whose frame rate varies (20 frames a second, then 5, as phones do when it gets dark), OpenCV's
# set(CAP_PROP_POS_FRAMES, 23) and then read() gives frame 30, 29 gives 37, and 35 gives none, although the clip has 40 frames
# and reading in order gives them all. supervision.get_video_frames_generator(path, start=23) seeks like that: it starts at frame
# 30, and with start=35 it gives no frame at all, no error. A frame number is turned into a time with the average rate.
# Guess: start=23 skips 23 frames; the counts are the file's own (VideoInfo.total_frames says 40).
# Why it matters: taking up a video where one stopped, or cutting it into parts for several processes, leaves people out and
# numbers the results seven frames wrong, in the variable part only.
# Instead: iterative_seek=True in supervision, or read and count in OpenCV (both checked below).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check supervision==0.31.2 opencv-python==5.0.0.93 \
    imageio-ffmpeg==0.8.1 numpy==2.4.6 scipy==1.17.1
cd "$work"
"$work/venv/bin/python" - <<'EOF'
import subprocess

import cv2
import imageio_ffmpeg
import numpy as np
import supervision as sv

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


def opencv(start):
    capture = cv2.VideoCapture("varying.mp4")
    capture.set(cv2.CAP_PROP_POS_FRAMES, start)
    done, picture = capture.read()
    return number_of(picture) if done else None


def supervision(start, **options):
    return [number_of(f) for f in sv.get_video_frames_generator("varying.mp4", start=start, **options)]


pictures = b"".join(numbered(number).tobytes() for number in range(count))
slower = ["-vf", "setpts='if(lt(N,20),N,20+(N-20)*4)/20/TB'", "-fps_mode", "vfr"]
h264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "5", "-g", "12", "-sc_threshold", "0", "-bf", "3"]
subprocess.run([*ffmpeg, *raw, *slower, *h264, "varying.mp4"], input=pictures, check=True)

assert supervision(0) == list(range(count)) and sv.VideoInfo.from_video_path("varying.mp4").total_frames == count
for start in (12, 23, 29, 35):
    frames = supervision(start)
    print(f"start {start}: OpenCV {opencv(start)}, supervision {frames[:1]} and {len(frames)} frames of {count - start}")
    assert supervision(start, iterative_seek=True) == list(range(start, count))
    assert frames[:1] == ([opencv(start)] if frames else []) and (frames or opencv(start) is None)
    assert (frames == list(range(start, count))) if start == 12 else (not frames or frames[0] > start + 2)
assert supervision(35) == []
EOF
echo "as recorded"
