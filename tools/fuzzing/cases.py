"""The kinds of cases: which file is damaged, and the command that is given it."""

from __future__ import annotations

import json
import random
from pathlib import Path

from . import images, models, mutate
from .formats import FORMAT_KINDS
from .own import foreign, own_files, run_folder
from .seeds import Seeds
from .trial import EVAL, LABEL, PICTURES, PREDICT, TRAIN, VAL, Case, Trial, damaged_json, put
from .trouble import TROUBLE_KINDS
from .yaml_text import damaged_yaml


def _annotations(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "data", *(["run"] if "run" in command else ["config.yaml"]))
        (case / VAL).write_bytes(damaged_json(rng, seeds, case, seeds.annotations))
        return Trial(list(command))

    return make


def _training_annotations(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "data", "config.yaml")
        train = case / VAL.replace("_val", "_train")
        train.write_bytes(damaged_json(rng, seeds, case, json.loads(train.read_bytes())))
        return Trial(list(command))

    return make


def _detections(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "data", "config.yaml", "run")
        records = seeds.detections
        if "predict" in command and rng.random() < 0.5:
            names = {image["id"]: image["file_name"] for image in seeds.annotations["images"]}
            records = [{"file_name": names[r["image_id"]], "bbox": r["bbox"], "score": r["score"]} for r in records]
        (case / "data/boxes.json").write_bytes(damaged_json(rng, seeds, case, records))
        return Trial(list(command))

    return make


def _config(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "data")
        (case / "config.yaml").write_bytes(damaged_yaml(rng, seeds.config))
        return Trial(list(command))

    return make


def _weights(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "data", "config.yaml")
        (case / "run").mkdir()
        (case / "run/best.safetensors").write_bytes(models.safetensors(rng, seeds.weights))
        return Trial(list(command))

    return make


def _pth(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
    put(seeds, case, "data", "config.yaml")
    data = models.pickled(rng, {"position": {}}, seeds.zip_bomb)
    (case / "w.pth").write_bytes(mutate.raw_bytes(rng, seeds.pth) if rng.random() < 0.4 else data)
    return Trial(["train", "config.yaml", "model.init=w.pth", *TRAIN])


def _detector(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
    case.joinpath("w.pth").write_bytes(mutate.raw_bytes(rng, seeds.pth))
    return Trial(["export-detector", "--onnx", "d.onnx", "--weights", "w.pth"])


def _resume(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
    put(seeds, case, "data", "run")
    if rng.random() < 0.7:  # so that there is something to do
        config = case / "run/config.yaml"
        config.write_text(config.read_text().replace("epochs: 1", "epochs: 2"))
    file = case / "run/resume.pt"
    file.write_bytes(models.resume(rng, file.read_bytes(), seeds.state, seeds.zip_bomb))
    if rng.random() < 0.7:
        (case / "run/resume.previous.pt").unlink(missing_ok=True)
    return Trial(["train", "--resume", "run", "--workers", "0"])


def _onnx(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
    put(seeds, case, "data/images/val")
    (case / "model.onnx").write_bytes(models.onnx(rng, seeds.onnx, str(case / "outside/secret.json")))
    return Trial(["predict", "model.onnx", "data/images/val", "--no-flip-test", "--out", "out"])


def _images(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "data", "run")
        folder = case / "data/images/val"
        victim = rng.choice(sorted(folder.iterdir()))
        data, suffix = images.damaged(rng, seeds.pictures, seeds.png_bomb)
        victim.write_bytes(data)
        if "predict" in command:
            victim.rename(victim.with_suffix(f".{suffix}"))
        return Trial(list(command))

    return make


# Name, how often in a round, and the case. Those that train or evaluate take longest.
KINDS: tuple[tuple[str, int, Case], ...] = (
    ("annotations: check", 12, _annotations("check", VAL, "--fast", "--images", PICTURES, "--out", "out")),
    (
        "annotations: check --fix",
        6,
        _annotations("check", VAL, "--images", PICTURES, "--fix", "fixed.json", "--json"),
    ),
    ("annotations: eval", 3, _annotations(*EVAL)),
    ("annotations: train", 1, _training_annotations("train", "config.yaml", *TRAIN)),
    ("annotations: skeleton", 2, _training_annotations("summary", "config.yaml", "data.skeleton=from_annotations")),
    ("detections: check", 4, _detections("check", "config.yaml", "data.val.boxes=boxes.json", "--fast")),
    ("detections: eval", 3, _detections(*EVAL, "--boxes", "data/boxes.json")),
    ("detections: predict", 4, _detections(*PREDICT, "--boxes", "data/boxes.json")),
    ("config: summary", 10, _config("summary", "config.yaml")),
    ("config: check", 3, _config("check", "config.yaml", "--fast", "--out", "out")),
    ("config: train", 2, _config("train", "config.yaml", *TRAIN)),
    ("weights: predict", 6, _weights(*PREDICT)),
    ("weights: summary", 2, _weights("summary", "run")),
    ("weights: eval", 1, _weights(*EVAL)),
    ("weights: train", 1, _weights("train", "config.yaml", "model.init=run", *TRAIN)),
    ("weights: export", 1, _weights("export", "run", "--onnx", "m.onnx")),
    ("weights: export --network-only", 1, _weights("export", "run", "--onnx", "m.onnx", "--network-only")),
    ("weights: export --web", 1, _weights("export", "run", "--web", "out")),
    ("weights: eval --codec", 1, _weights(*EVAL, "--codec", "dark")),
    ("weights: label", 1, _weights("label", *LABEL)),
    ("pth: export-detector", 1, _detector),
    ("pth: train", 2, _pth),
    ("resume.pt: train", 6, _resume),
    ("onnx: predict", 4, _onnx),
    ("images: check", 8, _images("check", VAL, "--images", PICTURES)),
    ("images: predict", 6, _images(*PREDICT)),
    ("images: eval", 1, _images(*EVAL)),
    ("images: label", 1, _images("label", *LABEL)),
    ("run folder: runs", 4, run_folder("runs", "run")),
    ("run folder: report", 6, run_folder("report", "run", "--out", "out/report.html")),
    ("run folder: compare", 2, run_folder("compare", "run", "run", "--out", "out/compare.html")),
    ("own files: train --resume", 5, own_files),
    (
        "foreign files: eval",
        1,
        foreign(*EVAL, names=("out/config.yaml", "out/results.json", "out/metrics.json", "out/analysis.json")),
    ),
    (
        "foreign files: predict",
        2,
        foreign(
            *(*PREDICT, "--heatmaps"),
            names=("out/predictions.json", "out/000001.jpg", "out/000002.jpg.heatmaps-0.jpg"),
        ),
    ),
    (
        "foreign files: check",
        2,
        foreign("check", VAL, "--images", PICTURES, "--out", "out", names=("out/report.json",)),
    ),
    ("foreign files: report", 1, foreign("report", "run", "--out", "out/r.html", names=("out/r.html",))),
    ("foreign files: export", 1, foreign("export", "run", "--onnx", "m.onnx", names=("m.onnx",))),
    ("foreign files: train", 1, foreign("train", "config.yaml", *TRAIN, names=("out/metrics.csv", "out/mine"))),
    ("foreign files: label", 1, foreign("label", *LABEL, names=("out/data.yaml",))),
    ("foreign files: convert", 1, foreign("convert", VAL, "out/c.json", names=("out/c.json",))),
    (
        "foreign files: split",
        1,
        foreign("split", VAL, names=tuple(VAL.replace(".json", f"_{part}.json") for part in ("train", "val"))),
    ),
    *FORMAT_KINDS,
    *TROUBLE_KINDS,
)
SCHEDULE = tuple(entry for entry in KINDS for _ in range(entry[1]))
assert len(SCHEDULE) % 7  # see `pick`
HTML = mutate.HTML


def pick(seed: int, number: int) -> tuple[str, Case, random.Random]:
    """The kind of a case and its random numbers: a function of both numbers alone."""
    name, _, make = SCHEDULE[number * 7 % len(SCHEDULE)]  # every 7th, so that a few cases are of many kinds
    return name, make, random.Random(f"{seed}/{number}")
