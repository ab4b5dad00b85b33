"""docs/runtimes.md: its snippets and its table, in those runtimes that are installed here.

pip install -e ".[runtimes]"    # for the others
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import pose
from pose.codecs.codec import CODECS
from pose.images.write import write_image
from pose.synthetic.dataset import image_rng
from pose.synthetic.levels import LEVELS
from pose.synthetic.people.image import render_people
from tests.helpers.command import Outcome

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import runtimes

pytest.importorskip("onnxruntime")
Cli = Callable[..., Outcome]
PAGE = (Path(__file__).parents[2] / "docs/runtimes.md").read_text(encoding="utf-8")
COMMON, *SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
(LITERT,) = re.findall(r"```sh\npython -c '\n(import litert_torch.*?)'\n```", PAGE, flags=re.S)
(NODE,) = re.findall(r"```js\n(.*?)```", PAGE, flags=re.S)


@pytest.fixture(scope="module")
def place(pose_cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an image of a person, the demo model's export, and its network alone."""
    folder = tmp_path_factory.mktemp("runtimes")
    made = render_people(image_rng(3, "val", 0), LEVELS["normal"])
    write_image(folder / "street.jpg", made.image)
    for arguments in (["m.onnx"], ["net.onnx", "--network-only"]):
        outcome = pose_cli("export", "demo", "--onnx", folder / arguments[0], *arguments[1:])
        assert outcome.code == 0, outcome.err
        # By dark rounding moves keypoints by 0.0001 pixels.
        assert ", 0 keypoints moved" in outcome.out or "keypoints by at most 0.000" in outcome.out
    return folder


def modules_of(code: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("snippet", SNIPPETS, ids=[" ".join(sorted(modules_of(code))) for code in SNIPPETS])
def test_snippet(snippet: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snippet = LITERT + snippet if "net.tflite" in snippet else snippet
    for module in modules_of(snippet):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    monkeypatch.chdir(place)
    names: dict[str, Any] = {}
    exec(COMMON + snippet, names)
    _check(place, names["points"], names["scores"])


def _check(place: Path, points: Any, scores: Any) -> None:
    expected = pose.load(place / "m.onnx")(place / "street.jpg", boxes=[[12, 40, 80, 190]])
    np.testing.assert_allclose(points, expected.keypoints[0], atol=0.01)
    np.testing.assert_allclose(np.ravel(scores), expected.scores[0], atol=1e-4)


@pytest.mark.slow
def test_node_snippet(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = ["node", "-e", 'require.resolve("onnxruntime-node")']
    if shutil.which("node") is None or subprocess.run(resolve, capture_output=True).returncode != 0:
        pytest.skip("set NODE_PATH to a folder node_modules with onnxruntime-node")
    monkeypatch.chdir(place)
    names: dict[str, Any] = {}
    exec(COMMON, names)
    (place / "crop.bin").write_bytes(names["crop"].tobytes())
    program = f"""
    const bytes = new Uint8Array(require("fs").readFileSync("crop.bin"));
    const [height, width] = JSON.parse(require("fs").readFileSync("m.json")).input_size;
    (async () => {{
        {NODE}
        console.log(JSON.stringify([Array.from(keypoints.data), Array.from(scores.data)]));
    }})();"""
    done = subprocess.run(["node", "-e", program], check=True, capture_output=True, text=True)
    keypoints, scores = json.loads(done.stdout)
    _check(place, names["to_image"](np.reshape(keypoints, (-1, 2)), names["affine"]), scores)


def test_the_network_alone_finds_no_keypoints(pose_cli: Cli, place: Path) -> None:
    outcome = pose_cli("predict", place / "net.onnx", place / "street.jpg", "--out", place / "out")
    assert outcome.code == 2
    assert "is the network alone, which --network-only writes" in outcome.err


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_decoding_of_the_page_is_the_codecs(codec: str) -> None:
    """With udp a heatmap's pixel is (width - 1) / (w - 1) pixels of the crop; dark looks between them."""
    made = replace(CODECS[codec], sigma=1.5)
    about = {"input_size": [64, 48], "unbiased": made.unbiased, "config": {"model": {"codec": codec, "sigma": 1.5}}}
    names: dict[str, Any] = {}
    helpers = COMMON.replace('json.load(open("m.json", encoding="utf-8"))', repr(about))
    exec(helpers.split("image = cv2")[0], names)
    rng = np.random.default_rng(0)
    smooth = [cv2.GaussianBlur(rng.normal(0, 1, (16, 12)).astype(np.float32), (0, 0), 1.5) for _ in range(200)]
    maps = np.concatenate([rng.random((100, 16, 12), dtype=np.float32), np.stack(smooth)])
    expected, _ = made.decode(torch.from_numpy(maps)[None], input_size=(64, 48))
    np.testing.assert_allclose(names["decode"](maps)[0], expected[0], atol=1e-4)


@pytest.mark.slow
def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Every runtime that is installed is right."""
    assert runtimes.main(["--crops", "2"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows][:2] == ["| onnxruntime"] * 2
    assert all(" | 0 of " in row for row in rows)


@pytest.mark.slow
def test_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    """Squeeze-and-excitation with h-sigmoid gates, which OpenCV once computed wrongly."""
    assert runtimes.main(["--sweep", "MobileNetV3 small", "--crops", "2", "--only", "onnxruntime", "OpenCV"]) == 0
    header, _, row = capsys.readouterr().out.splitlines()
    assert header == "| network | onnxruntime | OpenCV |"
    assert row.count(" | 0 of ") == 2
