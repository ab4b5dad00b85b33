"""The page of `pose export --web`, in a browser where there is one."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import pose
from pose.export.web_page import RUNTIME, runtime_files
from pose.images.write import write_image
from pose.synthetic.dataset import image_rng
from pose.synthetic.levels import LEVELS
from pose.synthetic.people.image import render_people
from tests.helpers.browser import DESKTOP, PHONE, Page, open_page
from tests.helpers.command import Outcome
from tests.helpers.demo import save_demo

pytest.importorskip("onnxruntime")
Cli = Callable[..., Outcome]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve a folder on this machine; gives its address."""
    servers = []

    def start(folder: Path) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_folder(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    package = tmp_path / "node_modules/onnxruntime-web/dist"
    package.mkdir(parents=True)
    for name in RUNTIME:
        (package / name).write_bytes(name.encode())
    outcome = pose_cli("export", tiny_run, "--web", tmp_path / "page")
    assert outcome.code == 0, outcome.err
    assert "2 files are missing in" in outcome.out
    assert "npm install --ignore-scripts onnxruntime-web@" in outcome.out
    for place in (tmp_path, package.parent, package):
        assert runtime_files(place)[RUNTIME[0]] == RUNTIME[0].encode()
    outcome = pose_cli("export", tiny_run, "--web", tmp_path / "page", "--wasm", tmp_path, "--fp16")
    assert outcome.code == 0, outcome.err
    assert "python -m http.server --directory" in outcome.out
    assert "fp16 against float" in outcome.out
    names = {path.name for path in (tmp_path / "page").iterdir()}
    assert names == {"index.html", "app.js", "model.onnx", "model.json", *RUNTIME}


def test_bad_calls(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/index.html").write_text("mine")
    cases = [
        (["--web", tmp_path / "p", "--onnx", tmp_path / "m.onnx"], "give --onnx FILE for a file, or --web DIR"),
        ([], "give --onnx FILE for a file, or --web DIR"),
        (["--web", tmp_path / "m.onnx"], "m.onnx is a folder with a page; name it without .onnx, or give --onnx"),
        (["--web", tmp_path / "mine" / "index.html"], "it is a file; choose another --web"),
        (["--web", tmp_path / "p", "--int8"], "leave out what is for --onnx"),
        (["--onnx", tmp_path / "m.onnx", "--wasm", tmp_path], "--wasm is for --web"),
        (["--web", tmp_path / "p", "--wasm", tmp_path], "`npm install --ignore-scripts onnxruntime-web@"),
        (["--web", tmp_path / "mine"], "index.html exists and was not written by `pose export --web`"),
    ]
    for arguments, message in cases:
        outcome = pose_cli("export", tiny_run, *arguments)
        assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    assert (tmp_path / "mine/index.html").read_text() == "mine"
    assert not (tmp_path / "p").exists()


def _drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag a box, in parts of the image, and wait for what is found in it."""
    frame = page.script(
        "(({ left, top, width, height }) => [left, top, width, height])(canvas.getBoundingClientRect())"
    )
    boxes = page.script("pose.state.boxes.length")
    for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
        at = {"x": frame[0] + x * frame[2], "y": frame[1] + y * frame[3]}
        page.call("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **at)
    page.script(
        f"""(async () => {{
        while (pose.state.boxes.length === {boxes} || pose.state.busy) await new Promise((go) => setTimeout(go, 20));
        }})()"""
    )


def _shows_through(page: Page) -> list[int]:
    """What the network gets of a transparent image that is opened after another one of its size, then that again."""
    return page.script(  # type: ignore[no-any-return]
        """(async () => {
        const size = [pose.state.image.width, pose.state.image.height];
        const before = await new Promise((go) => canvas.toBlob(go));
        const empty = new OffscreenCanvas(...size);
        empty.getContext("2d");
        await pose.openImage(await empty.convertToBlob());
        const found = [...pose.state.image.data.slice(0, 3)];
        await pose.openImage(before);
        return found;
        })()"""
    )


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["quarter", "udp_dark"])  # both ways to count pixels, and to decode
def test_in_a_browser(pose_cli: Cli, serve: Callable[[Path], str], tmp_path: Path, codec: str) -> None:
    """The same keypoints as in Python on generated people, and no complaint."""
    package = os.environ.get("POSE_ONNXRUNTIME_WEB")
    if not package:
        pytest.skip("set POSE_ONNXRUNTIME_WEB to the npm package onnxruntime-web")
    checkpoint = save_demo(tmp_path / "m.safetensors", codec=codec)
    outcome = pose_cli("export", checkpoint, "--web", tmp_path / "page", "--wasm", package)
    assert outcome.code == 0, outcome.err
    model = pose.load(tmp_path / "page/model.onnx")
    found, expected = [], []
    with open_page(serve(tmp_path / "page"), tmp_path / "profile") as page:
        page.show_as(DESKTOP)
        page.script("pose.ready")
        for index in range(4):
            image = render_people(image_rng(5, "val", index), LEVELS["normal"])
            boxes = [[round(v, 1) for v in figure.box_xywh] for figure in image.figures]
            write_image(tmp_path / "image.png", image.image)
            data = base64.b64encode((tmp_path / "image.png").read_bytes()).decode()
            people = page.script(
                f"""(async () => {{
                const blob = await (await fetch("data:image/png;base64,{data}")).blob();
                await pose.openImage(blob);
                pose.state.boxes = {json.dumps(boxes)};
                return await pose.update();
                }})()"""
            )
            found += [person["keypoints"] for person in people]
            expected += [np.column_stack([p.keypoints, p.scores]) for p in model(image.image, boxes=boxes)]
        assert _shows_through(page) == [0, 0, 0]
        _drag(page, (0.2, 0.1), (0.8, 0.9))
        last = image.image.shape
        dragged = page.script("pose.state.boxes.at(-1)")
        status = page.script("document.getElementById('status').textContent")
        page.picture(tmp_path / "page.png")
        page.show_as(PHONE, scheme="dark")
        page.picture(tmp_path / "phone.png")
        assert page.problems == []
    moved = np.linalg.norm(np.array(found)[..., :2] - np.array(expected)[..., :2], axis=-1)
    assert len(found) > 4
    assert np.mean(moved < 0.05) > 0.97  # the others are moved by rounding of pixels
    np.testing.assert_allclose(np.array(found)[..., 2], np.array(expected)[..., 2], atol=0.02)
    np.testing.assert_allclose(dragged, np.array([0.2, 0.1, 0.6, 0.8]) * [last[1], last[0], last[1], last[0]], atol=1)
    assert "keypoints" in status
    assert " ms." in status
