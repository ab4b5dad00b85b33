"""Give damaged files to every command that reads files, and see that it answers with a message.

    python tools/fuzz.py --count 5000 --seed 0

Annotations, detections, configs, weights, states, ONNX files, run folders and pictures are made by the package, then
damaged: by their structure, and blindly. Each goes to `pose ...` in a process that may write into one folder only,
whose other opens, sockets and programs are seen by an audit hook, whose memory is limited, and which is ended when it
takes too long. Exit codes 0, 1 and 2 without a traceback are right, all else is a fault. A case is a function of its
seed and number: `--seed 0 --only 17` runs it again. Exit code 0 if there are no faults, 1 if there are.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from io import FileIO
from itertools import count, islice
from pathlib import Path
from typing import Any

import pose  # noqa: F401 isort: skip (before OpenCV, whose limits it sets)
import albumentations  # noqa: F401 (before the fork: it takes seconds)
import onnxruntime  # noqa: F401
import torch
from fuzzing.cases import HTML, KINDS, pick
from fuzzing.guard import Guard, Outcome
from fuzzing.models import CANARY
from fuzzing.own import FOREIGN
from fuzzing.seeds import Seeds, make_seeds

RESULTS = ("accepted", "found errors", "refused", "fault")


def run_case(guard: Guard, seeds: Seeds, case: Path, *, seed: int, number: int) -> tuple[list[str], Outcome]:
    """Make a case in its folder and give it to the command."""
    _, make, rng = pick(seed, number)
    shutil.rmtree(case, ignore_errors=True)  # of another time
    case.mkdir(parents=True)
    shutil.copytree(seeds.folder / "outside", case / "outside")
    trial = make(rng, seeds, case)
    outcome = guard.run(trial, inside=case, secret=case / "outside")
    outcome.faults += _faults_left(case)
    return trial.arguments, outcome


def _faults_left(case: Path) -> list[str]:
    """What is wrong with the files that a command wrote."""
    faults = [f"code was run: {path.name} was made" for path in case.rglob(f"*{CANARY}*")]
    for path in (case / "out").rglob("*") if (case / "out").is_dir() else ():
        if not path.is_file() or path.read_bytes() == FOREIGN:
            continue
        if path.suffix == ".html":
            page = path.read_text(encoding="utf-8")
            faults += [f"{path.name} holds {text} as it is" for text in HTML if text in page]
        elif path.suffix == ".json":
            try:
                json.loads(path.read_bytes(), parse_constant=lambda name: 1 / 0)
            except (ValueError, ZeroDivisionError) as error:
                faults.append(f"{path.name} is no JSON: {error!r}")
    return faults


def work(seeds: Seeds, folder: Path, options: argparse.Namespace, numbers: list[int], reports: int) -> None:
    """Run cases one by one, saying before each which it is and after it how it went."""
    guard = Guard()
    with (
        os.fdopen(reports, "w") as out,
        (folder / "hang.txt").open("w") as hang,
        (folder / "stderr.txt").open("a") as err,
    ):
        os.dup2(err.fileno(), 2)  # what libraries say by themselves
        for number in numbers:
            print(json.dumps({"begin": number}), file=out, flush=True)
            case, start = folder / f"case{number}", time.monotonic()
            faulthandler.dump_traceback_later(options.timeout, exit=True, file=hang)
            arguments, outcome = run_case(guard, seeds, case, seed=options.seed, number=number)
            faulthandler.cancel_dump_traceback_later()
            result = "fault" if outcome.faults else RESULTS[min(outcome.code, 2)]
            report = {"number": number, "result": result, "faults": outcome.faults, "peak": outcome.peak_mb}
            report |= {"seconds": time.monotonic() - start, "arguments": arguments}
            if outcome.faults:
                said = f"--- stdout\n{outcome.out}\n--- stderr\n{outcome.err}"
                text = f"pose {' '.join(arguments)}\n{outcome.faults}\n{said}"
                (case / "output.txt").write_text(text, encoding="utf-8", errors="backslashreplace")
            elif not options.keep_all:
                shutil.rmtree(case)
            print(json.dumps(report), file=out, flush=True)


def run_all(seeds: Seeds, folder: Path, options: argparse.Namespace, numbers: list[int]) -> list[dict[str, Any]]:
    """All cases, by as many processes one after another as it takes: one that hangs or dies costs a case."""
    done: list[dict[str, Any]] = []
    end = time.monotonic() + 60 * options.minutes if options.minutes else None
    while len(done) < len(numbers):
        read, write = os.pipe()
        sys.stdout.flush()
        worker = os.fork()
        if worker == 0:
            os.close(read)
            try:
                work(seeds, folder, options, numbers[len(done) :], write)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(write)
        begun: int | None = None
        with os.fdopen(read, "rb", buffering=0) as lines:
            for line in _until(lines, options.timeout + 10):
                report = json.loads(line)
                begun = report.get("begin")
                if begun is None:
                    done.append(report)
                    _say(report, options, len(done))
                if end is not None and time.monotonic() > end:
                    os.kill(worker, signal.SIGKILL)
                    os.waitpid(worker, 0)
                    return done
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        status = os.waitpid(worker, 0)[1]
        if begun is not None:
            stack = (folder / "hang.txt").read_text().strip()
            why = f"hangs: {_place(stack)}" if stack else f"the process died: status {status}"
            (folder / f"case{begun}/output.txt").write_text(stack or why)
            done.append({"number": begun, "result": "fault", "faults": [why], "peak": 0, "seconds": options.timeout})
            _say(done[-1], options, len(done))
        elif len(done) < len(numbers):
            raise RuntimeError(f"the worker ended with status {status} between two cases")
    return done


def _until(pipe: FileIO, seconds: float) -> Iterator[bytes]:
    """Lines as they come, until there are no more or none comes for so long."""
    rest = b""
    while select.select([pipe], [], [], seconds)[0]:
        data = pipe.read(65_536)
        if not data:
            return
        *whole, rest = (rest + data).split(b"\n")
        yield from whole


def _place(stack: str) -> str:
    """The innermost line of the package in a stack."""
    ours = [line.strip() for line in stack.splitlines() if f"{os.sep}pose{os.sep}" in line]
    return ours[0] if ours else stack.splitlines()[0]


def _say(report: dict[str, Any], options: argparse.Namespace, done: int) -> None:
    if report["faults"]:
        print(
            f"case {report['number']} ({pick(options.seed, report['number'])[0]}): {report['faults'][0]}", flush=True
        )
    if done % 500 == 0:
        print(f"{done} done", file=sys.stderr, flush=True)


def print_table(done: list[dict[str, Any]], options: argparse.Namespace) -> None:
    rows: dict[str, list[Any]] = defaultdict(lambda: [0, 0, 0, 0, 0.0, 0])
    for report in done:
        for name in (pick(options.seed, report["number"])[0], "all"):
            rows[name][RESULTS.index(report["result"])] += 1
            rows[name][4] += report["seconds"]
            rows[name][5] = max(rows[name][5], report["peak"])
    print(f"{'files given to':<32}{'number':>8}" + "".join(f"{name:>14}" for name in RESULTS) + f"{'s':>8}{'MB':>6}")
    for name in [*(kind[0] for kind in KINDS), "all"]:
        if name in rows:
            *counts, seconds, peak = rows[name]
            print(f"{name:<32}{sum(counts):>8}" + "".join(f"{n:>14}" for n in counts) + f"{seconds:>8.1f}{peak:>6}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="damaged files (1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (0)")
    parser.add_argument("--first", type=int, default=0, help="number to begin with (0)")
    parser.add_argument("--only", type=int, help="run this number alone and print what was said")
    parser.add_argument("--kind", help="only cases whose kind begins with this, as the table names them")
    parser.add_argument("--minutes", type=float, help="stop after this time, if the files last so long")
    parser.add_argument("--timeout", type=float, default=60, help="seconds after which a case hangs (60)")
    parser.add_argument("--keep", type=Path, help="folder for cases with faults; default: a temporary one")
    parser.add_argument("--keep-all", action="store_true", help="keep the cases without faults too")
    options = parser.parse_args()
    if options.kind and not any(kind[0].startswith(options.kind) for kind in KINDS):
        parser.error(f"no kind begins with {options.kind!r}; there are {', '.join(kind[0] for kind in KINDS)}")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    folder = (options.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-seeds-") as place:
        seeds = make_seeds(Path(place))
        if options.only is not None:
            arguments, outcome = run_case(
                Guard(), seeds, folder / f"case{options.only}", seed=options.seed, number=options.only
            )
            print(f"cd {folder}/case{options.only}\npose {' '.join(arguments)}\n{outcome.out}{outcome.err}")
            print(f"exit code {outcome.code}, {outcome.peak_mb} MB, faults: {outcome.faults}")
            return int(bool(outcome.faults))
        numbers = (n for n in count(options.first) if pick(options.seed, n)[0].startswith(options.kind or ""))
        done = run_all(seeds, folder, options, list(islice(numbers, options.count)))
    print_table(done, options)
    faults = sum(report["result"] == "fault" for report in done)
    print(f"{len(done)} files, seed {options.seed}: {faults} faults" + (f", in {folder}" if faults else ""))
    if not faults and options.keep is None:
        shutil.rmtree(folder)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
