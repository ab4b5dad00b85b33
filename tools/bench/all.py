"""All benchmarks, each in a process of its own, as one Markdown table; and the profiles of profile_step.py.

    python tools/bench/all.py [--only NAME] [--threads 1] [--out FILE] [--quick]

Those of operators, networks and heatmaps run twice: with glibc's allocator told to keep its memory, as large tensors
are else given back to the kernel and fetched again in every step, and as they come. On a quiet machine of two cores
all take about eight minutes. The rows of data need POSE_COCO_SAMPLE, those of inference onnxruntime.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from timing import Row, markdown

FOLDER = Path(__file__).parent
# Names of the files beside this one, and whether the allocator matters.
BENCHES = {
    "activations": True,
    "training_step": True,
    "inference": True,
    "data": False,
    "codec": True,
    "evaluation": False,
    "startup": False,
    "predict": False,
    "video": False,
}
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "536870912",
}
MARK = "result of the benchmark: "
CODE = "import json, {name}; print({mark!r} + json.dumps({name}.{function}({quick})))"


def run(name: str, function: str, *, threads: int, quick: bool, environment: dict[str, str]) -> Any:
    """What a function of a file beside this one returns, such as its rows, in a new process.

    Raises:
        RuntimeError: it failed; the message is its last line.
    """
    inherited = {key: value for key, value in os.environ.items() if key not in KEEP_MEMORY}
    # What is measured is the package that these files belong to.
    paths = [str(FOLDER), str(FOLDER.parents[1]), inherited.get("PYTHONPATH", "")]
    environment = {
        **inherited,
        **environment,
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    code = CODE.format(name=name, function=function, mark=MARK, quick=quick)
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    for line in result.stdout.splitlines():
        if line.startswith(MARK):
            return json.loads(line.removeprefix(MARK))
    raise RuntimeError((result.stderr.strip() or f"no result, exit code {result.returncode}").splitlines()[-1])


def machine(threads: int) -> str:
    """What the numbers depend on, in a line."""
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = models[0] if models else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}, {platform.libc_ver()[0]}"
    return f"{cpu}, {cores} cores, {threads} used; {versions} {platform.libc_ver()[1]}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", metavar="NAME", choices=BENCHES, help=f"one of {', '.join(BENCHES)}")
    parser.add_argument("--threads", type=int, default=1, help="OMP_NUM_THREADS (default: 1)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table here too")
    parser.add_argument("--quick", action="store_true", help="tiny inputs: only to see that it runs")
    args = parser.parse_args(argv)
    rows: list[Row] = []
    profiles = ""
    failed = 0
    jobs = [
        (name, "rows", environment)
        for name in ([args.only] if args.only else BENCHES)
        for environment in ((KEEP_MEMORY, {}) if BENCHES[name] else ({},))
    ]
    for name, function, environment in jobs + [("profile_step", "tables", KEEP_MEMORY)] * (args.only is None):
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        started = time.perf_counter()
        try:
            found = run(name, function, threads=args.threads, quick=args.quick, environment=environment)
        except RuntimeError as error:
            print(f"{name} failed: {error}", file=sys.stderr, flush=True)
            failed += 1
            continue
        print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        if function == "tables":
            profiles = f"\n{found}\n"
            continue
        if BENCHES[name] and not environment:
            found = [
                {**row, "note": "; ".join(filter(None, ["allocator as it comes", row["note"]]))} for row in found
            ]
        rows += found
    text = f"{machine(args.threads)}\n\n{markdown(rows)}\n{profiles}"
    print(text, end="")
    if args.out:
        args.out.write_text(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
