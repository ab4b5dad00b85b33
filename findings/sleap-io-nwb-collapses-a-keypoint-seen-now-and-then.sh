#!/usr/bin/env bash
# version: sleap-io 0.9.5, ndx-pose 0.4.0, pynwb 4.2.0, pandas 3.1.1, numpy 2.4.6
# Behaviour: sleap-io's save_nwb writes each keypoint of predictions as a series of its own. Where the frames of a keypoint are
#   evenly spaced it stores a rate instead of time stamps, and cuts that rate to a whole number: every second frame is
#   0.5 frames a frame, which becomes 0.0. Two frames are always evenly spaced. load_nwb then puts all of them on the first
#   of these frames, and the last one wins.
# Guess: a round trip gives the same keypoints on the same frames; a keypoint seen on frames 1 and 4 is there on 1 and 4.
# Seen: right_eye, seen on frames 1 and 4, comes back on frame 1 only, with its place of frame 4. A person seen on frames 0, 2, 4
#   comes back on frame 0 only, at the place of frame 4. With the documented video_sample_rate=30 a clip of 6 frames becomes
#   one frame. Nothing is said; a keypoint seen in three uneven frames (0, 1, 3) is right.
# Why it matters: occluded keypoints are exactly those seen now and then; they end up at the wrong place, not missing.
# Instead: save as .slp (or write the NWB with movement), and never pass a sample rate; check series.rate == 0 in NWB files.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check sleap-io==0.9.5 ndx-pose==0.4.0 pynwb==4.2.0 pandas==3.1.1 numpy==2.4.6
cat > see.py <<'PY'
import numpy as np
import sleap_io as sio
from pynwb import NWBHDF5IO
from sleap_io.io import nwb_predictions

nodes = ["nose", "left_eye", "right_eye"]


def clip(seen):
    """6 frames of one person whose keypoint k is at x = 100 k + frame where seen(k, frame)."""
    skeleton = sio.Skeleton(nodes, edges=[(0, 1), (0, 2)], name="person")
    video, track = sio.Video(filename="clip.mp4"), sio.Track("anna")
    frames = []
    for f in range(6):
        points = np.array([[100.0 * k + f, 50.0, 0.9] if seen(k, f) else [np.nan, np.nan, 0.9] for k in range(3)])
        people = [sio.PredictedInstance.from_numpy(points, skeleton=skeleton, track=track, score=0.9)]
        frames.append(sio.LabeledFrame(video=video, frame_idx=f, instances=people if not np.isnan(points[:, 0]).all() else []))
    return sio.Labels(frames)


def back(path, k):
    """The x of keypoint k in the frames where load_nwb has it."""
    got = []
    for frame in sio.load_nwb(path).labeled_frames:
        got += [float(i.numpy()[k, 0]) for i in frame.instances if not np.isnan(i.numpy()[k, 0])]
    return got


def rate(path, name):
    with NWBHDF5IO(path, "r") as io:
        module = [m for key, m in io.read().processing.items() if key.startswith("SLEAP_VIDEO")][0]
        return next(iter(module.data_interfaces.values()))[name].rate


sio.save_nwb(clip(lambda k, f: k != 2 or f in (1, 4)), "twice.nwb")
print("right_eye seen at x = 201 and 204; rate in the file", rate("twice.nwb", "right_eye"), "read back at x =", back("twice.nwb", 2))
assert rate("twice.nwb", "right_eye") == 0.0 and back("twice.nwb", 2) == [204.0]
assert back("twice.nwb", 0) == [0, 1, 2, 3, 4, 5]

sio.save_nwb(clip(lambda k, f: k != 2 or f in (0, 1, 3)), "uneven.nwb")
print("right_eye seen at x = 200, 201 and 203; read back at x =", back("uneven.nwb", 2))
assert back("uneven.nwb", 2) == [200.0, 201.0, 203.0]

labels = clip(lambda k, f: True)
second = sio.Track("bob")
for frame in labels.labeled_frames[::2]:
    points = np.array([[500.0 + 100 * k + frame.frame_idx, 50.0, 0.9] for k in range(3)])
    frame.instances.append(sio.PredictedInstance.from_numpy(points, skeleton=labels.skeleton, track=second, score=0.9))
labels.update()
sio.save_nwb(labels, "bob.nwb")
bob = [x for x in back("bob.nwb", 0) if x >= 500]
print("bob's nose at x = 500, 502, 504; read back at x =", bob)
assert bob == [504.0]

nwb_predictions.write_nwb(clip(lambda k, f: True), "rate.nwb", pose_estimation_metadata={"video_sample_rate": 30.0})
print("video_sample_rate=30, nose at x = 0 to 5; rate in the file", rate("rate.nwb", "nose"), "read back at x =", back("rate.nwb", 0))
assert back("rate.nwb", 0) == [5.0]
PY
venv/bin/python -W ignore see.py
echo "seen: evenly spaced frames collapse into the first, with the place of the last"
