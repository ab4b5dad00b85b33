"""`pose download` from a server on this machine, which breaks off, starts over, lies, or is gone."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pose.data import download
from pose.data.download import Archive, download_coco, fetch
from tests.helpers.command import Outcome

Cli = Callable[..., Outcome]


class Server:
    """Serves `files`; `ranges` are those it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges: list[str | None] = []
        self.resumes = True
        self.break_after: list[int] = []  # bytes after which each next answer is broken off
        self.status = 200
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                server.ranges.append(wanted)
                data = server.files.get(self.path)
                if data is None or server.status != 200:
                    self.send_error(404 if data is None else server.status)
                    return
                start = int(wanted.split("=")[1].rstrip("-")) if wanted and server.resumes else 0
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(data) - start))
                self.end_headers()
                end = start + server.break_after.pop(0) if server.break_after else len(data)
                self.wfile.write(data[start:end])

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setattr(download, "CHUNK", 1000)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def zip_of(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return data.getvalue()


def publish(server: Server, name: str, folder: str, members: str, content: dict[str, bytes]) -> Archive:
    data = zip_of(content)
    server.files[f"/zips/{name}.zip"] = data
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    return Archive(name, f"zips/{name}.zip", len(data), sha1, len(data), folder, members)


@pytest.fixture
def archives(server: Server) -> list[Archive]:
    pictures = {f"val2017/{i}.jpg": bytes([i]) * 700 for i in range(20)}
    text = {"annotations/person_keypoints_val2017.json": b"{}", "annotations/captions_val2017.json": b"long"}
    return [
        publish(server, "annotations", "", "annotations/person_keypoints_", text),
        publish(server, "val", "images", "val2017/", pictures),
    ]


def names_in(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


WANTED = {
    *(f"images/val2017/{i}.jpg" for i in range(20)),
    "annotations/person_keypoints_val2017.json",
    "downloaded.json",
}


def test_fetches_checks_and_unpacks(server: Server, archives: list[Archive], tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    root = tmp_path / "data" / "coco"
    fetched = download_coco(root, archives, server=server.url, progress=lambda *what: seen.append(what))
    assert fetched == ["annotations", "val"]
    assert names_in(root) == WANTED
    assert (root / "images/val2017/7.jpg").read_bytes() == bytes([7]) * 700
    assert list(dict.fromkeys(what for what, _, _ in seen)) == [
        *("fetching annotations.zip", "checking annotations.zip", "unpacking annotations.zip"),
        *("fetching val.zip", "checking val.zip", "unpacking val.zip"),
    ]
    for what in {what for what, _, _ in seen}:
        steps = [(done, total) for w, done, total in seen if w == what]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1]
    # Once more: nothing is asked for.
    asked = len(server.ranges)
    assert download_coco(root, archives, server=server.url) == []
    assert len(server.ranges) == asked


def test_broken_connections_are_gone_on_with(server: Server, archives: list[Archive], tmp_path: Path) -> None:
    server.break_after = [3000, 5000]
    download_coco(tmp_path, archives[1:], server=server.url)
    assert server.ranges == [None, "bytes=3000-", "bytes=8000-"]
    assert (tmp_path / "images/val2017/19.jpg").read_bytes() == bytes([19]) * 700


def test_an_interrupted_command_goes_on(server: Server, archives: list[Archive], tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(what: str, done: int, total: int) -> None:
        if what.startswith("fetching") and done >= 4000:
            raise Stop

    with pytest.raises(Stop):
        download_coco(tmp_path, archives[1:], server=server.url, progress=stop)
    assert names_in(tmp_path) == {"val.zip.part"}
    download_coco(tmp_path, archives[1:], server=server.url)
    assert server.ranges == [None, "bytes=4000-"]
    assert len(names_in(tmp_path)) == 21


def test_unpacking_goes_on(server: Server, archives: list[Archive], tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if what.startswith("unpacking") and done >= 7000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_coco(tmp_path, archives[1:], server=server.url, progress=stop)
    assert 5 < len(list((tmp_path / "images/val2017").glob("*.jpg"))) < 20
    first = (tmp_path / "images/val2017/0.jpg").stat().st_mtime_ns
    download_coco(tmp_path, archives[1:], server=server.url)
    assert len(server.ranges) == 1  # the archive was whole
    assert (tmp_path / "images/val2017/0.jpg").stat().st_mtime_ns == first
    assert len(list((tmp_path / "images/val2017").glob("*.jpg"))) == 20


def test_a_server_that_cannot_resume_starts_over(server: Server, archives: list[Archive], tmp_path: Path) -> None:
    server.resumes = False
    server.break_after = [3000]
    download_coco(tmp_path, archives[1:], server=server.url)
    assert server.ranges == [None, "bytes=3000-"]
    assert len(names_in(tmp_path)) == 21


def test_wrong_content_is_refused(server: Server, archives: list[Archive], tmp_path: Path) -> None:
    path = "/zips/val.zip"
    good = server.files[path]
    server.files[path] = good[:-1] + b"x"
    with pytest.raises(ValueError, match=r"has SHA-1 .*, expected .*; it is deleted"):
        download_coco(tmp_path, archives[1:], server=server.url)
    assert names_in(tmp_path) == set()
    server.files[path] = good[:-1]
    with pytest.raises(ValueError, match="it is another file"):
        download_coco(tmp_path, archives[1:], server=server.url)
    server.files[path] = good
    (tmp_path / "val.zip.part").write_bytes(b"z" * 2000)  # of something else: found out at the end
    with pytest.raises(ValueError, match="has SHA-1"):
        download_coco(tmp_path, archives[1:], server=server.url)
    download_coco(tmp_path, archives[1:], server=server.url)


def test_servers_that_fail(server: Server, archives: list[Archive], tmp_path: Path) -> None:
    server.break_after = [0] * 20
    with pytest.raises(OSError, match=r"6 times; 0 of [\d,]+ bytes are there, and the same command goes on"):
        download_coco(tmp_path, archives[1:], server=server.url)
    server.break_after = []
    server.status = 503
    with pytest.raises(OSError, match="Service Unavailable, 6 times"):
        download_coco(tmp_path, archives[1:], server=server.url)
    server.status = 200
    with pytest.raises(OSError, match="says 404 Not Found; give a --mirror"):
        download_coco(tmp_path, [replace(archives[1], path="zips/other.zip")], server=server.url)
    with pytest.raises(OSError, match="Connection refused, 6 times"):
        fetch("http://127.0.0.1:9/x", tmp_path / "x", size=9, sha1="", progress=lambda *a: None)


def test_free_space_is_checked_first(
    server: Server, archives: list[Archive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10_000_000_000))
    with pytest.raises(OSError, match=r"needs 40\.1 GB for annotations, val, train, .* has 10\.0 GB free"):
        download_coco(tmp_path / "new", download.COCO2017, server=server.url)
    assert server.ranges == []
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=60_000))
    download_coco(tmp_path, archives, server=server.url)


def test_a_full_disk_is_said_with_the_file(
    server: Server, archives: list[Archive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(download, "_write_all", fail)
        with pytest.raises(
            OSError, match=r"^cannot write .*val\.zip\.part: No space left on device; .* free some space"
        ):
            download_coco(tmp_path, archives[1:], server=server.url)
    assert len(server.ranges) == 1  # it is not the server's fault
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", fail)
        with pytest.raises(OSError, match=r"^cannot write .*0\.jpg: No space left on device"):
            download_coco(tmp_path, archives[1:], server=server.url)
    assert names_in(tmp_path) == {"val.zip"}
    download_coco(tmp_path, archives[1:], server=server.url)
    assert len(server.ranges) == 2


@pytest.mark.parametrize("name", ["val2017/../../../evil.jpg", "val2017/../../x/evil.jpg"])
def test_names_cannot_leave_the_folder(server: Server, tmp_path: Path, name: str) -> None:
    archive = publish(server, "val", "images", "val2017/", {name: b"x"})
    with pytest.raises(ValueError, match="leaves the folder"):
        download_coco(tmp_path / "a" / "b", [archive], server=server.url)
    assert not list(tmp_path.rglob("evil*"))


def test_command(
    server: Server, archives: list[Archive], tmp_path: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "COCO2017", tuple(archives))
    root = tmp_path / "coco"
    outcome = pose_cli("download", "coco2017", "--out", root, "--mirror", server.url, "--part", "annotations")
    assert (outcome.code, outcome.out) == (0, f"annotations: {root}\n")
    assert "fetching annotations.zip (" in outcome.err
    outcome = pose_cli("download", "coco2017", "--out", root, "--mirror", server.url + "/")
    assert outcome.out == f"val: {root}\n"
    assert names_in(root) == WANTED
    assert pose_cli("download", "coco2017", "--out", root, "--mirror", server.url).out == (
        f"everything was there already: {root}\n"
    )
    assert set(json.loads((root / "downloaded.json").read_text())) == {"zips/annotations.zip", "zips/val.zip"}
    (tmp_path / "file").touch()
    for arguments, message in (
        (["coco2014"], "unknown dataset 'coco2014'; expected coco2017"),
        (["coco2017", "--part", "test"], "--part test is unknown; expected annotations, val"),
        (["coco2017", "--mirror", "ftp://x"], "--mirror ftp://x is no address"),
        (["coco2017", "--out", tmp_path / "file"], "it is a file; choose another --out"),
    ):
        outcome = pose_cli("download", *arguments)
        assert outcome.code == 2
        assert message in outcome.err
        assert outcome.err.count("\n") == 1


def test_the_real_list() -> None:
    assert [a.name for a in download.COCO2017] == ["annotations", "val", "train"]
    assert sum(a.size for a in download.COCO2017) == 20_405_354_669
    assert {len(a.sha1) for a in download.COCO2017} == {40}
