"""The benchmarks of evaluation and data: what they compare is equal, and their rows come out. No times."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pose.data.ordinary import read_ordinary

pytestmark = pytest.mark.slow

BENCH = Path(__file__).resolve().parents[2] / "tools/bench"
NAMES = ("timing", "codec", "data", "evaluation", "coco_size")  # too general to stay importable
KEYS = {"what", "against", "target", "ratio", "ours_ms", "baseline_ms", "note"}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCH))
    yield import_module
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.mark.skipif(find_spec("hotcoco") is None, reason="needs the extra: fast")
def test_evaluation(bench: Any, tmp_path: Path) -> None:
    evaluation = bench("evaluation")
    functions = evaluation.cases(tmp_path, images=12, count=300)
    want = functions["baseline"]()
    assert 0.01 < want[0] < 0.99
    for name in ("pycocotools", "hotcoco"):
        np.testing.assert_allclose(functions[name](), want, rtol=0, atol=1e-9)
    rows = evaluation.rows(quick=True)
    assert [set(row) for row in rows] == [KEYS] * 2
    assert [row["target"] for row in rows] == [">= 1.5", ">= 10"]
    assert "249 detections on 12 images" in rows[0]["what"]


def test_codec(bench: Any) -> None:
    codec = bench("codec")
    for words, functions in codec.cases(quick=True):
        if not words["target"] or "argmax" in words["against"]:
            continue
        for one, other in zip(functions["ours"](), functions["baseline"](), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-7)
    assert [set(row) for row in codec.rows(quick=True)] == [KEYS] * 11
    losses = [
        tuple(float(cell) for cell in line.split("|")[4:8]) for line in codec.loss_table(count=200).splitlines()[2:]
    ]
    assert len(losses) == 4 * 2 * 3
    assert all(1 < mean < p95 < 3 for mean, p95, *_ in losses[:6])  # rounding to pixels of 4
    assert losses[6][:2] == (0, 0)  # dark, sigma 1, away from the border
    assert losses[6][2] > 0.05


def test_data(bench: Any, coco_sample: Path, tmp_path: Path) -> None:
    data = bench("data")
    people = data.load_people(coco_sample, quick=True)
    functions = data.cases(people, tmp_path)

    def samples(name: str) -> dict[int, tuple[torch.Tensor, ...]]:
        return {i: row for *batch, index in functions[name](3) for i, *row in zip(index, *batch, strict=True)}

    want = samples("baseline")
    assert sorted(want) == list(range(len(people)))
    first = None
    for name in ("grouped", "plain order", "grouped, cache", "plain order, cache", "grouped, cache"):
        got = samples(name)
        assert sorted(got) == sorted(want)
        for index, (image, targets, weights) in got.items():
            plain = want[index]
            # The warp rounds to 1/32 pixel, and matrices differ in float32's last digits.
            assert (image - plain[0]).abs().mean() < 1e-3
            torch.testing.assert_close(targets, plain[1], rtol=0, atol=1e-6)
            assert torch.equal(weights, plain[2])
        first = first or got
        assert all(torch.equal(a, b) for i in got for a, b in zip(got[i], first[i], strict=True))


def test_data_rows_and_mixing(bench: Any, coco_sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bench("data")
    rows = data.rows(quick=True)
    assert [set(row) for row in rows] == [KEYS] * 4
    assert data.mixing([1, 1, 2, 2], 4, grouped=True) == (1, 0.5)
    assert data.mixing([1, 2, 3, 4], 2, grouped=False) == (0, 1)
    assert data.mixing_table([1, 1, 2]).endswith("shares its image with 0.67 others on average.")
    monkeypatch.delenv("POSE_COCO_SAMPLE")
    with pytest.raises(ValueError, match="set POSE_COCO_SAMPLE"):
        data.rows(quick=True)


def test_people_of_a_file_like_coco_s(bench: Any, tmp_path: Path) -> None:
    """The people, their boxes and keypoints are those of HRNet's list, to the bit."""
    coco_size = bench("coco_size")
    path = tmp_path / "coco.json"
    coco_size.make_file(path, images=300)
    assert read_ordinary(path, 17) is not None
    ours, theirs = coco_size.ours(path), sorted(coco_size.hrnet(path), key=lambda person: person["id"])
    assert [set(row) for row in coco_size.rows(quick=True)] == [KEYS] * 2
    assert [p.id for p in ours] == [person["id"] for person in theirs]
    assert [p.path.name for p in ours] == [person["image"] for person in theirs]
    assert [list(p.box_xywh) for p in ours] == [person["box"] for person in theirs]
    for p, person in zip(ours, theirs, strict=True):
        assert (p.keypoints_img[:, :2] == person["joints"][:, :2]).all()
        assert ((p.keypoints_img[:, 2] > 0) == (person["visible"][:, 0] > 0)).all()
