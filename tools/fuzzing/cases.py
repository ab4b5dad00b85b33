"""The kinds of cases: which file is damaged, and the command that is given it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from . import images, models, mutate
from .seeds import Seeds

Case = Callable[[random.Random, Seeds, Path], list[str]]
VAL = "data/annotations/person_keypoints_val.json"
EVAL = ("eval", "run", "data.root=data", "--workers", "0", "--out", "out")
TRAIN = ("train.epochs=1", "train.seed=0", "--out", "out", "--workers", "0")


def _put(seeds: Seeds, case: Path, *names: str) -> None:
    for name in names:
        source = seeds.folder / name
        (case / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(
            source, case / name, ignore=shutil.ignore_patterns("tb")
        ) if source.is_dir() else shutil.copyfile(source, case / name)


def _json(rng: random.Random, seeds: Seeds, case: Path, data: Any) -> bytes:
    text = mutate.to_json(rng, mutate.tree(rng, data, outside=seeds.outside(case)))
    return mutate.raw_bytes(rng, text) if rng.random() < 0.1 else text


def _annotations(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
        _put(seeds, case, "data", *(["run"] if "run" in command else ["config.yaml"]))
        (case / VAL).write_bytes(_json(rng, seeds, case, seeds.annotations))
        return list(command)

    return make


def _training_annotations(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
        _put(seeds, case, "data", "config.yaml")
        train = case / VAL.replace("_val", "_train")
        train.write_bytes(_json(rng, seeds, case, json.loads(train.read_bytes())))
        return list(command)

    return make


def _detections(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
        _put(seeds, case, "data", "config.yaml", "run")
        records = seeds.detections
        if "predict" in command and rng.random() < 0.5:
            names = {image["id"]: image["file_name"] for image in seeds.annotations["images"]}
            records = [{"file_name": names[r["image_id"]], "bbox": r["bbox"], "score": r["score"]} for r in records]
        (case / "data/boxes.json").write_bytes(_json(rng, seeds, case, records))
        return list(command)

    return make


def _config(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
        _put(seeds, case, "data")
        (case / "config.yaml").write_bytes(_yaml(rng, seeds.config))
        return list(command)

    return make


YAML_LINES = (
    'x: !!python/object/apply:os.system ["touch canary"]',
    "x: !!python/object/new:os.system [touch canary]",
    "x: !!python/name:os.system",
    *("on: 1", "? [a, b]\n: c", "x: &a [*a]", "train: {}", "<<: 1", "x: 2024-13-45", "x: 0o7", "x: 1e-1", "x: .nan"),
    *("x: &a {y: &b [1, 2]}\nz: *b", "- 1", "\tx: 1", "x: |\n  text", "%YAML 9.9", "---", "...", "x: !!binary zzzz"),
    *(
        "x: " + "[" * 2000,
        "x: " + "{a: " * 2000,
        "x: '" + "y" * 200_000 + "'",
        "x: 1:2:3:4",
        "x: 1_000",
        "x: !!set {a}",
    ),
    "\n".join(["a0: &a0 [x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))]),
    *(
        "augment: {extra: [{name: GaussNoise, p: 1e-1}]}",
        "augment: {extra: [{name: ../x, p: 1}]}",
        "x: !!omap [a: 1]",
    ),
    *(
        "data: {figures: {train: 1000000000000, val: 1}}",
        "model: {width: 1e9}",
        "model: {input_size: [3200000, 3200000]}",
    ),
)


def _yaml(rng: random.Random, config: Any) -> bytes:
    how = rng.random()
    if how < 0.1:
        return mutate.raw_bytes(rng, yaml.safe_dump(config).encode())
    if how < 0.3:
        lines = yaml.safe_dump(config).splitlines()
        at = rng.randrange(len(lines) + 1)
        extra = rng.choice((*YAML_LINES, lines[at - 1], " " * rng.randrange(5) + rng.choice(lines)))
        lines[at:at] = extra.splitlines()
        return "\n".join(lines).encode()
    text = yaml.safe_dump(mutate.tree(rng, config, deep=rng.random() < 0.5), sort_keys=False, allow_unicode=True)
    for number, raw in enumerate(mutate.RAW):
        text = text.replace(f"'{mutate.MARK.format(number)}'", raw)
    return text.encode(errors="surrogatepass")


def _weights(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
        _put(seeds, case, "data", "config.yaml")
        (case / "run").mkdir()
        (case / "run/best.safetensors").write_bytes(models.safetensors(rng, seeds.weights))
        return list(command)

    return make


def _pth(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
    _put(seeds, case, "data", "config.yaml")
    data = models.pickled(rng, {"position": {}}, seeds.zip_bomb)
    (case / "w.pth").write_bytes(mutate.raw_bytes(rng, seeds.pth) if rng.random() < 0.4 else data)
    return ["train", "config.yaml", "model.init=w.pth", *TRAIN]


def _resume(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
    _put(seeds, case, "data", "run")
    if rng.random() < 0.7:  # so that there is something to do
        config = case / "run/config.yaml"
        config.write_text(config.read_text().replace("epochs: 1", "epochs: 2"))
    file = case / "run/resume.pt"
    file.write_bytes(models.resume(rng, file.read_bytes(), seeds.state, seeds.zip_bomb))
    if rng.random() < 0.7:
        (case / "run/resume.previous.pt").unlink(missing_ok=True)
    return ["train", "--resume", "run", "--workers", "0"]


def _onnx(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
    _put(seeds, case, "data/images/val")
    (case / "model.onnx").write_bytes(models.onnx(rng, seeds.onnx, str(case / "outside/secret.json")))
    return ["predict", "model.onnx", "data/images/val", "--no-flip-test", "--out", "out"]


def _images(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
        _put(seeds, case, "data", "run")
        folder = case / "data/images/val"
        victim = rng.choice(sorted(folder.iterdir()))
        data, suffix = images.damaged(rng, seeds.pictures, seeds.png_bomb)
        victim.write_bytes(data)
        if "predict" in command:
            victim.rename(victim.with_suffix(f".{suffix}"))
        return list(command)

    return make


def _run_folder(*command: str) -> Case:
    def make(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
        _put(seeds, case, "run", *([] if command[0] == "runs" else ["data"]))
        names = (
            ("state.json", "versions.json")
            if command[0] == "runs"
            else (
                *("eval-gt/metrics.json", "eval-gt/analysis.json", "eval-gt/analysis.json"),
                *("config.yaml", "eval-gt/config.yaml", "metrics.csv", "versions.json"),
            )
        )
        file = case / "run" / rng.choice(names)
        if file.suffix == ".yaml":
            file.write_bytes(_yaml(rng, yaml.safe_load(file.read_bytes())))
        elif file.suffix == ".csv":
            rows = file.read_text().splitlines()
            cells = rows[rng.randrange(len(rows))].split(",")
            cells[rng.randrange(len(cells))] = str(mutate.odd(rng))
            rows[rng.randrange(len(rows))] = ",".join(cells)
            text = "\n".join(rows).encode(errors="surrogatepass")
            file.write_bytes(text if rng.random() < 0.7 else mutate.raw_bytes(rng, text))
        else:
            file.write_bytes(_json(rng, seeds, case, json.loads(file.read_bytes())))
        return list(command)

    return make


def _own_files(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
    """A run to resume whose table or state somebody has changed."""
    _put(seeds, case, "data", "run")
    config = case / "run/config.yaml"
    config.write_text(config.read_text().replace("epochs: 1", f"epochs: {rng.choice((1, 2))}"))
    file = case / "run" / rng.choice(("metrics.csv", "metrics.csv", "state.json"))
    if file.suffix == ".json":
        file.write_bytes(_json(rng, seeds, case, json.loads(file.read_bytes())))
    else:
        file.write_bytes(_table(rng, file.read_text()))
    return ["train", "--resume", "run", "--workers", "0"]


def _table(rng: random.Random, text: str) -> bytes:
    """A metrics.csv as spreadsheets, editors and accidents leave it."""
    rows = [line.split(",") for line in text.splitlines()]
    what = rng.randrange(7)
    if what == 0:
        rows = [[*row, str(mutate.odd(rng))] for row in rows]  # a column more
    elif what == 1:
        rows[-1].append("note")
    elif what == 2:
        column = rng.randrange(len(rows[0]))
        rows = [row[:column] + row[column + 1 :] for row in rows]
    elif what == 3:
        rows[rng.randrange(len(rows))][rng.randrange(len(rows[0]))] = str(mutate.odd(rng))
    elif what == 4:
        rows = rows[: rng.randrange(len(rows))]
    changed = "\n".join(map((";" if what == 5 else ",").join, rows))
    data = (rng.choice(("", "\ufeff")) + changed).encode(errors="surrogatepass")
    return mutate.raw_bytes(rng, data) if what == 6 else data


FOREIGN = b"mine"
FOREIGN_LIST = "foreign.json"  # names of the files that no command may change


def _foreign(*command: str, names: tuple[str, ...]) -> Case:
    """A command whose targets are there already, and are the user's."""

    def make(rng: random.Random, seeds: Seeds, case: Path) -> list[str]:
        _put(seeds, case, "data", "run", "config.yaml")
        chosen = rng.sample(names, rng.randint(1, len(names)))
        for name in chosen:
            (case / name).parent.mkdir(parents=True, exist_ok=True)
            (case / name).write_bytes(FOREIGN)
        (case / FOREIGN_LIST).write_text(json.dumps(chosen))
        return list(command)

    return make


PICTURES = "data/images/val"
PREDICT = ("predict", "run", PICTURES, "--no-flip-test", "--workers", "0", "--out", "out")
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
    ("pth: train", 2, _pth),
    ("resume.pt: train", 6, _resume),
    ("onnx: predict", 4, _onnx),
    ("images: check", 8, _images("check", VAL, "--images", PICTURES)),
    ("images: predict", 6, _images(*PREDICT)),
    ("images: eval", 1, _images(*EVAL)),
    ("run folder: runs", 4, _run_folder("runs", "run")),
    ("run folder: report", 6, _run_folder("report", "run", "--out", "out/report.html")),
    ("run folder: compare", 2, _run_folder("compare", "run", "run", "--out", "out/compare.html")),
    ("own files: train --resume", 5, _own_files),
    (
        "foreign files: eval",
        1,
        _foreign(*EVAL, names=("out/config.yaml", "out/results.json", "out/metrics.json", "out/analysis.json")),
    ),
    (
        "foreign files: predict",
        2,
        _foreign(
            *(*PREDICT, "--heatmaps"),
            names=("out/predictions.json", "out/000001.jpg", "out/000002.jpg.heatmaps-0.jpg"),
        ),
    ),
    (
        "foreign files: check",
        2,
        _foreign("check", VAL, "--images", PICTURES, "--out", "out", names=("out/report.json",)),
    ),
    ("foreign files: report", 1, _foreign("report", "run", "--out", "out/r.html", names=("out/r.html",))),
    ("foreign files: export", 1, _foreign("export", "run", "--onnx", "m.onnx", names=("m.onnx",))),
    ("foreign files: train", 1, _foreign("train", "config.yaml", *TRAIN, names=("out/metrics.csv", "out/mine"))),
)
SCHEDULE = tuple(entry for entry in KINDS for _ in range(entry[1]))
HTML = mutate.HTML


def pick(seed: int, number: int) -> tuple[str, Case, random.Random]:
    """The kind of a case and its random numbers: a function of both numbers alone."""
    name, _, make = SCHEDULE[number * 7 % len(SCHEDULE)]  # every 7th, so that a few cases are of many kinds
    return name, make, random.Random(f"{seed}/{number}")
