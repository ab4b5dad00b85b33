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
import os
import signal
import statistics
import sys
import time
import traceback
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: what is compared is the processor time of one thread

from experiments_page import report
from experiments_queue import Queue, folder_name, read_notes, read_queue, read_result, state_of

from pose.config.load import load_config
from pose.runtime.console import duration
from pose.runtime.errors import DataError
from pose.runtime.files import write_json

IMAGES = 64  # people of the validation split on which a network's activations are watched
GRACE = 120.0  # seconds in which a training saves itself when the time is up


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
    earlier = read_notes(folder) if notes.is_file() else {"processor_s": 0.0}
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

    from pose.checkpoints.checkpoint import load_checkpoint
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


def look_again(queue: Queue, out: Path) -> None:
    """Look at what finished runs trained whose process was killed before it had."""
    for job in queue.jobs():
        folder = out / folder_name(*job)
        if state_of(folder) == "done" and "params" not in (notes := read_notes(folder)):
            print(f"{folder} was ended before its network was looked at, which is done now", flush=True)
            write_json(Path(f"{folder}.json"), {**notes, **look(folder)})


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
        if options.source.is_dir():
            look_again(queue, options.source)
        report(queue, options.source, options.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
