"""The page of the results of `tools/experiments.py`: its tables, its charts and its .csv file."""

from __future__ import annotations

import csv
import io
import statistics
import textwrap
from dataclasses import asdict, fields
from html import escape
from pathlib import Path

from experiments_queue import Queue, Result, Section, folder_name, read_result, state_of

from pose.runtime.files import write_atomic


def collect(queue: Queue, source: Path) -> list[Result]:
    """Read the results of all finished runs from their folders, or from a .csv file of an earlier report."""
    if source.suffix == ".csv":
        text = source.read_text(encoding="utf-8")
    elif source.is_dir():
        done = [job for job in queue.jobs() if state_of(source / folder_name(*job)) == "done"]
        text = as_csv([read_result(source, *job) for job in done])
    else:
        raise FileNotFoundError(f"no folder {source}; `tools/experiments.py run` makes it")
    # By way of the text in both cases, so that the page is the same to the last digit.
    return [from_text(line) for line in csv.DictReader(io.StringIO(text))]


def from_text(line: dict[str, str]) -> Result:
    kinds = {"row": str, "seed": int, "epochs": int, "params": int}
    return Result(**{key: kinds.get(key, float)(text) if text else None for key, text in line.items()})  # type: ignore


def report(queue: Queue, source: Path, page: Path) -> None:
    """Write the page, a .csv file of all results beside it, and a chart of each section below images/."""
    results = collect(queue, source)
    images = page.parent / "images" / page.stem
    parts = [f"# {queue.title}", queue.summary.strip(), noise(queue, results)]
    for name, section in queue.sections.items():
        of_rows = {row: sorted((r for r in results if r.row == row), key=lambda r: r.seed) for row in section.rows}
        parts += [f"## {section.title}", section.text.strip(), table(section, of_rows)]
        if any(of_rows.values()):
            write_atomic(images / f"{name}.svg", chart(of_rows).encode())
            parts.append(f"![AP of each seed, and the mean](images/{page.stem}/{name}.svg)")
    parts.append(
        f"*All numbers are of [{page.stem}.csv]({page.stem}.csv), a line for each run with its seed; the queue says\n"
        "what a row changes. `python tools/experiments.py report` wrote this page.*"
    )
    write_atomic(page, ("\n\n".join(parts) + "\n").encode())
    write_atomic(page.with_suffix(".csv"), as_csv(results).encode())


def as_csv(results: list[Result]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(f.name for f in fields(Result))
    for result in results:
        values = asdict(result).values()
        writer.writerow(f"{value:.4f}" if isinstance(value, float) else value for value in values)
    return file.getvalue()


def noise(queue: Queue, results: list[Result]) -> str:
    """Say how far apart two means have to be: twice the standard error of their difference, pooled over all rows."""
    groups = [[r.AP for r in results if r.row == row] for row in queue.rows]
    freedom = sum(len(group) - 1 for group in groups if group)
    if not freedom:
        return "No row has two seeds yet, so nothing is known of chance."
    pooled = (sum(statistics.pvariance(g) * len(g) for g in groups if g) / freedom) ** 0.5
    apart = {pair: 2 * pooled * (1 / pair[0] + 1 / pair[1]) ** 0.5 for pair in ((1, 1), (2, 3), (3, 3), (4, 4))}
    return textwrap.fill(
        f"Between the seeds of a row AP has a standard deviation of {pooled:.3f}, pooled over all rows, with "
        f"{freedom} degrees of freedom. *By more than chance gives* means here by two standard errors of the "
        f"difference: {apart[1, 1]:.3f} between two single runs, {apart[2, 3]:.3f} between means of two and three "
        f"seeds, {apart[3, 3]:.3f} of three and three, {apart[4, 4]:.3f} of four and four. Of twenty comparisons of "
        "equals one is further apart.",
        width=118,
    )


def table(section: Section, of_rows: dict[str, list[Result]]) -> str:
    """Make the table of a section in Markdown; rows that have no finished run are "not run"."""
    paper = ["paper's AP"] if section.paper else []
    heads = ["row", "seeds", "AP", *paper, "AP75", "processor s", "dynamic: backbone", "head", "params"]
    lines = [heads, ["---"] * len(heads)]
    for row, results in of_rows.items():
        printed = [f"{section.paper[row]:.1f}" if row in section.paper else ""] if paper else []
        if not results:
            lines.append([row, "", "not run", *printed, *[""] * 5])
            continue
        lines.append(
            [
                *(row, ", ".join(str(r.seed) for r in results)),
                *(mean(results, "AP", ".3f"), *printed, mean(results, "AP75", ".3f")),
                *(mean(results, "processor_s", ".0f"), share(results, "dynamic_backbone")),
                *(share(results, "dynamic_head"), f"{results[0].params / 1e6:.2f}M"),
            ]
        )
    for name, rows in section.means.items():
        by_seed: dict[int, list[float]] = {}
        for result in (result for row in rows for result in of_rows[row]):
            by_seed.setdefault(result.seed, []).append(result.AP)
        whole = {seed: statistics.fmean(by_seed[seed]) for seed in sorted(by_seed) if len(by_seed[seed]) == len(rows)}
        printed = [f"{statistics.fmean(section.paper[row] for row in rows):.1f}"] if paper else []
        seeds, values = ", ".join(map(str, whole)), list(whole.values())
        lines.append([f"*{name}*", seeds, with_spread(values, ".3f") or "not run", *printed, *[""] * 5])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def mean(results: list[Result], key: str, form: str) -> str:
    return with_spread(told(results, key), form)


def share(results: list[Result], key: str) -> str:
    """Write how dynamic they are; where coefficients ran away, each seed by itself, as its share is all of a mean."""
    values = told(results, key)
    if max(values, default=0.0) <= 1:
        return with_spread(values, ".1%")
    return ", ".join("over 1000%" if value > 10 else f"{value:.1%}" for value in values)


def told(results: list[Result], key: str) -> list[float]:
    """The values of the runs that have one."""
    return [value for result in results if (value := getattr(result, key)) is not None]


def with_spread(values: list[float], form: str) -> str:
    """Write the mean, and the standard deviation where there are several values."""
    spread = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):{form}}{spread}" if values else ""


def chart(of_rows: dict[str, list[Result]]) -> str:
    """Draw AP as SVG: a line for each row with a dot for each seed and a stroke at the mean."""
    done = {row: [r.AP for r in results] for row, results in of_rows.items() if results}
    low = min(min(values) for values in done.values()) // 0.05 * 0.05
    high = -(-max(max(values) for values in done.values()) // 0.05) * 0.05 + 1e-9
    left, wide, line = 190, 480, 22
    height = line * len(done) + 46

    def x(value: float) -> float:
        return left + (value - low) / max(high - low, 0.05) * wide

    parts = [f'<rect width="{left + wide + 30}" height="{height}" fill="#ffffff"/>']
    parts.append(f'<text x="{left - 24}" y="{height - 12}" text-anchor="end">AP</text>')
    for step in range(round((high - low) / 0.05) + 1):
        at = low + 0.05 * step
        parts.append(f'<path d="M{x(at):.1f} 10V{height - 30}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x(at):.1f}" y="{height - 12}" text-anchor="middle">{at:.2f}</text>')
    for number, (row, values) in enumerate(done.items()):
        y = 10 + line * (number + 0.5)
        parts.append(f'<text x="{left - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(row)}</text>')
        middle = x(statistics.fmean(values))
        parts.append(f'<path d="M{middle:.1f} {y - 8:.1f}v16" stroke="#d9661f" stroke-width="2"/>')
        parts += [f'<circle cx="{x(v):.1f}" cy="{y:.1f}" r="4" fill="#2a6fbb" fill-opacity="0.7"/>' for v in values]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + wide + 30}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="#1b1e28">\n' + "\n".join(parts) + "\n</svg>\n"
    )
