"""`pose demo`: the main job on generated people, from nothing to pictures, in a few minutes on a CPU."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from rich.console import Console

from pose.checkpoint import load_checkpoint
from pose.config.keypoints import Config
from pose.config.load import load_config, make_config
from pose.data.people import Person
from pose.evaluation.coco import Predictions
from pose.evaluation.run import crop_predictor, predict_people, score
from pose.evaluation.splits import ValidationSet, make_figures, training_people, validation_set
from pose.inference.predict_images import predict_images
from pose.inference.torch_predictor import Predictor
from pose.keypoints.skeletons import Skeleton
from pose.runtime.console import Progress, duration
from pose.training.keypoints import KeypointTask, metrics_table, summary_line
from pose.training.trainer import Trainer

CONFIG = """
task: keypoints
data:
  root: demo/data
  figures: {level: easy, train: 2500, val: 460, seed: 0}
  train:
    images: images/train
    annotations: annotations/person_keypoints_train.json
  val:
    images: images/val
    annotations: annotations/person_keypoints_val.json
    boxes: person_detection_results/val.json
model:
  backbone: mobilenet_v3_small
  width: 0.5
  activation: dyrelu_c
  head: {activation: dyrelu_c, channels: [64, 64, 48, 32], hidden: [64, 128, 96, 32]}
  input_size: [192, 96]  # most people here are twice as tall as wide, or more
  sigma: 1
augment: {half_body: 0, scale: 0.1, rotation: 10, flip: 0.5}
train: {epochs: 16, batch_size: 16, lr: 0.004, milestones: [10, 13, 14, 15], lr_factor: 0.3, seed: 0}
eval: {every: 16, batch_size: 32}
"""
PICTURES = 24


def demo_config(out: Path, *, batch_size: int | None = None) -> Config:
    """The demo's config with its data below `out`; another batch size is another training."""
    data = yaml.safe_load(CONFIG)
    data["data"]["root"] = str(out / "data")  # not by text: a path may hold what YAML takes for its own
    changes = [] if batch_size is None else [f"train.batch_size={batch_size}", f"eval.batch_size={batch_size}"]
    config = make_config(data, changes, source="the demo's config")
    assert isinstance(config, Config)
    return config


def run_demo(
    out: Path, *, device: torch.device, workers: int, console: Console, batch_size: int | None = None
) -> None:
    """Generate, train, evaluate, draw; print the numbers to stdout. Finished parts are not done again.

    Raises:
        ValueError: `out` holds a demo of other settings.
    """
    started = time.monotonic()
    config = demo_config(out, batch_size=batch_size)
    run = out / "run"
    resume = (run / "resume.pt").is_file()
    if resume and load_config(run / "config.yaml") != config:
        raise ValueError(f"{run} was made with other settings; delete {out}, or choose another folder with --out")

    figures = config.data.figures
    assert figures is not None
    with Progress(console, figures.train + figures.val) as progress:
        make_figures(
            config.data,
            progress=lambda done, total: progress.reach("generating people", done),
        )
    console.print(f"{figures.train} + {figures.val} pictures of generated people: {out / 'data'}", highlight=False)
    Trainer(config, run, make_task=KeypointTask, device=device, workers=workers, console=console, resume=resume).run()

    _evaluate(config, run, out=out, device=device, workers=workers, console=console)
    _draw(config, run, out=out, device=device)
    print(f"pictures: {out / 'pictures'}")
    print(f"first training batch: {run / 'batch0.jpg'}")
    print(f"model: {run / 'best.safetensors'}")
    print(f"took {duration(time.monotonic() - started)}")


def _evaluate(config: Config, run: Path, *, out: Path, device: torch.device, workers: int, console: Console) -> None:
    """The model's numbers on held-out people, between those of two baselines that show what they mean."""
    skeleton = config.data.resolve_skeleton()
    val = validation_set(config.data)
    checkpoint = load_checkpoint(run)
    with Progress(console, len(val.people)) as progress:
        predictions = predict_people(
            crop_predictor(checkpoint.build(device), skeleton=skeleton, device=device),
            val.people,
            skeleton=skeleton,
            input_size=config.model.input_size,
            workers=workers,
            pin_memory=device.type == "cuda",
            on_batch=lambda count: progress.update("evaluating", steps=count),
        )
    result = score(predictions, val, skeleton)
    details = {"checkpoint": str(checkpoint.path), "epoch": checkpoint.epoch, "flip_test": True}
    result.write(out / "eval", config=config, details=details)
    swapped = _swap_left_and_right(predictions, skeleton)
    mean_pose = _mean_pose_predictions(training_people(config.data), val, predictions)
    print(summary_line(result))
    for name, other in (("left and right swapped", swapped), ("a mean pose in every box", mean_pose)):
        metrics = score(other, val, skeleton).metrics
        assert metrics is not None
        print(f"AP {metrics['AP']:.3f} with {name}, for comparison")
    print(metrics_table(result.metrics or {}))


def _swap_left_and_right(predictions: Predictions, skeleton: Skeleton) -> Predictions:
    """What a model finds that takes every front for a back."""
    return replace(
        predictions,
        keypoints_img=predictions.keypoints_img[:, skeleton.flip_indices],
        keypoint_scores=predictions.keypoint_scores[:, skeleton.flip_indices],
    )


def _mean_pose_predictions(people: list[Person], val: ValidationSet, predictions: Predictions) -> Predictions:
    """Each keypoint at its mean place in the boxes of the training people: what one gets without looking."""
    total: NDArray[np.float64] = np.zeros((predictions.keypoints_img.shape[1], 2))
    count = np.zeros((len(total), 1))
    for person in people:
        assert person.keypoints_img is not None
        x, y, width, height = person.box_xywh
        labelled = person.keypoints_img[:, 2:] > 0
        points = (person.keypoints_img[:, :2] - (x, y)) / (max(width, 1), max(height, 1))
        total += np.where(labelled, points, 0)
        count += labelled
    mean = np.where(count > 0, total / np.maximum(count, 1), 0.5)
    boxes = predictions.boxes_xywh[:, None]
    return replace(
        predictions,
        keypoints_img=boxes[..., :2] + mean * boxes[..., 2:],
        keypoint_scores=np.ones_like(predictions.keypoint_scores),
    )


def _draw(config: Config, run: Path, *, out: Path, device: torch.device) -> None:
    images = Path(config.data.root, config.data.val.images)
    predictor = Predictor.from_checkpoint(run, device=str(device))
    predict_images(
        predictor,
        sorted(images.glob("*.jpg"))[:PICTURES],
        out=out / "pictures",
        boxes=Path(config.data.root, config.data.val.boxes),
        heatmaps=False,
        threshold=0.2,
    )
