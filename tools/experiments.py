"""Train a queue of small experiments, and write the page of their results.

    python tools/experiments.py run tools/experiments.yaml --out experiments --hours 2
    python tools/experiments.py report tools/experiments.yaml experiments --out docs/results.md

The queue names a config, rows (overrides of it), sections (rows that belong into one table) and the order in which
sections are trained with which seeds.
Each row and seed is an ordinary run folder below --out, with its messages in a .log file and its processor time in a
.json file beside it. A second start passes over what is done and goes on with what was stopped; a row that fails does
not end the others.

`report` reads the folders, or the .csv file that an earlier one wrote beside the page, which makes the same page
without them.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import re
import signal
import statistics
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field, fields
from html import escape
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: what is compared is the processor time of one thread

import yaml

from pose.config.load import load_config
from pose.runtime.console import duration
from pose.runtime.errors import ConfigError, DataError
from pose.runtime.files import write_atomic, write_json
from pose.runtime.text import did_you_mean
from pose.training.runs import find_runs

IMAGES = 64  # people of the validation split on which a network's activations are watched
GRACE = 120.0  # seconds in which a training saves itself when the time is up


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


def run(queue: Queue, out: Path, *, hours: float) -> int:
    """Train what is not done yet; give 0 if all is done at the end, else 1."""
    import pose.cli.main  # noqa: F401 (before the first fork, so that no run pays for the imports)

    out.mkdir(parents=True, exist_ok=True)
    jobs = queue.jobs()
    for row, seed in jobs:
        check_unchanged(queue, out / folder_name(row, seed), row, seed)
    waiting = [job for job in jobs if state_of(out / folder_name(*job)) != "done"]
    print(f"{len(jobs) - len(waiting)} of {len(jobs)} runs are done", flush=True)
    start, failed = time.monotonic(), 0
    end = start + 3600 * hours
    for number, (row, seed) in enumerate(waiting, 1):
        if time.monotonic() >= end:
            break
        begun = time.monotonic()
        folder = out / folder_name(row, seed)
        resume = (folder / "config.yaml").is_file()
        overrides = queue.overrides(row, seed)
        what = ["--resume", str(folder)] if resume else [queue.config, "--out", str(folder), *overrides]
        code = wait(start_training(["train", *what, "--device", "cpu"], folder), until=end)
        failed += code not in (0, 143)
        told = f"AP {read_result(out, row, seed).AP:.3f}" if code == 0 else f"exit code {code}: {folder}.log"
        now = time.monotonic()
        left = duration((now - start) / number * (len(waiting) - number))
        print(f"{number}/{len(waiting)}  {row}, seed {seed}: {told}, {duration(now - begun)}; ETA {left}", flush=True)
    remaining = sum(state_of(out / folder_name(*job)) != "done" for job in jobs)
    print(f"{remaining} of {len(jobs)} runs are left" + f", {failed} failed" * bool(failed), flush=True)
    return int(remaining > 0)


def state_of(folder: Path) -> str:
    """Of a run: done, stopped and so on; "none" where it has not begun."""
    found = find_runs(folder) if folder.is_dir() else []
    return found[0].state if found else "none"


def check_unchanged(queue: Queue, folder: Path, row: str, seed: int) -> None:
    """Raise ConfigError for a wrong row, DataError if the folder's run was started with other settings than its."""
    expected = load_config(queue.config, queue.overrides(row, seed))
    if (folder / "config.yaml").is_file() and load_config(folder / "config.yaml") != expected:
        raise DataError(
            f"{folder} was trained with other settings than the row {row} has now; delete it, or take another --out"
        )


def start_training(arguments: list[str], folder: Path) -> int:
    """Fork a process that trains, then looks at what it trained; give its process id."""
    import pose.cli.main

    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    notes = Path(f"{folder}.json")
    earlier = json.loads(notes.read_text(encoding="utf-8")) if notes.is_file() else {"processor_s": 0.0}
    # Until this process has ended in order nobody knows its time.
    write_json(notes, {"processor_s": None})
    with Path(f"{folder}.log").open("a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    code: Any = 70
    before = time.process_time()
    try:
        sys.argv = ["pose", *arguments]
        code = 0
        with contextlib.suppress(KeyboardInterrupt):
            pose.cli.main.main()
    except SystemExit as error:
        code = error.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        if earlier["processor_s"] is not None:
            earlier["processor_s"] += time.process_time() - before
        write_json(notes, {**earlier, **(look(folder) if code == 0 else {})})
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def wait(pid: int, *, until: float) -> int:
    """Wait for a training, which is asked to stop when the time is up or when this process is."""

    def end(number: int, frame: object) -> None:
        # A terminal sends its Ctrl-C to the training too, and a second signal would end that without saving.
        stop_training(pid, tell=number != signal.SIGINT)
        raise SystemExit(128 + number)

    handlers = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while time.monotonic() < until:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        return stop_training(pid, tell=True)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def stop_training(pid: int, *, tell: bool) -> int:
    """Let it save and end; kill it if it does not."""
    if tell:
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + GRACE
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def look(folder: Path) -> dict[str, float | None]:
    """Count a trained network's parameters and see how dynamic its activations are on validation people."""
    import torch

    from pose.checkpoint import load_checkpoint
    from pose.cli.inspect import validation_crops
    from pose.config.keypoints import Config
    from pose.layers.dyrelu import DyReLU
    from pose.paper.dynamics import inspect_dynamics

    checkpoint = load_checkpoint(folder)
    assert isinstance(checkpoint.config, Config)
    model = checkpoint.build(torch.device("cpu"))
    shares: dict[str, list[float]] = {"backbone": [], "head": []}
    if any(isinstance(module, DyReLU) for module in model.modules()):
        crops = validation_crops(checkpoint, checkpoint.config, count=IMAGES, device=torch.device("cpu"))
        for layer in inspect_dynamics(model, crops):
            shares[layer.name.partition(".")[0]].append(layer.dynamic_share())
    means = {f"dynamic_{part}": statistics.fmean(values) if values else None for part, values in shares.items()}
    return {"params": sum(p.numel() for p in model.parameters()), **means}


def read_result(out: Path, row: str, seed: int) -> Result:
    """Read what a finished run left: its last evaluation, and the notes of `start_training`."""
    folder = out / folder_name(row, seed)
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        last = list(csv.DictReader(file))[-1]
    notes = json.loads(Path(f"{folder}.json").read_text(encoding="utf-8"))
    return Result(row, seed, AP=float(last["AP"]), AP75=float(last["AP75"]), epochs=int(last["epoch"]), **notes)


def collect(queue: Queue, source: Path) -> list[Result]:
    """Read the results of all finished runs from their folders, or from a .csv file of an earlier report."""
    if source.suffix == ".csv":
        with source.open(newline="", encoding="utf-8") as file:
            return [from_text(line) for line in csv.DictReader(file)]
    if not source.is_dir():
        raise FileNotFoundError(f"no folder {source}; `tools/experiments.py run` makes it")
    return [read_result(source, *job) for job in queue.jobs() if state_of(source / folder_name(*job)) == "done"]


def from_text(line: dict[str, str]) -> Result:
    kinds = {"row": str, "seed": int, "epochs": int, "params": int}
    return Result(**{key: kinds.get(key, float)(text) if text else None for key, text in line.items()})  # type: ignore


def report(queue: Queue, source: Path, page: Path) -> None:
    """Write the page, a .csv file of all results beside it, and a chart of each section below images/."""
    results = collect(queue, source)
    images = page.parent / "images" / page.stem
    parts = [f"# {queue.title}", queue.summary.strip(), noise(queue, results)]
    for name, section in queue.sections.items():
        of_rows = {row: [result for result in results if result.row == row] for row in section.rows}
        parts += [f"## {section.title}", section.text.strip(), table(queue, section, of_rows)]
        if any(of_rows.values()):
            write_atomic(images / f"{name}.svg", chart(of_rows).encode())
            parts.append(f"![AP of each seed, and the mean](images/{page.stem}/{name}.svg)")
    parts.append(
        f"*All numbers are of [{page.stem}.csv]({page.stem}.csv), a line for each run with its seed; "
        "`python tools/experiments.py report` wrote this page.*"
    )
    write_atomic(page, ("\n\n".join(parts) + "\n").encode())
    write_atomic(page.with_suffix(".csv"), as_csv(results).encode())


def as_csv(results: list[Result]) -> str:
    lines = [",".join(f.name for f in fields(Result))]
    for result in results:
        values = asdict(result).values()
        lines.append(",".join("" if v is None else f"{v:.4f}" if isinstance(v, float) else str(v) for v in values))
    return "\n".join(lines) + "\n"


def noise(queue: Queue, results: list[Result]) -> str:
    """Say how far apart two means have to be: twice the standard error of their difference, pooled over all rows."""
    groups = [[r.AP for r in results if r.row == row] for row in queue.rows]
    freedom = sum(len(group) - 1 for group in groups if group)
    if not freedom:
        return "No row has two seeds yet, so nothing is known of chance."
    pooled = (sum(statistics.pvariance(g) * len(g) for g in groups if g) / freedom) ** 0.5
    return (
        f"Between the seeds of a row AP has a standard deviation of {pooled:.3f} (pooled over all rows, {freedom} "
        f"degrees of freedom), so two means of three seeds differ by more than chance gives when they are more than "
        f"**{2 * pooled * (2 / 3) ** 0.5:.3f}** apart."
    )


def table(queue: Queue, section: Section, of_rows: dict[str, list[Result]]) -> str:
    """Make the table of a section in Markdown; rows that have no finished run are "not run"."""
    paper = ["paper's AP"] if section.paper else []
    heads = ["row", "changes", "seeds", "AP", *paper, "AP75", "processor s", "dynamic: backbone", "head", "params"]
    lines = [heads, ["---"] * len(heads)]
    for row, results in of_rows.items():
        changes = " ".join(f"`{override}`" for override in queue.rows[row])
        printed = [f"{section.paper[row]:.1f}" if row in section.paper else ""] if paper else []
        if not results:
            lines.append([row, changes, "", "not run", *printed, *[""] * 5])
            continue
        lines.append(
            [
                *(row, changes, ", ".join(str(r.seed) for r in results)),
                *(mean(results, "AP", ".3f"), *printed, mean(results, "AP75", ".3f")),
                *(mean(results, "processor_s", ".0f"), mean(results, "dynamic_backbone", ".1%")),
                *(mean(results, "dynamic_head", ".1%"), f"{results[0].params / 1e6:.2f}M"),
            ]
        )
    for name, rows in section.means.items():
        by_seed: dict[int, list[float]] = {}
        for result in (result for row in rows for result in of_rows[row]):
            by_seed.setdefault(result.seed, []).append(result.AP)
        whole = {seed: statistics.fmean(by_seed[seed]) for seed in sorted(by_seed) if len(by_seed[seed]) == len(rows)}
        printed = [f"{statistics.fmean(section.paper[row] for row in rows):.1f}"] if paper else []
        seeds, values = ", ".join(map(str, whole)), list(whole.values())
        lines.append([f"*{name}*", "", seeds, with_spread(values, ".3f") or "not run", *printed, *[""] * 5])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def mean(results: list[Result], key: str, form: str) -> str:
    values = [value for result in results if (value := getattr(result, key)) is not None]
    return with_spread(values, form)


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
    parts.append(f'<text x="{left - 10}" y="{height - 12}" text-anchor="end">AP</text>')
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


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("run", help="train what is not done yet")
    training.add_argument("queue", type=Path)
    training.add_argument("--out", type=Path, required=True, help="folder for the run folders")
    training.add_argument("--hours", type=float, default=24.0, help="stop after so many, to go on later (24)")
    reporting = commands.add_parser("report", help="write the page of the results")
    reporting.add_argument("queue", type=Path)
    reporting.add_argument("source", type=Path, help="folder of `run`, or the .csv file of an earlier report")
    reporting.add_argument("--out", type=Path, required=True, help="the page, e.g. docs/results.md")
    options = parser.parse_args()
    try:
        queue = read_queue(options.queue)
        if options.command == "run":
            return run(queue, options.out, hours=options.hours)
        report(queue, options.source, options.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
