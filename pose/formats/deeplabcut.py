"""DeepLabCut's CollectedData: a table (CSV, or HDF5 by pandas) of x and y of each body part, one row an image.

The header has the rows scorer, individuals (with several animals), bodyparts and coords. A name before the numbers is
in one column or in three (labeled-data, video, image). There is no visibility, box or id.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pose.data.image_entries import leaves_folder, local_name
from pose.data.records import LARGEST, read_number
from pose.formats.hdf5 import apart, check_size, reading
from pose.formats.labels import LabeledImage, LabeledPerson, LabelSet, Notes, ObjectKind, count_lost, known_skeleton
from pose.runtime.arrays import Floats
from pose.runtime.errors import DataError, require
from pose.runtime.text import first_few

TITLE = "DeepLabCut"
_LEVELS = ("scorer", "individuals", "bodyparts", "coords")
PREFIX = "CollectedData_"
_HDF5 = (".h5", ".hdf5")
_ANIMAL, _UNIQUE = "individual", "single"  # names of kinds; the latter is DeepLabCut's for unique body parts


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of images and columns of (individual, body part, x or y); NaN is not labeled.

    Attributes:
        columns: (individual, "" for a single animal; body part; coordinate) of each.
        values: (images, columns).
    """

    names: list[str]
    columns: list[tuple[str, str, str]]
    values: Floats


def read_deeplabcut(path: Path, notes: Notes, *, keypoints: tuple[str, ...] | None = None) -> LabelSet:
    """Read a CollectedData file, or those of all videos of a project's folder (`labeled-data`).

    Raises:
        DataError: not such a table, or the tables have other body parts.
    """
    files = find_tables(path)
    if not files:
        raise DataError(f"{path} has no CollectedData_*.csv of DeepLabCut, nor labeled-data/*/CollectedData_*.csv")
    folders = [file.parent for file in files]
    for folder in folders:
        if folders.count(folder) > 1:
            names = first_few(file.name for file in files if file.parent == folder)
            raise DataError(
                f"{folder} has the labels of several scorers, {names}; move those away that you do not want"
            )
    if any(file.suffix.lower() in _HDF5 for file in files):
        require("a table of DeepLabCut in HDF5", pandas="pandas", tables="tables")
    labels = LabelSet([], [], _root(files[0]))
    kinds: dict[str, ObjectKind] = {}
    for file in files:
        table = apart(file, _read_h5, file) if file.suffix.lower() in _HDF5 else _read_csv(file)
        unique = _unique_parts(table)
        for name, own in ((_ANIMAL, False), (_UNIQUE, True)):
            found = tuple(dict.fromkeys(part for _, part, _ in table.columns if (part in unique) == own))
            if found and name not in kinds:
                parts = keypoints if keypoints and not own else found
                known = known_skeleton(parts)
                kinds[name] = ObjectKind(name, parts, known.edges if known else ())
            lacking = sorted(set(found) - set(kinds[name].keypoint_names)) if found else []
            if lacking:
                raise DataError(f"{file} has body parts that others lack: {first_few(lacking)}")
        _add(table, kinds, unique, labels, notes)
    return labels


def _unique_parts(table: Table) -> set[str]:
    """Body parts that are there once, whatever the number of animals, such as corners of the box: not an animal's."""
    unique = {part for who, part, _ in table.columns if who == _UNIQUE}
    others = {part for who, part, _ in table.columns if who != _UNIQUE}
    return unique if others and not unique & others else set()


def find_tables(path: Path) -> list[Path]:
    """The tables of a project, a video's folder, or the file itself; a CSV goes before the HDF5 of its name."""
    if path.is_file():
        return [path]
    found = {
        file.with_suffix(""): file
        for suffix in ("h5", "csv")
        for file in [*path.glob(f"{PREFIX}*.{suffix}"), *path.glob(f"labeled-data/*/{PREFIX}*.{suffix}")]
    }
    return [found[name] for name in sorted(found)]


def _root(file: Path) -> Path:
    """The project's folder, below which names such as labeled-data/video/img0.png are."""
    return file.parents[2] if file.parent.parent.name == "labeled-data" else file.parent


def _read_csv(file: Path) -> Table:
    try:
        text = file.read_text(encoding="utf-8-sig")
        rows = list(csv.reader(io.StringIO(text)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} is no CSV of DeepLabCut ({error})") from error
    head = {row[0]: row for row in rows[:4] if row and row[0] in _LEVELS}
    if not {"scorer", "bodyparts", "coords"} <= head.keys():
        raise DataError(f"{file} has no header of scorer, bodyparts and coords, as DeepLabCut writes it")
    coords = head["coords"]
    start = next((i for i, text in enumerate(coords) if text in ("x", "y", "likelihood")), len(coords))
    individuals = head.get("individuals", [""] * len(coords))
    body = [row for row in rows[len(head) :] if row and any(row)]
    columns = list(zip(individuals[start:], head["bodyparts"][start:], coords[start:], strict=False))
    if len(body) * len(columns) > len(text):  # a comma each; else a small file could take all memory
        raise DataError(f"{file} has rows that are shorter than its header, which names {len(columns):,} columns")
    values = np.full((len(body), len(columns)), np.nan)
    for i, row in enumerate(body):
        for j, cell in enumerate(row[start : start + len(columns)]):
            number = read_number(cell.strip()) if cell.strip() else None
            values[i, j] = np.nan if number is None else number
    names = ["/".join(part for part in row[:start] if part) for row in body]
    return Table(names, columns, values)


def _read_h5(file: Path) -> Table:
    import pandas as pd
    import tables

    with reading(file, "table of DeepLabCut"):
        with tables.open_file(str(file)) as content:
            nodes = list(content.walk_nodes())
            if any(isinstance(node, tables.link.ExternalLink) for node in nodes):
                raise DataError(f"{file} leads to another file, which DeepLabCut's tables do not; it is not read")
            check_size(file, [node.size_in_memory for node in nodes if isinstance(node, tables.Leaf)])
        frame: Any = pd.read_hdf(file)
        levels = list(frame.columns.names)
        if not {"bodyparts", "coords"} <= set(levels):
            raise DataError(
                f"{file} is a table of {first_few(levels)}; DeepLabCut's has scorer, bodyparts and coords"
            )
        keys = [dict(zip(levels, column, strict=True)) for column in frame.columns]
        columns = [(str(k.get("individuals", "")), str(k["bodyparts"]), str(k["coords"])) for k in keys]
        names = ["/".join(map(str, index)) if isinstance(index, tuple) else str(index) for index in frame.index]
        values: Floats = frame.to_numpy(dtype=np.float64)
    return Table(names, columns, np.where(np.abs(values) <= LARGEST, values, np.nan))


def _add(table: Table, kinds: dict[str, ObjectKind], unique: set[str], labels: LabelSet, notes: Notes) -> None:
    """A person of each row and individual that has at least one keypoint, and one of the unique body parts."""
    places = {kind.name: {name: i for i, name in enumerate(kind.keypoint_names)} for kind in kinds.values()}
    individuals: dict[str, list[tuple[int, int, str]]] = {}  # of each column its number, keypoint and coordinate
    kind_of: dict[str, ObjectKind] = {}
    for number, (who, part, coord) in enumerate(table.columns):
        kind_of[who] = kinds[_UNIQUE if part in unique else _ANIMAL]
        individuals.setdefault(who, []).append((number, places[kind_of[who].name][part], coord))
    for name, row in zip(table.names, table.values, strict=True):
        name = local_name(name)
        if not name or leaves_folder(name):
            notes.left_out["images whose name leaves the project, or is empty"] += 1
            continue
        image = LabeledImage(name)
        labels.images.append(image)
        for who, own in individuals.items():
            kind = kind_of[who]
            count = len(kind.keypoint_names)
            points = np.zeros((count, 3))
            for number, i, coord in own:
                if coord in ("x", "y"):
                    points[i, "xy".index(coord)] = row[number]
            labeled = np.isfinite(points[:, :2]).all(axis=1)
            listed = np.isin(np.arange(count), [i for _, i, coord in own if coord == "x"])
            points[:, 2] = np.where(labeled & listed, 2, 0)
            points[points[:, 2] == 0] = 0
            if any(coord == "likelihood" for _, _, coord in own):
                what = "keypoints that a model found, taken as labels whatever their likelihood"
                notes.guessed[what] += int((points[:, 2] > 0).sum())
            if points[:, 2].any():
                labels.people.append(LabeledPerson(image, kind, points, track=who or None))


def render_table(labels: LabelSet, notes: Notes) -> Table:
    """Make the table; several animals get the individuals that their tracks name, or individual1, individual2, ...

    Raises:
        DataError: the people have several lists of keypoints.
    """
    kind = labels.single_kind(TITLE)
    people = labels.people_by_image()
    most = max((len(p) for p in people.values()), default=0)
    single = most <= 1 and all(p.track is None for p in labels.people)
    names = [""] if single else _individuals(labels)
    columns = [(who, part, coord) for who in names for part in kind.keypoint_names for coord in ("x", "y")]
    values = np.full((len(labels.images), len(columns)), np.nan)
    count = len(kind.keypoint_names)
    for i, image in enumerate(labels.images):
        own = people[id(image)]
        taken = {p.track for p in own if p.track is not None}
        free = iter([who for who in names if who not in taken])
        for person in own:
            start = 2 * count * names.index(person.track if person.track in names else next(free))
            points = np.where(person.keypoints_img[:, 2:] > 0, person.keypoints_img[:, :2], np.nan)
            values[i, start : start + 2 * count] = points.ravel()
    count_lost(
        labels,
        notes,
        "sizes of images",
        "edges",
        "names of categories",
        "boxes",
        "ids of people",
        "ids of images",
        "areas",
        "outlines",
        "hidden keypoints (now visible)",
    )
    return Table([image.path for image in labels.images], columns, values)


def _individuals(labels: LabelSet) -> list[str]:
    """Every track's name, and as many more as the image with the most people needs."""
    names = list(dict.fromkeys(p.track for p in labels.people if p.track is not None))
    need = 0
    for own in labels.people_by_image().values():
        tracks = [p.track for p in own if p.track is not None]
        if len(set(tracks)) < len(tracks):
            raise DataError("two people of an image have the same track, which DeepLabCut cannot hold")
        need = max(need, len(own) - len(tracks))
    fresh = (f"individual{i}" for i in range(1, len(names) + need + 1))
    return names + [name for name in fresh if name not in names][:need]


def render_csv(table: Table, *, scorer: str) -> bytes:
    """The CSV with the name of the image in one column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["scorer", *[scorer] * len(table.columns)])
    heads: Sequence[tuple[str, int]] = (("individuals", 0), ("bodyparts", 1), ("coords", 2))
    for head, i in heads:
        if head != "individuals" or any(column[0] for column in table.columns):
            writer.writerow([head, *(column[i] for column in table.columns)])
    for name, row in zip(table.names, table.values.tolist(), strict=True):
        writer.writerow([name, *("" if v != v else repr(v) for v in row)])
    return text.getvalue().encode()


def write_h5(table: Table, path: Path, notes: Notes, *, scorer: str) -> None:
    """The same as a pandas table, called df_with_missing as DeepLabCut reads it.

    Raises:
        DataError: two images would have the same name, of which two parts have a place there.
        MissingPackage: pandas or tables is not installed.
    """
    names = _in_three(table.names)
    moved = [(old, "/".join(row)) for old, row in zip(table.names, names, strict=True) if old != "/".join(row)]
    if moved:
        notes.remark(f"in HDF5 of DeepLabCut {moved[0][0]} is {moved[0][1]}, and so on: put the images there")
    require("a table of DeepLabCut in HDF5", pandas="pandas", tables="tables")
    import pandas as pd

    several = any(column[0] for column in table.columns)
    columns: list[tuple[str, ...]] = [
        (scorer, who, part, coord) if several else (scorer, part, coord) for who, part, coord in table.columns
    ]
    levels = [level for level in _LEVELS if several or level != "individuals"]
    index = pd.MultiIndex.from_tuples(columns, names=levels)
    rows = pd.MultiIndex.from_tuples(names)
    pd.DataFrame(table.values, index=rows, columns=index).to_hdf(path, key="df_with_missing", mode="w")


def _in_three(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """labeled-data, video, image; a video that is missing is named so."""
    found: dict[tuple[str, str, str], str] = {}
    for name in names:
        parts = PurePosixPath(name).parts
        row = ("labeled-data", parts[-2] if len(parts) > 1 else "video", parts[-1])
        if row in found:
            raise DataError(
                f"{found[row]} and {name} would both be {'/'.join(row)}, as HDF5 of DeepLabCut has no more folders; "
                "write a .csv, or rename a folder"
            )
        found[row] = name
    return list(found)
