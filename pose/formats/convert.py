"""Read one format, write another, and say what was left out, guessed or cannot be held.

Nothing that exists is overwritten, and what is written is whole or not there.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pose.data.image_entries import leaves_folder
from pose.formats import coco, cvat, deeplabcut, label_studio, labelme, sleap, yolo
from pose.formats.image_files import locate, turn
from pose.formats.labels import LabelSet, Notes, box_around
from pose.formats.recognize import FORMATS, recognize
from pose.formats.write import FOLDERS, write
from pose.keypoints.known import SKELETONS
from pose.runtime.errors import ConfigError, DataError
from pose.runtime.text import did_you_mean, first_few, plural, shell_word

Reader = Callable[..., LabelSet]

READERS: dict[str, Reader] = {
    "coco": coco.read_coco,
    "yolo": yolo.read_yolo,
    "cvat": cvat.read_cvat,
    "labelstudio": label_studio.read_label_studio,
    "labelme": labelme.read_labelme,
    "roboflow": coco.read_roboflow,
    "deeplabcut": deeplabcut.read_deeplabcut,
    "sleap": sleap.read_sleap,
}
UPRIGHT = ("yolo", "cvat", "labelstudio", "labelme")  # tools that turn photographs by their EXIF orientation
POINTS_ONLY = ("deeplabcut", "sleap")
COCO = ("coco", "roboflow")
FLIP_PAIRS = ("yolo", "sleap")  # formats that hold them
SUFFIXES = {".json": "coco", ".xml": "cvat", ".csv": "deeplabcut", ".h5": "deeplabcut", ".slp": "sleap"}


@dataclass(frozen=True)
class Converted:
    """What `convert` did.

    Attributes:
        source, target: keys of `FORMATS`.
        read: numbers of images and people that were read.
        written: the files or the folder.
        copied: images that were copied beside their labels.
    """

    source: str
    target: str
    read: tuple[int, int]
    labels: LabelSet
    notes: Notes
    written: tuple[Path, ...]
    copied: int


def convert(
    source: Path,
    out: Path,
    *,
    source_format: str | None = None,
    target_format: str | None = None,
    images: Path | None = None,
    keypoints: str | None = None,
    category: str | None = None,
) -> Converted:
    """Convert annotations.

    Args:
        source: a file or folder.
        out: the file or folder to write; it must not be there.
        source_format, target_format: keys of `FORMATS`; by default by the content of `source` and the name of `out`.
        images: the folder of the images, for sizes that the format lacks, and to copy them for formats that keep
            labels beside images.
        keypoints: a known skeleton, or names separated by commas: the keypoints in their order, for formats that do
            not say it.
        category: take only objects of this name.
    Raises:
        DataError, FileNotFoundError: the source cannot be read, or the target cannot hold it.
        ConfigError: wrong names of formats.
    """
    kind, target = _choose(source, out, source_format, target_format)
    _check_out(source, out, target)
    if images is not None and not images.is_dir():
        raise FileNotFoundError(f"no folder {images}; give the folder of the images")
    notes = Notes()
    options = {"images": images} if kind in ("yolo", "cvat", "labelstudio") else {}
    try:
        labels = READERS[kind](source, notes, keypoints=_names(keypoints), **options)
    except DataError as error:
        raise _said_to_be(kind, source, error) from error
    _check_names(labels, notes)
    _say_doubled(labels, notes)
    labels.share_kinds(notes)
    if category is not None:
        _choose_category(labels, category, notes)
    if not labels.images:
        raise DataError(f"{source} has no image that can be read{_reasons(notes)}")
    read = len(labels.images), len(labels.people)
    locate(labels, images, notes, upright=kind in UPRIGHT)
    if (kind in UPRIGHT) != (target in UPRIGHT):
        turn(labels, upright=target in UPRIGHT, notes=notes)
    complete(labels, target, notes)
    description = f"{FORMATS[kind].split(':')[0]}, converted by pose convert"
    written, copied = write(labels, out, target, notes, description=description)
    return Converted(kind, target, read, labels, notes, written, copied)


def _choose(source: Path, out: Path, source_format: str | None, target_format: str | None) -> tuple[str, str]:
    for name in (source_format, target_format):
        if name is not None and name not in FORMATS:
            raise ConfigError(f"there is no format '{name}'; {did_you_mean(name, FORMATS)}")
    if not source.is_file() and not source.is_dir():  # a pipe would be waited for
        raise FileNotFoundError(f"no file or folder {source}; check the path")
    kind = source_format or recognize(source)
    target = target_format or SUFFIXES.get(out.suffix.lower())
    if target is None:
        raise ConfigError(
            f"{out} does not say which format to write; give --to: {', '.join(FORMATS)}, or end it with .json "
            "(COCO), .xml (CVAT), .csv or .h5 (DeepLabCut) or .slp (SLEAP)"
        )
    expected = {suffix for suffix, name in SUFFIXES.items() if name == target}
    expected = {".json"} if target == "labelstudio" else expected
    if target not in FOLDERS and out.suffix.lower() not in expected:
        raise ConfigError(
            f"{FORMATS[target].split(':')[0]} is written as a file; end {out} with {' or '.join(sorted(expected))}"
        )
    return kind, target


def _said_to_be(kind: str, source: Path, error: DataError) -> DataError:
    """The error of a reader, or what the content is where --from says another format."""
    with contextlib.suppress(DataError):
        found = recognize(source)
        if found != kind:
            what = FORMATS[found].split(":")[0]
            return DataError(f"{source} is {what}, not {kind} ({error}); leave out --from, or give --from {found}")
    return error


def _check_out(source: Path, out: Path, target: str) -> None:
    if os.path.lexists(out):
        raise DataError(f"{out} exists already; give another name")
    if target in FOLDERS and source.is_dir() and source.resolve() in out.resolve().parents:
        raise DataError(f"{out} lies in {source}, which is read; give another place")


def _names(keypoints: str | None) -> tuple[str, ...] | None:
    if keypoints is None:
        return None
    if keypoints in SKELETONS:
        return SKELETONS[keypoints].keypoint_names
    names = tuple(name.strip() for name in keypoints.split(","))
    misspelled = len(names) == 1 and difflib.get_close_matches(keypoints, SKELETONS)
    if misspelled or not all(names) or len(set(names)) < len(names):
        raise ConfigError(
            f"--keypoints {keypoints} is neither a known skeleton ({', '.join(SKELETONS)}) nor a list of different "
            "names, such as nose,left_ear,right_ear"
        )
    return names


def _check_names(labels: LabelSet, notes: Notes) -> None:
    """Splits become names of folders and files; that images stay in their folder, the readers have seen to."""
    assert not any(leaves_folder(image.path) for image in labels.images)
    for image in labels.images:
        if image.split and not re.fullmatch(r"[A-Za-z0-9][\w-]{0,63}", image.split):
            notes.left_out["names of splits that are no plain words"] += 1
            image.split = ""


def _say_doubled(labels: LabelSet, notes: Notes) -> None:
    """Of two images of one path nobody knows whether they are one that was labeled twice, or two files."""
    counts = Counter((image.split, image.path) for image in labels.images)
    doubled = [path for (_, path), count in counts.items() if count > 1]
    if doubled:
        notes.remark(
            f"doubled: {plural(len(doubled), 'path')} that several images have, e.g. {first_few(doubled, 3)}; look "
            "whether these are two files of one name, or one that was labeled twice"
        )


def _choose_category(labels: LabelSet, category: str, notes: Notes) -> None:
    kept = [person for person in labels.people if person.kind.name == category]
    if not kept:
        raise DataError(
            f"nobody is of category '{category}'; {did_you_mean(category, [k.name for k in labels.kinds()])}"
        )
    notes.left_out["people of other categories"] += len(labels.people) - len(kept)
    labels.people = kept
    labels.listed = [kind for kind in labels.listed if kind.name == category]


def complete(labels: LabelSet, target: str, notes: Notes) -> None:
    """Leave out who cannot stand in a format, and give a box to who has none, where it has boxes."""
    _drop_what_is_not_held(labels, target, notes)
    if target not in POINTS_ONLY:
        _complete_boxes(labels, notes)


def _drop_what_is_not_held(labels: LabelSet, target: str, notes: Notes) -> None:
    """A crowd would come back as a person, and somebody without keypoints as nobody."""
    kept = labels.people if target in COCO else [p for p in labels.people if not p.is_crowd]
    notes.lost["crowds (left out)"] += len(labels.people) - len(kept)
    labeled = [p for p in kept if target not in POINTS_ONLY or (p.keypoints_img[:, 2] > 0).any()]
    notes.lost["people without a labeled keypoint (left out)"] += len(kept) - len(labeled)
    labels.people = labeled
    if target not in COCO:
        notes.lost["other entries of images"] += sum(len(image.extra) for image in labels.images)
        notes.lost["other entries of people"] += sum(len(p.extra.keys() - {"segmentation"}) for p in labeled)
    for kind in labels.kinds() if target not in FLIP_PAIRS else ():
        if {frozenset(pair) for pair in kind.flips()} != {frozenset(pair) for pair in kind.flips_by_name()}:
            names = kind.keypoint_names
            pairs = ", ".join(f"[{names[a]}, {names[b]}]" for a, b in kind.flips())
            title = FORMATS[target].split(":")[0]
            notes.remark(
                f"not held by {title}: flip pairs, and names do not tell these: data.skeleton.flip_pairs: [{pairs}]"
            )


def _complete_boxes(labels: LabelSet, notes: Notes) -> None:
    """A box around the keypoints where there is none; who has neither is left out."""
    kept = []
    for person in labels.people:
        if person.box_xywh is None:
            person.box_xywh = box_around(person.keypoints_img, person.image.size)
            what = "boxes, as the extent of the keypoints and a tenth more on each side"
            notes.guessed[what] += person.box_xywh is not None
        if person.box_xywh is None:
            notes.left_out["people with neither a box nor a labeled keypoint"] += 1
        else:
            kept.append(person)
    labels.people = kept


def _reasons(notes: Notes) -> str:
    texts = [f"{text}: {count}" for text, count in notes.left_out.items() if count] + notes.remarks
    return f" ({first_few(texts)})" if texts else ""


def describe(done: Converted) -> str:
    """What was read, left out, guessed, lost and written, in lines."""
    labels, kinds = done.labels, done.labels.kinds()
    splits = [split for split in labels.splits() if split]
    own = [f"{plural(len(kind.keypoint_names), 'keypoint')} of '{kind.name}'" for kind in kinds]
    what = f"{plural(done.read[0], 'image')}, {plural(done.read[1], 'person', 'people')}"
    of = f" ({', '.join(splits)})" if splits else ""
    lines = [f"read: {FORMATS[done.source].split(':')[0]}: {what}{of}; {first_few(own) or 'nobody'}"]
    lines += describe_notes(done.notes, FORMATS[done.target].split(":")[0])
    if done.target in FOLDERS:
        missing = len(labels.images) - done.copied
        lines.append(f"images copied: {done.copied:,}")
        if missing:
            what = f"images not found, or no images: {missing:,}"
            lines.append(f"{what}; give their folder by --images, or put them there yourself")
    elif labels.root is not None and done.target == "coco":
        lines.append(
            f"the images are below {labels.root}: "
            f"pose check {shell_word(done.written[0])} --images {shell_word(labels.root)}"
        )
    return "\n".join([*lines, f"written: {', '.join(map(str, done.written))}"])


def describe_notes(notes: Notes, title: str) -> list[str]:
    """What was left out, guessed, and not held by the format of this title, in lines."""
    lines = []
    for head, counts in (("left out", notes.left_out), ("guessed", notes.guessed)):
        lines += [f"{head}: {text}: {count:,}" for text, count in counts.items() if count]
    lines += [f"not held by {title}: {text}: {count:,}" for text, count in notes.lost.items() if count]
    return lines + notes.remarks
