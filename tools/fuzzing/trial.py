"""What a case is: a command, what goes wrong around it, and what must hold afterwards."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import mutate
from .seeds import Seeds

VAL = "data/annotations/person_keypoints_val.json"
PICTURES = "data/images/val"
EVAL = ("eval", "run", "data.root=data", "--workers", "0", "--out", "out")
TRAIN = ("train.epochs=1", "train.seed=0", "--out", "out", "--workers", "0")
PREDICT = ("predict", "run", PICTURES, "--no-flip-test", "--workers", "0", "--out", "out")
LABEL = ("run", PICTURES, "--to", "yolo", "--no-flip-test", "--workers", "0", "--out", "out")


@dataclass(frozen=True)
class Trial:
    """A case, made in its folder.

    Attributes:
        arguments: of the command.
        streams: by "out" and "err", how one of them breaks (a key of `streams.KINDS`) and after how many bytes.
        trouble: called once, when the command opens its file number `at` in the folder of the case.
        check: what is wrong afterwards, by the command's exit code and what it said on stderr.
        peak_mb: memory that it may hold at a time.
    """

    arguments: list[str]
    streams: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    trouble: Callable[[], None] | None = None
    at: int = 0
    check: Callable[[int, str], list[str]] = lambda code, said: []
    peak_mb: int = 400


Case = Callable[[random.Random, Seeds, Path], Trial]


def put(seeds: Seeds, case: Path, *names: str) -> None:
    """Copy some of the valid files into a case."""
    for name in names:
        source = seeds.folder / name
        (case / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, case / name, ignore=shutil.ignore_patterns("tb"))
        else:
            shutil.copyfile(source, case / name)


def damaged_json(rng: random.Random, seeds: Seeds, case: Path, data: Any) -> bytes:
    """JSON that was damaged by its structure, and sometimes blindly."""
    text = mutate.to_json(rng, mutate.tree(rng, data, outside=seeds.outside(case)))
    return mutate.raw_bytes(rng, text) if rng.random() < 0.1 else text
