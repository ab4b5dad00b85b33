"""What training reads of an annotation file, the check counts alike and the repair leaves alike."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose.check.columns import read_split
from pose.check.findings import Findings
from pose.check.fix import repair
from pose.data.coco import CocoFile, load_coco
from pose.keypoints.skeletons import COCO17
from tests.helpers.findings import make

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ODD = st.sampled_from([None, True, False, 0, 1, 1.0, "0", "1", "10", "226.5", "x", [], {}, -3, 2**63, float("nan")])
KEYS = ["id", "image_id", "category_id", "iscrowd", "area", "num_keypoints", "bbox"]
CHANGES = st.tuples(st.integers(0, 11), st.sampled_from(KEYS), ODD, st.integers(0, 50), st.booleans())
CHANGES |= st.tuples(st.integers(0, 11), st.just("keypoints"), ODD, st.integers(0, 50), st.just(False))


def load(document: Any, folder: Path) -> CocoFile | None:
    path = folder / "a.json"
    path.write_text(json.dumps(document))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return load_coco(path, COCO17)
        except ValueError:
            return None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CHANGES, min_size=1, max_size=6))
def test_one_reader(tmp_path: Path, changes: list[tuple[int, str, Any, int, bool]]) -> None:
    document = make()
    for row, key, value, place, whole in changes:
        record = document["annotations"][row]
        if isinstance(record[key], list) and record[key] and not whole:
            record[key][place % len(record[key])] = value
        else:
            record[key] = copy.deepcopy(value)
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
            assert split.people.labelled[row].sum() == a.num_keypoints
            assert split.people.crowd[row] == a.is_crowd
        visible = a.keypoints_img[:, 2] > 0
        ordinary = ((a.keypoints_img[:, :2] != 0).any(axis=1) == visible).all()  # the repair mends the others
        assert not ordinary or a.keypoints_img.tobytes() in kept
