"""What `tools/experiments.py` trains: rows of settings, sections of rows, and what a finished run left."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pose.runtime.errors import ConfigError
from pose.runtime.text import did_you_mean
from pose.training.runs import find_runs


@dataclass(frozen=True)
class Section:
    """One table of the page.

    Attributes:
        paper: AP that the paper prints for a row, in percent.
        means: lists of rows whose mean the table shows too, by its name.
    """

    title: str
    text: str
    rows: list[str]
    paper: dict[str, float] = field(default_factory=dict)
    means: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Queue:
    """What to train, and the words of the page around the numbers."""

    config: str
    title: str
    summary: str
    rows: dict[str, list[str]]
    sections: dict[str, Section]
    order: list[tuple[str, int]]

    def jobs(self) -> list[tuple[str, int]]:
        """List (row, seed) in order; a row that stands in several sections is trained once with a seed."""
        return list(dict.fromkeys((row, seed) for name, seed in self.order for row in self.sections[name].rows))

    def overrides(self, row: str, seed: int) -> list[str]:
        return [*self.rows[row], f"train.seed={seed}"]


@dataclass(frozen=True)
class Result:
    """One finished run; the shares are None for a network without DY-ReLU, the time where a process was killed.

    Attributes:
        processor_s: processor seconds of the training with its evaluations.
        dynamic_backbone, dynamic_head: share of the output's variance that a static function of the same mean
            coefficients misses, as mean over the DY-ReLUs there (`pose inspect`).
    """

    row: str
    seed: int
    AP: float
    AP75: float
    epochs: int
    params: int
    processor_s: float | None
    dynamic_backbone: float | None
    dynamic_head: float | None


def read_queue(path: Path) -> Queue:
    """Read the YAML file of a queue and check its names and the config of every row.

    Raises:
        ConfigError: a key or row is missing or unknown, or two rows would share a folder.
    """
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        sections = {name: Section(**section) for name, section in data.pop("sections").items()}
        order = [(step["section"], step["seed"]) for step in data.pop("order")]
        queue = Queue(**data, sections=sections, order=order)
    except (TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{path} is no queue of experiments: {error}; tools/experiments.yaml is one") from None
    for name, _ in order:
        if name not in sections:
            raise ConfigError(f"{path}: the order has an unknown section {name}{did_you_mean(name, sections)}")
    for section in sections.values():
        for row in [*section.rows, *section.paper, *(row for rows in section.means.values() for row in rows)]:
            if row not in queue.rows:
                raise ConfigError(f"{path}: {section.title} has an unknown row {row}{did_you_mean(row, queue.rows)}")
    folders = {folder_name(row, 0) for row in queue.rows}
    if len(folders) < len(queue.rows):
        raise ConfigError(f"{path}: two rows have the same folder; expected names that differ in letters or digits")
    return queue


def folder_name(row: str, seed: int) -> str:
    return f"{re.sub('[^a-z0-9.]+', '-', row.lower()).strip('-')}-seed{seed}"


def state_of(folder: Path) -> str:
    """Of a run: done, stopped and so on; "none" where it has not begun."""
    found = find_runs(folder) if folder.is_dir() else []
    return found[0].state if found else "none"


def read_result(out: Path, row: str, seed: int) -> Result:
    """Read what a finished run left: its last evaluation, and the notes of `start_training`."""
    folder = out / folder_name(row, seed)
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        last = list(csv.DictReader(file))[-1]
    return Result(
        row, seed, AP=float(last["AP"]), AP75=float(last["AP75"]), epochs=int(last["epoch"]), **read_notes(folder)
    )


def read_notes(folder: Path) -> dict[str, Any]:
    """Read what `start_training` notes beside a run's folder; without the file nothing is known, as after a kill."""
    notes = Path(f"{folder}.json")
    return json.loads(notes.read_text(encoding="utf-8")) if notes.is_file() else {"processor_s": None}
