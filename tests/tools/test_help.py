"""Every tool that is run by its path says with --help what it is for, and does nothing else."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from tests.helpers.tools import TOOLS

PROGRAMS = [path for path in sorted(TOOLS.rglob("*.py")) if '__name__ == "__main__"' in path.read_text("utf-8")]
OTHERS = {
    "anny",
    "fast_simplification",
    "OpenEXR",
    "lightning",
    "sleap_io",
    "sleap_nn",
}  # need an environment of theirs


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_help(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    monkeypatch.syspath_prepend(path.parent)
    monkeypatch.syspath_prepend(TOOLS)
    try:
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(path), run_name="__main__")
    except ModuleNotFoundError as error:
        if error.name not in OTHERS:
            raise
        pytest.skip(f"{error.name} is not installed")
    assert end.value.code in (0, None)
    said = capsys.readouterr().out
    assert said.startswith("usage: ")
    assert len(said.split()) > 12
