"""A run, or several, as one HTML page that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

import pose
from pose.evaluation.analysis.errors import KINDS
from pose.keypoints.known import SKELETONS
from pose.keypoints.skeletons import Skeleton
from pose.report.charts import Series, bars, histogram, line_chart, number
from pose.report.examples import draw_examples
from pose.report.load import METRICS, Evaluated, RunReport
from pose.runtime.errors import MissingPackage
from pose.runtime.paths import portable

CURVES = ("AP", "AP50", "AP75", "AR", "top1", "top5")
GROUPS = (
    ("size", "AP by size", "square root of the annotated area"),
    ("visible", "AP by labeled keypoints", "of the person"),
    ("crowding", "AP by crowding", "other people whose boxes overlap by an IoU of 0.1 or more"),
)


def render_report(run: RunReport) -> str:
    """The page of one run."""
    run = _portable(run)
    first = run.evaluations[0] if run.evaluations else None
    analysis = first.analysis if first is not None else None
    return _render(
        "report.html",
        run=run,
        evaluated=first,
        numbers=_numbers(run.evaluations),
        metric_names=[m for m in METRICS if any(m in e.metrics for e in run.evaluations)],
        learning=_learning([(run.name, run)]),
        analysis=analysis,
        charts={} if analysis is None else _charts(analysis),
        keypoints=[] if analysis is None else _keypoint_rows(analysis),
        examples={} if first is None else _examples(first),
        config=yaml.safe_dump(run.config, sort_keys=False) if run.config else "",
    )


def render_comparison(runs: Sequence[RunReport]) -> str:
    """The page of several runs side by side."""
    differences = config_differences(runs)  # of the folders' own paths, which may differ where their names do not
    runs = [_portable(run) for run in runs]
    names = run_names(runs)
    named = list(zip(names, runs, strict=True))
    firsts = [(n, r.evaluations[0]) for n, r in named if r.evaluations]
    analyzed = [(n, e.analysis) for n, e in firsts if e.analysis is not None]
    curves = [
        Series(n, a["precision_recall"]["recall"], a["precision_recall"]["precision"]["mean"], names.index(n))
        for n, a in analyzed
        if a["precision_recall"]
    ]
    return _render(
        "compare.html",
        names=names,
        runs=named,
        metric_names=[m for m in METRICS if any(m in e.metrics for _, e in firsts)],
        note=comparability(runs),
        learning=_learning(named),
        precision_recall=line_chart(
            curves, title="Precision over recall, mean of the ten OKS thresholds", x_label="recall", y_range=(0, 1)
        )
        if curves
        else "",
        errors=[(n, a["errors"]["counts"]) for n, a in analyzed],
        keypoints=_compare_keypoints(analyzed),
        analyzed=[n for n, _ in analyzed],
        differences=differences,
    )


def _portable(run: RunReport) -> RunReport:
    """The run without paths of this machine, but for those by which the images of examples are found."""
    evaluations = [replace(each, metrics=portable(each.metrics)) for each in run.evaluations]
    return replace(run, config=portable(run.config), evaluations=evaluations)


def run_names(runs: Sequence[RunReport]) -> list[str]:
    """Names that tell the runs apart: the folder's, and a number where two have the same."""
    names = [run.name for run in runs]
    return [f"{n} ({names[: i + 1].count(n)})" if names.count(n) > 1 else n for i, n in enumerate(names)]


def comparability(runs: Sequence[RunReport]) -> str:
    """Why the numbers may not be compared, or nothing."""
    keys = ["boxes", "annotations", "images", "people", "flip_test", "max_detections", "downscale", "grow_boxes"]
    keys.append("oks_sigmas")
    seen: dict[str, set[str]] = {key: set() for key in keys}
    for run in runs:
        made_with = _made_with(run.evaluations[0]) if run.evaluations else {}
        for key, values in seen.items():
            if key in made_with:
                values.add(made_with[key])
    differ = [
        f"{key} ({', '.join(f'{value:.60}' for value in sorted(values))})"
        for key, values in seen.items()
        if len(values) > 1
    ]
    return f"not evaluated alike, so the numbers are not comparable: {'; '.join(differ)} differ" if differ else ""


def _made_with(evaluation: Evaluated) -> dict[str, str]:
    """What numbers depend on besides the model; of files the name, as their folders may have moved."""
    metrics, config = evaluation.metrics, _flatten(evaluation.config)
    found: dict[str, str] = {}
    for key in ("boxes", "images", "people", "flip_test"):
        if key in metrics:
            found[key] = str(metrics[key])
    for key in ("data.val.annotations", "eval.max_detections", "data.downscale"):
        if key in config:
            found[key.rpartition(".")[2]] = config[key]
    named = SKELETONS.get(config.get("data.skeleton", ""))
    sigmas = str(named.to_dict()["oks_sigmas"]) if named else config.get("data.skeleton.oks_sigmas")
    if sigmas is not None:
        found["oks_sigmas"] = sigmas
    grown = [config[key] for key in ("data.grow_boxes.share", "data.grow_boxes.pixels") if key in config]
    if grown:
        found["grow_boxes"] = " and ".join(grown)
    return {key: Path(value).name if key in ("boxes", "annotations") else value for key, value in found.items()}


def config_differences(runs: Sequence[RunReport]) -> list[tuple[str, list[str]]]:
    """Entries of the configs that are not the same in all: dotted key, and the value of each run."""
    flat = [_flatten(run.config) for run in runs]
    # Boxes may be given beside the config; `comparability` has those that were looked into.
    keys = dict.fromkeys(key for entries in flat for key in entries if key != "data.val.boxes")
    rows = [(key, [entries.get(key, "–") for entries in flat]) for key in keys]
    return [(key, portable(values)) for key, values in rows if len(set(values)) > 1]


def _flatten(data: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(data, dict) and data:
        parts = [_flatten(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in data.items()]
        return {key: value for part in parts for key, value in part.items()}
    return {prefix: str(data)} if prefix else {}


def _numbers(evaluations: Sequence[Evaluated]) -> list[dict[str, Any]]:
    return [{"folder": e.folder.resolve().name, **e.metrics} for e in evaluations]


def _learning(runs: Sequence[tuple[str, RunReport]]) -> list[str]:
    """Loss, learning rate and the evaluations over the epochs."""
    several = len(runs) > 1

    def lines(column: str, name: str) -> list[Series]:
        found = []
        for index, (run_name, run) in enumerate(runs):
            rows = [row for row in run.history if column in row]
            if rows:
                label = run_name if several else name
                found.append(Series(label, [r["epoch"] for r in rows], [r[column] for r in rows], index))
        return found

    epochs = [row["epoch"] for _, run in runs for row in run.history]
    span = (min(epochs), max(epochs)) if epochs else (0.0, 1.0)

    def chart(found: list[Series], title: str) -> str:
        return line_chart(found, title=title, x_label="epoch", x_range=span, whole=True)

    charts = []
    if loss := lines("loss", "loss"):
        charts.append(chart(loss, "Training loss"))
    if several:
        for column in ("AP", "top1"):
            if found := lines(column, column):
                charts.append(chart(found, column))
        return charts
    metrics = [Series(s.name, s.x, s.y, i) for i, c in enumerate(CURVES) for s in lines(c, c)]
    if metrics:
        charts.append(chart(metrics, "Evaluations while training"))
    if rate := lines("lr", "learning rate"):
        charts.append(chart(rate, "Learning rate"))
    return charts


def _charts(analysis: dict[str, Any]) -> dict[str, Any]:
    charts: dict[str, Any] = {"groups": []}
    curve = analysis["precision_recall"]
    if curve:
        series = [
            Series("mean of 0.50 to 0.95" if name == "mean" else f"OKS {name}", curve["recall"], values, index)
            for index, (name, values) in enumerate(curve["precision"].items())
        ]
        charts["precision_recall"] = line_chart(
            series, title="Precision over recall", x_label="recall", y_range=(0, 1), x_range=(0, 1)
        )
    spread = analysis["oks_histogram"]
    charts["oks"] = histogram(
        spread["people"],
        spread["edges"],
        title="OKS of the people found",
        x_label=f"OKS; {spread['not_found']} not found",
    )
    for kind, title, what in GROUPS:
        rows = [
            (g["label"], g["ap"], f"{g['ap']:.3f} · {number(g['people'])}" if g["ap"] is not None else "nobody")
            for g in analysis["groups"]
            if g["kind"] == kind
        ]
        charts["groups"].append(bars(rows, title=f"{title} ({what})"))
    gained = analysis["errors"]["ap_gained_if_corrected"]
    if all(value is not None for value in gained.values()):
        rows = [(kind, value, f"+{value:.3f}") for kind, value in gained.items()]
        charts["gained"] = bars(rows, title="AP gained if corrected", high=max([*gained.values(), 0.01]))
    return charts


def _keypoint_rows(analysis: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for order, keypoint in enumerate(analysis["keypoints"]):
        total = sum(keypoint["errors"].values())
        shares = {kind: keypoint["errors"][kind] / total if total else 0.0 for kind in KINDS}
        rows.append({**keypoint, "order": order, "shares": shares, "total": total})
    return rows


def _examples(evaluated: Evaluated) -> dict[str, Any]:
    if evaluated.analysis is None:
        return {}
    config = _flatten(evaluated.config)
    images = Path(config.get("data.root", "")) / config.get("data.val.images", "")
    skeleton = Skeleton.from_dict(evaluated.analysis["skeleton"])
    return {kind: draw_examples(evaluated.analysis["examples"][kind], images, skeleton) for kind in ("worst", "best")}


def _compare_keypoints(analyzed: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[str, list[float | None]]]:
    names = dict.fromkeys(k["name"] for _, a in analyzed for k in a["keypoints"])
    ap = [{k["name"]: k["ap"] for k in a["keypoints"]} for _, a in analyzed]
    return [(name, [each.get(name) for each in ap]) for name in names]


def _render(template: str, **values: Any) -> str:
    try:
        import jinja2
    except ImportError:
        raise MissingPackage("a report", "jinja2") from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pose.report"),
        autoescape=True,  # names come from files and folders of anybody
        undefined=jinja2.ChainableUndefined,  # files of older versions lack entries
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: number(value) if isinstance(value, int | float) else "–"
    try:
        return environment.get_template(template).render(kinds=KINDS, pose_version=pose.__version__, **values)
    except jinja2.UndefinedError as error:  # of a file that was changed by hand
        raise LookupError(str(error)) from error
