"""Compiled libraries of this version, of another one, and none."""

from __future__ import annotations

import shutil
from importlib import machinery
from pathlib import Path

import pytest

from pose.runtime import native
from pose.runtime.native import load_library

SUFFIX = machinery.EXTENSION_SUFFIXES[0]


def test_number_of_the_interface_is_the_headers() -> None:
    header = (native.FOLDER / "processor.h").read_text()
    assert f"#define POSE_INTERFACE {native.INTERFACE}\n" in header


def test_levels_are_the_headers() -> None:
    header = (native.FOLDER / "processor.h").read_text()
    assert f"enum {{ {', '.join(native.LEVELS).upper()}, LEVELS }};" in header


def test_level_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (native.FOLDER / f"_dyrelu{SUFFIX}").is_file():
        pytest.skip("the CPU kernel was not compiled")
    monkeypatch.setenv("POSE_LEVEL", "sse2")
    with pytest.warns(UserWarning, match="must be one of base, avx2, avx512, got 'sse2'"):
        assert load_library("dyrelu") is not None


def test_library_of_another_version_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiled = native.FOLDER / f"_heatmaps{SUFFIX}"
    if not compiled.is_file():
        pytest.skip("the CPU kernel was not compiled")
    assert load_library("heatmaps") is not None
    shutil.copy(compiled, tmp_path)
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    monkeypatch.setattr(native, "INTERFACE", native.INTERFACE + 1)
    with pytest.warns(UserWarning, match="was compiled for another version of pose"):
        assert load_library("heatmaps") is None
    assert load_library("dyrelu") is None


def test_library_of_versions_before_the_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    math = Path("/lib/x86_64-linux-gnu/libm.so.6")  # any library without the function
    if not math.is_file():
        pytest.skip("no such library here")
    shutil.copy(math, tmp_path / f"_heatmaps{SUFFIX}")
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    with pytest.warns(UserWarning, match="install again"):
        assert load_library("heatmaps") is None
