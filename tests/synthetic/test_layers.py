"""Inside the generator: shapes and light know nothing of scenes, scenes nothing of who stands in them."""

from __future__ import annotations

from pathlib import Path

import pytest

import pose.synthetic
from tests.test_imports import imports_of, module_name

ROOT = Path(pose.synthetic.__file__).parent
KNOWS = {
    "render": {"render"},
    "scene": {"scene", "render", "levels"},
    "annotate": {"render"},
    "people": {"people", "scene", "render", "levels", "annotate"},
    "animals": {"animals", "scene", "render", "levels", "annotate"},
}


@pytest.mark.parametrize("part", KNOWS)
def test_parts_know_only_what_is_below(part: str) -> None:
    files = [ROOT / f"{part}.py"] if (ROOT / f"{part}.py").is_file() else sorted((ROOT / part).glob("*.py"))
    found = {
        imported.split(".")[2]
        for file in files
        for imported in imports_of(module_name(file))
        if imported.startswith("pose.synthetic.")
    }
    assert files
    assert found <= KNOWS[part]
