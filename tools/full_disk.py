"""Train on disks that are too small, then enlarge each, resume, and compare the end with an undisturbed run.

    sudo python tools/full_disk.py --sizes 20

The disks are file systems in memory (Linux, and the right to mount), of sizes from nothing to what a run needs, so
each training ends somewhere else: at its first file, in a checkpoint, in the weights. It has to end with exit code 2
and one message, and with its last checkpoint whole. The training is the soak's. Exit code 0 if all is well, 1 if not.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import torch
import yaml
from soak import Life, compare, make_config, outcome

from pose.synthetic.dataset import generate

KIB = 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, default=20, help="disks to try (20)")
    sizes = parser.parse_args().sizes
    if sizes < 1:
        parser.error("--sizes is at least 1")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="full-disk-") as name:
        return try_sizes(Path(name), sizes)


def try_sizes(folder: Path, sizes: int) -> int:
    generate(folder / "data", level="easy", train=8, val=8, seed=0)
    config = folder / "full.yaml"
    config.write_text(yaml.safe_dump(make_config(folder / "data", epochs=3)))
    code, said = train(["train", config, "--out", folder / "whole"], folder / "whole.log")
    if code != 0:
        print(f"the undisturbed run failed: {said[-2000:]}")
        return 1
    whole = outcome(folder / "whole")
    files = [path.stat().st_size for path in (folder / "whole").rglob("*") if path.is_file()]
    needed = (sum(files) + max(files)) // KIB  # a new checkpoint stands beside the two before it
    ends, good = Counter[str](), 0
    for number in range(sizes):
        # Half of them in the first 0.2 %, where the small files are.
        share = 0.002 * number / (sizes / 2) if number < sizes / 2 else (number - sizes / 2 + 0.5) / (sizes / 2)
        size = max(4, round(share * needed))
        where, problems = try_size(folder, config, whole, size)
        ends[where] += 1
        good += not problems
        print(f"{size:>7} KiB: {where}: {'; '.join(problems) or 'resumed, equal'}", flush=True)
    print(f"{sizes} disks of up to {needed} KiB, good: {good}")
    print("training ended: " + ", ".join(f"{name} {count}" for name, count in ends.most_common()))
    return 0 if good == sizes else 1


def try_size(folder: Path, config: Path, whole: dict[str, object], size: int) -> tuple[str, list[str]]:
    """Where training ended on a disk of so many KiB, and what was wrong."""
    disk = folder / "disk"
    run, log, problems = disk / "run", folder / f"{size}.log", []
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], check=True)
    try:
        code, said = train(["train", config, "--out", run], log)
        if code == 0:
            where = "not at all"
        else:
            lines = [line for line in said.splitlines() if line.startswith("error: ")]
            if code != 2 or len(lines) != 1 or "No space left on device" not in lines[0] or "Traceback" in said:
                problems.append(f"exit code {code}, {said[-500:]!r}")
            where = "at " + next(
                (n for n in NAMES if any(n in line.split(":")[1] for line in lines)), "something else"
            )
            subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
            known = (run / "config.yaml").is_file()
            again = ["train", "--resume", run] if known else ["train", config, "--out", run]
            code, said = train(again, folder / f"{size}.again.log")
        if code != 0:
            problems.append(f"cannot go on: exit code {code}, {said[-500:]!r}")
        elif different := compare(whole, outcome(run)):
            problems.append(f"differs in {', '.join(different)}")
    finally:
        subprocess.run(["umount", disk], check=True)
    return where, problems


NAMES = (
    *("config.yaml", "versions.json", "state.json", "batch0.jpg", "events.out", "metrics.csv", "resume.pt"),
    *("best.safetensors", "last.safetensors"),
)


def train(arguments: list[object], log: Path) -> tuple[int | None, str]:
    """Exit code and all that `pose` said."""
    life = Life([*map(str, arguments), "--workers", "0"], log)
    code = life.wait(600)
    return code, log.read_text()


if __name__ == "__main__":
    sys.exit(main())
