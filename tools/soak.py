"""End a training at random moments, resume it each time, and compare its end with an undisturbed one.

    python tools/soak.py --kills 50 --seed 0

Trains a tiny network on generated people, with a checkpoint after every step. Every life of the run is a process of
its own, forked from this one so that it starts at once, and ended after a random time: while it starts, loads,
trains, writes or evaluates. Most are killed by SIGKILL, some are stopped by SIGHUP, as by a terminal that is closed.
Now and then a life has a loader process, or messages that nobody reads. When the run is complete, its weights, its
columns of metrics.csv that are not times, and its resume.pt must equal those of a run that nobody killed, to the bit;
then another run starts, until the kills are spent. Exit code 0 if all agree, 1 if not.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import torch
import yaml

import pose.cli.main
import pose.training.trainer
from pose.checkpoints.checkpoint import load_checkpoint
from pose.synthetic.dataset import generate
from pose.training.resume import load_resume
from pose.training.runs import find_runs

# Exit codes; SIGHUP may come before there is anybody to answer it.
ENDS = {signal.SIGKILL: (-signal.SIGKILL,), signal.SIGHUP: (129, -signal.SIGHUP)}
TIMES = ("images_per_s", "data_wait", "seconds", "time", "memory_mb")


def make_config(root: Path, *, epochs: int) -> dict[str, object]:
    def split(name: str) -> dict[str, str]:
        return {"images": f"images/{name}", "annotations": f"annotations/person_keypoints_{name}.json"}

    return {
        "data": {"root": str(root), "train": split("train"), "val": split("val")},
        "model": {
            "width": 0.1,
            "activation": "dyrelu_c",
            "input_size": [64, 64],
            "head": {"activation": "dyrelu_c", "channels": [16, 16, 16, 16], "hidden": [16, 32, 32, 32]},
        },
        "train": {"epochs": epochs, "batch_size": 4, "milestones": [2], "checkpoint_minutes": 0},
        "eval": {"every": 2, "batch_size": 8},
    }


class Life:
    """`pose ARGUMENTS` in a forked process that leads a group of its own.

    Args:
        log: gets all it says.
        heard: false for messages into a pipe without a reader; then `log` gets a crash only.
    """

    def __init__(self, arguments: list[str], log: Path, *, heard: bool = True) -> None:
        self.code: int | None = None
        self.done = (0,) if heard else (0, 141)  # the last line is a result, which nobody takes
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            if not heard:
                read, write = os.pipe()
                os.close(read)
            else:
                write = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(write, 1)
            os.dup2(write, 2)
            sys.argv = ["pose", *arguments]
            code: object = 70
            try:
                pose.cli.main.main()
                code = 0
            except SystemExit as error:
                code = error.code or 0
            except BaseException:
                with log.open("a") as crashed:
                    traceback.print_exc(file=crashed)
            finally:
                with contextlib.suppress(OSError):
                    sys.stderr.flush()
                os._exit(code if isinstance(code, int) else 1)

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal; None while it still lives after this time."""
        end = time.monotonic() + seconds
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= end:
                break
            else:
                time.sleep(0.005)
        return self.code

    def end(self, number: signal.Signals) -> None:
        """Send a signal to the trainer alone, as the system's out-of-memory killer does; its loaders must follow."""
        os.kill(self.pid, number)
        if self.wait(60) is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait(60)
            self.code = None


def outcome(run: Path) -> dict[str, object]:
    """All of a complete run that has to be equal."""
    found: dict[str, object] = {}
    for name in ("last", "best"):
        checkpoint = load_checkpoint(run / f"{name}.safetensors")
        found[name] = (checkpoint.epoch, checkpoint.metrics, _bytes(checkpoint.weights))
    with (run / "metrics.csv").open(newline="") as file:
        found["metrics"] = [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]
    state = load_resume(run / "resume.pt")
    position = {k: v for k, v in state.pop("position").items() if k not in ("seconds", "waiting", "elapsed")}
    return {**found, "position": position, "resume.pt": _bytes(state)}


def _bytes(value: object) -> object:
    """With each tensor as its bytes, which compare to the bit."""
    if isinstance(value, torch.Tensor):
        return (str(value.dtype), tuple(value.shape), value.detach().cpu().contiguous().numpy().tobytes())
    if isinstance(value, dict):
        return {key: _bytes(item) for key, item in value.items()}
    return [_bytes(item) for item in value] if isinstance(value, list | tuple) else value


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="signals in all (50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--people", type=int, default=24, help="pictures to train on (24)")
    parser.add_argument("--epochs", type=int, default=4, help="of a run (4)")
    parser.add_argument("--keep", type=Path, help="folder for the runs and their logs; default: a temporary one")
    options = parser.parse_args()
    if options.kills < 1 or options.people < 1 or options.epochs < 3:
        parser.error("--kills and --people are at least 1, --epochs at least 3 (a milestone is at 2)")
    folder = options.keep or Path(tempfile.mkdtemp(prefix="soak-"))
    torch.set_num_threads(1)
    try:
        return soak(folder, options)
    finally:
        if options.keep is None:
            shutil.rmtree(folder)


def soak(folder: Path, options: argparse.Namespace) -> int:
    generate(folder / "data", level="easy", train=options.people, val=8, seed=0)
    config = folder / "soak.yaml"
    config.write_text(yaml.safe_dump(make_config(folder / "data", epochs=options.epochs)))
    start = time.monotonic()
    reference = Life(["train", str(config), "--out", str(folder / "whole"), "--workers", "0"], folder / "whole.log")
    if reference.wait(3600) != 0:
        print(f"the undisturbed run failed: {(folder / 'whole.log').read_text()[-2000:]}")
        return 1
    whole, length = outcome(folder / "whole"), time.monotonic() - start
    print(f"undisturbed: {length:.1f} s; kills after 0 to {length / 3:.1f} s", flush=True)

    rng, kills, lives, number, equal, states = random.Random(options.seed), 0, 0, 0, 0, Counter[str]()
    sent, unheard = Counter[str](), 0
    while kills < options.kills:
        number += 1
        run, log, tries = folder / f"run{number}", folder / f"run{number}.log", 0
        while True:
            known = (run / "config.yaml").is_file()
            arguments = ["train", "--resume", str(run)] if known else ["train", str(config), "--out", str(run)]
            heard = rng.random() < 0.8
            life = Life([*arguments, "--workers", str(int(rng.random() < 0.2))], log, heard=heard)
            lives += 1
            tries += 1
            delay = rng.uniform(0, length / 3 * max(1, tries / 20))  # longer where the machine has become slower
            code = life.wait(delay if kills < options.kills else 3600)
            if code in life.done:
                break
            if code is not None or kills == options.kills:
                print(f"run {number}, life {lives}: exit code {code}: {last_words(log)}")
                return 1
            number_sent = signal.SIGHUP if rng.random() < 0.2 else signal.SIGKILL
            life.end(number_sent)
            if life.code not in ENDS[number_sent] + life.done:
                print(f"run {number}, life {lives}: {number_sent.name} gave {life.code}: {last_words(log)}")
                return 1
            sent.update([number_sent.name])
            unheard += not heard
            kills += 1
            states.update([found.state for found in find_runs(run)] if run.is_dir() else ["no run yet"])
        different = compare(whole, outcome(run))
        equal += not different
        what = f"DIFFERS in {', '.join(different)}" if different else "equal"
        print(f"run {number}: {kills} kills so far, {lives} lives: {what}", flush=True)
    logs = "".join(path.read_text() for path in sorted(folder.glob("run*.log")))
    shown = ", ".join(f"{name} {count}" for name, count in sorted(states.items()))
    print(f"{kills} kills, seed {options.seed}, {lives} lives, {number} runs in {time.monotonic() - start:.0f} s")
    print(f"by {', '.join(f'{name} {count}' for name, count in sorted(sent.items()))}; without a reader: {unheard}")
    print(f"state after a kill: {shown}")
    print(
        f"started from the beginning: {logs.count('starts from the beginning')}, from resume.previous.pt: "
        f"{logs.count('the checkpoint before')}, tracebacks: {count_tracebacks(logs)}"
    )
    left = [str(path) for path in folder.glob("run*/.*.part")]
    print(f"runs equal to the undisturbed one: {equal} of {number}; unfinished files left: {len(left)}")
    return 0 if equal == number and not left and not count_tracebacks(logs) else 1


def last_words(log: Path) -> str:
    return log.read_text()[-2000:] if log.exists() else "nobody listened"


def count_tracebacks(text: str) -> int:
    """Those of the program: Python's own threads, and objects at its end, may meet that all around them ends."""
    lines = text.splitlines()
    return sum(
        line.startswith("Traceback") and not before.startswith(("Exception in thread", "Exception ignored"))
        for before, line in zip(["", *lines], lines, strict=False)
    )


def compare(ours: dict[str, object], theirs: dict[str, object]) -> list[str]:
    """Names of what differs."""
    return [name for name in ours if ours[name] != theirs.get(name)]


if __name__ == "__main__":
    sys.exit(main())
