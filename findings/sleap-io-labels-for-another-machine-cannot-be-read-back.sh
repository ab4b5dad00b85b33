#!/usr/bin/env bash
# version: sleap-io 0.9.5, numpy 2.2.6, imageio 2.38.1
# Behaviour: the pictures of labels are renamed to where they are on another machine, and not here. Labels.replace_filenames drops what
#   it knew of their kind, so save() writes a .slp whose list of pictures no version of load_slp here can read: TypeError, open_videos=
#   False or not. Video.replace_filename(names, open=False) of new labels keeps it, with the old names in it, which come back.
# Guess: the new names are written, and read back, whether the pictures are here or not; that is what open=False is for.
# Seen: replace_filenames(prefix_map={"old": "/data/new"}): saved without a word, then "expected str, bytes or os.PathLike object, not
#   list". replace_filename([...], open=False): /data/new/0.png in memory, old/0.png after saving and loading. With pictures that are
#   here under their new names both are right.
# Why it matters: names are changed just before labels are sent to a cluster or a colleague, where the new names are true. The labels
#   that arrive cannot be opened, or lead to pictures that are not there; the original is often overwritten by then.
# Instead: rename where the pictures are, or set video.backend_metadata to {"type": "ImageVideo", "filename": names[0], "filenames":
#   names, "shape": ...} before saving, and always load what was saved before deleting anything.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check sleap-io==0.9.5 numpy==2.2.6 imageio==2.38.1
cat > see.py <<'PY'
import os
import sys

import imageio.v3 as iio
import numpy as np
import sleap_io as sio

for folder in ("old", "new"):
    os.makedirs(folder)
    for i in range(2):
        iio.imwrite(f"{folder}/{i}.png", np.zeros((30, 40, 3), np.uint8))


def make():
    video = sio.Video.from_filename(["old/0.png", "old/1.png"])
    skeleton = sio.Skeleton(nodes=["nose"])
    instance = sio.Instance.from_numpy(np.array([[1.0, 2.0]]), skeleton=skeleton)
    frame = sio.LabeledFrame(video=video, frame_idx=0, instances=[instance])
    return sio.Labels([frame], [video], [skeleton])


make().save("labels.slp", verbose=False)


def back(labels):
    """The names after saving and loading, or the error of loading."""
    labels.save("again.slp", verbose=False)
    results = []
    for opened in (True, False):
        try:
            results.append(list(sio.load_slp("again.slp", open_videos=opened).videos[0].filename))
        except TypeError as error:
            results.append(f"TypeError: {error}")
    return results


def renamed(prefix):
    labels = sio.load_slp("labels.slp", open_videos=False)
    labels.replace_filenames(prefix_map={"old": prefix})
    assert labels.videos[0].filename == [f"{prefix}/0.png", f"{prefix}/1.png"]
    return back(labels)


here, elsewhere = renamed("new"), renamed("/data/new")
labels = make()
labels.videos[0].replace_filename(["/data/new/0.png", "/data/new/1.png"], open=False)
closed = back(labels)
print("replace_filenames, pictures here:     ", here)
print("replace_filenames, pictures elsewhere:", elsewhere)
print("replace_filename(open=False):         ", closed)
as_described = here == [["new/0.png", "new/1.png"]] * 2 and closed == [["old/0.png", "old/1.png"]] * 2
sys.exit(0 if as_described and all(str(text).startswith("TypeError") for text in elsewhere) else 1)
PY
venv/bin/python see.py && echo "as described" || { echo "sleap-io behaves otherwise now"; exit 1; }
