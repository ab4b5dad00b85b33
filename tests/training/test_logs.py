"""What a run tells: metrics.csv, TensorBoard's numbers and images, and the lines at the end."""

from __future__ import annotations

import csv
import io
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console

import pose.training.keypoints as keypoints_module
from pose.config.load import make_config
from pose.config.sections import TrainConfig
from pose.evaluation.run import crop_predictor, predict_people
from pose.keypoints.geometry import apply_affine, crop_affine, grow_box
from pose.keypoints.skeletons import COCO17
from pose.runtime.console import Progress, make_console
from pose.training.keypoints import KeypointTask
from pose.training.logs import TensorBoard, print_end
from pose.training.metrics_file import MetricsFile
from pose.training.schedule import Schedule
from pose.training.state import TrainState
from tests.helpers.running import run_training

CPU = torch.device("cpu")


@pytest.mark.slow
def test_tensorboard_gets_numbers_and_images(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = tmp_path / "run"
    run_training(make_config(tiny_config), run)
    events = accumulator.EventAccumulator(str(run / "tb"), size_guidance={"images": 0})
    events.Reload()
    assert sorted(events.Tags()["images"]) == ["evaluation", "first batch"]
    images = {
        name: [(event.step, decode_image(event.encoded_image_string)) for event in events.Images(name)]
        for name in events.Tags()["images"]
    }
    ((step, first),) = images["first batch"]
    file = cv2.imread(str(run / "batch0.jpg"))
    assert (step, first.shape) == (0, file.shape)
    np.testing.assert_allclose(first, file, atol=40)  # JPEGs of the same image
    assert [step for step, _ in images["evaluation"]] == [2, 3]  # every 2, and the last
    for _, sheet in images["evaluation"]:
        assert sheet.shape == (30 + 2 * (64 + 8) + 8, 4 * (128 + 8) + 8, 3)  # five of ten people, in rows of four
    with (run / "metrics.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    for name in ("loss", "images_per_s", "data_wait"):
        numbers = [float(row[name]) for row in rows]
        assert [event.value for event in events.Scalars(name)] == pytest.approx(numbers, rel=1e-6)


def test_tensorboard_forgets_what_a_resumed_run_does_again(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = TensorBoard(tmp_path, purge_step=None)
    for epoch in (1, 2, 3):
        board.add({"epoch": epoch, "loss": 1.0 / epoch, "note": "no number"})
    TensorBoard(tmp_path, purge_step=2).add({"epoch": 2, "loss": 7.0})
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["scalars"] == ["loss"]
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 1.0), (2, 7.0)]


def test_a_full_disk_is_said_with_the_file(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    board = TensorBoard(tmp_path, purge_step=None)
    board.path = Path("/dev/full")
    with pytest.raises(OSError, match="cannot write /dev/full: No space left on device; free some space"):
        board.add({"epoch": 1, "loss": 0.5})


def decode_image(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.slow
def test_without_tensorboard_nothing_is_drawn(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    monkeypatch.setattr(KeypointTask, "draw_evaluation", lambda *_, **__: pytest.fail("drawn for nobody"))
    tiny_config["train"] |= {"epochs": 1, "milestones": []}
    run_training(make_config(tiny_config), tmp_path / "run")
    assert not TensorBoard(tmp_path / "tb", purge_step=None).on
    assert (tmp_path / "run" / "batch0.jpg").is_file()
    assert not (tmp_path / "run" / "tb").exists()


@pytest.mark.parametrize("boxes", ["gt", "boxes.json"])
@pytest.mark.parametrize("flip_test", [True, False])
def test_the_evaluations_image_shows_what_is_evaluated(
    tiny_config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, boxes: str, flip_test: bool
) -> None:
    """Predictions as `predict_people` gives them, beside the annotations, also where detected boxes are evaluated."""
    tiny_config["data"]["val"]["boxes"] = boxes
    tiny_config["eval"]["flip_test"] = flip_test
    config = make_config(tiny_config)
    task = KeypointTask(config)
    drawn: dict[str, Any] = {}

    def capture(images: Any, annotated: Any, weights: Any, found: Any, scores: Any, *, skeleton: Any) -> Any:
        drawn.update(images=images, annotated=annotated, weights=weights, found=found, scores=scores)
        return images[0]

    monkeypatch.setattr(keypoints_module, "draw_pairs", capture)
    torch.manual_seed(0)
    model = task.build_model()
    task.draw_evaluation(model, device=CPU)
    boxes_xywh = np.array([person.box_xywh for person in task.dataset.people[::2]])
    centers, sizes = grow_box(boxes_xywh, (64, 64))
    people = task.dataset.people[::2]  # train and val are the same images
    predict_crops = crop_predictor(model.eval(), skeleton=COCO17, device=CPU, flip_test=flip_test)
    wanted = predict_people(predict_crops, people, skeleton=COCO17, input_size=(64, 64))
    assert len(drawn["images"]) == 5
    for index, person in enumerate(people):
        affine = crop_affine(centers[index], sizes[index, 1], (64, 64))
        assert person.keypoints_img is not None
        truth = apply_affine(person.keypoints_img[:, :2], affine)
        np.testing.assert_allclose(drawn["annotated"][index], truth, atol=1e-3)
        np.testing.assert_allclose(
            drawn["found"][index], apply_affine(wanted.keypoints_img[index], affine), atol=1e-3
        )
    np.testing.assert_allclose(drawn["scores"], wanted.keypoint_scores, atol=1e-5)
    assert (np.asarray(drawn["weights"]) == 1).all()


def test_rows_have_the_time_of_day(tmp_path: Path) -> None:
    MetricsFile(tmp_path / "metrics.csv", metrics=(), keep_epochs=0).add({"epoch": 1, "loss": 0.5})
    with (tmp_path / "metrics.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert datetime.now().astimezone() - datetime.fromisoformat(row["time"]) < timedelta(minutes=5)


def test_the_end_says_what_there_is_and_what_next(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "metrics.csv", metrics=("AP",), keep_epochs=0)
    speeds, waits, scores = (100.0, 300.0, 200.0), (0.5, 0.1, 0.2), ("", 0.25, 0.5)
    for number, (speed, wait, score) in enumerate(zip(speeds, waits, scores, strict=True), start=1):
        row = {"epoch": number, "images_per_s": speed, "data_wait": wait, "seconds": 40, "AP": score}
        file.add({**row, "unreadable": 4 - number, "skipped_batches": number})
    (tmp_path / "tb").mkdir()
    (tmp_path / "tb" / "events.out.tfevents.1").touch()
    text = io.StringIO()
    print_end(tmp_path, Console(file=text, soft_wrap=True))
    assert text.getvalue().splitlines() == [
        f"done: 3 epochs in 2:00, in {tmp_path}",
        "  best   AP 0.500, epoch 3: best.safetensors",
        "  last   epoch 3: last.safetensors; every epoch: metrics.csv, tb/",
        "  speed  200 images/s, from 100 in the first epoch to 200 in the last; 20% of the time waiting for data",
        "  not used: up to 3 unreadable images an epoch, 3 bad batches in all",
        f"  next   pose eval {tmp_path}; pose report {tmp_path}",
        f"         tensorboard --logdir {tmp_path / 'tb'}",
    ]
    assert not re.search("not used", end_of(tmp_path / "clean"))


def test_the_end_names_the_epoch_that_is_kept(tmp_path: Path) -> None:
    """As long as nothing is found, that is the latest; of other equal ones the first."""
    for scores, best in (((0.0, 0.0), 2), ((0.5, 0.5), 1)):
        folder = tmp_path / str(best)
        folder.mkdir()
        schedule, state = Schedule(TrainConfig(epochs=2, milestones=[]), 1, lambda at: 1.0, "AP"), TrainState()
        kept = [epoch for epoch, score in enumerate(scores, start=1) if schedule.judge(state, score)]
        file = MetricsFile(folder / "metrics.csv", metrics=("AP",), keep_epochs=0)
        for epoch, score in enumerate(scores, start=1):
            file.add({"epoch": epoch, "AP": score})
        text = io.StringIO()
        print_end(folder, Console(file=text, soft_wrap=True))
        assert kept[-1] == best
        assert f", epoch {best}: best.safetensors" in text.getvalue()


def end_of(run: Path) -> str:
    """The lines of a run of one epoch without a score."""
    run.mkdir()
    row = {"epoch": 1, "images_per_s": 10.0, "data_wait": 0.0, "seconds": 1, "unreadable": 0, "skipped_batches": 0}
    MetricsFile(run / "metrics.csv", metrics=("AP",), keep_epochs=0).add(row)
    text = io.StringIO()
    print_end(run, Console(file=text, soft_wrap=True))
    return text.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_names_with_brackets_and_colons_are_printed_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    """rich would take them for markup, fail on [/x], and draw a face for the last."""
    name = "runs/[/x] [red]a :smile:"
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
    console = make_console()
    assert console.is_terminal == terminal
    console.print(name, highlight=False)
    with Progress(console, 2, interval=0.0) as progress:
        progress.update(name)
    assert capsys.readouterr().err.count(name) >= 2


def test_the_work_may_know_its_total_better(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(make_console(), 20, interval=0.0) as progress:
        progress.reach("pictures", 1, total=4)
        progress.reach("pictures", 2)
    assert re.findall(r"(\d+/\d+)  ETA", capsys.readouterr().err) == ["1/4", "2/4"]
