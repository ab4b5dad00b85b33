"""Messages that cannot be written: the work goes on, and the exit code tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
import torch

from pose.checkpoints.checkpoint import load_checkpoint
from pose.training.resume import load_resume
from tests.helpers.command import take_default_signals

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]


def start(*arguments: object, **streams: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pose", *map(str, arguments)],
        env=ENVIRONMENT,
        preexec_fn=take_default_signals,
        **streams,
    )


def wait_until(done: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 90
    while not done():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.02)


def stream(process: subprocess.Popen[bytes], name: str) -> IO[bytes]:
    found = getattr(process, name)
    assert found is not None
    return found


def test_a_training_whose_reader_ends_goes_on(tiny_run: Path, tmp_path: Path) -> None:
    """As `pose train ... 2>&1 | head -1`: the same weights, and the code of a result that nobody took."""
    run = tmp_path / "run"
    read, write = os.pipe()
    process = start("train", tiny_run.parent / "tiny.yaml", "--out", run, "--workers", 0, stdout=write, stderr=write)
    os.close(write)
    with os.fdopen(read, "rb") as lines:
        assert lines.readline() == f"run folder {run}\n".encode()
    assert process.wait(120) == 141
    assert json.loads((run / "state.json").read_text())["state"] == "done"
    ours, theirs = (load_checkpoint(folder / "last.safetensors").weights for folder in (run, tiny_run))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_after_the_reader_has_ended_leaves_a_checkpoint(
    tiny_yaml: Path, tmp_path: Path, signum: signal.Signals, code: int
) -> None:
    """As Ctrl-C of `pose train ... 2>&1 | tee log`, where tee may end first."""
    run = tmp_path / "run"
    many = ("train.epochs=100000", "eval.every=100000", "train.checkpoint_minutes=100")
    process = start("train", tiny_yaml, *many, "--out", run, "--workers", 0, stderr=subprocess.PIPE)
    try:
        wait_until((run / "last.safetensors").exists, process)
        stream(process, "stderr").close()
        process.send_signal(signum)
        assert process.wait(60) == code
    finally:
        process.kill()
        process.wait()
    state = json.loads((run / "state.json").read_text())
    assert (state["state"], state["message"]) == ("stopped", f"stopped by {signum.name}")
    assert load_resume(run / "resume.pt")["position"]["epoch"] == state["epoch"] >= 1


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
@pytest.mark.parametrize("disowned", [False, True])
def test_a_terminal_that_is_closed(tiny_run: Path, tmp_path: Path, disowned: bool) -> None:
    """It stops a training in order; one that ignores the signal trains on to its end."""
    run, (master, slave) = tmp_path / "run", os.openpty()
    epochs = "train.epochs=2" if disowned else "train.epochs=100000"
    ignoring = signal.SIG_IGN if disowned else signal.SIG_DFL
    code = "import fcntl, os, runpy, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    code += f"signal.signal(signal.SIGHUP, signal.Handlers({int(ignoring)}));"
    code += "runpy.run_module('pose', run_name='__main__')"
    arguments = ("train", tiny_run.parent / "tiny.yaml", epochs, "eval.every=100000", "--out", run, "--workers", "0")
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env=ENVIRONMENT,
    )
    os.close(slave)
    try:
        wait_until((run / ("config.yaml" if disowned else "last.safetensors")).exists, process)
        os.close(master)
        assert process.wait(90) == (141 if disowned else 129)
    finally:
        process.kill()
        process.wait()
    assert json.loads((run / "state.json").read_text())["state"] == ("done" if disowned else "stopped")
    assert (run / "resume.pt").is_file()


def test_results_that_cannot_be_written_show_in_the_exit_code(tiny_run: Path) -> None:
    process = start("runs", tiny_run, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    stream(process, "stdout").close()
    assert (stream(process, "stderr").read(), process.wait(60)) == (b"", 141)
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            process = start("runs", tiny_run, stdout=full, stderr=subprocess.PIPE)
        message = b"error: cannot write the results: No space left on device\n"
        assert (stream(process, "stderr").read(), process.wait(60)) == (message, 2)


def test_a_file_that_was_exchanged_for_a_pipe(tmp_path: Path) -> None:
    """As programs do that send their output elsewhere after their start; Python still takes it for a file."""
    code = "import os; read, write = os.pipe(); os.dup2(write, 1); os.set_blocking(read, False)\n"
    code += "from pose.cli.main import main\n"
    code += "try: main()\nfinally: os.write(2, os.read(read, 1000))"
    with (tmp_path / "out").open("w") as out:
        out.write("before\n")
        out.flush()
        command = [sys.executable, "-c", code, "--version"]
        result = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=60)
    assert (result.returncode, result.stderr.startswith(b"pose ")) == (0, True), result.stderr


def test_an_evaluation_and_a_prediction_without_a_reader(tiny_run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    for command, result in (
        (("eval", tiny_run, "--out", tmp_path / "ev", "--workers", 0), tmp_path / "ev" / "metrics.json"),
        (
            ("predict", tiny_run, tiny_dataset / "images", "--out", tmp_path / "out"),
            tmp_path / "out/predictions.json",
        ),
    ):
        process = start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        stream(process, "stderr").close()
        assert process.wait(120) == 0
        assert json.loads(result.read_text()).get("complete", True)


def test_ctrl_c_while_images_are_generated(tmp_path: Path) -> None:
    """In a terminal it reaches the processes that help too; none of them has anything to say."""
    process = start(
        *("figures", tmp_path / "data", "--train", 5000, "--workers", 2),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_until(lambda: bool(list(tmp_path.glob("data/images/train/*.jpg"))), process)
        os.killpg(process.pid, signal.SIGINT)
        message = b"stopped by SIGINT; to start again, give the same command\n"
        assert (stream(process, "stderr").read(), process.wait(60)) == (message, 130)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("signum", "said"), [(signal.SIGINT, b"stopped by SIGINT; to start"), (signal.SIGTERM, b"")])
def test_a_signal_while_pytorch_is_imported(tmp_path: Path, signum: signal.Signals, said: bytes) -> None:
    """Its C++ code ends the process with a dump where Python raises in it, as the torch here does."""
    code = f"import os, time\ntry:\n    os.kill(os.getpid(), {int(signum)}); time.sleep(60)\nexcept BaseException:"
    (tmp_path / "torch.py").write_text(f"{code}\n    os.abort()\n")
    places = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    environment = {**ENVIRONMENT, "PYTHONPATH": places}
    command = [sys.executable, "-m", "pose", "summary", "mobilenet_v2_x1.0_relu"]
    result = subprocess.run(
        command, capture_output=True, env=environment, timeout=60, preexec_fn=take_default_signals, cwd=tmp_path
    )
    assert (result.returncode, result.stderr[: len(said)]) == (128 + signum, said), result.stderr
