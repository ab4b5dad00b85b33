"""Files of a run that somebody has changed or damaged: read with a message, before any work is lost by them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from pose.training.metrics_file import read_metrics
from tests.helpers.cli import Cli, refusal
from tests.helpers.running import stop_in_step

HEADER = "epoch,lr,loss,images_per_s,data_wait,seconds,time,memory_mb,unreadable,skipped_batches,AP"
ROW = "1,1e-3,0.5,10,0.1,2.0,t,100,0,0,0.25"


@pytest.fixture
def unfinished(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the run that has a third epoch to come."""
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["train"]["epochs"] = 3
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    return run


@pytest.fixture
def tiny_yaml(tiny_config: dict[str, Any], tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_config))
    return tmp_path / "tiny.yaml"


def table(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_table_with_notes_goes_on_with_them(pose_cli: Cli, unfinished: Path) -> None:
    """Saved by a spreadsheet, with its mark at the beginning, whole numbers as 1.0, and a column of the user's."""
    path = unfinished / "metrics.csv"
    header, *rows = path.read_text().splitlines()
    rows = [f"{float(row.split(',')[0])},{row.split(',', 1)[1]},good" for row in rows]
    path.write_text("\ufeff" + "\n".join([f"{header},note", *rows]) + "\n")
    outcome = pose_cli("train", "--resume", unfinished, "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert [(row["epoch"], row["note"]) for row in table(unfinished)] == [("1", "good"), ("2", "good"), ("3", "")]
    assert pose_cli("report", unfinished, "--out", unfinished / "r.html").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("text", [None, "", HEADER + "\n"])
def test_lost_rows_are_said(pose_cli: Cli, unfinished: Path, text: str | None) -> None:
    path = unfinished / "metrics.csv"
    path.unlink() if text is None else path.write_text(text)
    outcome = pose_cli("train", "--resume", unfinished, "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert f"warning: {path} lacks 2 of the 2 epochs that are done" in outcome.err
    assert [row["epoch"] for row in table(unfinished)] == ["3"]


DAMAGED = {
    "no header": (ROW + "\n", "no header with a column 'epoch'"),
    "semicolons": (f"{HEADER}\n{ROW}\n".replace(",", ";"), "no header with a column 'epoch'"),
    "a value more": (f"{HEADER}\n{ROW},7\n", "row 2: 12 values under 11 columns"),
    "text": (f"{HEADER}\n{ROW}\n{ROW.replace('0.5', 'much')}\n", "row 3: loss is 'much'"),
    "half an epoch": (f"{HEADER}\n1.5{ROW[1:]}\n", "row 2: epoch is '1.5'"),
    "no epoch": (f"{HEADER}\n{ROW[1:]}\n", "row 2: epoch is ''"),
    "huge": (f"{HEADER}\n{ROW.replace('2.0', '1e308')}\n", "row 2: seconds is '1e308'"),
    "a large field": (f"{HEADER}\n{ROW},{'x' * 140_000}\n", "is damaged (field larger than field limit"),
    "other encoding": (f"{HEADER}\n{ROW}\n".encode("utf-16"), "is damaged ("),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_table_is_told_before_training(pose_cli: Cli, unfinished: Path, tmp_path: Path, what: str) -> None:
    text, message = DAMAGED[what]
    (unfinished / "metrics.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    before = {path.name: path.read_bytes() for path in unfinished.glob("*.safetensors")}
    for command in (
        ("train", "--resume", unfinished, "--workers", 0),
        ("report", unfinished, "--out", tmp_path / "r.html"),
    ):
        refusal(pose_cli(*command), f"error: {unfinished / 'metrics.csv'}", message, "mend the file, or remove it")
    assert {path.name: path.read_bytes() for path in unfinished.glob("*.safetensors")} == before
    (unfinished / "metrics.csv").unlink()  # as the message says
    assert pose_cli("train", "--resume", unfinished, "--workers", 0).code == 0


@pytest.mark.parametrize("name", ["metrics.csv", "last.safetensors", "tb"])
def test_what_cannot_be_written_is_told_before_training(pose_cli: Cli, unfinished: Path, name: str) -> None:
    """A folder that has the name of a file, and the other way round."""
    if name == "tb":
        shutil.rmtree(unfinished / name, ignore_errors=True)
        (unfinished / name).touch()
    else:
        (unfinished / name).unlink()
        (unfinished / name).mkdir()
    before = (unfinished / "resume.pt").read_bytes()
    outcome = pose_cli("train", "--resume", unfinished, "--workers", 0)
    message = "a file stands where a folder has to be" if name == "tb" else "is a folder, and training writes a file"
    assert refusal(outcome).startswith(f"error: {unfinished / name}")
    assert message in outcome.err
    assert (unfinished / "resume.pt").read_bytes() == before


@pytest.mark.slow
def test_the_end_of_a_run_whose_table_was_changed(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    """Columns that somebody has taken out, and numbers that are none, leave their part out."""
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    (run / "metrics.csv").write_text("epoch,seconds,AP\n1,inf,0.5\n2,,\n")
    outcome = pose_cli("train", "--resume", run)
    assert outcome.code == 0, outcome.err
    assert f"done: 2 epochs in 0:00, in {run}" in outcome.err
    assert "  best   AP 0.500, epoch 1: best.safetensors" in outcome.err
    assert "images/s" not in outcome.err
    (run / "metrics.csv").write_text(HEADER + "\n")
    assert pose_cli("train", "--resume", run).code == 0
    (run / "metrics.csv").unlink()
    refusal(pose_cli("train", "--resume", run), f"error: no {run / 'metrics.csv'}")


def test_all_columns_but_the_users_hold_numbers(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(f"{HEADER},mine\n{ROW},anything\n\n1e0,\n")
    found = read_metrics(path, metrics=("AP",))
    assert found.rows[0]["mine"] == "anything"
    assert found.rows[1] == dict.fromkeys((*HEADER.split(","), "mine"), "") | {"epoch": "1"}


def test_one_odd_run_does_not_hide_the_others(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    odd = {
        "a": '{"state": "done", "best": ' + "9" * 400 + "}",
        "b": '{"state": "failed", "message": "half a letter: \\ud800"}',
        "c": '{"state": ["done"], "epoch": NaN, "epochs": 1e999, "metric": 5}',
        "d": '{"state": "failed", "message": "\\n\\n", "heartbeat": {}}',
        "e": "[]",
    }
    for name, text in odd.items():
        run = tmp_path / name
        run.mkdir()
        for file in ("config.yaml", "versions.json"):
            shutil.copy(tiny_run / file, run)
        (run / "state.json").write_text(text)
    shutil.copytree(tiny_run, tmp_path / "z")
    outcome = pose_cli("runs", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    listed = [line.split()[:2] for line in outcome.out.splitlines() if line.startswith(str(tmp_path))]
    states = ["done", "failed", "unknown", "failed", "unknown", "done"]
    assert listed == [[str(tmp_path / name), state] for name, state in zip("abcdez", states, strict=True)]
    found = json.loads(pose_cli("runs", tmp_path, "--json").out, parse_constant=lambda name: pytest.fail(name))
    assert [(run["epoch"], run["best"]) for run in found[:5]] == [(None, None)] * 5


def test_odd_versions(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    (run / "versions.json").write_text('{"torch": {"a": 1}}')
    outcome = pose_cli("report", run, "--out", tmp_path / "r.html")
    refusal(outcome, f"error: {run / 'versions.json'}: torch is {{'a': 1}}, expected a text")


def test_data_that_changed_after_the_stop(
    pose_cli: Cli, tiny_yaml: Path, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = Path(shutil.copytree(tiny_dataset, tmp_path / "data")), tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_in_step(patch, 2)
        arguments = (tiny_yaml, f"data.root={data}", "--out", run, "--workers", 0)
        assert pose_cli("train", *arguments).code == 130
    document = json.loads((data / "people.json").read_text())
    few = {**document, "annotations": document["annotations"][:3]}
    (data / "people.json").write_text(json.dumps(few))
    message = refusal(pose_cli("train", "--resume", run, "--workers", 0))
    assert f"{run} was stopped after 8 samples of an epoch, and its data has only 3 now" in message
    for moved in (0, 1, 0):  # what a run goes on with is its own from then on
        document["annotations"][4]["keypoints"][0] += moved
        (data / "people.json").write_text(json.dumps(document))
        with monkeypatch.context() as patch:
            stop_in_step(patch, 1)
            outcome = pose_cli("train", "--resume", run, "--workers", 0)
        assert outcome.code == 130
        told = f"the annotations are not those that the run in {run} was begun with" in " ".join(outcome.err.split())
        assert told == bool(moved)
