#!/usr/bin/env bash
# version: sleap-io 0.9.5, movement 0.15.0, ndx-pose 0.4.0, pynwb 4.2.0, pandas 3.1.1, numpy 2.4.6, xarray 2026.9.0
# Behaviour: an NWB file keeps its pose series in HDF5 groups, which are listed by name. sleap-io's load_nwb numbers the people of
#   its own files in that order and gives none of them a track: it looks for "track" and digits, but writes "track=NAME".
#   movement takes the keypoints in that order, while the skeleton in the same file keeps the order in which they were.
# Guess: people keep their track names and their order; keypoint 0 is the nose before and after.
# Seen: zoe and anna come back as anna, zoe, both with track None and no tracks in the labels; movement gives ankle, left_eye, nose
#   for nose, left_eye, ankle, though the file's skeleton.nodes say nose, left_eye, ankle.
# Why it matters: identities of a tracked video are lost by saving and loading; arrays taken from the reader (or edges of the
#   skeleton used on them) join the wrong keypoints, and COCO's order nose, left_eye, ... becomes left_ankle, left_ear, ...
# Instead: keep .slp beside the NWB for identities; after movement's reader, ds.sel(keypoints=list of skeleton.nodes).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check sleap-io==0.9.5 movement==0.15.0 ndx-pose==0.4.0 pynwb==4.2.0 pandas==3.1.1 numpy==2.4.6 xarray==2026.9.0
cat > see.py <<'PY'
import numpy as np
import sleap_io as sio
from loguru import logger
from pynwb import NWBHDF5IO

from movement.io import load_poses, save_poses

logger.remove()
nodes = ["nose", "left_eye", "ankle"]  # sio.Skeleton puts its own objects into the list it is given, hence list(nodes)
skeleton, video = sio.Skeleton(list(nodes), edges=[(0, 1)], name="person"), sio.Video(filename="clip.mp4")
tracks = [sio.Track("zoe"), sio.Track("anna")]
frames = []
for f in range(3):
    people = [
        sio.PredictedInstance.from_numpy(np.array([[100.0 * (i + 1) + 10 * k + f, 50, 0.9] for k in range(3)]), skeleton=skeleton, track=t, score=0.9)
        for i, t in enumerate(tracks)
    ]
    frames.append(sio.LabeledFrame(video=video, frame_idx=f, instances=people))
labels = sio.Labels(frames)
show = lambda lab: [(i.track.name if i.track else None, float(i.numpy()[0, 0])) for i in lab.labeled_frames[0].instances]
print("sleap-io before", show(labels), [t.name for t in labels.tracks])
sio.save_nwb(labels, "people.nwb")
back = sio.load_nwb("people.nwb")
print("sleap-io after ", show(back), [t.name for t in back.tracks])
assert show(labels) == [("zoe", 100.0), ("anna", 200.0)]
assert show(back) == [(None, 200.0), (None, 100.0)] and back.tracks == []

x = np.array([[0.0, 10.0, 20.0]]).repeat(3, 0)  # x of nose, left_eye, ankle
ds = load_poses.from_numpy(np.stack([x, x + 1], 1)[..., None], np.ones((3, 3, 1)), individual_names=["anna"], keypoint_names=nodes, fps=10)
nwb = save_poses.to_nwb_file(ds)
nwb = nwb[0] if isinstance(nwb, list) else nwb
with NWBHDF5IO("one.nwb", "w") as io:
    io.write(nwb)
with NWBHDF5IO("one.nwb", "r") as io:
    in_file = [str(n) for n in io.read().processing["behavior"]["PoseEstimation"].skeleton.nodes[:]]
again = load_poses.from_nwb_file("one.nwb")
print("skeleton of the file", in_file)
print("movement before", ds.keypoints.values.tolist(), ds.position.values[0, 0, :, 0].tolist())
print("movement after ", again.keypoints.values.tolist(), again.position.values[0, 0, :, 0].tolist())
assert in_file == nodes == ds.keypoints.values.tolist()
assert again.keypoints.values.tolist() == ["ankle", "left_eye", "nose"]
assert again.position.values[0, 0, :, 0].tolist() == [20.0, 10.0, 0.0]
PY
venv/bin/python -W ignore see.py 2>&1 | grep -v WARNING
echo "seen: names and order of people are lost, keypoints come in alphabetical order"
