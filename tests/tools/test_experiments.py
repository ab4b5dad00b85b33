"""The queue of experiments trains, goes on after a stop, and its page says what the runs say."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pose.config.load import load_config
from pose.runtime.errors import ConfigError, DataError
from pose.synthetic.dataset import generate

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import experiments
import experiments_page
import experiments_queue

ROOT = Path(__file__).parents[2]
ROWS = {"ReLU / ReLU": [], "ReLU / C": ["model.head.activation=dyrelu_c"], "Broken, too": ["model.init=nowhere"]}
SECTION = {
    "title": "Heads",
    "text": "What the head gives.",
    "rows": list(ROWS),
    "paper": {"ReLU / ReLU": 59.2, "ReLU / C": 61.0},
    "means": {"both": ["ReLU / ReLU", "ReLU / C"]},
}


def write_queue(folder: Path, **changes: object) -> Path:
    data = {
        "config": "tiny.yaml",
        "title": "Tiny",
        "summary": "Words.",
        "rows": ROWS,
        "sections": {"heads": SECTION},
        "order": [{"section": "heads", "seed": 0}],
        **changes,
    }
    (folder / "queue.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return folder / "queue.yaml"


def result(row: str, seed: int, AP: float, **changes: object) -> experiments_queue.Result:
    usual = {"AP75": 0.1, "epochs": 6, "params": 1_230_000, "processor_s": 20.0}
    return experiments_queue.Result(
        row, seed, AP, **{**usual, "dynamic_backbone": None, "dynamic_head": None, **changes}
    )


@pytest.fixture
def results(tmp_path: Path) -> Path:
    runs = [
        result("ReLU / ReLU", 0, 0.20),
        result("ReLU / ReLU", 1, 0.24),
        result("ReLU / C", 0, 0.31, dynamic_backbone=0.1, dynamic_head=0.25, processor_s=None),
        result("ReLU / C", 1, 0.33, dynamic_backbone=1e5, dynamic_head=0.35),
        result("of no section, with a comma", 0, 0.5),
    ]
    (tmp_path / "results.csv").write_text(experiments_page.as_csv(runs))
    return tmp_path / "results.csv"


def test_the_page_says_what_the_results_say(tmp_path: Path, results: Path) -> None:
    queue = experiments_queue.read_queue(write_queue(tmp_path))
    before = results.read_text()
    experiments_page.report(queue, results, tmp_path / "results.md")
    page = (tmp_path / "results.md").read_text()
    # mean and standard deviation of 20 and 24, of 31 and 33, and of the means of each seed, 25.5 and 28.5
    assert "| ReLU / ReLU | 0, 1 | 0.220 ± 0.028 | 59.2 | 0.100 ± 0.000 | 20 ± 0 |  |  | 1.23M |" in page
    assert (
        "| ReLU / C | 0, 1 | 0.320 ± 0.014 | 61.0 | 0.100 ± 0.000 | 20 | 10.0%, over 1000% "
        "| 30.0% ± 7.1% | 1.23M |" in page
    )
    assert "| Broken, too |  | not run |" in page
    assert "| *both* | 0, 1 | 0.270 ± 0.021 | 60.1 |" in page
    # variances 0.0008 and 0.0002 with one degree of freedom each
    words = " ".join(page.split())
    assert f"standard deviation of {0.0005**0.5:.3f}" in words
    assert f"{2 * (0.0005 * 2) ** 0.5:.3f} between two single runs" in words
    assert f"{2 * (0.0005 * 2 / 3) ** 0.5:.3f} of three and three" in words
    assert results.read_text() == before, "from a .csv file the same one comes"
    (chart,) = re.findall(r"\]\((images/results/.*\.svg)\)", page)
    drawn = (tmp_path / chart).read_text()
    assert drawn.count("<circle") == 4
    assert [float(x) for x in re.findall(r'cx="([\d.]+)"', drawn)] == pytest.approx(
        [190 + (ap - 0.2) / 0.15 * 480 for ap in (0.20, 0.24, 0.31, 0.33)], abs=0.1
    )


def test_the_page_of_the_documentation_is_that_of_its_results(tmp_path: Path) -> None:
    docs = ROOT / "docs"
    experiments_page.report(
        experiments_queue.read_queue(ROOT / "tools/experiments.yaml"), docs / "results.csv", tmp_path / "results.md"
    )
    written = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert len(written) > 2
    for name in written:
        assert (tmp_path / name).read_bytes() == (docs / name).read_bytes(), (
            "run python tools/experiments.py report tools/experiments.yaml docs/results.csv --out docs/results.md"
        )
    kept = {p.name for p in (docs / "images/results").iterdir()}
    assert kept == {p.name for p in written if p.suffix == ".svg"}, "a chart that no section has any more"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sections": {"heads": {**SECTION, "rows": ["ReLU / D"]}}},
            "Heads has an unknown row ReLU / D.*ReLU / C",
        ),
        ({"sections": {"heads": {**SECTION, "seeds": [1]}}}, "is no queue of experiments: .*seeds"),
        ({"order": [{"section": "head", "seed": 0}]}, "the order has an unknown section head.*heads"),
        ({"rows": {**ROWS, "relu-c": []}}, "two rows have the same folder"),
    ],
)
def test_wrong_queues_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        experiments_queue.read_queue(write_queue(tmp_path, **changes))


def test_jobs_come_in_order_and_once() -> None:
    sections = {
        "a": experiments_queue.Section("a", "", ["x", "y"]),
        "b": experiments_queue.Section("b", "", ["z", "x"]),
    }
    order = [("a", 0), ("b", 1), ("a", 1)]
    queue = experiments_queue.Queue("c", "t", "s", {"x": [], "y": [], "z": []}, sections, order)
    assert queue.jobs() == [("x", 0), ("y", 0), ("z", 1), ("x", 1), ("y", 1)]


def write_tiny(folder: Path) -> None:
    """Write tiny.yaml, the smallest network on the people in data/."""
    config = yaml.safe_load((ROOT / "configs/experiments/small.yaml").read_text())
    del config["data"]["figures"], config["data"]["cache"], config["data"]["train"]["limit"]
    config["data"]["root"] = str(folder / "data")
    config["model"].update(width=0.1, input_size=[64, 32], head={"channels": [16] * 4, "hidden": [16] * 4})
    config["train"].update(epochs=1, batch_size=4, milestones=[])
    config["eval"]["every"] = 1
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))


def test_a_run_of_other_settings_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path)
    folder = tmp_path / "runs/relu-c-seed0"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(load_config("tiny.yaml", [*ROWS["ReLU / C"], "train.seed=0"]).to_yaml())
    experiments.run(experiments_queue.read_queue(write_queue(tmp_path)), tmp_path / "runs", hours=0)
    changed = experiments_queue.read_queue(write_queue(tmp_path, rows={**ROWS, "ReLU / C": []}))
    with pytest.raises(DataError, match="relu-c-seed0 was trained with other settings than the row ReLU / C has now"):
        experiments.run(changed, tmp_path / "runs", hours=0)


@pytest.mark.slow
def test_a_queue_trains_what_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    generate(tmp_path / "data", level="easy", train=6, val=4, seed=0)
    write_tiny(tmp_path)
    path = write_queue(tmp_path)
    command = [sys.executable, str(ROOT / "tools/experiments.py"), "run", str(path), "--out", "runs"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr  # the third always fails, which does not end the others
    assert re.search(r"1/3  ReLU / ReLU, seed 0: AP 0\.\d+, \d:\d\d; ETA", done.stdout), done.stdout
    assert "3/3  Broken, too, seed 0: exit code 2: runs/broken-too-seed0.log" in done.stdout
    assert "1 of 3 runs are left, 1 failed" in done.stdout

    queue = experiments_queue.read_queue(path)
    assert experiments.run(queue, tmp_path / "runs", hours=0) == 1
    assert "2 of 3 runs are done" in capsys.readouterr().out
    relu, c = experiments_page.collect(queue, tmp_path / "runs")
    assert (relu.row, relu.seed, relu.epochs) == ("ReLU / ReLU", 0, 1)
    assert (relu.dynamic_backbone, relu.dynamic_head, c.dynamic_backbone) == (None, None, None)
    assert c.dynamic_head is not None
    assert 0 <= c.dynamic_head < 1
    assert c.params > relu.params
    assert all(result.processor_s is not None and result.processor_s > 0 for result in (relu, c))
    experiments_page.report(queue, tmp_path / "runs", tmp_path / "results.md")
    page = (tmp_path / "results.md").read_text()
    assert f"| ReLU / C | 0 | {c.AP:.3f} |" in page

    # A process killed as its training was done has no notes but that its time is not known.
    (tmp_path / "runs/relu-c-seed0.json").write_text('{"processor_s": null}')
    monkeypatch.setattr(sys, "argv", ["", "report", str(path), "runs", "--out", "again.md"])
    assert experiments.main() == 0
    assert "runs/relu-c-seed0 was ended before its network was looked at" in capsys.readouterr().out
    (again,) = [result for result in experiments_page.collect(queue, tmp_path / "runs") if result.row == c.row]
    assert again == dataclasses.replace(c, processor_s=None)
