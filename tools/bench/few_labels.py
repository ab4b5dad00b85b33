"""Own keypoints from few labels: this package against sleap-nn, in equal processor time.

    python tools/bench/few_labels.py OUT [--labels 20 50 100] [--minutes 2]

Generated animals are cut out by their boxes, and both learn from the same crops, with one thread: sleap-nn with the
config that its own `sleap-nn config --auto` writes for them, and with a small network; ours from the demo model's
weights, and from nothing. OUT keeps all of it, also the environment in which it installs sleap-nn, at a pinned
version and beside this one's PyTorch. Started again it goes on where it ended.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml
from rich.console import Console

import pose
from pose.cli.new_recipe import suit
from pose.cli.train import make_task
from pose.config.load import load_config
from pose.inference.base import crop_boxes
from pose.keypoints.geometry import apply_affine, crop_affine, grow_box
from pose.training.trainer import Trainer

VERSION = "0.3.5"
HELD_OUT = 200  # images
# Of "ours, from nothing": small enough for a CPU.
NETWORK: dict[str, Any] = {
    "backbone": "mobilenet_v3_small",
    "width": 0.5,
    "activation": "dyrelu_c",
    "head": {"activation": "dyrelu_c", "channels": [64, 64, 48, 48], "hidden": [64, 128, 128, 96]},
}
ARMS = ("ours, from the demo model", "ours, from nothing", "sleap-nn, its settings", "sleap-nn, small network")


class ProcessorTime(Trainer):
    """A training whose budget (`train.minutes`) is of the processor's time."""

    def count_time(self, seconds: float) -> None:
        if not self.state.elapsed:
            self.began = time.process_time() - seconds
        self.state.elapsed = time.process_time() - self.began


def make_crops(out: Path, labels: list[int]) -> None:
    """Animals cut out as a network sees them: OUT/N.json for each number of labels, OUT/val.json, and the images."""
    data = out / "animals"
    generate = ["figures", str(data), "--kind", "animals", "--level", "easy"]
    run_pose([*generate, "--train", str(max(labels)), "--val", str(HELD_OUT)])
    train = json.loads((data / "annotations/animal_keypoints_train.json").read_text())
    size = suit(train, keypoint_names=None).input_size
    for split in ("train", "val"):
        document = json.loads((data / f"annotations/animal_keypoints_{split}.json").read_text())
        document["categories"][0]["id"] = 1
        names = {image["id"]: data / "images" / split / image["file_name"] for image in document["images"]}
        images, animals = [], []
        for record in document["annotations"]:
            image = cv2.imread(str(names[record["image_id"]]))
            name, box = f"{split}_{record['id']}.png", np.array(record["bbox"])
            cv2.imwrite(str(out / name), crop_boxes(image, box[None], size)[0])
            images.append({"id": record["id"], "file_name": name, "height": size[0], "width": size[1]})
            animals.append(in_crop(record, size) | {"image_id": record["id"], "category_id": 1})
        for count in labels if split == "train" else [HELD_OUT]:
            name = str(count) if split == "train" else "val"
            few = slice(count if split == "train" else None)
            content = {**document, "images": images[few], "annotations": animals[few]}
            (out / f"{name}.json").write_text(json.dumps(content))


def in_crop(record: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """An annotation in the pixels of its crop; what lies outside of it is not labeled."""
    center, grown = grow_box(record["bbox"], size)
    affine = crop_affine(center, float(grown[1]), size)
    scale = affine[0, 0]
    keypoints = np.array(record["keypoints"], dtype=np.float64).reshape(-1, 3)
    keypoints[:, :2] = apply_affine(keypoints[:, :2], affine)
    outside = (keypoints[:, :2] < 0) | (keypoints[:, :2] > np.array(size[::-1]) - 1)
    keypoints[outside.any(axis=1) | (keypoints[:, 2] == 0)] = 0
    x, y, width, height = record["bbox"]
    (left, top), box = apply_affine(np.array([[x, y]]), affine)[0], np.array([width, height]) * scale
    return {
        **{key: record[key] for key in ("id", "iscrowd")},
        "bbox": [float(left), float(top), *box.tolist()],
        "area": record["area"] * scale**2,
        "keypoints": keypoints.ravel().tolist(),
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
    }


def run_pose(arguments: list[str]) -> str:
    """A command of this package, by its output."""
    done = subprocess.run([sys.executable, "-m", "pose", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def train_ours(out: Path, count: int, minutes: float, *, demo: bool, folder: Path) -> dict[str, Any]:
    """Train by the config that `pose new` writes, with a budget; results.json has what is found in the crops."""
    config = folder.with_suffix(".yaml")
    run_pose(["new", str(config), "--data", str(out / f"{count}.json"), "--images", str(out)])
    document = yaml.safe_load(config.read_text())
    document["data"]["val"] |= {"images": str(out.absolute()), "annotations": str((out / "val.json").absolute())}
    if not demo:
        document["model"] = NETWORK | {"input_size": document["model"]["input_size"]}
    # The budget comes first, and with it the shares of the milestones; nothing is chosen by the animals held out.
    train = document["train"]
    share = 10_000 / train["epochs"]
    train |= {"epochs": 10_000, "minutes": minutes, "milestones": [round(m * share) for m in train["milestones"]]}
    document["eval"]["every"] = 10_000
    config.write_text(yaml.safe_dump(document))
    trainer = ProcessorTime(
        load_config(config),
        folder,
        make_task=make_task,
        device=torch.device("cpu"),
        workers=0,
        console=Console(quiet=True),
    )
    trainer.run()
    told = {"parameters": sum(p.numel() for p in trainer.learner.model.parameters())}
    rows = (folder / "metrics.csv").read_text().splitlines()
    told |= {"steps": (len(rows) - 1) * trainer.steps_per_epoch, "seconds": round(trainer.state.elapsed, 1)}
    predictor = pose.load(folder / "last.safetensors")
    document = json.loads((out / "val.json").read_text())
    boxes = {record["image_id"]: [record["bbox"]] for record in document["annotations"]}
    began, records = time.process_time(), []
    for image in document["images"]:
        people = predictor(out / image["file_name"], boxes=boxes[image["id"]])
        points = np.concatenate([people.keypoints[0], people.scores[0][:, None]], axis=1).astype(np.float64)
        score = float(points[:, 2].mean())
        records.append(
            {"image_id": image["id"], "category_id": 1, "keypoints": points.ravel().tolist(), "score": score}
        )
    (folder / "results.json").write_text(json.dumps(records))
    return {**told, "seconds to predict": round(time.process_time() - began, 1)}


def train_theirs(out: Path, count: int, minutes: float, *, small: bool, folder: Path) -> dict[str, Any]:
    """The same by sleap-nn, in its environment."""
    python = out / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(out / "venv", with_pip=True)
        (ours,) = {path for path in sys.path if (Path(path) / "torch").is_dir()}
        (place,) = (out / "venv" / "lib").glob("python*/site-packages")
        (place / "torch_of_pose.pth").write_text(ours)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"sleap-nn=={VERSION}"], check=True)
    script = Path(__file__).with_name("few_labels_sleap.py")
    kind = "small" if small else "own"
    with (folder.parent / f"{folder.name}.log").open("w") as log:
        command = [python, script, out, str(count), str(minutes), kind, folder]
        subprocess.run(list(map(str, command)), check=True, stdout=log, stderr=log)
    told: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return told


def score(out: Path, folder: Path) -> dict[str, float]:
    """PCK@0.1 of the longer side of the box, over labeled keypoints, and COCO's AP."""
    truth = {a["image_id"]: a for a in json.loads((out / "val.json").read_text())["annotations"]}
    found = {r["image_id"]: r["keypoints"] for r in json.loads((folder / "results.json").read_text())}
    right = total = 0
    for image, record in truth.items():
        points = np.array(record["keypoints"]).reshape(-1, 3)
        answer = np.array(found.get(image, np.full(points.size, np.inf))).reshape(-1, 3)
        away = np.linalg.norm(answer[:, :2] - points[:, :2], axis=1)
        labeled = points[:, 2] > 0
        right += int((away[labeled] <= 0.1 * max(record["bbox"][2:])).sum())
        total += int(labeled.sum())
    numbers = folder / "score.json"
    numbers.unlink(missing_ok=True)
    run_pose(["score", str(folder / "results.json"), str(out / "val.json"), "--out", str(numbers)])
    metrics = json.loads(numbers.read_text())["metrics"]
    return {"PCK@0.1": right / total, "AP": metrics["AP"], "AP50": metrics["AP50"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--labels", type=int, nargs="+", default=[20, 50, 100], help="numbers of labeled animals")
    parser.add_argument("--minutes", type=float, default=2.0, help="of the processor, for each training")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    given = parser.parse_args()
    out = given.out.absolute()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "val.json").exists():
        make_crops(out, given.labels)
    print(f"{platform.machine()}, PyTorch {torch.__version__}, sleap-nn {VERSION}")
    print("| labels | what | PCK@0.1 | AP | AP50 | parameters | steps | s to train | s to predict |")
    print("|---|---|---|---|---|---|---|---|---|")
    for count in given.labels:
        for number, arm in enumerate(ARMS):
            if arm not in given.arms:
                continue
            folder = out / f"{count}-labels-{round(60 * given.minutes)}-seconds-{number}"
            file = folder.with_suffix(".json")
            if not file.exists():
                if number < 2:
                    told = train_ours(out, count, given.minutes, demo=number == 0, folder=folder)
                else:
                    told = train_theirs(out, count, given.minutes, small=number == 3, folder=folder)
                file.write_text(json.dumps(told | score(out, folder)))
            row = json.loads(file.read_text())
            quality = " | ".join(f"{row[key]:.3f}" for key in ("PCK@0.1", "AP", "AP50"))
            told = " | ".join(f"{row[key]:,}" for key in ("parameters", "steps", "seconds", "seconds to predict"))
            print(f"| {count} | {arm} | {quality} | {told} |", flush=True)


if __name__ == "__main__":
    main()
