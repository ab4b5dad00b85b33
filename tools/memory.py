"""Whether the memory of a long training stays flat: the resident memory of trainer and loader over its iterations.

    python tools/memory.py --iterations 2000

Trains the soak's tiny network on generated people with one loader process, a checkpoint every three seconds and an
evaluation every 400 iterations, and prints a row for each tenth of the way. Needs Linux's /proc. Exit code 0 if the
last tenth's memory is at most 5 % above the third tenth's (before, caches and allocators still fill), else 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from soak import make_config

from pose.data.figures import generate

BATCH, PEOPLE_AT_LEAST = 4, 40
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


def resident_mb(pid: int) -> float:
    """Resident memory of one process; shared pages count in full."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MB
    except (OSError, IndexError):
        return 0.0


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def steps_done(run: Path) -> int:
    """From the heartbeat; 0 before the first."""
    try:
        state = json.loads((run / "state.json").read_text())
    except (OSError, ValueError):
        return 0
    return state["epoch"] * state["steps"] + state["step"]


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
        samples: list[tuple[int, float, float]] = []
        with (folder / "log").open("w+") as log:
            process = subprocess.Popen([*command, "--workers", "1"], stdout=log, stderr=log)
            while process.poll() is None:
                loaders = max((resident_mb(child) for child in children(process.pid)), default=0.0)
                samples.append((steps_done(folder / "run"), resident_mb(process.pid), loaders))
                time.sleep(0.5)
            if process.returncode != 0:
                print((folder / "log").read_text()[-2000:])
                return 1
    return report(samples, epochs * steps)


def report(samples: list[tuple[int, float, float]], total: int) -> int:
    """Print the most that each tenth of the way held, and judge."""
    print(f"{total} iterations; the most in each tenth, in MiB\n iterations  trainer  loader")
    tenths = []
    for tenth in range(10):
        low, high = total * tenth // 10, total * (tenth + 1) // 10
        inside = [sample for sample in samples if low < sample[0] <= high]
        trainer, loader = (max((sample[i] for sample in inside), default=0.0) for i in (1, 2))
        tenths.append(trainer)
        print(f"{high:>11}  {trainer:>7.0f}  {loader:>6.0f}")
    growth = tenths[-1] / max(tenths[2], 1e-9) - 1
    print(f"last tenth against the third: {growth:+.1%}")
    return 0 if tenths[2] and growth <= 0.05 else 1


if __name__ == "__main__":
    sys.exit(main())
