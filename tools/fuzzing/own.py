"""Cases of a run's own files, damaged by somebody, and of the user's files where a command wants to write."""

from __future__ import annotations

import json
import random
from pathlib import Path

import yaml

from . import mutate
from .seeds import Seeds
from .trial import Case, Trial, damaged_json, put
from .yaml_text import damaged_yaml


def run_folder(*command: str) -> Case:
    """A run or its evaluation, of which one file is damaged, and a command that shows it."""

    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "run", *([] if command[0] == "runs" else ["data"]))
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
            file.write_bytes(damaged_yaml(rng, yaml.safe_load(file.read_bytes())))
        elif file.suffix == ".csv":
            rows = file.read_text().splitlines()
            cells = rows[rng.randrange(len(rows))].split(",")
            cells[rng.randrange(len(cells))] = str(mutate.odd(rng))
            rows[rng.randrange(len(rows))] = ",".join(cells)
            text = "\n".join(rows).encode(errors="surrogatepass")
            file.write_bytes(text if rng.random() < 0.7 else mutate.raw_bytes(rng, text))
        else:
            file.write_bytes(damaged_json(rng, seeds, case, json.loads(file.read_bytes())))
        return Trial(list(command))

    return make


def own_files(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
    """A run to resume whose table or state somebody has changed."""
    put(seeds, case, "data", "run")
    config = case / "run/config.yaml"
    config.write_text(config.read_text().replace("epochs: 1", f"epochs: {rng.choice((1, 2))}"))
    file = case / "run" / rng.choice(("metrics.csv", "metrics.csv", "state.json"))
    if file.suffix == ".json":
        file.write_bytes(damaged_json(rng, seeds, case, json.loads(file.read_bytes())))
    else:
        file.write_bytes(_table(rng, file.read_text()))
    return Trial(["train", "--resume", "run", "--workers", "0"])


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


def foreign(*command: str, names: tuple[str, ...]) -> Case:
    """A command whose targets are there already, and are the user's: no byte of them may change."""

    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "data", "run", "config.yaml")
        chosen = rng.sample(names, rng.randint(1, len(names)))
        for name in chosen:
            (case / name).parent.mkdir(parents=True, exist_ok=True)
            (case / name).write_bytes(FOREIGN)

        def check(code: int, said: str) -> list[str]:
            kept = [name for name in chosen if (case / name).is_file() and (case / name).read_bytes() == FOREIGN]
            return [f"a file of the user's was changed: {name}" for name in chosen if name not in kept]

        return Trial(list(command), check=check)

    return make
