"""Whether the memory of a long training stays flat: the resident memory of trainer and loader over its iterations.

    python tools/memory.py --iterations 2000

Trains the soak's tiny network on generated people with one loader process, a checkpoint every three seconds and an
evaluation every 400 iterations, and prints a row for each tenth of the way. Needs Linux's /proc. Exit code 0 if the
last tenth's memory is at most 5 % above the third tenth's (before, caches and allocators still fill), else 1.

What the process holds once training is done stands in a row of its own: while it ends, the libraries' finalisers
touch pages of their files that nothing needed before.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from soak import make_config

from pose.synthetic.dataset import generate

BATCH, PEOPLE_AT_LEAST = 4, 40


@dataclass(frozen=True)
class Sample:
    """Memory at one moment, in MiB; pages that processes share count in full.

    Attributes:
        step: iterations done.
        training: whether training still goes on.
        trainer: resident memory of the trainer.
        own: the part of it that is no file's: what Python, torch and their allocators hold.
        loader: resident memory of the largest loader process.
    """

    step: int
    training: bool
    trainer: float
    own: float
    loader: float


def resident_mb(pid: int) -> tuple[float, float]:
    """Resident memory of a process, and what of it is no file's; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(("VmRSS", "RssAnon"))}
    return kilobytes.get("VmRSS", 0) / 2**10, kilobytes.get("RssAnon", 0) / 2**10


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def take_sample(pid: int, run: Path) -> Sample:
    """With the step and state of the heartbeat; before the first, step 0."""
    try:
        state = json.loads((run / "state.json").read_text())
    except (OSError, ValueError):
        state = {"epoch": 0, "steps": 0, "step": 0, "state": "running"}
    step = state["epoch"] * state["steps"] + state["step"]
    loader = max((resident_mb(child)[0] for child in children(pid)), default=0.0)
    return Sample(step, state["state"] == "running", *resident_mb(pid), loader)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--iterations", type=int, default=2000, help="training steps (2000)")
    iterations = parser.parse_args().iterations
    with tempfile.TemporaryDirectory(prefix="memory-") as name:
        folder = Path(name)
        generate(folder / "data", level="easy", train=PEOPLE_AT_LEAST, val=8, seed=0)
        annotations = json.loads((folder / "data/annotations/person_keypoints_train.json").read_text())
        steps = -(-sum(a["num_keypoints"] > 0 for a in annotations["annotations"]) // BATCH)
        epochs = max(3, -(-iterations // steps))
        config = make_config(folder / "data", epochs=epochs)
        config["train"] |= {"checkpoint_minutes": 0.05, "batch_size": BATCH}  # type: ignore[operator]
        config["eval"] |= {"every": max(1, 400 // steps)}  # type: ignore[operator]
        (folder / "memory.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "pose", "train", folder / "memory.yaml", "--out", folder / "run"]
        samples: list[Sample] = []
        with (folder / "log").open("w+") as log:
            process = subprocess.Popen([*command, "--workers", "1"], stdout=log, stderr=log)
            while process.poll() is None:
                samples.append(take_sample(process.pid, folder / "run"))
                time.sleep(0.1)
            if process.returncode != 0:
                print((folder / "log").read_text()[-2000:])
                return 1
    return report(samples, epochs * steps)


def report(samples: list[Sample], total: int) -> int:
    """Print the most that each tenth of the way held, and judge."""
    print(f"{total} iterations; the most in each tenth, in MiB\n iterations  trainer  no file's  loader")
    tenths = []
    for tenth in range(10):
        low, high = total * tenth // 10, total * (tenth + 1) // 10
        tenths.append(row(f"{high}", [s for s in samples if s.training and low < s.step <= high]))
    row("the end", [s for s in samples if not s.training])
    growth = tenths[-1] / max(tenths[2], 1e-9) - 1
    print(f"last tenth against the third: {growth:+.1%}")
    return 0 if tenths[2] and growth <= 0.05 else 1


def row(name: str, samples: list[Sample]) -> float:
    """Print the maxima; returns the trainer's."""
    columns = zip(*((s.trainer, s.own, s.loader) for s in samples), strict=True)
    trainer, own, loader = [max(column) for column in columns] or [0.0, 0.0, 0.0]
    print(f"{name:>11}  {trainer:>7.0f}  {own:>9.0f}  {loader:>6.0f}")
    return trainer


if __name__ == "__main__":
    sys.exit(main())
