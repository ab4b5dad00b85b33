"""`pose score`: results of any program against annotations, without a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cli import Cli, refusal


@pytest.fixture
def perfect(tiny_dataset: Path) -> list[dict[str, Any]]:
    """The annotations as results."""
    people = json.loads((tiny_dataset / "people.json").read_text())["annotations"]
    return [{key: p[key] for key in ("image_id", "category_id", "keypoints")} | {"score": 1} for p in people]


def write(folder: Path, results: Any) -> Path:
    (folder / "results.json").write_text(json.dumps(results))
    return folder / "results.json"


def test_perfect_results(pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, perfect: list[dict[str, Any]]) -> None:
    truth, out = tiny_dataset / "people.json", tmp_path / "numbers.json"
    outcome = pose_cli("score", write(tmp_path, perfect), truth, "--out", out)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("AP 1.000 (10 images, skeleton person)\n")
    assert "10 results: 10 used" in outcome.err
    found = json.loads(out.read_text())
    assert found["metrics"]["AP"] == 1
    assert found["usage"] == {"results": 10, "used": 10, "left_out": {}}
    refusal(pose_cli("score", tmp_path / "results.json", truth, "--out", out), f"error: {out} exists already")


def test_what_cannot_be_used_is_left_out_and_counted(
    pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, perfect: list[dict[str, Any]]
) -> None:
    perfect[0]["image_id"] = "1"  # plainly 1
    perfect[1]["category_id"] = 18
    perfect[2]["image_id"] = 99
    perfect[3]["keypoints"] = perfect[3]["keypoints"][:48]
    perfect[4]["score"] = None
    perfect[5]["score"] = "high"
    perfect[6]["file_name"] = "val/000007.jpg"  # as its image_id says
    perfect[7]["file_name"] = "000007.png"
    outcome = pose_cli("score", write(tmp_path, perfect), tiny_dataset / "people.json")
    assert outcome.code == 0, outcome.err
    reasons = (
        "10 results: 4 used, 1 of other categories, 1 on images that are not listed, 1 with other keypoints, "
        "1 without score, 1 without a number as score, 1 whose file_name is not that of their image_id"
    )
    assert reasons in " ".join(outcome.err.split())
    assert "6 of 10 images have no results" in outcome.err
    assert outcome.out.startswith("AP 0.40")  # four of ten people at each threshold, up to a step of recall


def test_nothing_to_score(pose_cli: Cli, tiny_dataset: Path, tmp_path: Path) -> None:
    truth = tiny_dataset / "people.json"
    refusal(pose_cli("score", write(tmp_path, []), truth), "has no record of category 1", "of 0")
    refusal(pose_cli("score", write(tmp_path, {"a": 1}), truth), "holds a dict; results are a list of")
    refusal(pose_cli("score", tmp_path / "none.json", truth), "no results")
    refusal(pose_cli("score", truth, truth, "--backend", "none"), "eval.backend 'none' is unknown")


def test_other_categories_are_named(
    pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, perfect: list[dict[str, Any]]
) -> None:
    results = write(tmp_path, [{**record, "category_id": 7} for record in perfect])
    refusal(pose_cli("score", results, tiny_dataset / "people.json"), "category 1", "of 10; 10 of category 7")


def test_more_people_than_answers_count(
    pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, perfect: list[dict[str, Any]]
) -> None:
    document = json.loads((tiny_dataset / "people.json").read_text())
    more = [{**document["annotations"][0], "id": 100 + i} for i in range(2)]
    (tmp_path / "more.json").write_text(json.dumps({**document, "annotations": document["annotations"] + more}))
    outcome = pose_cli("score", write(tmp_path, perfect), tmp_path / "more.json", "--max-detections", 1)
    assert outcome.code == 0, outcome.err
    assert "with `pose score` --max-detections 3)" in " ".join(outcome.err.split())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda all_: [{**r, "keypoints": [k / 1000 for k in r["keypoints"]]} for r in all_], "between 0 and 1"),
        (  # one keypoint beyond the image's edge
            lambda all_: [{**r, "keypoints": [*[k / 1000 for k in r["keypoints"]][:-3], 1.2, -0.1, 1]} for r in all_],
            "between 0 and 1",
        ),
        (lambda all_: [*all_, *all_], "10 results of 20 are there twice"),
    ],
)
def test_habits_that_cost_ap(
    pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, perfect: list[dict[str, Any]], change: Any, said: str
) -> None:
    outcome = pose_cli("score", write(tmp_path, change(perfect)), tiny_dataset / "people.json")
    assert outcome.code == 0, outcome.err
    assert said in " ".join(outcome.err.split())
    assert "half-body" not in outcome.err


def test_a_results_file_of_eval_scores_the_same(
    pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    evaluated = pose_cli("eval", tiny_run, "--boxes", "gt", "--out", tmp_path / "ev", "--device", "cpu")
    assert evaluated.code == 0, evaluated.err
    assert (
        pose_cli(
            "score", tmp_path / "ev" / "results.json", tiny_dataset / "people.json", "--out", tmp_path / "s.json"
        ).code
        == 0
    )
    metrics = json.loads((tmp_path / "ev" / "metrics.json").read_text())
    scored = json.loads((tmp_path / "s.json").read_text())["metrics"]
    assert scored == pytest.approx({name: metrics[name] for name in scored}, abs=1e-12)
