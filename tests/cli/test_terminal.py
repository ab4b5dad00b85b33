"""Control characters in names of files reach no terminal: they are shown as their escapes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pose.runtime.console import PlainConsole, Progress
from pose.runtime.text import as_message, resume_command, visible
from tests.helpers.cli import Cli, read, refusal

EVIL = "a\x1b[31m\x9b2J\r\nerror: all is lost\u202e.png"
SHOWN = r"a\x1b[31m\x9b2J\r\nerror: all is lost\u202e.png"


def test_what_is_shown() -> None:
    assert visible("größe, 大きさ \U0001f600 a b") == "größe, 大きさ \U0001f600 a b"
    assert visible(EVIL) == SHOWN
    assert visible("half a letter: \ud800") == r"half a letter: \ud800"
    assert as_message("error: 2 wrong entries:\n  a: 1\nb\x07") == "error: 2 wrong entries:\n  a: 1\n  b\\x07"


def test_what_is_printed_by_rich(tmp_path: Path) -> None:
    """Messages and live lines, which go around Python's own printing."""
    with (tmp_path / "said").open("w+") as file:
        console = PlainConsole(file, width=200, wrap=True)
        console.print(f"[bold]{EVIL}", highlight=False)
        with Progress(console, 2, interval=0) as progress:
            progress.update(EVIL)
        file.seek(0)
        said = file.read()
    assert said.startswith("[bold]a\\x1b[31m")
    assert "\x1b" not in said
    assert "\x9b" not in said


def test_the_command_that_goes_on_can_be_typed() -> None:
    assert resume_command(Path("runs/a-2")) == "pose train --resume runs/a-2"
    assert resume_command(Path("my runs/a")) == "pose train --resume 'my runs/a'"


def only_printable(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_names_in_annotations(pose_cli: Cli, tiny_yaml: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    """In errors, in warnings, and in what a training skips."""
    data = tmp_path / "data"
    shutil.copytree(tiny_dataset, data)
    document = read(data / "people.json")
    document["images"][3]["file_name"] = EVIL
    (data / "people.json").write_text(json.dumps(document))
    (data / "images" / EVIL).write_bytes(b"no image")
    root = f"data.root={data}"
    outcome = pose_cli("train", tiny_yaml, root, "--out", tmp_path / "run", "--workers", 0)
    refusal(outcome)
    assert "error: all is lost" in outcome.err
    assert only_printable(outcome.err)
    (data / "images" / "000004.png").unlink()
    outcome = pose_cli("check", data / "people.json", "--images", data / "images")
    assert outcome.code == 1
    assert SHOWN in outcome.out
    assert only_printable(outcome.out)
    val = [f"data.val.images={tiny_dataset / 'images'}", f"data.val.annotations={tiny_dataset / 'people.json'}"]
    skip = ("data.skip_unreadable=true", *val, "train.batch_size=3")
    outcome = pose_cli("train", tiny_yaml, root, *skip, "--out", tmp_path / "other", "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert "skipped: cannot read" in outcome.err
    assert only_printable(outcome.err)
    assert not any(line.startswith("error: ") for line in outcome.err.splitlines())


def test_messages_of_runs(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / EVIL
    shutil.copytree(tiny_run, run)
    state = read(run / "state.json")
    (run / "state.json").write_text(json.dumps({**state, "state": "failed", "message": f"\x1b[2J{EVIL}"}))
    outcome = pose_cli("runs", run.parent)
    assert (outcome.code, outcome.err) == (0, "")
    assert r"    \x1b[2Ja\x1b[31m" in outcome.out
    assert not any(line.startswith("error: ") for line in outcome.out.splitlines())  # of the folder's name
    assert "\x1b" not in outcome.out
    assert "\x9b" not in outcome.out


@pytest.mark.parametrize("command", ["predict", "detect"])
def test_names_of_files(pose_cli: Cli, tiny_run: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / EVIL).write_bytes(b"no image")
    arguments = (
        (tiny_run, tmp_path / "in") if command == "predict" else (tmp_path / "in" / EVIL, "--weights", "no.pth")
    )
    outcome = pose_cli(command, *arguments, "--out", tmp_path / "out.json")
    assert outcome.code == 2
    assert only_printable(outcome.err)
    assert outcome.err.count("\nerror: ") + outcome.err.startswith("error: ") == 1
