"""What imports what: each package knows those below it in `LAYERS`, never one above it, and there are no circles."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pose

ROOT = Path(pose.__file__).parent
# From the bottom to the top; packages of one line do not know each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("runtime",),
    ("keypoints",),
    ("images", "layers"),
    ("drawing", "models", "codecs"),
    ("data", "synthetic"),
    ("config", "formats"),
    ("checkpoints",),
    ("inference",),
    ("evaluation",),
    ("training",),
    ("classification",),
    ("check", "export", "paper", "report"),
    ("cli",),
    ("__main__",),
)
RANK = {package: rank for rank, packages in enumerate(LAYERS) for package in packages}
CONFIG_READERS = ("config", "checkpoints", "evaluation", "training", "classification", "paper", "cli")
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
            # `from pose.keypoints import oks` names a module; `from pose.keypoints.oks import oks` does not.
            found |= {full if (full := f"{base}.{alias.name}") in MODULES else base for alias in node.names}
    return {module for module in found if module.split(".")[0] == "pose"}


def package_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_the_reader_of_imports_reads() -> None:
    assert {"pose.layers", "pose.models.factory", "pose"} <= set(MODULES)
    assert "pose.layers.dyrelu" in imports_of("pose.layers.activations")
    assert "pose.inference.load" in imports_of("pose")  # for type checkers only
    assert imports_of("pose.layers.dyrelu_triton") == set()


def test_every_package_has_its_place() -> None:
    assert {package_of(name) for name in MODULES} - {""} == set(RANK)


def test_nothing_imports_upwards() -> None:
    """Nor inside functions; `pose` itself only passes on what others define."""
    found = [
        f"{name} imports {module}"
        for name in MODULES
        if name != "pose"
        for module in sorted(imports_of(name) - {"pose"})
        if package_of(module) != package_of(name) and RANK[package_of(module)] >= RANK[package_of(name)]
    ]
    assert found == []


def test_no_module_imports_in_a_circle() -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join((*path[path.index(name) :], name))}"
        if name not in done:
            for module in sorted(imports_of(name) & MODULES.keys() - {"pose"}):
                visit(module, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


@pytest.mark.slow
def test_only_some_know_the_config() -> None:
    """Layers, models, codecs, data and predictors take plain arguments."""
    found = [
        f"{name} imports {module}"
        for name in MODULES
        if name != "pose" and package_of(name) not in CONFIG_READERS
        for module in sorted(imports_of(name))
        if package_of(module) == "config"
    ]
    assert found == []


@pytest.mark.parametrize("module", ["pose", "pose.keypoints.skeletons", "pose.config.load", "pose.runtime.files"])
def test_light_modules_load_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
