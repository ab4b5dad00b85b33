"""A headless Chromium for tests: open a local page, run script in it, collect what it complains about.

Speaks the DevTools protocol over a pipe, so it needs no driver and opens no port.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PHONE, DESKTOP = (390, 844), (1280, 900)


class Page:
    """An open page; `problems` are its console errors and warnings, and what it failed to load."""

    def __init__(self, commands: int, answers: Any, session: str, *, own: str = "file:") -> None:
        self._commands, self._answers, self._session = commands, answers, session
        self._number = 100
        self._allowed = (own, "data:", "blob:")
        self.problems: list[str] = []

    def call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def wait_for(self, method: str) -> None:
        while self._read().get("method") != method:
            pass

    def script(self, code: str) -> Any:
        """The value of an expression."""
        result = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def show_as(self, size: tuple[int, int], *, scheme: str = "light") -> None:
        width, height = size
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path: Path) -> None:
        """The whole page as PNG."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def _read(self) -> dict[str, Any]:
        data = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has ended"
            data += byte
        message: dict[str, Any] = json.loads(data)
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(parameters["exceptionDetails"])[:2000])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.problems.append(str(parameters["args"])[:2000])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.problems.append(str(parameters["entry"])[:2000])
        elif method == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            if not url.startswith(self._allowed):
                self.problems.append(f"asks for {url}")
        return message


@contextlib.contextmanager
def open_page(path: Path | str, profile: Path) -> Iterator[Page]:
    """A page in a browser of its own; the test is skipped where there is none.

    Args:
        path: a file, or the address of a page, which then may ask its own server for more.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on PATH: the page is not tested in a browser")
    assert program is not None
    command_read, command_write = os.pipe()
    answer_read, answer_write = os.pipe()
    # The browser wants them as 3 and 4; first out of the way of these numbers.
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (command_read, answer_write)]

    def place() -> None:
        os.dup2(ends[0], 3)
        os.dup2(ends[1], 4)

    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
    browser = subprocess.Popen(
        [program, *flags, "--disable-dev-shm-usage", f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=place,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for end in (command_read, answer_write, *ends):
        os.close(end)
    try:
        with os.fdopen(answer_read, "rb") as answers:
            root = Page(command_write, answers, "")
            target = root.call("Target.createTarget", url="about:blank")["targetId"]
            session = root.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            page = Page(command_write, answers, session, own=path if isinstance(path, str) else "file:")
            for domain in ("Page", "Runtime", "Log", "Network"):
                page.call(f"{domain}.enable")
            page.call("Page.navigate", url=path if isinstance(path, str) else path.resolve().as_uri())
            page.wait_for("Page.loadEventFired")
            yield page
            with contextlib.suppress(OSError, AssertionError):
                root.call("Browser.close")
    finally:
        os.close(command_write)
        with contextlib.suppress(subprocess.TimeoutExpired):
            browser.wait(timeout=10)  # ended in order it removes what it has below /tmp
        browser.terminate()
        browser.wait(timeout=30)
