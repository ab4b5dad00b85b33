"""What training reads of an annotation file, the check counts alike and the repair leaves alike."""

from __future__ import annotations

import copy
import json
import os
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from pose.check.columns import read_split
from pose.check.findings import Findings
from pose.check.fix import repair
from pose.data.coco import CocoFile, load_coco
from pose.data.ordinary import read_ordinary
from pose.data.people import count_usage, ground_truth_people
from pose.keypoints.skeletons import COCO17
from tests.helpers.findings import make

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ODD = st.sampled_from([None, True, False, 0, 1, 1.0, "0", "1", "10", "226.5", "x", [], {}, -3, 2**63, float("nan")])
KEYS = ["id", "image_id", "category_id", "iscrowd", "area", "num_keypoints", "bbox"]
CHANGES = st.tuples(st.integers(0, 11), st.sampled_from(KEYS), ODD, st.integers(0, 50), st.booleans())
CHANGES |= st.tuples(st.integers(0, 11), st.just("keypoints"), ODD, st.integers(0, 50), st.just(False))


def change(document: dict[str, Any], changes: list[tuple[int, str, Any, int, bool]]) -> None:
    for row, key, value, place, whole in changes:
        record = document["annotations"][row]
        if isinstance(record[key], list) and record[key] and not whole:
            record[key][place % len(record[key])] = value
        else:
            record[key] = copy.deepcopy(value)


def load(document: Any, folder: Path) -> CocoFile | None:
    path = folder / "a.json"
    path.write_text(json.dumps(document))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return load_coco(path, COCO17)
        except ValueError:
            return None


def outcome(folder: Path) -> tuple[Any, ...]:
    """What comes of a file: who is read, to the bit, and what is said; or the error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            coco = load_coco(folder / "a.json", COCO17)
        except ValueError as error:
            return (str(error),)
        people = ground_truth_people(coco, "images")
    columns = [getattr(coco.columns, field.name) for field in fields(coco.columns)]
    told = [str(warning.message) for warning in caught]
    arrays = [(a.dtype.str, a.shape, a.tobytes()) for a in (*columns, people.boxes_xywh, people.sizes)]
    return told, arrays, list(coco.images.items()), str(count_usage(coco)), coco.category_ids


IMAGE_CHANGES = st.tuples(st.integers(0, 5), st.sampled_from(["id", "file_name", "height", "width"]), ODD)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CHANGES, max_size=1), st.lists(IMAGE_CHANGES, max_size=1), st.integers(0, 3))
def test_the_quick_reader_gives_the_same(
    tmp_path: Path, changes: list[tuple[int, str, Any, int, bool]], images: list[tuple[int, str, Any]], extra: int
) -> None:
    document = make()
    change(document, changes)
    for row, key, value in images:
        document["images"][row][key] = value
    document["categories"] += [{"id": 2, "name": "dog"}, {**document["categories"][0], "id": 3, "name": "child"}][
        :extra
    ]
    (tmp_path / "a.json").write_text(json.dumps(document))
    quick = outcome(tmp_path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pose.data.coco.read_ordinary", lambda path, num_keypoints: None)
        assert outcome(tmp_path) == quick


def test_an_ordinary_file_is_read_quickly(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(make()))
    assert read_ordinary(tmp_path / "a.json", 17) is not None
    assert read_ordinary(tmp_path / "a.json", 16) is None
    assert read_ordinary(tmp_path / "b.json", 17) is None


def test_pages_that_are_given_back_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = make()
    for record in (*document["images"], *document["annotations"]):
        record["outline"] = [0.5] * 5000  # some pages each
    (tmp_path / "a.json").write_text(json.dumps(document))
    whole = outcome(tmp_path)
    monkeypatch.setattr("pose.data.ordinary._CHUNK", 2)
    assert read_ordinary(tmp_path / "a.json", 17) is not None
    assert outcome(tmp_path) == whole


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_file_that_is_cut_off_while_it_is_read_does_not_end_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(make()))
    decode = msgspec.json.decode

    def cut(content: Any, **of: Any) -> Any:
        os.truncate(path, 0)  # a file that is mapped has no pages any more: SIGBUS
        return decode(content, **of)

    monkeypatch.setattr(msgspec.json, "decode", cut)
    child = os.fork()
    if not child:
        os._exit(int(read_ordinary(path, 17) is None))
    assert os.waitpid(child, 0)[1] == 0


def test_people_of_the_real_sample_are_the_same(coco_sample: Path, tmp_path: Path) -> None:
    for path in sorted((coco_sample / "annotations").glob("person_keypoints_*.json")):
        assert read_ordinary(path, 17) is not None
        (tmp_path / "a.json").write_bytes(path.read_bytes())
        quick = outcome(tmp_path)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("pose.data.coco.read_ordinary", lambda path, num_keypoints: None)
            assert outcome(tmp_path) == quick


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CHANGES, min_size=1, max_size=6))
def test_one_reader(tmp_path: Path, changes: list[tuple[int, str, Any, int, bool]]) -> None:
    document = make()
    change(document, changes)
    loaded = load(document, tmp_path)
    split = read_split("a", Path("a.json"), document, skeleton=COCO17)
    if loaded is None or loaded.annotations is None:
        return
    by_points = {tuple(p[:, :2].ravel().round(3)): row for row, p in enumerate(split.people.keypoints)}
    mended = load(repair(split, Findings(), None).document, tmp_path)
    assert mended is not None
    assert mended.annotations is not None
    kept = {a.keypoints_img.tobytes() for a in mended.annotations}
    for a in loaded.annotations:
        row = by_points.get(tuple(a.keypoints_img.astype(np.float64)[:, :2].ravel().round(3)))
        assert row is not None or not a.num_keypoints  # `keypoints: []` is no row of points
        if row is not None:
            assert split.people.labeled[row].sum() == a.num_keypoints
            assert split.people.crowd[row] == a.is_crowd
        visible = a.keypoints_img[:, 2] > 0
        ordinary = ((a.keypoints_img[:, :2] != 0).any(axis=1) == visible).all()  # the repair mends the others
        assert not ordinary or a.keypoints_img.tobytes() in kept
