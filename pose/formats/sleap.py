"""SLEAP's .slp, by the library sleap-io: labeled instances on frames of videos or of lists of images.

A node that is not visible has no label there, so there is no hidden keypoint; and no box and no id.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pose.data.image_entries import leaves_folder, local_name
from pose.data.records import LARGEST
from pose.formats.hdf5 import apart, check_size, reading
from pose.formats.image_files import below_common
from pose.formats.labels import LabeledImage, LabeledPerson, LabelSet, Notes, ObjectKind, count_lost
from pose.runtime.errors import DataError, require

TITLE = "SLEAP"


def read_sleap(path: Path, notes: Notes, *, keypoints: tuple[str, ...] | None = None) -> LabelSet:
    """Read a .slp file; frames of a video are named VIDEO/000012.png, as if each were extracted.

    Where two videos have the same name, the folders above them tell them apart: MONDAY/VIDEO/000012.png. Frames in a
    package (.pkg.slp) have the names of the videos or images that they were taken from.

    Raises:
        DataError: it is no such file.
    """
    require("a file of SLEAP", sleap_io="sleap-io")
    labels, found = apart(path, _read_file, path, keypoints)
    notes.add(found)
    return labels


def _read_file(path: Path, keypoints: tuple[str, ...] | None) -> tuple[LabelSet, Notes]:
    import h5py
    import sleap_io

    notes = Notes()
    with reading(path, "file of SLEAP"):
        with h5py.File(path) as content:
            check_size(path, _sizes(path, content))
        return _read(sleap_io.load_slp(str(path), open_videos=False), path, notes, keypoints), notes


def _sizes(path: Path, group: Any) -> Iterator[int]:
    """Bytes of the arrays below a group, but embedded images, which are not read."""
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        item = None if isinstance(link, h5py.ExternalLink) else group[name]
        if item is None or (isinstance(item, h5py.Dataset) and (item.external or item.is_virtual)):
            raise DataError(f"{path} leads to another file by {name}, which SLEAP's do not; it is not read")
        if isinstance(item, h5py.Dataset):
            yield item.nbytes
        elif isinstance(link, h5py.HardLink) and not name.startswith("video"):
            yield from _sizes(path, item)


def _read(found: Any, path: Path, notes: Notes, keypoints: tuple[str, ...] | None) -> LabelSet:
    labels = LabelSet([], [], path.parent)
    kinds = {id(skeleton): _kind(skeleton, keypoints) for skeleton in found.skeletons}
    files = {id(video): _file(video) for video in found.videos}
    listed = [name for file in files.values() if isinstance(file, list) for name in file]
    in_full = any(leaves_folder(name) for name in listed)
    names = below_common(listed) if in_full else {name: local_name(name) for name in listed}
    folders = video_folders([file for file in files.values() if isinstance(file, str)])
    images: dict[str, LabeledImage] = {}  # a frame may be labeled in two parts
    for frame in found.labeled_frames:
        file, number = files[id(frame.video)], int(frame.frame_idx)
        if isinstance(file, list):
            name = names[file[number]] if 0 <= number < len(file) else ""
        else:
            name = f"{folders[file]}/{number:06d}.png"
            notes.remark(
                "frames of videos are named VIDEO/000012.png by their number from 0; extract them under these names, "
                "e.g. by ffmpeg -i VIDEO.mp4 -fps_mode passthrough -start_number 0 VIDEO/%06d.png"
            )
        if not name or leaves_folder(name):
            what = "frames of files named by '..' from the others' folder" if name else "frames without an image"
            notes.left_out[what] += 1
            continue
        image = images.setdefault(name, LabeledImage(name, "", _size(frame.video)))
        for instance in frame.instances:
            if type(instance).__name__ == "PredictedInstance":
                notes.left_out["predicted instances, which nobody has corrected"] += 1
                continue
            points = _points(instance, notes)
            if points[:, 2].any():
                track = instance.track.name if instance.track is not None else None
                kind = kinds[id(instance.skeleton)]
                labels.people.append(LabeledPerson(image, kind, points, track=track))
            else:
                notes.left_out["instances without a labeled node"] += 1
    labels.images.extend(images.values())
    return labels


def _kind(skeleton: Any, keypoints: tuple[str, ...] | None) -> ObjectKind:
    names = tuple(skeleton.node_names)
    if keypoints is not None and len(keypoints) != len(names):
        raise DataError(f"the skeleton has {len(names)} nodes, and --keypoints names {len(keypoints)}")
    index = {name: i for i, name in enumerate(names)}
    edges = tuple((index[e.source.name], index[e.destination.name]) for e in skeleton.edges)
    pairs = {tuple(sorted(index[node.name] for node in symmetry.nodes)) for symmetry in skeleton.symmetries}
    flips = tuple((a, b) for a, b in sorted(pairs)) if pairs else None
    return ObjectKind(skeleton.name or "instance", keypoints or names, edges, flips)


def video_folders(files: list[str]) -> dict[str, str]:
    """The folder of each video's frames: its name, with the folders that tell it from another of the same name."""
    bare = {file: str(path.parent / path.stem) for file in files for path in [PurePosixPath(local_name(file))]}
    short = {file: PurePosixPath(name).name for file, name in bare.items()}
    if len(set(short.values())) == len(short):
        return short
    if len(set(bare.values())) < len(bare):
        bare = {file: local_name(file) for file in files}
    below = below_common(list(bare.values()))
    return {file: below[name] for file, name in bare.items()}


def _file(video: Any) -> str | list[str]:
    """A video's file, or its list of images; of frames in a package those that they were taken from, if it tells."""
    source = video
    while source.source_video is not None:
        source = source.source_video
    if isinstance(source.filename, list):
        return [str(name) for name in source.filename]
    inside = (video.backend_metadata or {}).get("dataset") if source is video else None
    return str(source.filename) if inside is None else f"{source.filename}/{str(inside).partition('/')[0]}"


def _size(video: Any) -> tuple[int, int] | None:
    shape = video.shape or (video.backend_metadata or {}).get("shape")
    return (int(shape[1]), int(shape[2])) if shape is not None and len(shape) == 4 and shape[1] else None


def _points(instance: Any, notes: Notes) -> Any:
    xy = np.asarray(instance.points["xy"], dtype=np.float64)
    visible = np.asarray(instance.points["visible"], dtype=bool)
    there = (np.abs(xy) <= LARGEST).all(axis=1)
    notes.left_out["nodes with a place that are not visible"] += int((there & ~visible).sum())
    points = np.column_stack([xy, np.where(there & visible, 2, 0)])
    points[points[:, 2] == 0] = 0
    return points


def write_sleap(labels: LabelSet, path: Path, notes: Notes) -> None:
    """Write a .slp of lists of images, one list for each folder and size.

    Raises:
        DataError: nobody has keypoints.
    """
    require("a file of SLEAP", sleap_io="sleap-io")
    import sleap_io

    if not labels.people:
        raise DataError("nobody has keypoints, so there is nothing to write for SLEAP")
    skeletons = {id(kind): _skeleton(sleap_io, kind) for kind in labels.kinds()}
    videos: dict[Any, Any] = {}
    names: dict[Any, list[str]] = {}
    number: dict[int, int] = {}
    for image in labels.images:
        listed = names.setdefault((PurePosixPath(image.path).parent, image.size), [])
        number[id(image)] = len(listed)
        listed.append(image.path)
    for key, listed in names.items():
        # With the names in the metadata too; sleap-io cannot read a list of images back without.
        metadata: dict[str, Any] = {"type": "ImageVideo", "filename": listed[0], "filenames": list(listed)}
        if key[1] is not None:
            metadata |= {"shape": (len(listed), *key[1], 3), "grayscale": False}
            metadata |= {"height_": key[1][0], "width_": key[1][1], "channels_": 3}
        videos[key] = sleap_io.Video(filename=list(listed), open_backend=False, backend_metadata=metadata)
    tracks = {n: sleap_io.Track(name=n) for n in dict.fromkeys(p.track for p in labels.people) if n is not None}
    people, frames = labels.people_by_image(), []
    for image in labels.images:
        key = (PurePosixPath(image.path).parent, image.size)
        instances = [
            sleap_io.Instance.from_numpy(
                np.where(p.keypoints_img[:, 2:] > 0, p.keypoints_img[:, :2], np.nan),
                skeleton=skeletons[id(p.kind)],
                track=None if p.track is None else tracks[p.track],
            )
            for p in people[id(image)]
        ]
        frames.append(sleap_io.LabeledFrame(video=videos[key], frame_idx=number[id(image)], instances=instances))
    document = sleap_io.Labels(
        labeled_frames=frames, videos=list(videos.values()), skeletons=list(skeletons.values())
    )
    document.save(str(path), format="slp", embed=False, verbose=False)
    count_lost(
        labels,
        notes,
        "boxes",
        "ids of people",
        "ids of images",
        "areas",
        "outlines",
        "hidden keypoints (now visible)",
    )


def _skeleton(sleap_io: Any, kind: ObjectKind) -> Any:
    names = kind.keypoint_names
    return sleap_io.Skeleton(
        nodes=list(names),
        edges=[(names[a], names[b]) for a, b in kind.edges],
        symmetries=[(names[a], names[b]) for a, b in kind.flips()],
        name=kind.name,
    )
