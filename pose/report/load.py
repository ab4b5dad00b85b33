"""Read what `pose train` and `pose eval` left in a folder; files that are missing leave their part out."""

from __future__ import annotations

import filecmp
import json
import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pose.evaluation.analysis.analyze import FORMAT
from pose.keypoints import oks
from pose.runtime.errors import DataError
from pose.runtime.files import sha256
from pose.runtime.text import shell_word
from pose.training.metrics_file import finite_numbers, read_metrics

METRICS = (*oks.METRICS, "top1", "top5")
PARTS = (  # of analysis.json
    "skeleton",
    "people",
    "ap",
    "pck",
    "keypoints",
    "errors",
    "groups",
    "precision_recall",
    "oks_histogram",
    "examples",
)
WHERE = "give a run folder of `pose train`, or an evaluation's folder of `pose eval`"


@dataclass(frozen=True)
class Evaluated:
    """One evaluation's folder; `metrics` are the numbers of metrics.json, `analysis` what analysis.json holds."""

    folder: Path
    metrics: dict[str, Any]
    analysis: dict[str, Any] | None
    config: dict[str, Any]


@dataclass(frozen=True)
class RunReport:
    """What there is to show.

    Attributes:
        name: the folder's, to head the page.
        config: as plain data; empty if there is none.
        evaluations: newest first; the first is shown in full.
        history: the rows of metrics.csv, numbers by column; cells that are empty are left out.
        versions: by package.
        params: learnable numbers, from the evaluation or else from the weights file; None if there is neither.
        missing: what is not shown and why, for the page.
    """

    folder: Path
    name: str
    config: dict[str, Any]
    evaluations: list[Evaluated]
    history: list[dict[str, float]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    params: int | None = None
    missing: list[str] = field(default_factory=list)


def read_run(folder: Path) -> RunReport:
    """Read a run's or an evaluation's folder.

    Raises:
        FileNotFoundError: no such folder, or nothing of ours in it.
        DataError: a file is damaged.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is {'a file' if folder.exists() else 'not there'}; {WHERE}")
    others: list[Evaluated] = []  # in the run's folder, but of other weights
    if (folder / "metrics.json").is_file():
        evaluations = [_read_evaluation(folder)]
        run = _run_of(evaluations[0])
        name = folder.resolve().name if run is None else f"{run.resolve().name} / {folder.resolve().name}"
    elif (folder / "metrics.csv").is_file():
        found = [path.parent for path in folder.glob("*/metrics.json")]
        found.sort(key=lambda path: (-(path / "metrics.json").stat().st_mtime, path.name))
        evaluations = []
        for evaluation in map(_read_evaluation, found):
            (evaluations if _is_of(evaluation, folder) else others).append(evaluation)
        run, name = folder, folder.resolve().name
    else:
        raise FileNotFoundError(f"{folder} holds neither metrics.csv nor metrics.json; {WHERE}")
    history = [] if run is None else _read_history(run / "metrics.csv")
    first = evaluations[0] if evaluations else None
    versions = _versions(run / "versions.json") if run is not None and (run / "versions.json").is_file() else {}
    if not versions and first is not None and first.analysis is not None:
        versions = first.analysis.get("versions", {})
    trained = _read_yaml(run / "config.yaml") if run is not None and (run / "config.yaml").is_file() else {}
    made_with = first.config if first is not None else {}
    # What an evaluation's numbers were made with is in its own; that of the run may say otherwise.
    config = trained or made_with if run == folder else made_with or trained
    missing = [f"{other.folder.name} is an evaluation of other weights" for other in others]
    if first is None:
        given = folder.name if folder.is_absolute() else str(folder)  # pages are handed on, without full paths
        missing.append(f"not evaluated yet; pose eval {shell_word(given)} adds the numbers and the analysis")
    elif first.analysis is None and config.get("task") != "classification":
        missing.append(f"no {first.folder.name}/analysis.json: evaluated by an older version, or without people")
    if not history:
        missing.append("no metrics.csv beside the evaluation, so no learning curves")
    return RunReport(folder, name, config, evaluations, history, versions, _params(first, run), missing)


def _read_evaluation(folder: Path) -> Evaluated:
    metrics = _object(folder / "metrics.json")
    for key in METRICS:
        if not isinstance(metrics.get(key, 0.0), int | float):
            raise DataError(
                f"{folder / 'metrics.json'}: {key} is {metrics[key]!r}, expected a number; evaluate again"
            )
    analysis = None
    if (folder / "analysis.json").is_file():
        analysis = _object(folder / "analysis.json")
        if analysis.get("format") != FORMAT:
            raise DataError(
                f"{folder / 'analysis.json'} has format {analysis.get('format')!r}, expected {FORMAT!r}; "
                f"evaluate again with this version"
            )
        if lacking := [part for part in PARTS if part not in analysis]:
            raise DataError(f"{folder / 'analysis.json'} lacks {', '.join(lacking)}; evaluate again")
    config = _read_yaml(folder / "config.yaml") if (folder / "config.yaml").is_file() else {}
    return Evaluated(folder, metrics, analysis, config)


def _checkpoint(evaluation: Evaluated) -> Path | None:
    """The weights that were evaluated; None if they are gone or moved."""
    named = evaluation.metrics.get("checkpoint")
    return Path(named) if isinstance(named, str) and Path(named).is_file() else None


def _run_of(evaluation: Evaluated) -> Path | None:
    """The run that an evaluation is of: where its checkpoint lies; if that is gone or moved, its parent folder."""
    checkpoint = _checkpoint(evaluation)
    place = evaluation.folder.resolve().parent if checkpoint is None else checkpoint.parent
    return place if (place / "metrics.csv").is_file() else None


def _is_of(evaluation: Evaluated, run: Path) -> bool:
    """Whether an evaluation in the folder of a run is of its weights; the run may be a copy of another."""
    checkpoint, named = _checkpoint(evaluation), evaluation.metrics.get("checkpoint")
    own = run / Path(named).name if isinstance(named, str) else None
    if own is not None and own.is_file() and "weights_sha256" in evaluation.metrics:
        return sha256(own) == evaluation.metrics["weights_sha256"]  # training may have gone on since
    if checkpoint is None or own is None:
        return True
    return own.is_file() and (own.samefile(checkpoint) or filecmp.cmp(own, checkpoint, shallow=False))


def _read_history(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    return [finite_numbers(row) for row in read_metrics(path, metrics=METRICS).rows]


def _versions(path: Path) -> dict[str, str]:
    found = _object(path)
    for name, version in found.items():
        if not isinstance(version, str):
            raise DataError(f"{path}: {name} is {version!r:.40}, expected a text; remove the file, or mend it")
    return found


def _object(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON ({error}); evaluate again") from None
    if not isinstance(data, dict):
        raise DataError(f"{path} holds a {type(data).__name__}, expected an object; evaluate again")
    return data


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} is not YAML ({error})".replace("\n", " ")) from None
    if not isinstance(data, dict):
        raise DataError(f"{path} holds a {type(data).__name__}, expected the config of a run")
    return data


def _params(first: Evaluated | None, run: Path | None) -> int | None:
    model = first.analysis.get("model") if first is not None and first.analysis is not None else None
    if isinstance(model, dict) and isinstance(model.get("params"), int):
        return int(model["params"])
    for name in ("best.safetensors", "last.safetensors"):
        if run is not None and (run / name).is_file():
            return _count_weights(run / name)
    return None


def _count_weights(path: Path) -> int | None:
    """Learnable numbers in a safetensors file, by its header; the statistics of the norms are not learnt."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, 10_000_000)))
        statistics = ("running_mean", "running_var", "num_batches_tracked")
        return sum(
            math.prod(entry["shape"])
            for name, entry in header.items()
            if name != "__metadata__" and not name.endswith(statistics)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return None  # the page has more to show
