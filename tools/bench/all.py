"""All benchmarks, each in a process of its own, as one Markdown table; and the profiles of profile_step.py.

    python tools/bench/all.py [--only NAME] [--threads 1] [--docs] [--quick]

--docs writes them into docs/performance.md. On a quiet machine of two cores all take about nine minutes. Rows of
operators, networks and heatmaps are with glibc's allocator told to keep its memory, as large tensors are else given
back to the kernel and fetched again in every step; those of operators and heatmaps run without that too. The rows of
data need POSE_COCO_SAMPLE, those of commands and inference onnxruntime, that of a video POSE_MEDIAPIPE (video.py).
What cannot be measured is named under the table.
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
DOCS = FOLDER.parents[1] / "docs/performance.md"
# Names of the files beside this one, and how the allocator is for each of their runs.
KEPT, AS_IT_COMES = "kept", "allocator as it comes"
BENCHES = {
    "activations": (KEPT, AS_IT_COMES),
    "training_step": (KEPT,),
    "inference": (KEPT,),
    "codec": (KEPT, AS_IT_COMES),
    "data": (AS_IT_COMES,),
    "coco_size": (AS_IT_COMES,),
    "evaluation": (AS_IT_COMES,),
    "startup": (AS_IT_COMES,),
    "predict": (AS_IT_COMES,),
    "video": (AS_IT_COMES,),
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
    info = Path("/proc/cpuinfo")
    lines = (line.partition(":") for line in info.read_text().splitlines()) if info.is_file() else ()
    of = {key.strip(): value.strip() for key, _, value in lines}
    cpu = of.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in of:
        best = next((flag for flag in ("avx512_bf16", "avx512f", "avx2") if flag in of.get("flags", "").split()), "")
        cpu += f" (family {of['cpu family']}, model {of.get('model')}{', ' * bool(best)}{best})"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}, {platform.libc_ver()[0]}"
    return f"{cpu}, {cores} cores, {threads} used; {versions} {platform.libc_ver()[1]}"


def gather(names: Sequence[str], *, threads: int, quick: bool) -> tuple[list[Row], list[str]]:
    """The rows of the benchmarks, and a line for each that failed."""
    rows: list[Row] = []
    failed = []
    for name, allocator in [(bench, allocator) for bench in names for allocator in BENCHES[bench]]:
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        started = time.perf_counter()
        environment = KEEP_MEMORY if allocator == KEPT else {}
        try:
            found = run(name, "rows", threads=threads, quick=quick, environment=environment)
        except RuntimeError as error:
            failed.append(f"{name} failed: {error}")
            print(error, file=sys.stderr, flush=True)
            continue
        print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        if KEPT in BENCHES[name] and allocator == AS_IT_COMES:
            found = [{**row, "note": "; ".join(filter(None, [allocator, row["note"]]))} for row in found]
        rows += found
    return rows, failed


def write_docs(text: str, part: str) -> None:
    """Put a text between the marks of a part of the page, "table" or "profiles".

    Raises:
        ValueError: the page does not have these marks once.
    """
    begin, end = (f"<!-- {part} of tools/bench/all.py: {word} -->" for word in ("begin", "end"))
    page = DOCS.read_text(encoding="utf-8")
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"{DOCS} must hold '{begin}' and '{end}' once each")
    head, rest = page.split(begin)
    DOCS.write_text(f"{head}{begin}\n{text.strip()}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", metavar="NAME", choices=BENCHES, help=f"one of {', '.join(BENCHES)}")
    parser.add_argument("--threads", type=int, default=1, help="OMP_NUM_THREADS (default: 1)")
    parser.add_argument("--docs", action="store_true", help=f"write all into {DOCS.name} too")
    parser.add_argument("--quick", action="store_true", help="tiny inputs: only to see that it runs")
    args = parser.parse_args(argv)
    if args.docs and (args.only or args.quick):
        parser.error("--docs takes all rows, so it goes with neither --only nor --quick")
    rows, failed = gather([args.only] if args.only else list(BENCHES), threads=args.threads, quick=args.quick)
    profiles = ""
    if not args.only:
        try:
            profiles = run("profile_step", "tables", threads=args.threads, quick=args.quick, environment=KEEP_MEMORY)
        except RuntimeError as error:
            failed.append(f"profile_step failed: {error}")
    table = "\n".join([machine(args.threads), "", markdown(rows), "", *(f"- {line}" for line in failed)]).strip()
    print(f"{table}\n\n{profiles}".strip())
    if args.docs:
        write_docs(table, "table")
        if profiles:
            write_docs(profiles, "profiles")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
