"""`pose report` and `pose compare`: what the page says, from files made by hand and from a real run; in a browser."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from pose.data.coco import load_coco
from pose.evaluation.analysis.analyze import analyze
from pose.keypoints.skeletons import COCO17, Skeleton
from pose.report.charts import Series, bars, line_chart, number, ticks
from pose.report.load import read_run
from pose.report.page import config_differences
from tests.helpers.browser import DESKTOP, PHONE, open_page
from tests.helpers.command import Outcome

Cli = Callable[..., Outcome]
EVIL = "<script>alert(1)</script>\"'&.png"


@pytest.fixture(scope="module")
def evaluated(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory, pose_cli: Cli) -> Path:
    """A copy of the tiny run with two evaluations in it."""
    folder = tmp_path_factory.mktemp("report") / "run"
    shutil.copytree(tiny_run, folder)
    for name in ("gt", _root(folder) / "boxes.json"):
        outcome = pose_cli("eval", folder, "--boxes", name, "--workers", 0)
        assert outcome.code == 0, outcome.err
    return folder


def _root(run: Path) -> Path:
    found = re.search(r"root: (.*)", (run / "config.yaml").read_text())
    assert found
    return Path(found[1])


@pytest.fixture(scope="module")
def page(evaluated: Path, pose_cli: Cli) -> Path:
    out = evaluated.parent / "page.html"
    outcome = pose_cli("report", evaluated, "--out", out)
    assert outcome.code == 0, outcome.err
    return out


@pytest.mark.slow
def test_eval_writes_the_analysis_and_prints_it(evaluated: Path, pose_cli: Cli) -> None:
    analysis = json.loads((evaluated / "eval-gt" / "analysis.json").read_text())
    metrics = json.loads((evaluated / "eval-gt" / "metrics.json").read_text())
    assert analysis["ap"] == pytest.approx(metrics["AP"], abs=1e-12)
    assert len(analysis["keypoints"]) == 17
    assert analysis["people"]["annotated"] == 10
    assert analysis["model"]["params"] > 1000
    outcome = pose_cli("eval", evaluated, "--boxes", "gt", "--workers", 0)
    table = outcome.out.splitlines()
    assert re.fullmatch(r"\d+ of 10 people found .*", table[3])
    assert table[5].split() == ["keypoint", "AP", "PCK.1", "good", "jitter", "inversion", "swap", "miss"]
    names = "nose eye ear shoulder elbow wrist hip knee ankle"
    assert [line.split()[0] for line in table[6:15]] == names.split()


def test_page_is_whole_and_loads_nothing(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"(?:src|href)=\"(?!data:)[^\"]*", text) == []
    assert "http" not in re.sub(r"http-equiv|<pre>.*?</pre>", "", text, flags=re.S)
    assert "default-src 'none'" in text
    assert text.count('src="data:image/jpeg;base64,') >= 2
    for heading in ("Numbers", "Learning curves", "Where AP is lost", "By keypoint", "Worst predictions"):
        assert f"<h2>{heading}</h2>" in text
    assert "left_ankle" in text
    assert "Boxes: <strong>" in text


def test_pictures_are_jpegs_of_the_images(page: Path) -> None:
    uris = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page.read_text())
    for uri in uris:
        image = cv2.imdecode(np.frombuffer(base64.b64decode(uri), np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (300, 484, 3)
        assert image.std() > 5


def test_an_evaluation_alone(evaluated: Path, tmp_path: Path, pose_cli: Cli) -> None:
    assert pose_cli("report", evaluated / "eval-gt", "--out", tmp_path / "a.html").code == 0
    assert "Training loss" in (tmp_path / "a.html").read_text()
    shutil.copytree(evaluated / "eval-gt", tmp_path / "moved")
    metrics = json.loads((tmp_path / "moved" / "metrics.json").read_text()) | {"checkpoint": "/nowhere/best"}
    (tmp_path / "moved" / "metrics.json").write_text(json.dumps(metrics))
    assert pose_cli("report", tmp_path / "moved", "--out", tmp_path / "b.html").code == 0
    text = (tmp_path / "b.html").read_text()
    assert "so no learning curves" in text
    assert "By keypoint" in text


def test_a_run_that_is_not_evaluated(tiny_run: Path, tmp_path: Path, pose_cli: Cli) -> None:
    shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("eval-*"))
    outcome = pose_cli("report", tmp_path / "run", "--out", tmp_path / "r.html")
    assert outcome.code == 0
    text = (tmp_path / "r.html").read_text()
    assert "not evaluated yet" in text
    assert "parameters" in text
    assert "Training loss" in text


def test_images_that_are_gone_are_said(evaluated: Path, tmp_path: Path, pose_cli: Cli) -> None:
    shutil.copytree(evaluated / "eval-gt", tmp_path / "ev")
    config = (tmp_path / "ev" / "config.yaml").read_text()
    (tmp_path / "ev" / "config.yaml").write_text(re.sub(r"root: .*", "root: /nowhere", config))
    assert pose_cli("report", tmp_path / "ev", "--out", tmp_path / "r.html").code == 0
    assert "no image 0000" in (tmp_path / "r.html").read_text()
    assert "/nowhere" not in (tmp_path / "r.html").read_text()


def test_no_folder_of_the_machine_is_on_the_page(page: Path, evaluated: Path, tmp_path: Path, pose_cli: Cli) -> None:
    both = tmp_path / "both.html"
    assert pose_cli("compare", evaluated / "eval-gt", evaluated / "eval-boxes", "--out", both).code == 0
    for text in (page.read_text(), both.read_text()):
        assert str(_root(evaluated).parent) not in text
    assert "boxes.json" in page.read_text()


def test_names_are_escaped_and_stay_inside(evaluated: Path, tmp_path: Path, pose_cli: Cli) -> None:
    folder = tmp_path / "<b>run"
    shutil.copytree(evaluated, folder)
    for name in ("eval-gt", "eval-boxes"):
        path = folder / name / "analysis.json"
        analysis = json.loads(path.read_text().replace('"nose"', json.dumps(EVIL)))
        analysis["examples"]["worst"][1]["file_name"] = EVIL
        analysis["examples"]["worst"][0]["file_name"] = "../../secret.png"
        path.write_text(json.dumps(analysis))
        metrics = json.loads((folder / name / "metrics.json").read_text())
        (folder / name / "metrics.json").write_text(json.dumps(metrics | {"boxes": EVIL, "checkpoint": EVIL}))
    outcome = pose_cli("report", folder, "--out", tmp_path / "r.html")
    assert outcome.code == 0, outcome.err
    text = (tmp_path / "r.html").read_text()
    assert "<script>alert" not in text
    assert "<b>run" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "leaves the images folder" in text
    assert pose_cli("compare", folder, evaluated, "--out", tmp_path / "c.html").code == 0
    assert "<script>alert" not in (tmp_path / "c.html").read_text()


def test_images_may_be_links(evaluated: Path, pose_cli: Cli, tmp_path: Path) -> None:
    """Datasets are often folders of links to where the images lie."""
    folder, root = tmp_path / "run", tmp_path / "data"
    shutil.copytree(evaluated, folder)
    (root / "images").mkdir(parents=True)
    for image in (_root(evaluated) / "images").iterdir():
        (root / "images" / image.name).symlink_to(image)
    for path in folder.glob("eval-*/config.yaml"):
        path.write_text(re.sub("root: .*", f"root: {root}", path.read_text(), count=1))
    assert pose_cli("report", folder, "--out", tmp_path / "linked.html").code == 0
    assert pose_cli("report", evaluated, "--out", tmp_path / "plain.html").code == 0
    linked, plain = ((tmp_path / f"{name}.html").read_text().count("data:image/jpeg") for name in ("linked", "plain"))
    assert linked == plain > 1


@pytest.mark.parametrize("config", ["{}", "{model: 3, data: [], train: }", "{model: {width: x}, data: {val: 1}}"])
def test_odd_configs_and_few_numbers(evaluated: Path, tmp_path: Path, pose_cli: Cli, config: str) -> None:
    folder = tmp_path / "ev"
    shutil.copytree(evaluated / "eval-gt", folder)
    (folder / "config.yaml").write_text(config)
    (folder / "metrics.json").write_text('{"boxes": 3}')
    assert pose_cli("report", folder, "--out", tmp_path / "r.html").code == 0
    assert pose_cli("compare", folder, evaluated, "--out", tmp_path / "c.html").code == 0
    changed = json.loads((folder / "analysis.json").read_text()) | {"errors": 3}
    (folder / "analysis.json").write_text(json.dumps(changed))
    outcome = pose_cli("report", folder, "--out", tmp_path / "new.html")
    assert outcome.code == 2
    assert outcome.err.startswith("error: analysis.json is not as `pose eval` writes it (TypeError")
    assert not (tmp_path / "new.html").exists()


def test_other_numbers_of_keypoints(tmp_path: Path, pose_cli: Cli) -> None:
    """Two keypoints, nobody found, and no image: every part of the page copes."""
    skeleton = Skeleton.from_names("fish", keypoint_names=["head", "tail"])
    record = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 50, "iscrowd": 0}
    record |= {"keypoints": [1, 1, 2, 5, 5, 2], "num_keypoints": 2}
    images = [{"id": 1, "file_name": "1.jpg", "width": 20, "height": 20}]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": [record]}))
    coco = load_coco(tmp_path / "c.json", skeleton)
    for name, image_ids in (("one", [1]), ("none", [])):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "metrics.json").write_text(json.dumps({"AP": 0.0, "boxes": "gt", "images": 1, "people": 1}))
        (folder / "analysis.json").write_text(json.dumps(analyze(coco, [], skeleton, image_ids=image_ids)))
        outcome = pose_cli("report", folder, "--out", tmp_path / f"{name}.html")
        assert outcome.code == 0, outcome.err
        assert "tail" in (tmp_path / f"{name}.html").read_text()
    assert pose_cli("compare", tmp_path / "one", tmp_path / "none", "--out", tmp_path / "c.html").code == 0


def test_compare(evaluated: Path, tmp_path: Path, pose_cli: Cli) -> None:
    other = tmp_path / "other"
    shutil.copytree(evaluated, other)
    shutil.rmtree(other / "eval-boxes")
    config = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(config.replace("lr: 0.001", "lr: 0.5"))
    metrics = json.loads((other / "eval-gt" / "metrics.json").read_text())
    (other / "eval-gt" / "metrics.json").write_text(json.dumps(metrics | {"AP": 0.625}))
    outcome = pose_cli("compare", evaluated / "eval-gt", other, "--out", tmp_path / "c.html")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].split()[:3] == ["run", "params", "AP"]
    assert lines[2].split()[0] == "other"
    assert lines[2].split()[2] == "0.625"
    assert "train.lr: 0.001 | 0.5" in lines
    text = (tmp_path / "c.html").read_text()
    assert "0.625" in text
    assert "train.lr" in text
    assert len(config_differences([read_run(evaluated / "eval-gt"), read_run(other)])) == 1
    # What one of them was evaluated with may be otherwise than in the training.
    shutil.copytree(evaluated / "eval-gt", tmp_path / "most")
    made_with = (tmp_path / "most/config.yaml").read_text()
    (tmp_path / "most/config.yaml").write_text(made_with.replace("max_detections: 20", "max_detections: 1"))
    outcome = pose_cli("compare", evaluated / "eval-gt", tmp_path / "most")
    assert "not comparable: max_detections (1, 20) differ" in outcome.out
    assert "eval.max_detections: 20 | 1" in outcome.out.splitlines()
    # So are OKS sigmas.
    copied = shutil.copytree(evaluated / "eval-gt", tmp_path / "sigmas")
    document = yaml.safe_load(made_with)
    document["data"]["skeleton"] = COCO17.to_dict() | {"oks_sigmas": [0.5] * 17}
    (copied / "config.yaml").write_text(yaml.safe_dump(document))
    outcome = pose_cli("compare", evaluated / "eval-gt", copied)
    assert "not comparable: oks_sigmas ([0.026, 0.025" in outcome.out
    document["data"]["skeleton"] = COCO17.to_dict()
    (copied / "config.yaml").write_text(yaml.safe_dump(document))
    assert "not comparable" not in pose_cli("compare", evaluated / "eval-gt", copied).out
    # Other boxes are another question.
    outcome = pose_cli("compare", evaluated / "eval-gt", evaluated / "eval-boxes")
    assert "not evaluated alike, so the numbers are not comparable: boxes" in outcome.out


def test_an_evaluation_of_other_weights_is_not_the_runs(evaluated: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(evaluated, run)
    before = read_run(run)
    assert [e.folder.name for e in before.evaluations if e.folder.name == "eval-gt"] == ["eval-gt"]
    shutil.copytree(run / "eval-gt", run / "eval-demo")
    metrics = json.loads((run / "eval-demo/metrics.json").read_text())
    (tmp_path / "other.safetensors").write_bytes(b"other weights")
    metrics |= {"checkpoint": str(tmp_path / "other.safetensors"), "AP": 0.9}
    (run / "eval-demo/metrics.json").write_text(json.dumps(metrics))
    after = read_run(run)
    assert [e.folder for e in after.evaluations] == [e.folder for e in before.evaluations]
    assert "eval-demo is an evaluation of other weights" in after.missing
    assert read_run(run / "eval-demo").name == "eval-demo"
    (run / "config.yaml").unlink()
    assert read_run(run).config == after.evaluations[0].config  # better than none
    # Of a run that went on the earlier evaluations are those of earlier weights.
    (run / "best.safetensors").write_bytes(b"better weights")
    went_on = read_run(run)
    assert went_on.evaluations == []
    assert "eval-gt is an evaluation of other weights" in went_on.missing


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "is not there; give a run folder"),
        (lambda folder: folder.mkdir(), "holds neither metrics.csv nor metrics.json"),
        (lambda folder: folder.write_text("x"), "is a file; give a run folder"),
        (lambda folder: _write(folder, "metrics.json", "{"), "metrics.json is not JSON"),
        (lambda folder: _write(folder, "metrics.json", "[]"), "holds a list, expected an object"),
        (lambda folder: _write(folder, "metrics.csv", "epoch,loss\n1,much\n"), "metrics.csv, row 2: loss is 'much'"),
        (lambda folder: _write(folder, "metrics.json", "{}", "analysis.json", "{}"), "has format None, expected"),
        (
            lambda folder: _write(folder, "metrics.json", "{}", "analysis.json", '{"format": "pose-analysis-1"}'),
            "analysis.json lacks skeleton, people",
        ),
        (
            lambda folder: _write(folder, "metrics.json", '{"AP": "high"}'),
            "metrics.json: AP is 'high', expected a number",
        ),
        (lambda folder: _write(folder, "metrics.json", "{}", "config.yaml", "a: [b"), "config.yaml is not YAML"),
    ],
)
def test_bad_input_is_one_message(tmp_path: Path, pose_cli: Cli, make: Callable[[Path], Any], message: str) -> None:
    make(tmp_path / "r")
    for command in (["report", tmp_path / "r"], ["compare", tmp_path / "r", tmp_path / "r"]):
        outcome = pose_cli(*command, "--out", tmp_path / "page.html")
        assert outcome.code == 2
        assert outcome.err.startswith("error: ")
        assert message in outcome.err
        assert outcome.err.count("\n") == 1
        assert not (tmp_path / "page.html").exists()


def _write(folder: Path, *names_and_texts: str) -> None:
    folder.mkdir()
    for name, text in zip(names_and_texts[::2], names_and_texts[1::2], strict=True):
        (folder / name).write_text(text)


def test_wrong_targets(evaluated: Path, tmp_path: Path, pose_cli: Cli) -> None:
    assert "name it with .html" in pose_cli("report", evaluated, "--out", tmp_path / "r.pdf").err
    (tmp_path / "r.html").mkdir()
    assert "is a folder" in pose_cli("report", evaluated, "--out", tmp_path / "r.html").err
    assert "two runs or more, got 1" in pose_cli("compare", evaluated).err


@pytest.mark.slow
def test_page_in_a_browser(page: Path, tmp_path: Path) -> None:
    """Nothing is complained about or asked for, pictures show, nothing sticks out, and tables sort."""
    with open_page(page, tmp_path / "profile") as browser:
        for size in (DESKTOP, PHONE):
            for scheme in ("light", "dark"):
                browser.show_as(size, scheme=scheme)
                assert browser.script("document.documentElement.scrollWidth <= innerWidth")
        assert browser.script("[...document.images].every(i => i.complete && i.naturalWidth === 484)")
        assert browser.script("document.images.length") >= 2
        background = "getComputedStyle(document.body).backgroundColor"
        dark = browser.script(background)
        browser.script("document.getElementById('theme').click()")
        assert browser.script(background) != dark
        column = "[...document.querySelectorAll('#keypoints tbody tr')].map(r => r.cells[{}].textContent.trim())"
        names = browser.script(column.format(0))
        assert names[0] == "nose"
        assert len(names) == 17
        click = "document.querySelectorAll('#keypoints th')[{}].click()"
        browser.script(click.format(3))
        values = [float(v.replace("–", "-1")) for v in browser.script(column.format(3))]
        assert values == sorted(values, reverse=True)
        browser.script(click.format(3))
        values = [float(v.replace("–", "-1")) for v in browser.script(column.format(3))]
        assert values == sorted(values)
        browser.script(click.format(0))  # back to the skeleton's order
        assert browser.script(column.format(0)) == names
        assert browser.script("document.querySelector('#keypoints th[aria-sort]').textContent") == "keypoint"
        assert browser.problems == []


@pytest.mark.slow
def test_the_browser_test_would_notice(page: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        page.read_text().replace("</body>", '<img src="https://x.invalid/a.png"><script>no()</script></body>')
    )
    with open_page(bad, tmp_path / "profile") as browser:
        browser.script("1")
        assert any("no is not defined" in problem for problem in browser.problems)
        assert any("Content Security Policy" in problem for problem in browser.problems)


@pytest.mark.slow
def test_comparison_in_a_browser(evaluated: Path, tmp_path: Path, pose_cli: Cli) -> None:
    out = tmp_path / "c.html"
    assert pose_cli("compare", evaluated / "eval-gt", evaluated / "eval-boxes", "--out", out).code == 0
    with open_page(out, tmp_path / "profile") as browser:
        browser.show_as(PHONE, scheme="dark")
        assert browser.script("document.documentElement.scrollWidth <= innerWidth")
        assert browser.script("document.querySelectorAll('#numbers tbody tr').length") == 2
        assert browser.problems == []


def test_ticks_and_numbers() -> None:
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(0, 0.0047) == [0, 0.001, 0.002, 0.003, 0.004, 0.005]
    assert ticks(1, 210) == [0, 50, 100, 150, 200, 250]
    assert ticks(3, 3)[0] <= 3 <= ticks(3, 3)[-1]
    assert [number(v) for v in (0, 0.5, 1234567, 0.00025, 12.3456)] == ["0", "0.5", "1,234,567", "0.00025", "12.346"]


def test_charts_place_their_points() -> None:
    chart = line_chart([Series("a<b", [0, 10], [0, 1])], title="t", x_label="x", y_range=(0, 1))
    assert 'points="46.0,212.0 408.0,12.0"' in chart
    assert "a<b" not in chart
    assert "a&lt;b: 1 at 10" in chart
    assert line_chart([], title="t", x_label="x").count("<svg") == 1
    half = bars([("x", 0.5, ""), ("none", None, ""), ("above", 7.0, "")], title="t")
    widths = re.findall(r'class="bar s0".*?width="([\d.]+)"', half)
    assert [float(w) for w in widths] == [100, 0, 200]


@pytest.mark.parametrize(
    "change",
    [
        lambda analysis: analysis["errors"].update(counts=[1]),
        lambda analysis: analysis["examples"]["worst"][0].update(oks=10**400),
        lambda analysis: analysis.update(model="large"),
        lambda analysis: analysis.update(model={"params": [1]}),
    ],
)
def test_an_analysis_changed_by_hand(evaluated: Path, tmp_path: Path, pose_cli: Cli, change: Any) -> None:
    folder = tmp_path / "ev"
    shutil.copytree(evaluated / "eval-gt", folder)
    analysis = json.loads((folder / "analysis.json").read_text())
    change(analysis)
    (folder / "analysis.json").write_text(json.dumps(analysis))
    outcome = pose_cli("report", folder, "--out", tmp_path / "r.html")
    assert outcome.code == 2
    assert outcome.err.startswith("error: analysis.json is not as `pose eval` writes it")
