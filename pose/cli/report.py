"""`pose report` and `pose compare`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from pose.runtime.outputs import contains, refuse_foreign

if TYPE_CHECKING:
    from pose.report.load import RunReport


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, or an evaluation's.")],
    out: Annotated[Path, typer.Option(help="The page, one .html file.")] = Path("report.html"),
) -> None:
    """Write a page with a run's numbers, curves and images.

    It needs no network and no other file.
    """
    from pose.report.load import read_run
    from pose.report.page import render_report

    _check_target(out)
    run = read_run(folder)
    _write(out, lambda: render_report(run))
    first = run.evaluations[0] if run.evaluations else None
    boxes = (
        f", AP {first.metrics['AP']:.3f} (boxes {first.metrics['boxes']})" if first and "AP" in first.metrics else ""
    )
    print(f"report of {run.name}{boxes}: {out}")


def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Folders of runs or evaluations.")],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Also write a page with curves, errors and keypoints, one .html file."),
    ] = None,
) -> None:
    """Set runs side by side, as a table and as a page.

    What differs in their configs is listed too.
    """
    from pose.report.load import read_run
    from pose.report.page import comparability, config_differences, render_comparison, run_names

    if len(folders) < 2:
        raise ValueError(f"pose compare needs two runs or more, got {len(folders)}; `pose report` shows one")
    if out is not None:
        _check_target(out)
    runs = [read_run(folder) for folder in folders]
    if out is not None:
        _write(out, lambda: render_comparison(runs))
    print(_table(run_names(runs), runs))
    if note := comparability(runs):
        print(note)
    for key, values in config_differences(runs):
        print(f"{key}: {' | '.join(values)}")
    if out is not None:
        print(f"page: {out}")


def _table(names: list[str], runs: list[RunReport]) -> str:
    from pose.report.load import METRICS

    firsts = [run.evaluations[0].metrics if run.evaluations else {} for run in runs]
    columns = [m for m in METRICS if any(m in metrics for metrics in firsts)]
    width = max(map(len, [*names, "run"]))
    lines = [f"{'run':<{width}}  {'params':>11}  " + "  ".join(f"{c:>6}" for c in columns) + "  evaluation"]
    for name, run, metrics in zip(names, runs, firsts, strict=True):
        folder = run.evaluations[0].folder.resolve().name if run.evaluations else "-"
        boxes = f" (boxes {metrics['boxes']})" if "boxes" in metrics else ""
        params = f"{run.params:,}" if run.params is not None else "-"
        cells = [f"{metrics[c]:6.3f}" if c in metrics else f"{'-':>6}" for c in columns]
        lines.append(f"{name:<{width}}  {params:>11}  " + "  ".join(cells) + f"  {folder}{boxes}")
    return "\n".join(line.rstrip() for line in lines)


def _check_target(out: Path) -> None:
    if out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out {out} is no page; name it with .html")
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder; name a file in it, e.g. {out / 'report.html'}")
    ours = contains(out, '<meta name="generator" content="pose report">')
    refuse_foreign([out], ours=ours, writer="`pose report` of this version")


def _write(out: Path, render: Callable[[], str]) -> None:
    from pose.runtime.files import write_atomic

    try:
        page = render()
    except (LookupError, TypeError, AttributeError, OverflowError) as error:  # a file that was changed by hand
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"analysis.json is not as `pose eval` writes it ({what}); evaluate again") from error
    write_atomic(out, page.encode())
