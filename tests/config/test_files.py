"""The configs that come with the package, by name; in a checkout, and in a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pose
from pose.config.files import configs_folder, find_config, list_configs
from pose.config.load import load_config
from pose.config.zoo import list_models
from pose.runtime.errors import DataError

ROOT = Path(pose.__file__).parents[1]


def test_names() -> None:
    names = list_configs()
    assert len(names) == len(set(names)) == len(list((ROOT / "configs").rglob("*.yaml")))
    assert set(list_models()) < set(names)
    assert {"sample", "figures/demo_model", "imagenet/resnet10_relu", "own/finetune"} < set(names)
    for name in names:
        assert find_config(name).stem == name.rpartition("/")[2]


def test_a_bare_name_is_of_coco() -> None:
    name = "mobilenet_v2_x0.5_dyrelu"  # also in figures and imagenet
    assert find_config(name) == find_config(f"coco/{name}") == configs_folder() / f"coco/{name}.yaml"
    assert (
        find_config(f"figures/{name}")
        == find_config(f"figures/{name}.yaml")
        == configs_folder() / f"figures/{name}.yaml"
    )
    assert load_config(f"figures/{name}").data.root == "data/figures"


def test_what_is_there_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sample").write_text("")
    assert find_config("sample") == Path("sample")
    there = configs_folder() / "figures/demo_model.yaml"
    assert find_config("configs/figures/demo_model.yaml") == there  # as the documents write it, typed elsewhere


def test_unknown_names_are_answered_by_the_known_ones() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        find_config("mobilenet_v3_smal_dyrelu")
    first, *folders = str(caught.value).splitlines()
    assert first.endswith("comes with the project; did you mean 'mobilenet_v3_small_dyrelu'?; there are")
    assert folders[0].startswith("  mobilenet_v2_x0.5_dyrelu, ")
    assert any(line.startswith("  figures/demo_model, ") for line in folders)
    with pytest.raises(FileNotFoundError, match=r"no config file gone.yaml; .* and `pose new gone.yaml` writes"):
        find_config("gone.yaml")


@pytest.mark.slow
def test_the_wheel_has_them(tmp_path: Path) -> None:
    """Built and unpacked, as an install does, and used from elsewhere."""
    # From a copy, as a build leaves its own files beside the sources.
    (tmp_path / "clone").mkdir()
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "clone")
    for name in ("pose", "configs"):
        shutil.copytree(ROOT / name, tmp_path / "clone" / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(tmp_path / "clone")], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    site = tmp_path / "site/pose"
    names = {path.relative_to(ROOT / "configs") for path in (ROOT / "configs").rglob("*.yaml")}
    assert {path.relative_to(site / "configs") for path in (site / "configs").rglob("*.yaml")} == names
    code = (
        "import pose; from pose.config.files import configs_folder; from pose.config.load import load_config; "
        "print(pose.__file__, configs_folder(), load_config('mobilenet_v3_small_dyrelu').model.backbone, sep='\\n')"
    )
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(site / "__init__.py"), str(site / "configs"), "mobilenet_v3_small"]


def test_annotations_in_the_place_of_a_config(tmp_path: Path) -> None:
    """The next command is `pose new`; large files are told before YAML reads them, which takes it minutes."""
    file = tmp_path / "labels.json"
    file.write_text('{"info": {}, "images": [], "annotations": []}')
    with pytest.raises(DataError, match=r"holds annotations.*pose new my.yaml --data .*labels.json"):
        load_config(file)
