"""What imports what: `cli -> engine, predictor -> models, data, codec -> layers, geometry, skeleton`."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pose

ROOT = Path(pose.__file__).parent
CONFIG = ("pose.config", "pose.config_base", "pose.config_classification")
HEAVY = ("torch", "torchvision", "albumentations", "cv2")


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in sorted(ROOT.rglob("*.py"))}


def imports_of(name: str) -> set[str]:
    """Modules of the package that a module names in its imports, wherever they stand in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import; write it out, so that this test can follow it"
            base = node.module or ""
            # `from pose import skeleton` names a module; `from pose.skeleton import Skeleton` does not.
            found |= {full if (full := f"{base}.{alias.name}") in MODULES else base for alias in node.names}
    return {module for module in found if is_in(module, "pose")}


def is_in(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def violations(*, of: tuple[str, ...], allowed: tuple[str, ...]) -> list[str]:
    return [
        f"{name} imports {module}"
        for name in MODULES
        if is_in(name, *of)
        for module in sorted(imports_of(name))
        if not is_in(module, *allowed)
    ]


def test_the_reader_of_imports_reads() -> None:
    assert {"pose.layers", "pose.models.factory", "pose.config", "pose"} <= set(MODULES)
    assert "pose.layers.dyrelu" in imports_of("pose.layers.activations")
    assert "pose.layers.activations" in imports_of("pose.config_base")  # inside a function
    assert imports_of("pose.layers.dyrelu_triton") == set()


def test_layers_import_only_layers() -> None:
    assert violations(of=("pose.layers",), allowed=("pose.layers", "pose.compiled")) == []


def test_models_import_only_layers_and_models() -> None:
    found = violations(of=("pose.models",), allowed=("pose.layers", "pose.models"))
    assert found == [f"pose.models.factory imports {module}" for module in CONFIG[:1] + CONFIG[2:]]


def test_foundations_import_only_one_another() -> None:
    """Nothing here knows engine, models, predictor, analysis or the command line."""
    foundations = ("pose.data", "pose.codec", "pose.codec_cpu", "pose.compiled", "pose.geometry", "pose.skeleton")
    foundations += ("pose.losses", "pose.files")
    assert violations(of=foundations, allowed=foundations) == []


def test_geometry_and_skeleton_import_nothing() -> None:
    assert violations(of=("pose.geometry", "pose.skeleton", "pose.files", "pose.compiled"), allowed=()) == []


def test_only_the_top_knows_the_config() -> None:
    # demo, summary and tables are whole commands, which cli only calls.
    top = ("pose.commands", "pose.engine", "pose.models.factory", "pose.demo")
    top += ("pose.analysis.summary", "pose.analysis.tables")
    others = [name for name in MODULES if not is_in(name, *top, *CONFIG)]
    assert [name for name in others if any(is_in(module, *CONFIG) for module in imports_of(name))] == []


def test_engine_does_not_import_the_command_line() -> None:
    others = [name for name in MODULES if not is_in(name, "pose.cli", "pose.__main__")]
    assert [name for name in others if any(is_in(module, "pose.cli") for module in imports_of(name))] == []


@pytest.mark.parametrize("module", ["pose", "pose.skeleton", "pose.config", "pose.files"])
def test_light_modules_load_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
