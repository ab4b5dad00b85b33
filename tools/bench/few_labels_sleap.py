"""The half of few_labels.py that runs in sleap-nn's own environment: train on crops, and find their keypoints.

    python few_labels_sleap.py FOLDER TRAIN MINUTES own|small OUT

FOLDER has TRAIN.json and val.json, COCO files of one animal an image, and those images. OUT gets results.json, COCO's
results of val.json, and told.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import sleap_io
import torch
from omegaconf import OmegaConf
from sleap_nn.config_generator.generator import ConfigGenerator
from sleap_nn.inference.run import predict
from sleap_nn.train import run_training


class Budget(lightning.Callback):
    """Ends a training after so many seconds of the processor, counted from its first step."""

    def __init__(self, seconds: float, checkpoint: Path) -> None:
        self.seconds, self.checkpoint = seconds, checkpoint
        self.told: dict[str, Any] = {}

    def on_train_start(self, trainer: Any, module: Any) -> None:
        self.began = time.process_time()
        self.told["parameters"] = sum(p.numel() for p in module.parameters())

    def on_train_batch_end(self, trainer: Any, module: Any, *args: Any) -> None:
        if time.process_time() - self.began >= self.seconds and not trainer.should_stop:
            trainer.should_stop = True
            trainer.save_checkpoint(self.checkpoint)  # the last weights, as those of `pose` are

    def on_train_end(self, trainer: Any, module: Any) -> None:
        self.told |= {"steps": trainer.global_step, "seconds": round(time.process_time() - self.began, 1)}
        trainer.save_checkpoint(self.checkpoint)


def write_labels(annotations: Path, out: Path) -> None:
    """A COCO file of one animal an image as SLEAP's."""
    document = json.loads(annotations.read_text())
    (category,) = document["categories"]
    names = list(category["keypoints"])
    edges = [(names[a - 1], names[b - 1]) for a, b in category["skeleton"]]
    skeleton = sleap_io.Skeleton(nodes=list(names), edges=edges)
    animals = {record["image_id"]: record for record in document["annotations"]}
    frames = []
    for image in document["images"]:
        keypoints = np.array(animals[image["id"]]["keypoints"], dtype=np.float64).reshape(-1, 3)
        points = np.where(keypoints[:, 2:] > 0, keypoints[:, :2], np.nan)
        video = sleap_io.Video.from_filename([str(annotations.parent / image["file_name"])])
        instance = sleap_io.Instance.from_numpy(points, skeleton=skeleton)
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=0, instances=[instance]))
    sleap_io.save_slp(sleap_io.Labels(frames, skeletons=[skeleton]), str(out))


def make_config(labels: Path, out: Path, *, small: bool) -> Any:
    """What `sleap-nn config LABELS --auto` writes; `small` has a network of the size of ours, and its rate."""
    config = OmegaConf.create(ConfigGenerator.from_slp(str(labels)).auto().build())
    # All labels to learn from; else a tenth would be kept back.
    config.data_config.val_labels_path = [str(labels)]
    trainer = config.trainer_config
    trainer.trainer_accelerator = "cpu"
    trainer.ckpt_dir, trainer.run_name = str(out), "model"
    trainer.enable_progress_bar = trainer.visualize_preds_during_training = False
    if small:
        network = config.model_config.backbone_config.unet
        network.filters, network.max_stride, network.output_stride = 16, 32, 4
        head = config.model_config.head_configs.single_instance.confmaps
        head.output_stride, head.sigma = 4, 4.0
        trainer.optimizer.lr = 1e-3
    return config


def main(folder: Path, train: str, minutes: float, settings: str, out: Path) -> None:
    torch.set_num_threads(1)
    out.mkdir(parents=True)
    for name in (train, "val"):
        write_labels(folder / f"{name}.json", out / f"{name}.slp")
    config = make_config(out / f"{train}.slp", out, small=settings == "small")
    OmegaConf.save(config, out / "config.yaml")
    budget = Budget(60 * minutes, out / "model" / "best.ckpt")
    make = lightning.Trainer.__init__

    def with_budget(self: Any, *args: Any, callbacks: Any = None, **options: Any) -> None:
        make(self, *args, callbacks=[*(callbacks or []), budget], **options)

    lightning.Trainer.__init__ = with_budget
    config.trainer_config.save_ckpt = True
    run_training(config)
    began = time.process_time()
    # The lowest threshold, as ours answers for each keypoint too.
    found = predict(
        str(out / "val.slp"), model_paths=[str(out / "model")], device="cpu", peak_threshold=0.0, output_path=None
    )
    budget.told["seconds to predict"] = round(time.process_time() - began, 1)
    document = json.loads((folder / "val.json").read_text())
    ids = {Path(image["file_name"]).name: image["id"] for image in document["images"]}
    records = []
    for frame in found:
        (instance,) = frame.instances or [None]
        if instance is None:
            continue
        points = np.nan_to_num(np.column_stack([instance.numpy(), instance.points["score"]]))
        image = ids[Path(frame.video.filename[0]).name]
        keypoints, score = points.ravel().tolist(), float(points[:, 2].mean())
        records.append({"image_id": image, "category_id": 1, "keypoints": keypoints, "score": score})
    (out / "results.json").write_text(json.dumps(records))
    (out / "told.json").write_text(json.dumps(budget.told))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("train")
    parser.add_argument("minutes", type=float)
    parser.add_argument("settings", choices=("own", "small"))
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    main(given.folder, given.train, given.minutes, given.settings, given.out)
