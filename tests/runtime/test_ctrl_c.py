"""Ctrl-C at rare moments: while modules are imported, in the end of an object, twice, while Python goes down."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pose.runtime.ctrl_c import STOPPED
from pose.runtime.stop import Interruption, StopRequest
from tests.helpers.command import take_default_signals

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of Linux and macOS")
# A command whose process gets SIGINT when it imports, opens or prints something of this name.
COMMAND = """
import os, signal, sys
def hook(event, args):
    if event == {event!r} and {word!r} in str(args[:1]):
        for _ in range({times}):
            os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(hook)
sys.argv = ["pose", *{arguments!r}]
from pose.__main__ import main
main()
"""


def run(event: str, word: str, *arguments: str, times: int = 1, before: str = "") -> tuple[int, str, str]:
    code = before + COMMAND.format(event=event, word=word, arguments=arguments, times=times)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=take_default_signals,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def terminal() -> None:
    """SIGINT as a terminal gives it, also where the tests run in the background."""
    take_default_signals()


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("module", ["typer", "pose.runtime.folder_lock", "msgspec"])
def test_while_modules_are_imported(module: str, times: int, tmp_path: Path) -> None:
    """Before the command has begun, and within it."""
    (tmp_path / "a.json").write_text("{}")
    arguments = ("score", str(tmp_path / "a.json"), str(tmp_path / "a.json"))
    assert run("import", module, *arguments, times=times) == (130, "", f"{STOPPED}\n")


def test_while_a_text_is_executed(tmp_path: Path) -> None:
    """As dataclasses do it. Python would end by SIGINT, whatever was made of it."""
    (tmp_path / "sitecustomize.py").write_text(
        """
import pose.cli.main
def run(interruption):
    exec("import signal; signal.raise_signal(signal.SIGINT)")
pose.cli.main._run = run
"""
    )
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-m", "pose", "--version"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=take_default_signals,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"{STOPPED}\n")


def test_while_python_goes_down() -> None:
    """What was done is done."""
    late = "import atexit, os, signal\natexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
    code, out, err = run("never", "never", "--version", before=late)
    assert (code, err) == (0, "")
    assert out.startswith("pose ")


def test_a_module_is_imported_whole(terminal: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "interrupted_module.py").write_text(
        "import signal\nsignal.raise_signal(signal.SIGINT)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with Interruption() as interruption, pytest.raises(KeyboardInterrupt):
        import_and_wait("interrupted_module")
    assert interruption.came
    assert sys.modules["interrupted_module"].whole


def test_the_end_of_an_object_swallows_nothing(terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    class Last:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with Interruption(), pytest.raises(KeyboardInterrupt):
        wait_after(Last())
    assert "ignored" not in capsys.readouterr().err


def test_the_second_one_ends_at_once(terminal: None, capfd: pytest.CaptureFixture[str]) -> None:
    child = os.fork()
    if not child:
        with Interruption():
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                signal.raise_signal(signal.SIGINT)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    assert capfd.readouterr().err == f"{STOPPED}\n"


def test_a_helper_that_has_not_begun_says_nothing(terminal: None, capfd: pytest.CaptureFixture[str]) -> None:
    with Interruption():
        child = os.fork()
        if not child:
            signal.raise_signal(signal.SIGINT)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    assert capfd.readouterr().err == ""


def test_handlers_are_put_back(terminal: None) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with Interruption():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.parametrize("kind", [Interruption, StopRequest])
def test_what_c_code_answers_stays_with_it(
    terminal: None, monkeypatch: pytest.MonkeyPatch, kind: type[Interruption | StopRequest]
) -> None:
    """Python tells None of such a handler, and would not take None back."""
    answering: dict[int, Any] = {signal.SIGINT: signal.SIG_DFL, signal.SIGTERM: None, signal.SIGHUP: signal.SIG_DFL}
    before = dict(answering)

    def answer(number: int, handler: object) -> Any:
        assert handler is not None
        was, answering[number] = answering[number], handler
        return was

    monkeypatch.setattr(signal, "getsignal", answering.__getitem__)
    monkeypatch.setattr(signal, "signal", answer)
    with kind():
        assert [n for n in answering if answering[n] != before[n]] == [signal.SIGINT, signal.SIGHUP]
    assert answering == before


def import_and_wait(module: str) -> None:
    importlib.import_module(module)
    time.sleep(30)  # a signal that is tried again comes long before


def wait_after(last: object) -> None:
    del last
    time.sleep(30)
