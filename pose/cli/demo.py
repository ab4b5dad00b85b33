"""`pose demo`: the main job on generated people, from nothing to drawn images, in a few minutes on a CPU."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pose.cli.options import BatchSize, Device, Workers, check_writable, pick_workers
from pose.runtime.errors import ConfigError
from pose.runtime.files import sha256
from pose.runtime.text import shell_word

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from pose.config.keypoints import Config

CONFIG = """
task: keypoints
data:
  root: demo/data
  figures: {level: easy, train: 2200, val: 400, seed: 0}
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
  codec: dark
  sigma: 1
augment: {half_body: 0, scale: 0.1, rotation: 10, flip: 0.5}
train: {epochs: 14, batch_size: 16, lr: 0.004, milestones: [9, 11, 12, 13], lr_factor: 0.3, seed: 0}
eval: {every: 14, batch_size: 32}
"""
DRAWN = 24  # images


def demo(
    out: Annotated[Path, typer.Option(help="Folder for data, run and drawn images.")] = Path("demo"),
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: Workers = None,
) -> None:
    """Train a small model on generated people, and draw.

    Generates them, trains, evaluates and draws what it sees: some minutes on a CPU. Ctrl-C in training keeps
    everything; the same command goes on from there. Another --batch-size is another training.
    """
    from pose.runtime.console import make_console
    from pose.runtime.device import pick_device
    from pose.runtime.stop import Stopped

    chosen = pick_device(device)
    check_writable(out)
    console = make_console()
    again = f"pose demo --out {shell_word(out)}" + (f" --batch-size {batch_size}" if batch_size else "")
    try:
        run_demo(out, device=chosen, batch_size=batch_size, workers=pick_workers(workers, chosen), console=console)
    except Stopped as stop:
        console.print(f"{stop}; everything is saved. Go on with: {again}", highlight=False)
        raise typer.Exit(128 + stop.signal) from None


def demo_config(out: Path, *, batch_size: int | None = None) -> Config:
    """The demo's config with its data below `out`; another batch size is another training."""
    import yaml

    from pose.config.keypoints import Config
    from pose.config.load import make_config

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
        ConfigError: `out` holds a demo of other settings.
    """
    from pose.config.load import load_config
    from pose.evaluation.splits import make_figures
    from pose.runtime.console import Progress, duration
    from pose.training.keypoints import KeypointTask
    from pose.training.trainer import Trainer

    started = time.monotonic()
    config = demo_config(out, batch_size=batch_size)
    run = out / "run"
    resume = (run / "config.yaml").is_file()  # also of one that was stopped before its first checkpoint
    if resume and load_config(run / "config.yaml") != config:
        raise ConfigError(f"{run} was made with other settings; delete {out}, or choose another folder with --out")

    figures = config.data.figures
    assert figures is not None
    console.print("about five minutes on two cores", highlight=False)
    with Progress(console, figures.train + figures.val) as progress:
        make_figures(
            config.data,
            progress=lambda done, total: progress.reach("generating people", done),
        )
    console.print(f"{figures.train} + {figures.val} images of generated people: {out / 'data'}", highlight=False)
    Trainer(config, run, make_task=KeypointTask, device=device, workers=workers, console=console, resume=resume).run()

    _evaluate(config, run, out=out, device=device, workers=workers, console=console)
    _draw(config, run, out=out, device=device)
    print(f"pictures: {out / 'pictures'}")
    print(f"first training batch: {run / 'batch0.jpg'}")
    print(f"model: {run / 'best.safetensors'}")
    print(f"took {duration(time.monotonic() - started)}")


def _evaluate(config: Config, run: Path, *, out: Path, device: torch.device, workers: int, console: Console) -> None:
    """The model's numbers on held-out people, between those of two baselines that show what they mean."""
    from pose.checkpoints.checkpoint import load_checkpoint
    from pose.evaluation.baselines import mean_pose, swap_left_and_right
    from pose.evaluation.run import crop_predictor, predict_people, score
    from pose.evaluation.splits import training_set, validation_set
    from pose.runtime.console import Progress
    from pose.runtime.outputs import evaluation_mark
    from pose.training.keypoints import metrics_table, summary_line

    skeleton = config.data.resolve_skeleton()
    val = validation_set(config.data)
    checkpoint, codec = load_checkpoint(run), config.model.make_codec()
    with Progress(console, len(val.people)) as progress:
        predictions = predict_people(
            crop_predictor(checkpoint.build(device), skeleton=skeleton, device=device, codec=codec),
            val.people,
            skeleton=skeleton,
            input_size=config.model.input_size,
            unbiased=codec.unbiased,
            workers=workers,
            pin_memory=device.type == "cuda",
            on_batch=lambda count: progress.update("evaluating", steps=count),
        )
    result = score(predictions, val, skeleton)
    weights = {"checkpoint": str(checkpoint.path), "weights_sha256": sha256(checkpoint.path)}
    details = {**weights, "epoch": checkpoint.epoch, "flip_test": True}
    mark = evaluation_mark(
        out / "eval",
        checkpoint=checkpoint.path,
        data=Path(config.data.root, config.data.val.annotations),
        boxes=val.boxes,
    )
    result.write(out / "eval", config=config, details=details, mark=mark)
    swapped = swap_left_and_right(predictions, skeleton)
    mean = mean_pose(training_set(config.data).people, predictions)
    print(summary_line(result))
    for name, other in (("left and right swapped", swapped), ("a mean pose in every box", mean)):
        metrics = score(other, val, skeleton).metrics
        assert metrics is not None
        print(f"AP {metrics['AP']:.3f} with {name}, for comparison")
    print(metrics_table(result.metrics or {}))


def _draw(config: Config, run: Path, *, out: Path, device: torch.device) -> None:
    """Some of the held-out images with what the model finds in them."""
    from pose.inference.predict_images import predict_images
    from pose.inference.torch_predictor import Predictor

    images = Path(config.data.root, config.data.val.images)
    predictor = Predictor.from_checkpoint(run, device=str(device))
    predict_images(
        predictor,
        sorted(images.glob("*.jpg"))[:DRAWN],
        out=out / "pictures",
        boxes=Path(config.data.root, config.data.val.boxes),
        heatmaps=False,
        threshold=0.2,
    )
