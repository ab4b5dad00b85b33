"""Several processes that find each other as torchrun's do, forked from one that has imported everything.

pytest's own process cannot be forked from: once it has run a backward pass, its children cannot. So it starts this
module once, sends it jobs, and reads what became of the processes. Starting them by torchrun takes seconds for each.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ends:
    """How the processes of a job ended, by rank.

    Attributes:
        codes: exit codes; minus the number of a signal.
        out, err: what they wrote.
    """

    codes: list[int]
    out: list[str]
    err: list[str]


class Fleet:
    """The process that forks, until `close`."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def run(self, count: int, function: str, folder: Path, **arguments: Any) -> Ends:
        """Call `module:function(folder, **arguments)` in `count` processes, and wait for all of them.

        None of them is ended because another did: that they end by themselves is what is tested. Those that still
        run after two minutes are killed.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        folder.mkdir(parents=True, exist_ok=True)
        job = {"count": count, "function": function, "folder": str(folder), "arguments": arguments}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        codes = json.loads(self.process.stdout.readline())
        streams = ([(folder / f"{name}{rank}").read_text() for rank in range(count)] for name in ("out", "err"))
        return Ends(codes, *streams)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


def serve() -> None:
    """Run jobs from stdin."""
    for name in ("tests.helpers.jobs", "pose.cli.main", "pose.classification.task"):
        importlib.import_module(name)  # so that the forked processes need not

    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(_run(**job)), file=answers, flush=True)


def _run(count: int, function: str, folder: str, arguments: dict[str, Any]) -> list[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host = _fork(lambda: _host_store(port, count))  # as torchrun, which outlives its processes, does
    processes = [
        _fork(lambda rank=rank: _work(rank, count, port, function, folder, arguments)) for rank in range(count)
    ]
    codes, deadline = dict.fromkeys(processes), time.monotonic() + 120
    while None in codes.values():
        for pid in [pid for pid, code in codes.items() if code is None]:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                codes[pid] = os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(host, signal.SIGKILL)
    os.waitpid(host, 0)
    return [codes[pid] for pid in processes]


def _fork(work: Any) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except SystemExit as stop:
        os._exit(stop.code if isinstance(stop.code, int) else int(stop.code is not None))
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # no time for the end of an interpreter


def _host_store(port: int, count: int) -> None:
    import torch.distributed as dist

    store = dist.TCPStore("127.0.0.1", port, count + 1, is_master=True, wait_for_workers=False)
    while store is not None:
        time.sleep(60)


def _work(rank: int, count: int, port: int, function: str, folder: str, arguments: dict[str, Any]) -> None:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(folder, f"{name}{rank}"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RUN_ID": "none",
    }
    module, name = function.split(":")
    getattr(importlib.import_module(module), name)(Path(folder), **arguments)


if __name__ == "__main__":
    serve()
