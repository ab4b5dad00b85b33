"""Cases in which files are whole, and what is around a command breaks: its streams, its folders, its being alone."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

import pose.cli.main

from . import streams
from .seeds import Seeds
from .trial import EVAL, PICTURES, PREDICT, TRAIN, VAL, Case, Trial, put

AFTER = (0, 0, 1, 40, 200, 1000)  # bytes that are still read
OPENS = {"train": 100, "eval": 40, "predict": 40}  # files that a command opens, about
# Commands on whole files, and what they leave.
COMMANDS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("train", "config.yaml", *TRAIN), ("out/last.safetensors", "out/best.safetensors", "out/resume.pt")),
    (EVAL, ("out/metrics.json", "out/results.json", "out/analysis.json")),
    (PREDICT, ("out/predictions.json", "out/000001.jpg")),
    (("check", VAL, "--images", PICTURES, "--out", "out"), ("out/report.json",)),
    (("check", VAL, "--images", PICTURES, "--fix", "fixed.json"), ("fixed.json",)),
    (("report", "run", "--out", "out/r.html"), ("out/r.html",)),
    (("compare", "run", "run", "--out", "out/r.html"), ("out/r.html",)),
    (("export", "run", "--onnx", "m.onnx"), ("m.onnx",)),
    (("figures", "out", "--train", "2", "--val", "1", "--level", "easy", "--workers", "0"), ("out/images/train",)),
    (("clip", "out/c.mp4", "--frames", "2"), ("out/c.mp4", "out/c.json")),
    (("runs", "run"), ()),
    (("summary", "run"), ()),
)


def broken_streams(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
    """What cannot be said costs no work; only what nobody could read of the results shows in the exit code."""
    command, files = rng.choice(COMMANDS)
    put(seeds, case, "data", "run", "config.yaml")
    names = rng.choice((("out",), ("err",), ("out", "err")))
    broken = {name: (rng.choice(streams.KINDS), rng.choice(AFTER)) for name in names}

    def check(code: int, said: str) -> list[str]:
        faults = [f"{name} is missing" for name in files if not (case / name).exists()]
        if code not in ((0, 2, 141) if "out" in broken else (0,)):
            faults.append(f"exit code {code} with broken {broken}")
        return faults + whole(case, *command)

    return Trial(list(command), streams=broken, check=check)


def whole(case: Path, command: str, *rest: str) -> list[str]:
    """What is not whole of the results of a command that says it is done."""
    out = case / "out"
    if command == "train":
        return [] if _state(out) == "done" else [f"the run is {_state(out)}, not done"]
    if command == "predict":
        return [] if _read(out / "predictions.json").get("complete") else ["predictions.json is not complete"]
    return []


def _state(run: Path) -> Any:
    return _read(run / "state.json").get("state")


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes()) if path.is_file() else {}


def vanishing(*command: str, folder: str) -> Case:
    """A folder that is deleted or moved while a command works in it."""

    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "data", "run", "config.yaml")
        moved = rng.random() < 0.5
        happened: list[bool] = []

        def trouble() -> None:
            if (case / folder).is_dir():
                happened.append(any(not path.name.startswith(".") for path in (case / folder).iterdir()))
                os.rename(case / folder, case / "moved") if moved else shutil.rmtree(case / folder)

        def check(code: int, said: str) -> list[str]:
            if folder != "out":
                return []
            if not any(happened):  # before anything was in it
                return whole(case, *command) if code == 0 else []
            made = sorted(path.name for path in (case / "out").rglob("*")) if (case / "out").exists() else []
            return [f"{folder} was made anew after it was gone, with {made}"] if made else []

        return Trial(list(command), trouble=trouble, at=rng.randrange(OPENS[command[0]]), check=check)

    return make


def two_starters(*command: str, other: tuple[str, ...], winner: Callable[[Path], Any], of: tuple[Any, Any]) -> Case:
    """A second command with the same --out, which starts and ends while the first one is at work.

    Args:
        other: the second one.
        winner: tells by the folder whose results are there.
        of: what that is for the first and the second one.
    """

    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "data", "run", "config.yaml")
        codes: list[int] = []

        def check(code: int, said: str) -> list[str]:
            found = winner(case / "out")
            done = [name for name, end in zip(of, [code, *codes], strict=False) if end == 0]
            if found not in done:
                return [f"exit codes {code} and {codes}, and the results are {found!r}"]
            return whole(case, *command)

        trouble = lambda: codes.append(_run_apart(other))  # noqa: E731
        return Trial(list(command), trouble=trouble, at=rng.randrange(OPENS[command[0]]), check=check)

    return make


def _run_apart(arguments: tuple[str, ...]) -> int:
    """`pose ARGUMENTS` in a process of its own; its exit code."""
    child = os.fork()
    if child == 0:
        code: object = 70
        sys.argv = ["pose", *arguments]
        try:
            pose.cli.main.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            os._exit(code if isinstance(code, int) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def seed_of(run: Path) -> Any:
    return yaml.safe_load((run / "config.yaml").read_text())["train"]["seed"] if run.is_dir() else None


def weights_of(file: str) -> Callable[[Path], Any]:
    """Tells the name of the weights that a result in the folder was made with."""

    def find(out: Path) -> Any:
        name = _read(out / file).get("checkpoint")
        return None if name is None else Path(name).name

    return find


def _with(command: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if word == old else word for word in command)


BOTH = ("best.safetensors", "last.safetensors")
TROUBLE_KINDS: tuple[tuple[str, int, Case], ...] = (
    ("broken streams", 9, broken_streams),
    ("vanishing: train, run", 3, vanishing("train", "config.yaml", *TRAIN, folder="out")),
    ("vanishing: train, data", 1, vanishing("train", "config.yaml", *TRAIN, folder="data")),
    ("vanishing: eval, results", 1, vanishing(*EVAL, folder="out")),
    ("vanishing: eval, data", 1, vanishing(*EVAL, folder="data")),
    ("vanishing: predict, results", 1, vanishing(*PREDICT, folder="out")),
    ("vanishing: predict, data", 1, vanishing(*PREDICT, folder="data")),
    (
        "two starters: train",
        2,
        two_starters(
            *("train", "config.yaml", *TRAIN),
            other=_with(("train", "config.yaml", *TRAIN), "train.seed=0", "train.seed=5"),
            winner=seed_of,
            of=(0, 5),
        ),
    ),
    (
        "two starters: eval",
        1,
        two_starters(*EVAL, other=_with(EVAL, "run", f"run/{BOTH[1]}"), winner=weights_of("metrics.json"), of=BOTH),
    ),
    (
        "two starters: predict",
        1,
        two_starters(
            *PREDICT, other=_with(PREDICT, "run", f"run/{BOTH[1]}"), winner=weights_of("predictions.json"), of=BOTH
        ),
    ),
)
