"""Every command that stands in these pages is run, in their order, as they stand.

What takes hours is made small: `pose train` gets a tiny network and few people, `pose clip` few frames, COCO is a
server on this machine that gives out generated people, camera 0 is a file, and the detector is a stub.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
import yaml

from pose.check.kinds import kinds_table
from pose.cli.main import HEAVY, app
from pose.config.classification import ClassifierTrainConfig
from pose.config.keypoints import Config
from pose.config.load import make_config
from pose.config.sections import TrainConfig
from pose.data import download
from pose.data.category import read_category
from pose.data.coco import load_coco
from pose.data.download import Archive
from pose.formats.recognize import FORMATS
from pose.keypoints.known import SKELETONS
from pose.keypoints.skeletons import Skeleton
from pose.synthetic.dataset import generate
from tests.helpers.command import Outcome

ROOT = Path(__file__).parents[1]
Cli = Callable[..., Outcome]

NETWORK = ["model.width=0.1", "model.input_size=[64,64]", "model.head.channels=[16,16,16,16]"]
NETWORK += ["model.head.hidden=[16,32,32,32]", "train.epochs=1", "train.milestones=[]", "train.batch_size=4"]
FROM_DEMO = ["model.input_size=[64,64]", "train.epochs=1", "train.milestones=[]"]
PEOPLE = ["data.figures.train=6", "data.figures.val=4"]


def commands_of(page: str) -> list[list[str]]:
    """The lines of the page's bash blocks, without their comments."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), flags=re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with nothing in it but the configs."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_all(page: str, pose_cli: Cli, *, small: list[str] = PEOPLE) -> dict[str, Outcome]:
    outcomes = {}
    demo_configs = ["configs/own/finetune.yaml"]  # they have the demo's network
    for words in commands_of(page):
        if words[0] == "pip":
            continue
        assert words[0] == "pose", words
        more: list[str] = []
        if words[1] == "train":
            from_demo = words[2] in demo_configs and "model.init=null" not in words
            changes = [] if words[2] == "--resume" else [*(FROM_DEMO if from_demo else NETWORK), *small]
            more = [*changes, "--workers", "0"]
        elif words[1] == "eval":
            more = ["--workers", "0"]
        elif words[1] == "check" and words[2].endswith(".yaml"):
            more = small
        elif words[1] == "figures":
            more = ["--train", "6", "--val", "4", "--workers", "0"]
        elif words[1] == "clip":
            more = ["--frames", "8"]
        elif words[1] == "label":
            more = ["--threshold", "-1"]  # what has learnt nothing is sure of nothing
        elif words[1] == "new" and "--data" in words:
            demo_configs.append(words[2])
        outcome = pose_cli(*words[1:], *more)
        assert outcome.code == 0, f"{shlex.join(words)}: {outcome.err}"
        outcomes[shlex.join(words[1:])] = outcome
    return outcomes


@pytest.mark.slow
def test_generated_people(place: Path, pose_cli: Cli) -> None:
    run_all("generated_people.md", pose_cli)
    assert len(list((place / "data/wild/images").rglob("*.jpg"))) == 10
    assert (place / "checked/train.jpg").is_file()


@pytest.mark.slow
def test_analysis(place: Path, pose_cli: Cli) -> None:
    outcomes = run_all("analysis.md", pose_cli)
    assert "inversion" in outcomes["eval runs/figures --boxes gt"].out
    assert (place / "runs/figures/eval-gt/analysis.json").is_file()


@pytest.mark.slow
def test_report(place: Path, pose_cli: Cli) -> None:
    outcomes = run_all("report.md", pose_cli)
    for name in ("report.html", "gt.html", "compare.html"):
        assert "</html>" in (place / name).read_text()
    # Both configs are alike but for the activation.
    differences = [
        line for line in outcomes["compare runs/figures/eval-gt runs/relu"].out.splitlines() if ": " in line
    ]
    assert differences
    assert all("activation" in line for line in differences)


@pytest.mark.slow
def test_training(place: Path, pose_cli: Cli) -> None:
    run_all("training.md", pose_cli)
    for run in ("bf16", "parts", "clipped"):
        assert (place / "runs" / run / "best.safetensors").is_file()


def test_the_page_on_training_has_every_key() -> None:
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    for schema in (TrainConfig, ClassifierTrainConfig):
        assert [key for key in schema.model_fields if f"`{key}`" not in text] == []


@pytest.mark.slow
def test_video(place: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    real = cv2.VideoCapture
    monkeypatch.setattr(
        "pose.inference.video.reading.cv2.VideoCapture", lambda source: real("clip.mp4" if source == 0 else source)
    )
    outcomes = run_all("video.md", pose_cli)
    assert outcomes["predict demo clip.mp4 --boxes clip.json --out out.mp4"].out.startswith("8 frames, 3 tracks")
    for name in ("out", "raw", "camera"):
        assert (place / f"{name}.mp4").stat().st_size > 1000
        assert len((place / f"{name}.jsonl").read_text().splitlines()) == 9


@pytest.mark.slow
def test_train_on_coco(place: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the download to the report, with generated people in the place of COCO's."""
    source = tmp_path / "source"
    generate(source, level="easy", train=6, val=4)
    archives, files = [], {}
    parts = (("annotations", "", "annotations/"), ("val", "images", "val2017/"), ("train", "images", "train2017/"))
    for name, folder, start in parts:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as zipped:
            for split in ("train", "val"):
                if name == "annotations":
                    zipped.write(
                        source / f"annotations/person_keypoints_{split}.json",
                        f"annotations/person_keypoints_{split}2017.json",
                    )
            for path in sorted((source / "images" / name).glob("*.jpg")):
                zipped.write(path, f"{start}{path.name}")
        content = data.getvalue()
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        archives.append(Archive(name, f"{name}.zip", len(content), digest, len(content), folder, start))
        files[f"{download.SERVER}/{name}.zip"] = content

    class Answer(io.BytesIO):
        status = 200
        headers: dict[str, Any] = {}  # noqa: RUF012

    monkeypatch.setattr(download, "COCO2017", tuple(archives))
    monkeypatch.setattr("urllib.request.urlopen", lambda request, timeout: Answer(files[request.full_url]))
    (place / "data/coco/person_detection_results").mkdir(parents=True)
    boxes = place / "data/coco/person_detection_results/COCO_val2017_detections_AP_H_56_person.json"
    boxes.write_bytes((source / "person_detection_results/val.json").read_bytes())
    outcomes = run_all("train_on_coco.md", pose_cli, small=[])
    assert outcomes["download coco2017"].out == "annotations, val, train: data/coco\n"
    assert "(boxes gt, 4 images" in outcomes["eval runs/coco --boxes gt"].out
    assert "Best predictions" in (place / "coco.html").read_text() or "Worst" in (place / "coco.html").read_text()
    assert (place / "data/small/images/val2017").is_dir()
    assert not (place / "data/small/images/train2017").exists()


@pytest.mark.slow
def test_check(place: Path, pose_cli: Cli) -> None:
    outcomes = run_all("check.md", pose_cli)
    assert all("0 errors" in outcome.out for outcome in outcomes.values())
    assert json.loads((place / "checked/report.json").read_text())["errors"] == 0
    assert (place / "checked/train.jpg").is_file()
    assert json.loads((place / "fixed.json").read_text())["annotations"]


def test_the_table_of_findings_is_that_of_the_code() -> None:
    page = (ROOT / "docs/check.md").read_text(encoding="utf-8")
    make = 'python -c "from pose.check.kinds import kinds_table; print(kinds_table())"'
    assert kinds_table() in page, f"put what this prints into docs/check.md: {make}"


class OneBox:
    """In the place of torchvision's detector, whose weights are not to be had here."""

    name = "one box"

    def __call__(self, images_rgb: list[Any]) -> list[Any]:
        return [(np.array([[10.0, 10.0, 60.0, 90.0]]), np.array([0.7])) for _ in images_rgb]


@pytest.mark.slow
def test_use_a_model(place: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands, then the Python, block by block in one session."""
    pytest.importorskip("supervision")
    generate(place / "source", level="easy", train=1, val=2)
    (place / "photos").mkdir()
    street, square = sorted((place / "source/images/val").glob("*.jpg"))
    for target in ("photos/street.jpg", "street.jpg"):
        (place / target).write_bytes(street.read_bytes())
    (place / "square.jpg").write_bytes(square.read_bytes())
    monkeypatch.setattr("pose.inference.detector.load_detector", lambda *a, **k: OneBox())
    monkeypatch.setattr("pose.inference.base.load_detector", lambda *a, **k: OneBox())
    outcomes = run_all("use_a_model.md", pose_cli)
    found = outcomes["predict runs/figures photos --boxes detect --out found"].out
    assert found == "1 person in 1 image (boxes: found by one box): found\n"
    assert outcomes["detect photos --out boxes.json"].out == "1 person in 1 image (found by one box): boxes.json\n"
    assert "(boxes detections.json, 4 images, 4 people)" in outcomes["eval runs/figures --boxes detections.json"].out
    for folder in ("drawn", "found", "checked"):
        assert (place / folder / "street.jpg").is_file()
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/use_a_model.md").read_text(), flags=re.S)
    assert len(blocks) == 8
    for block in blocks:
        exec(block, names)
    assert (place / "drawn.png").is_file()
    assert (place / "drawn.jpg").is_file()
    assert (place / "named/street.jpg").is_file()
    assert names["sure"].keypoints.shape[1:] == (17, 2)
    assert len(names["records"]) == 2
    assert names["image"].shape == cv2.imread("street.jpg").shape
    assert names["people"].boxes[0, 0] == pytest.approx(names["image"].shape[1] / 3)


@pytest.mark.slow
def test_export(place: Path, pose_cli: Cli) -> None:
    """The commands, and both ways in Python on the same picture and box."""
    pytest.importorskip("onnxruntime")
    # A network that has learnt nothing has no peaks, and int8 would move them anywhere.
    outcomes = run_all("export.md", pose_cli, small=[*PEOPLE, "train.epochs=30", "train.lr=0.005"])
    assert "keypoints by at most 0.0000 pixels" in outcomes["export runs/figures --onnx m.onnx"].out
    assert (place / "eval-onnx/metrics.json").is_file()
    (place / "street.jpg").write_bytes(next((place / "data/figures/images/val").glob("*.jpg")).read_bytes())
    ours, bare = re.findall(r"```python\n(.*?)```", (ROOT / "docs/export.md").read_text(), flags=re.S)
    names: dict[str, Any] = {}
    for block in (ours, bare):
        # A smaller box than the page's, as the input is smaller: pose.load takes means where it shrinks by half.
        assert "12, 40, 80, 190" in block
        exec(block.replace("12, 40, 80, 190", "12, 40, 20, 48"), names)
    assert (place / "drawn.png").is_file()
    np.testing.assert_allclose(names["in_image"], names["people"].keypoints[0], atol=1e-3)
    np.testing.assert_allclose(names["scores"][0], names["people"].scores[0], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("tool", "page"), [("api_reference", "api.md"), ("config_reference", "config.md")])
def test_written_pages_are_current(tool: str, page: str) -> None:
    code = f"import sys; sys.path.insert(0, 'tools'); import {tool}; sys.stdout.write({tool}.render())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == (ROOT / "docs" / page).read_text(encoding="utf-8"), f"run python tools/{tool}.py"


def test_examples_of_the_api_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(place / "source", level="easy", train=1, val=4)
    (place / "annotations.json").write_bytes((place / "source/annotations/person_keypoints_val.json").read_bytes())
    counting, mapping = re.findall(
        r"```python\n(import.*?|from.*?)```", (ROOT / "docs/api.md").read_text(), flags=re.S
    )
    names: dict[str, Any] = {}
    exec(counting, names)
    assert 0.5 < float(capsys.readouterr().out) < 1
    names["found"] -= 2
    records, _ = names["to_coco_results"](names["predictions"], names["COCO17"])
    assert names["evaluate_coco"](names["coco"], records, names["COCO17"])["AP"] == pytest.approx(1)
    exec(mapping, names)
    np.testing.assert_allclose(names["in_crop"], [[96, 128]])
    np.testing.assert_allclose(names["in_image"], [[52, 135]])


@pytest.mark.slow
def test_own_data(place: Path, pose_cli: Cli) -> None:
    outcomes = run_all("own_data.md", pose_cli, small=[])
    assert (place / "labels_val.json").is_file()
    assert len(list((place / "drawn_ten").glob("*.jpg"))) == 4
    labeled = outcomes[
        "label runs/ten data/ten/images/val --boxes data/ten/person_detection_results/val.json --to cvat --out second"
    ]
    assert " in 4 images\nnot labeled: keypoints that score less than -1" in labeled.out
    assert "tensors taken from" in " ".join(
        outcomes["train second.yaml model.init=runs/ten --out runs/second"].err.split()
    )
    said = outcomes["train configs/own/finetune.yaml --out runs/animals"].err
    assert "skeleton 'animal': flip_pairs are guessed from the names: left_eye - right_eye" in said
    assert "oks_sigmas are guessed: 5 are those of COCO's parts of the same name, " in said
    assert "17 keypoints of skeleton 'coco17', and is to find the 20 of 'animal'" in " ".join(said.split())
    assert len(list((place / "drawn").glob("*.jpg"))) == 4
    assert "left_front_paw" in (place / "animals.html").read_text()
    # The page's example of a file is one.
    example = re.findall(r"```json\n(.*?)```", (ROOT / "docs/own_data.md").read_text(), flags=re.S)[0]
    (place / "example.json").write_text(example)
    category = read_category(place / "example.json", json.loads(example))
    skeleton = Skeleton.from_names("animal", keypoint_names=category.keypoint_names)
    coco = load_coco(place / "example.json", skeleton)
    assert coco.annotations is not None
    assert [a.num_keypoints for a in coco.annotations] == [2]
    # And so is its section of a config.
    section = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/own_data.md").read_text(), flags=re.S)[0])
    split = {"images": "", "annotations": "example.json"}
    config = make_config({"data": {"root": ".", "train": split, "val": split, **section["data"]}})
    assert isinstance(config, Config)
    assert config.data.resolve_skeleton().keypoint_names == category.keypoint_names


@pytest.mark.slow
def test_formats(place: Path, pose_cli: Cli) -> None:
    outcomes = run_all("formats.md", pose_cli, small=[])
    there = outcomes["convert data/animals animals_yolo --to yolo"].out
    assert there.startswith("read: COCO keypoints: 10 images, 11 people (train, val); 20 keypoints of 'animal'\n")
    assert "images copied: 10" in there
    assert "written: animals_train.json, animals_val.json" in outcomes["convert animals_yolo animals.json"].out
    files = ("data/animals/annotations/animal_keypoints_val.json", "corrected.json")
    before, after = (json.loads((place / name).read_text())["annotations"] for name in files)
    assert [a["id"] for a in after] == [a["id"] for a in before]
    np.testing.assert_allclose(*([a["keypoints"] for a in part] for part in (before, after)), atol=1e-3)
    assert (place / "corrected_val.json").is_file()


def test_the_page_on_formats_has_them_all() -> None:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert [name for name in (*FORMATS, *SKELETONS) if f"| `{name}` |" not in text] == []


@pytest.mark.slow
def test_the_first_screen(place: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """README's commands up to the app, with generated people in the place of photographs, and its Python."""
    pytest.importorskip("onnxruntime")
    generate(place / "source", level="easy", train=2, val=4)
    (place / "photos").mkdir()
    for photo in sorted((place / "source/images/val").glob("*.jpg")):
        (place / "photos" / photo.name).write_bytes(photo.read_bytes())
    (place / "photo.jpg").write_bytes(photo.read_bytes())
    annotations = place / "source/annotations/person_keypoints_val.json"
    assert pose_cli("convert", annotations, "export.json", "--to", "labelstudio").code == 0
    monkeypatch.setattr("pose.inference.detector.load_detector", lambda *a, **k: OneBox())
    outcomes = run_all("../README.md", pose_cli, small=[])
    assert len(list((place / "found").glob("*.jpg"))) == 4
    assert outcomes["predict demo clip.mp4 --boxes clip.json --out out.mp4"].out.startswith("8 frames, 3 tracks")
    assert "labeled: 4 people in 4 images" in outcomes["label runs/mine photos --to cvat --out second"].out
    names: dict[str, Any] = {}
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.S)
    exec(block, names)
    assert names["people"].keypoints.shape == (1, 17, 2)
    assert (place / "drawn.png").is_file()


def test_commands_that_the_first_page_only_names_can_be_read() -> None:
    """README's other commands, which take long: their names, arguments and options are there."""
    commands: Any = typer.main.get_command(app)
    lines = [
        shlex.split(line, comments=True)
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.S)
        for line in block.splitlines()
        if line.startswith("pose ")
    ]
    assert len(lines) > 10
    for _, name, *arguments in lines:
        if name != "--help":
            commands.commands[name].make_context(name, arguments)


PAGES = [
    "../README.md",
    "analysis.md",
    "report.md",
    "training.md",
    "video.md",
    "train_on_coco.md",
    "check.md",
    "use_a_model.md",
    "api.md",
    "own_data.md",
    "export.md",
    "formats.md",
    "runtimes.md",
    "distributed.md",
    "architecture.md",
    "licenses.md",
    "results.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 120
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if target.startswith("https://"):
            continue
        assert ((ROOT / "docs" / page).parent / target).is_file(), target


def names_of(tree: ast.Module) -> set[str]:
    """What a file defines at its top and in its classes, such as "Task" and "Task.loss"."""

    def defined(body: list[ast.stmt]) -> set[str]:
        found: set[str] = set()
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            if isinstance(node, ast.ClassDef):
                found |= {f"{node.name}.{inner}" for inner in defined(node.body)}
        return found

    return defined(tree.body)


def places_of(text: str) -> list[tuple[str, str]]:
    """The places `file.py:name` in a text, and files alone with an empty name."""
    return re.findall(r"`((?:pose|tools|tests|findings)/[\w/]+\.(?:py|c|sh))(?::([\w.]+))?`", text)


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md", "docs/licenses.md"])
def test_places_in_the_code_are_there(page: str) -> None:
    places = [place for place in places_of((ROOT / page).read_text(encoding="utf-8")) if "NAME" not in place[0]]
    assert places
    missing = []
    for file, name in places:
        path = ROOT / file
        if not path.is_file() or (name and name not in names_of(ast.parse(path.read_text(encoding="utf-8")))):
            missing.append(f"{file}:{name}")
    assert missing == []


def test_the_walks_name_what_their_rooms_hold() -> None:
    """A place that does not exist would be found."""
    assert places_of("`pose/codecs/heatmap.py:nothing`") == [("pose/codecs/heatmap.py", "nothing")]
    names = names_of(ast.parse("class A:\n    x: int = 1\n    def f(self): ...\nB = 2"))
    assert names == {"A", "A.x", "A.f", "B"}


def test_the_picture_of_the_rooms_is_current() -> None:
    code = "import sys; sys.path.insert(0, 'tools'); import architecture; sys.stdout.write(architecture.render())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    drawn = (ROOT / "docs/images/architecture.svg").read_text(encoding="utf-8")
    assert done.stdout == drawn, "run python tools/architecture.py"


def test_every_dependency_is_in_the_table_of_licenses() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    page = (ROOT / "docs/licenses.md").read_text(encoding="utf-8")
    lines = [row for row in page.splitlines() if re.match(r"\| `[\w-]+` ", row)]
    rows = {tuple(cell.strip(" `") for cell in row.split("|")[1:3]) for row in lines}
    expected = {tuple(re.fullmatch(r"([\w-]+)(.*)", requirement).groups()) for requirement in wanted}  # type: ignore[union-attr]
    assert rows == expected, "run python tools/licenses.py, and put its table into docs/licenses.md"


def test_every_dependency_that_the_light_install_lacks_is_named_where_it_is_missed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.match(r"[\w-]+", requirement)[0] for requirement in project["dependencies"]}  # type: ignore[index]
    light = {"numpy", "opencv-python-headless", "typer", "rich"}
    assert {package.partition("==")[0] for package in HEAVY.values()} == wanted - light


@pytest.mark.slow
def test_work_opens_no_connection(place: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs/licenses.md says: training, evaluation and prediction look up no address and connect to none."""
    asked: list[Any] = []

    def refuse(*given: Any, **options: Any) -> Any:
        asked.append(given)
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("localhost", 9))
    assert len(asked) == 1
    noise = "augment.extra=[{name: GaussNoise, p: 0.5}]"
    config = "configs/figures/mobilenet_v2_x0.5_dyrelu.yaml"
    commands = [["train", config, "--out", "run", "--workers", "0", *NETWORK, *PEOPLE, noise]]
    commands += [["eval", "run", "--workers", "0"], ["check", "data/figures"]]
    commands += [["predict", "demo", "data/figures/images/val", "--out", "drawn"]]
    for command in commands:
        outcome = pose_cli(*command)
        assert outcome.code == 0, outcome.err
    assert len(asked) == 1


def test_onnxruntime_writes_nothing_into_the_home_folder(tmp_path: Path) -> None:
    """Its telemetry is off, which would collect events there to be sent, and no variable of the caller's did that."""
    pytest.importorskip("onnxruntime")
    code = """
import pose, sys
from onnx import TensorProto, helper
import onnxruntime
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", ends[:1], ends[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": [1.0]})
"""
    unset = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    env = {key: value for key, value in os.environ.items() if key not in unset} | home
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True)
    assert [str(path) for path in tmp_path.rglob("*")] == []
