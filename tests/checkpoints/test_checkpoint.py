"""Weights files: what goes in comes out, and what is no such file is refused with a reason."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pose.checkpoints.checkpoint import (
    load_checkpoint,
    save_checkpoint,
)
from pose.checkpoints.initial_weights import load_initial_weights
from pose.config.keypoints import Config
from pose.config.load import make_config
from pose.keypoints.skeletons import COCO17, Skeleton
from pose.models.pose_net import PoseNet
from pose.runtime.errors import CheckpointError
from tests.helpers.command import Outcome

METRICS = {"AP": 0.25, "AR": 0.5}


def fresh(config: Config, seed: int = 0) -> PoseNet:
    torch.manual_seed(seed)
    model = config.model.build(num_keypoints=17)
    for module in model.modules():  # running statistics that a fresh network does not have
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean)
    return model.eval()


@pytest.fixture
def config(tiny_config: dict[str, Any]) -> Config:
    return make_config(tiny_config)


@pytest.fixture
def saved(config: Config, tmp_path: Path) -> Path:
    path = tmp_path / "run" / "best.safetensors"
    save_checkpoint(path, fresh(config), config=config, epoch=7, metrics=METRICS)
    (path.parent / "config.yaml").write_text(config.to_yaml())
    return path


def rewrite(path: Path, to: Path, change: Callable[[dict[str, Any]], object] | None) -> Path:
    """A copy with a changed header; without one for None."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["pose"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    if change is None:
        save_file(weights, to)
    else:
        change(header)
        save_file(weights, to, {"pose": json.dumps(header)})
    return to


def test_a_checkpoint_does_not_read_the_environment(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pose_cli: Callable[..., Outcome]
) -> None:
    monkeypatch.setenv("SECRET", "told")
    path = rewrite(
        saved, tmp_path / "foreign.safetensors", lambda header: header["config"]["data"].update(root="x/${SECRET}")
    )
    assert load_checkpoint(path).config.data.root == "x/${SECRET}"
    outcome = pose_cli("eval", path)
    assert outcome.code == 2
    assert "told" not in outcome.err
    assert "x/${SECRET}" in outcome.err


def test_no_folder_of_the_machine_is_in_the_file(
    config: Config, saved: Path, tiny_dataset: Path, tmp_path: Path, pose_cli: Callable[..., Outcome]
) -> None:
    (tmp_path / "handed").mkdir()
    handed = Path(shutil.copy(saved, tmp_path / "handed"))
    assert str(tiny_dataset.parent).encode() not in handed.read_bytes()
    assert load_checkpoint(handed).config.data.root == tiny_dataset.name
    outcome = pose_cli("eval", handed)
    assert outcome.code == 2
    assert f"{tiny_dataset.name}/people.json" in outcome.err
    assert pose_cli("eval", handed, f"data.root={tiny_dataset}", "--workers", 0).code == 0
    # In its run folder it finds what the run was trained on, unless the config there is of other data.
    assert load_checkpoint(saved).config == config
    other = config.to_yaml().replace("people.json", "others.json")
    (saved.parent / "config.yaml").write_text(other)
    assert load_checkpoint(saved).config.data.root == tiny_dataset.name
    (saved.parent / "config.yaml").write_text("data: [")
    assert load_checkpoint(saved).config.data.root == tiny_dataset.name


def test_what_is_saved_is_loaded(config: Config, saved: Path) -> None:
    loaded = load_checkpoint(saved)
    assert (loaded.path, loaded.config, loaded.epoch, loaded.metrics) == (saved, config, 7, METRICS)
    assert loaded.skeleton.num_keypoints == 17
    original = fresh(config)
    state = original.state_dict()
    assert loaded.weights.keys() == state.keys()
    assert all(torch.equal(loaded.weights[key], state[key]) for key in state)
    images = torch.randn(2, 3, 64, 64)
    model = loaded.build()
    assert not model.training
    assert torch.equal(model(images), original(images))
    assert not torch.equal(model(images), fresh(config, seed=1)(images))
    assert {p.name for p in saved.parent.iterdir()} == {"best.safetensors", "config.yaml"}


def test_a_run_folder_stands_for_its_best(saved: Path) -> None:
    assert load_checkpoint(saved.parent).path == saved
    assert load_checkpoint(str(saved.parent)).epoch == 7
    saved.rename(saved.with_name("last.safetensors"))
    with pytest.raises(FileNotFoundError, match=r"has not been evaluated yet; give .*last\.safetensors"):
        load_checkpoint(saved.parent)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*gone; `pose train` writes"):
        load_checkpoint(saved.parent / "gone")


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.05, 0.5, 0.9999])
def test_a_truncated_checkpoint(saved: Path, share: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="no safetensors checkpoint, or a damaged one"):
        load_checkpoint(saved)


@pytest.mark.parametrize("data", [b"not a checkpoint at all", b"{}", b"\x80\x02}q\x00."])
def test_another_kind_of_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.safetensors is no safetensors checkpoint"):
        load_checkpoint(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        None,
        lambda header: header.clear(),
        lambda header: header.update(format="pose-checkpoint-99"),
        lambda header: header.pop("config"),
        lambda header: header.update(config=[]),
        lambda header: header.update(epoch="seven"),
        lambda header: header.update(metrics=None),
    ],
)
def test_tensors_with_another_header(saved: Path, tmp_path: Path, change: Any) -> None:
    with pytest.raises(ValueError, match=r"holds tensors but no header of this project.*model\.init"):
        load_checkpoint(rewrite(saved, tmp_path / "other.safetensors", change))


def test_a_config_of_another_version_is_explained(saved: Path, tmp_path: Path) -> None:
    path = rewrite(saved, tmp_path / "other.safetensors", lambda header: header["config"]["model"].update(widht=2))
    with pytest.raises(ValueError, match=r"config inside .*other\.safetensors has 1 wrong entry:\n  model\.widht"):
        load_checkpoint(path)


def test_weights_of_another_model(saved: Path, tmp_path: Path) -> None:
    path = rewrite(saved, tmp_path / "other.safetensors", lambda header: header["config"]["model"].update(width=0.5))
    with pytest.raises(
        ValueError, match=r"other\.safetensors holds the weights of another model: \d+ of \d+ tensors"
    ):
        load_checkpoint(path).build()


def retyped(saved: Path, to: Path, dtype: torch.dtype) -> Path:
    """A copy whose first convolution is of another type."""
    with safe_open(saved, framework="pt") as file:
        metadata = file.metadata()
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    key = next(key for key, value in weights.items() if value.ndim == 4)
    save_file({**weights, key: weights[key].to(dtype)}, to, metadata)
    return to


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.uint8, torch.float8_e4m3fn, torch.complex64])
def test_weights_of_a_type_that_holds_none(config: Config, saved: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    path, name = retyped(saved, tmp_path / "other.safetensors", dtype), str(dtype).removeprefix("torch.")
    with pytest.raises(ValueError, match=rf"1 of another type: backbone\S+ is {name}, expected float32"):
        load_checkpoint(path).build()
    with pytest.raises(ValueError, match=rf"other.safetensors holds 1 tensor of a type .* is torch.{name}"):
        load_initial_weights(fresh(config), path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_precision(config: Config, saved: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    path = retyped(saved, tmp_path / "other.safetensors", dtype)
    ours, theirs = load_checkpoint(path).build().state_dict(), fresh(config).state_dict()
    assert all(torch.allclose(ours[key], theirs[key], rtol=1e-2, atol=1e-3) for key in theirs)
    assert load_initial_weights(fresh(config), path).startswith(f"{len(theirs)} of {len(theirs)} tensors taken")


def test_initial_weights_take_what_fits(config: Config, tiny_config: dict[str, Any], saved: Path) -> None:
    model = fresh(config, seed=1)
    total = len(model.state_dict())
    line = load_initial_weights(model, saved)
    assert line == f"{total} of {total} tensors taken from {saved}; 0 start fresh"
    source = fresh(config).state_dict()
    assert all(torch.equal(value, source[key]) for key, value in model.state_dict().items())

    model = config.model.build(num_keypoints=3)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    line = load_initial_weights(model, saved)
    assert line.startswith(f"{total - 2} of {total} tensors taken")
    assert line.endswith("2 start fresh: head.heatmaps.weight, head.heatmaps.bias")
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key] if key.startswith("head.heatmaps.") else source[key]), key


def test_initial_weights_of_another_skeleton(config: Config, saved: Path) -> None:
    """The last layer knows the old keypoints only: it starts fresh, even where their number is the same."""
    source = fresh(config).state_dict()
    for names in (["nose", "tail"], [f"point_{i}" for i in range(COCO17.num_keypoints)]):
        model = config.model.build(num_keypoints=len(names))
        before = {key: value.clone() for key, value in model.state_dict().items()}
        line = load_initial_weights(model, saved, skeleton=Skeleton.from_names("fish", keypoint_names=names))
        assert line.endswith(
            "2 start fresh: head.heatmaps.weight, head.heatmaps.bias; the last layer starts fresh: it found the "
            f"17 keypoints of skeleton 'coco17', and is to find the {len(names)} of 'fish'"
        )
        for key, value in model.state_dict().items():
            assert torch.equal(value, before[key] if key.startswith("head.heatmaps.") else source[key]), key
    assert load_initial_weights(fresh(config, seed=1), saved, skeleton=COCO17).endswith("0 start fresh")


@pytest.mark.parametrize("change", [{"backbone": "mobilenet_v3_small"}, {"width": 0.35}])
def test_initial_weights_of_another_backbone(
    tiny_config: dict[str, Any], saved: Path, change: dict[str, Any]
) -> None:
    tiny_config["model"] |= change
    with pytest.raises(
        ValueError,
        match=r"another network \(mobilenet_v2 x0.1 with dyrelu_c\): \d+ of \d+ convolutions",
    ):
        load_initial_weights(fresh(make_config(tiny_config)), saved)


def test_initial_weights_of_the_static_network(tiny_config: dict[str, Any], saved: Path, tmp_path: Path) -> None:
    """DY-ReLU starts from the convolutions of the ReLU network, and its own part fresh."""
    dynamic = make_config(tiny_config)
    tiny_config["model"] |= {"activation": "default"}
    tiny_config["model"]["head"] |= {"activation": "default"}
    static = make_config(tiny_config)
    save_checkpoint(tmp_path / "static.safetensors", fresh(static), config=static, epoch=1, metrics={})
    model, count = fresh(dynamic, seed=1), len(fresh(static).state_dict())
    line = load_initial_weights(model, tmp_path / "static.safetensors")
    assert line.startswith(f"{count} of {len(model.state_dict())} tensors taken")


def test_a_header_that_asks_for_more_than_memory_holds(saved: Path, tmp_path: Path) -> None:
    """Its tensors are counted before a network is made."""

    def grow(header: dict[str, Any]) -> None:
        large = {"name": "dyrelu_c", "reduction": 1, "num_pieces": 16, "alpha": None}
        head = {"channels": [4096] * 4, "hidden": [4096] * 4, "activation": large}
        header["config"]["model"].update(width=4, activation=large, head=head)  # 100 GB and more

    with pytest.raises(ValueError, match=r"x\.safetensors holds the weights of another model"):
        load_checkpoint(rewrite(saved, tmp_path / "x.safetensors", grow)).build()


@pytest.mark.parametrize("classes", ["abc", [], [1], {"a": 1}])
def test_classes_are_names(saved: Path, tmp_path: Path, classes: Any) -> None:
    path = rewrite(saved, tmp_path / "x.safetensors", lambda header: header.update(classes=classes))
    with pytest.raises(ValueError, match=r"has classes .* in its header; expected their names"):
        load_checkpoint(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format":' * 2000, "9" * 5000])
def test_a_header_nested_too_deeply(tmp_path: Path, text: str) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors", {"pose": text})
    with pytest.raises(ValueError, match="holds tensors but no header of this project"):
        load_checkpoint(tmp_path / "x.safetensors")


@pytest.mark.slow
def test_its_config_makes_no_pictures_elsewhere(
    tiny_config: dict[str, Any], tmp_path: Path, pose_cli: Callable[..., Outcome]
) -> None:
    """Only in the working folder, or where the user says."""
    root = tmp_path / "elsewhere"
    splits = {
        name: {"images": f"images/{name}", "annotations": f"annotations/person_keypoints_{name}.json"}
        for name in ("train", "val")
    }
    tiny_config["data"] = {"root": "data", "figures": {"train": 1, "val": 1}, **splits}
    config = make_config(tiny_config)
    save_checkpoint(tmp_path / "x.safetensors", fresh(config), config=config, epoch=1, metrics={})
    rewrite(  # `pose train` writes no absolute path
        tmp_path / "x.safetensors",
        tmp_path / "x.safetensors",
        lambda header: header["config"]["data"].update(root=str(root)),
    )
    for command in (
        ["eval", tmp_path / "x.safetensors"],
        ["inspect", tmp_path / "x.safetensors", "--out", tmp_path / "o"],
    ):
        outcome = pose_cli(*command)
        assert outcome.code == 2
        assert f"has its data in {root}, where there are none; give data.root=FOLDER" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]
    outcome = pose_cli("eval", tmp_path / "x.safetensors", f"data.root={root}", "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert (root / "figures.json").is_file()
    assert pose_cli("eval", tmp_path / "x.safetensors", "--workers", 0).code == 0  # they are there now


READ = """
import sys, warnings
from pathlib import Path
from pose.checkpoints.checkpoint import load_checkpoint
print("ready", flush=True)
for _ in range(40):
    try:
        load_checkpoint(sys.argv[1])
    except ValueError:
        pass
"""


@pytest.mark.slow
def test_a_file_that_is_written_while_it_is_read(saved: Path, tmp_path: Path) -> None:
    """As by cp, which cuts it first: the library's map of such a file ends the process by SIGBUS."""
    data, path = saved.read_bytes(), tmp_path / "a.safetensors"
    path.write_bytes(data)
    process = subprocess.Popen([sys.executable, "-c", READ, path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    while process.poll() is None:
        path.write_bytes(data)
    assert process.returncode == 0


def test_a_file_that_changes_while_it_is_read_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstat

    def changing(number: int) -> os.stat_result:
        found = real(number)
        os.utime(saved, ns=(found.st_atime_ns, found.st_mtime_ns + 1000))
        return found

    monkeypatch.setattr("pose.runtime.files.os.fstat", changing)
    with pytest.raises(CheckpointError, match="it changed while it was read; give the command again"):
        load_checkpoint(saved)
