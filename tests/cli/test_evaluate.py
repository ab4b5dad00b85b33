"""`pose eval`: numbers, folders, boxes, and what is refused."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pose.checkpoints.checkpoint import DEMO_MODEL, load_checkpoint
from pose.cli.options import evaluation_workers
from pose.inference import memory
from tests.helpers.cli import CONFIGS, METRICS, Cli, read, refusal, rewrite


def pycocotools_numbers(annotations: Path, results: Path) -> list[float]:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        evaluation = COCOeval(truth, truth.loadRes(str(results)), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


@pytest.mark.slow
def test_evaluation(pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    outcome = pose_cli("eval", tiny_run, "--out", tmp_path / "ev", "--workers", 0)
    assert (outcome.code, outcome.err) == (0, "10 annotations: 10 used\n")
    names = {"analysis.json", "metrics.json", "results.json", "config.yaml"}
    assert {path.name for path in (tmp_path / "ev").iterdir()} == names
    found = read(tmp_path / "ev" / "metrics.json")
    assert list(found)[:13] == [*METRICS, "boxes", "images", "people"]
    assert (found["boxes"], found["images"], found["people"]) == ("gt", 10, 10)
    details: dict[str, Any] = {"checkpoint": str(tiny_run / "best.safetensors"), "epoch": 2, "flip_test": True}
    details["usage"] = {"annotations": 10, "used": 10, "left_out": {}}
    details["weights_sha256"] = hashlib.sha256((tiny_run / "best.safetensors").read_bytes()).hexdigest()
    assert {key: found[key] for key in list(found)[13:]} == {**details, "only_images_with_boxes": False}

    records = read(tmp_path / "ev" / "results.json")
    assert {frozenset(record) for record in records} == {frozenset({"image_id", "category_id", "keypoints", "score"})}
    assert {len(record["keypoints"]) for record in records} == {51}
    assert {record["image_id"] for record in records} == set(range(1, 11))
    numbers = pycocotools_numbers(tiny_dataset / "people.json", tmp_path / "ev" / "results.json")
    assert [found[name] for name in METRICS] == pytest.approx(numbers)
    # The run wrote the same numbers when it was trained.
    assert load_checkpoint(tiny_run).metrics == pytest.approx({name: found[name] for name in METRICS})

    lines = outcome.out.splitlines()
    assert lines[0] == f"AP {found['AP']:.3f} (boxes gt, 10 images, 10 people)"
    assert lines[1].split() == METRICS
    shown = [-1.0 if value == "-" else float(value) for value in lines[2].split()]  # nobody is of such a size
    assert shown == pytest.approx([found[name] for name in METRICS], abs=5e-4)
    assert lines[-1] == f"metrics and results: {tmp_path / 'ev'}"


def test_batches_fit_into_the_memory(
    pose_cli: Cli, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the header of its file a network may take crops of 2048 x 2048."""
    height, width = load_checkpoint(tiny_run).config.model.input_size
    monkeypatch.setattr(memory, "memory_bytes", lambda: 2 * 3 * 2 * memory.BYTES_PER_PIXEL * height * width)
    outcome = pose_cli("eval", tiny_run, "--out", tmp_path / "ev", "--workers", 0, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert (
        f"warning: batches of 3 instead of 4: a crop of {height} x {width} (height x width) pixels takes"
        in outcome.err
    )
    assert read(tmp_path / "ev" / "metrics.json")["people"] == 10


def test_evaluating_the_demo_model_writes_nothing_into_the_package(
    pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(DEMO_MODEL.parent.rglob("*"))
    data = [f"data.root={tiny_dataset}", "data.figures=null", "data.val.images=images"]
    outcome = pose_cli(
        "eval", "demo", *data, "data.val.annotations=people.json", "--boxes", "gt", "--workers", 0, "--device", "cpu"
    )
    assert outcome.code == 0, outcome.err
    assert outcome.out.endswith("metrics and results: demo-eval-gt\n")
    assert (tmp_path / "demo-eval-gt/metrics.json").is_file()
    assert sorted(DEMO_MODEL.parent.rglob("*")) == before


@pytest.mark.slow
def test_the_demo_model_on_photographs(pose_cli: Cli, coco_sample: Path, tmp_path: Path) -> None:
    """docs/demo_model.md tells its AP there; another processor's rounding may move a keypoint or two of 80 people."""
    data = [f"data.root={coco_sample}", "data.figures=null", "data.val.images=images/val2017"]
    data += ["data.val.annotations=annotations/person_keypoints_val2017.json", "--boxes", "gt", "--workers", "0"]
    outcome = pose_cli("eval", "demo", *data, "--device", "cpu", "--out", tmp_path / "ev")
    assert outcome.code == 0, outcome.err
    card = (Path(__file__).parents[2] / "docs/demo_model.md").read_text(encoding="utf-8")
    told = re.search(r"AP on photographs \| ([\d.]+) \(AP50 ([\d.]+)\)", card)
    assert told is not None
    found = read(tmp_path / "ev" / "metrics.json")
    assert [found["AP"], found["AP50"]] == pytest.approx([float(value) for value in told.groups()], abs=0.01)


@pytest.mark.slow
def test_boxes_of_a_file(pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    records = read(tiny_dataset / "boxes.json")[:4]
    boxes = tmp_path / "half.json"
    boxes.write_text(json.dumps(records))
    outcome = pose_cli("eval", tiny_run, "--boxes", boxes, "--out", tmp_path / "all")
    assert outcome.out.splitlines()[0].endswith(f"(boxes {boxes}, 10 images, 4 people)")
    outcome = pose_cli("eval", tiny_run, "--boxes", boxes, "--only-images-with-boxes", "--out", tmp_path / "some")
    assert outcome.out.splitlines()[0].endswith(f"(boxes {boxes}, 4 images, 4 people)")
    found = read(tmp_path / "some" / "metrics.json")
    assert (found["boxes"], found["images"], found["people"]) == (str(boxes), 4, 4)
    assert found["only_images_with_boxes"] is True
    assert {r["image_id"] for r in read(tmp_path / "some" / "results.json")} == {1, 2, 3, 4}


@pytest.mark.slow
def test_default_boxes_are_those_of_the_checkpoint(
    pose_cli: Cli, tiny_run: Path, tmp_path: Path, tiny_config: dict[str, Any]
) -> None:
    """A file that the config names lies in the dataset; results go beside the checkpoint, under the boxes' name."""
    path = tmp_path / "run" / "best.safetensors"
    val = tiny_config["data"]["val"] | {"boxes": "boxes.json"}
    rewrite(tiny_run, path, lambda header: header["config"]["data"].update(tiny_config["data"], val=val))
    assert pose_cli("eval", path).out.startswith("AP 0.000 (boxes boxes.json, 10 images, 10 people)\n")
    assert (path.parent / "eval-boxes" / "metrics.json").is_file()
    assert pose_cli("eval", path.parent, "--boxes", "gt").out.startswith(
        "AP 0.000 (boxes gt, 10 images, 10 people)\n"
    )
    assert read(path.parent / "eval-gt" / "metrics.json")["boxes"] == "gt"


@pytest.mark.slow
def test_limits_are_of_annotated_boxes_and_these_may_be_given(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    command = ("eval", tiny_run, "data.val.limit=4", "data.val.boxes=boxes.json")
    assert "they need boxes: gt" in pose_cli(*command).err
    outcome = pose_cli(*command, "--boxes", "gt", "--out", tmp_path / "out")
    assert outcome.out.splitlines()[0].endswith("(boxes gt, 10 images, 4 people)"), outcome.err


@pytest.mark.slow
def test_without_flipping(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    found = {}
    for option in ("--flip-test", "--no-flip-test"):
        assert pose_cli("eval", tiny_run, option, "--batch-size", 3, "--out", tmp_path / option).code == 0
        metrics = read(tmp_path / option / "metrics.json")
        config = yaml.safe_load((tmp_path / option / "config.yaml").read_text())
        assert metrics["flip_test"] == config["eval"]["flip_test"] == (option == "--flip-test")
        assert config["eval"]["batch_size"] == 3
        found[option] = [r["keypoints"] for r in read(tmp_path / option / "results.json")]
    assert found["--flip-test"] != found["--no-flip-test"]


@pytest.mark.slow
def test_images_without_annotations_give_results_only(
    pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    """As COCO's test-dev."""
    document = read(tiny_dataset / "people.json")
    del document["annotations"], document["categories"]
    (tmp_path / "testdev.json").write_text(json.dumps(document))
    val = f"data.val.annotations={tmp_path / 'testdev.json'}"
    outcome = pose_cli("eval", tiny_run, val, "--boxes", tiny_dataset / "boxes.json", "--out", tmp_path / "ev")
    assert (outcome.code, outcome.err) == (0, "10 boxes: 10 used\n")
    assert f"no annotations, so no numbers; results: {tmp_path / 'ev' / 'results.json'}" in outcome.out
    assert {path.name for path in (tmp_path / "ev").iterdir()} == {"results.json", "config.yaml"}
    assert len(read(tmp_path / "ev" / "results.json")) == 10
    refusal(
        pose_cli("eval", tiny_run, val), "has no annotations and so no boxes; give detected ones with --boxes FILE"
    )


def test_wrong_keys_at_evaluation(pose_cli: Cli, tiny_run: Path) -> None:
    outcome = pose_cli("eval", tiny_run, "eval.flip=3", "dat.x=3")
    refusal(outcome, "2 wrong entries", "did you mean 'flip_test'?", "did you mean 'data'?")
    refusal(pose_cli("eval", tiny_run, "model.width=1"), f"the model is that of {tiny_run / 'best.safetensors'}")
    refusal(pose_cli("eval", tiny_run, "nonsense"), "an override looks like train.lr=0.001, got 'nonsense'")


BOXES = {
    "nothing": ("", "is empty; the download may have been cut off", "is empty"),
    "empty list": ("[]", "has no box of category 1", "holds no boxes"),
    "cut off": ('[{"image_id": 1, "ca', "is not JSON", "is not JSON"),
    "object": ('{"a": 1}', "holds a dict; detections are a list of records", "holds no list of boxes"),
    "no records": ("[1, 2]", "detection 0 lacks image_id, category_id, bbox, score, got 1", "record 0 is 1"),
    "lacking": ('[{"image_id": 1, "category_id": 1}]', "detection 0 lacks bbox, score", "record 0 has bbox None"),
    "short": (
        '[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3], "score": 1}]',
        "detection 0 has bbox [1, 2, 3]; expected [x, y, width, height] in pixels, width and height positive",
        "record 0 has bbox [1, 2, 3]; expected [x, y, width, height]",
    ),
    "second corner": (
        '[{"image_id": 1, "category_id": 1, "bbox": [9, 9, -3, 4], "score": 1}]',
        "detection 0 has bbox [9, 9, -3, 4]",
        "record 0 has bbox [9, 9, -3, 4]",
    ),
    "unknown image": (
        '[{"image_id": 777, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]',
        "1 on images that are not listed",
        "is of the 10 images given: the boxes are of image_id 777",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("text", "at_eval", "at_predict"), BOXES.values(), ids=BOXES)
def test_detections(
    pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path, text: str, at_eval: str, at_predict: str
) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(text)
    out = tmp_path / "out"
    refusal(pose_cli("eval", tiny_run, "--boxes", boxes, "--out", out), f"error: {boxes}", at_eval)
    outcome = pose_cli("predict", tiny_run, tiny_dataset / "images", "--boxes", boxes, "--out", out)
    refusal(outcome, str(boxes), at_predict)
    assert not out.exists()


def test_detections_in_a_config_and_missing_ones(
    pose_cli: Cli, tiny_yaml: Path, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    outcome = pose_cli("train", tiny_yaml, "data.val.boxes=gone.json", "--out", tmp_path / "run")
    refusal(outcome, f"error: no detections {tiny_dataset / 'gone.json'}", "data.val.boxes=gt")
    refusal(pose_cli("eval", tiny_run, "--boxes", "gone.json"), "error: no detections gone.json")
    outcome = pose_cli(
        "predict", tiny_run, tiny_dataset / "images", "--boxes", "gone.json", "--out", tmp_path / "out"
    )
    refusal(outcome, "error: no boxes gone.json; give a JSON file of boxes, 'detect' or 'whole'")
    outcome = pose_cli("eval", tiny_run, "data.val.limit=2", "--boxes", tiny_dataset / "boxes.json")
    refusal(outcome, "needs boxes: gt; for the boxes of", "add data.val.limit=null")


@pytest.mark.slow
def test_checkpoints(pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, a_file: Path, tmp_path: Path) -> None:
    good = (tiny_run / "best.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(good[: len(good) // 2])
    other = rewrite(
        tiny_run, tmp_path / "other.safetensors", lambda header: header["config"]["model"].update(width=0.5)
    )
    foreign = rewrite(tiny_run, tmp_path / "foreign.safetensors", None)
    shutil.copy(tiny_run / "config.yaml", tmp_path)  # which says where the data are
    for checkpoint, message in (
        (tmp_path / "gone", "error: no checkpoint "),
        (tiny_dataset, "best.safetensors; `pose train` writes best.safetensors and last.safetensors"),
        (a_file, "is no safetensors checkpoint, or a damaged one"),
        (tiny_run / "resume.pt", "is no safetensors checkpoint, or a damaged one"),
        (tmp_path / "cut.safetensors", "is no safetensors checkpoint, or a damaged one"),
        (tiny_dataset / "people.json", "is a JSON, not a checkpoint; give a .safetensors file of `pose train`"),
        (CONFIGS / "own/finetune.yaml", "is a config, not a checkpoint; `pose train` makes one from it"),
        (other, "holds the weights of another model: "),
        (foreign, "holds tensors but no header of this project; expected a file written by `pose train`"),
    ):
        refusal(pose_cli("eval", checkpoint, "--out", tmp_path / "out"), message)
        refusal(pose_cli("predict", checkpoint, tiny_dataset / "images", "--out", tmp_path / "out"), message)
    assert not (tmp_path / "out").exists()


DETECTIONS = "person_detection_results/COCO_val2017_sample_detections_person.json"


@pytest.mark.slow
def test_real_annotated_boxes(pose_cli: Cli, sample_run: Path, coco_sample: Path, tmp_path: Path) -> None:
    document = read(coco_sample / "annotations" / "person_keypoints_val2017.json")
    labeled = [a for a in document["annotations"] if not a["iscrowd"] and any(a["keypoints"][2::3])]
    images = {a["image_id"] for a in labeled}
    for option, count in (((), len(document["images"])), (("--only-images-with-boxes",), len(images))):
        out = tmp_path / str(count)
        outcome = pose_cli("eval", sample_run, "data.val.limit=null", "--boxes", "gt", *option, "--out", out)
        assert outcome.code == 0
        assert outcome.err == "132 annotations: 80 used, 51 without labels, 1 crowd\n"
        found = read(out / "metrics.json")
        assert (found["boxes"], found["images"], found["people"]) == ("gt", count, len(labeled))
        assert {r["image_id"] for r in read(out / "results.json")} <= images
    numbers = pycocotools_numbers(
        coco_sample / "annotations" / "person_keypoints_val2017.json", tmp_path / "51" / "results.json"
    )
    found = read(tmp_path / "51" / "metrics.json")
    assert [found[name] for name in METRICS] == pytest.approx(numbers)


def test_real_detections(pose_cli: Cli, sample_run: Path, coco_sample: Path, tmp_path: Path) -> None:
    boxes = coco_sample / DETECTIONS
    options = ("data.val.limit=null", "--boxes", boxes, "--only-images-with-boxes", "--out", tmp_path / "ev")
    outcome = pose_cli("eval", sample_run, *options)
    assert (outcome.code, outcome.err) == (0, "118 boxes: 118 used\n")
    assert outcome.out.splitlines()[0].endswith(f"(boxes {boxes}, 4 images, 118 people)")
    found = read(tmp_path / "ev" / "metrics.json")
    assert (found["images"], found["people"]) == (4, 118)
    assert {r["image_id"] for r in read(tmp_path / "ev" / "results.json")} <= {785, 40083, 197388, 196141}


def test_a_file_cannot_ask_for_more_loaders_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 2, 5, 7}, raising=False)
    assert evaluation_workers(None, 1024, None) == 4
    assert evaluation_workers(None, 0, None) == 0
    assert evaluation_workers(6, 1024, None) == 6
    assert evaluation_workers(None, None, None) == 1
