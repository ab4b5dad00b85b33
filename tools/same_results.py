"""Show that a change of structure changed no result: record before it, compare after it.

    python tools/same_results.py record before   # on the old code; before/ must be new
    python tools/same_results.py compare before  # on the new code

Everything goes through the command `pose`, so that modules may move: generated images of every level, a training of
keypoints and one of classification, a run that the old code began and the new one ends, exports, evaluations,
predictions, drawings, and the texts of commands. Images, weights and graphs are compared by their hashes, numbers as
they are printed. Changed help texts are shown, and do not fail: read them. The two must run on the same machine.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEOPLE = "configs/figures/demo_model_easy.yaml"
SHAPES = "configs/shapes/mobilenet_v2_x0.35_dyrelu.yaml"
SMALL = ("data.figures.train=48", "data.figures.val=12", "train.epochs=3", "train.batch_size=16", "eval.every=2")
NOT_A_RESULT = ("images_per_s", "data_wait", "seconds", "time", "memory_mb")  # columns of metrics.csv
COMMANDS = (
    "train",
    "eval",
    "predict",
    "export",
    "export-detector",
    "check",
    "detect",
    "runs",
    "report",
    "compare",
    "summary",
    "tables",
    "inspect",
    "demo",
    "figures",
    "clip",
    "download",
    "env",
)


def pose(*arguments: str | Path, expected: int = 0) -> str:
    """Run the command; its standard output."""
    command = [sys.executable, "-m", "pose", *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "COLUMNS": "100"})
    if result.returncode != expected:
        sys.exit(f"{' '.join(command)}: exit code {result.returncode}\n{result.stderr}")
    return result.stdout


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): digest(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def predictions(folder: Path) -> dict[str, str]:
    """The drawings, and predictions.json without the paths in its header."""
    document = json.loads((folder / "predictions.json").read_text())
    people = json.dumps({key: document[key] for key in document if key not in ("checkpoint", "boxes", "input")})
    return {**files(folder), "predictions.json": hashlib.sha256(people.encode()).hexdigest()[:16]}


def weights(path: Path) -> str:
    """A hash of all tensors; the header has the config, which may name other folders."""
    data = path.read_bytes()
    return hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()[:16]


def table(path: Path) -> list[str]:
    """The columns of a metrics.csv that do not depend on the clock."""
    header, *rows = (line.split(",") for line in path.read_text().splitlines())
    keep = [i for i, name in enumerate(header) if name not in NOT_A_RESULT]
    return [",".join(row[i] for i in keep) for row in (header, *rows)]


def run_of(folder: Path) -> dict[str, object]:
    return {
        "metrics": table(folder / "metrics.csv"),
        "best": weights(folder / "best.safetensors"),
        "last": weights(folder / "last.safetensors"),
        "batch0": digest(folder / "batch0.jpg"),
    }


def people(work: Path, out: Path, **how: object) -> None:
    overrides = (*SMALL, f"data.root={work / 'easy'}", *(f"{key}={value}" for key, value in how.items()))
    pose("train", PEOPLE, *overrides, "--out", out, "--workers", "1")


def begin(work: Path, out: Path) -> None:
    """Start the training of `people` and stop it within its second epoch."""
    command = ["train", PEOPLE, *SMALL, f"data.root={work / 'easy'}", "--out", str(out), "--workers", "0"]
    process = subprocess.Popen([sys.executable, "-m", "pose", *command], cwd=ROOT, stderr=subprocess.DEVNULL)
    while not (out / "last.safetensors").is_file():  # the first epoch is over
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    if process.wait() != 128 + signal.SIGTERM:
        sys.exit("the training that was to be stopped ended too early; make it longer")


def parts(work: Path, kept: Path) -> Iterator[tuple[str, object]]:
    """Name and value of each result. `kept` holds what the old code left for the new one."""
    for level in ("easy", "normal", "hard", "wild"):
        pose("figures", work / f"people_{level}", "--level", level, "--train", "6", "--val", "3", "--seed", "5")
        yield f"people {level}", files(work / f"people_{level}")
    pose("figures", work / "animals", "--kind", "animals", "--train", "4", "--val", "2", "--seed", "5")
    yield "animals", files(work / "animals")
    pose("clip", work / "clip.mp4", "--frames", "8", "--seed", "5")
    yield "clip", digest(work / "clip.json")

    people(work, work / "run")
    yield "training", run_of(work / "run")
    resumed = Path(shutil.copytree(kept / "begun", work / "resumed"))
    config = (resumed / "config.yaml").read_text()
    (resumed / "config.yaml").write_text(config.replace(str(kept / "data"), str(work)))
    pose("train", "--resume", resumed)
    yield "resumed training", run_of(work / "resumed")
    yield "resumed as never stopped", run_of(work / "resumed") == run_of(work / "run")
    shapes = (f"data.root={work / 'shapes'}", "data.shapes.train=64", "data.shapes.val=16", "train.epochs=2")
    pose("train", SHAPES, *shapes, "eval.every=1", "--out", work / "shapes_run", "--workers", "0")
    yield "classification", run_of(work / "shapes_run")

    for name, model in (("demo", "demo"), ("old checkpoint", str(kept / "old.safetensors"))):
        root = work / "people_normal"
        where = (f"data.root={root}", "data.figures=null")
        pose("eval", model, *where, "--boxes", "gt", "--out", work / f"eval {name}", "--workers", "0")
        found = json.loads((work / f"eval {name}" / "metrics.json").read_text())
        for key in ("seconds", "config", "checkpoint", "model"):
            found.pop(key, None)
        yield f"evaluation, {name}", (found, digest(work / f"eval {name}" / "results.json"))
        boxes = root / "person_detection_results" / "val.json"
        pose("predict", model, root / "images/val", "--boxes", boxes, "--out", work / f"drawn {name}")
        yield f"predictions, {name}", predictions(work / f"drawn {name}")
        pose("export", model, "--onnx", work / f"{name}.onnx")
        yield f"export, {name}", digest(work / f"{name}.onnx")
    root = work / "people_normal"
    pose("predict", kept / "old.onnx", root / "images/val", "--boxes", "whole", "--out", work / "drawn onnx")
    yield "predictions, old export", predictions(work / "drawn onnx")

    annotations = root / "annotations" / "person_keypoints_val.json"
    yield "check", pose("check", annotations, "--images", root / "images/val").replace(str(work), "WORK")
    for config in (PEOPLE, SHAPES, "configs/coco/mobilenet_v2_x1.0_dyrelu.yaml"):
        yield f"summary of {config}", pose("summary", config)
    yield "tables", pose("tables")
    for command in COMMANDS:
        yield f"help of {command}", pose(command, "--help")


def leave_for_the_new_code(kept: Path) -> None:
    people(kept / "data", kept / "old_run")
    shutil.copy(kept / "old_run" / "best.safetensors", kept / "old.safetensors")
    pose("export", kept / "old_run", "--onnx", kept / "old.onnx")
    begin(kept / "data", kept / "begun")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("folder", type=Path, help="Where the results of the old code are kept.")
    args = parser.parse_args()
    kept = args.folder.resolve()
    if args.what == "record":
        kept.mkdir(parents=True)
        leave_for_the_new_code(kept)
    elif not (kept / "results.json").is_file():
        sys.exit(f"error: {kept} has no results.json; run `record` on the old code first")
    with tempfile.TemporaryDirectory() as work:
        results = {}
        for name, value in parts(Path(work), kept):
            results[name] = json.loads(json.dumps(value))
            print(f"{len(results)}: {name}", file=sys.stderr)
    if args.what == "record":
        (kept / "results.json").write_text(json.dumps(results, indent=1))
        print(f"{len(results)} results recorded in {kept}")
        return
    before = json.loads((kept / "results.json").read_text())
    differ = [name for name in before | results if before.get(name) != results.get(name)]
    for name in differ:
        old, new = (json.dumps(each.get(name), indent=1).splitlines() for each in (before, results))
        if name.startswith(("help", "check", "summary", "tables")):
            old, new = (str(each.get(name)).splitlines() for each in (before, results))
        print(f"\n{name} differs:", *difflib.unified_diff(old, new, "before", "after", lineterm="", n=0), sep="\n")
    wrong = [name for name in differ if not name.startswith("help")]
    print(f"{len(before) - len(differ)} of {len(before)} results are equal, {len(wrong)} of the others must be")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
