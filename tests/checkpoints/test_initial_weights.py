"""Weights to start from: whose they are, how they are wrapped, and the network that comes with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import save_file

from pose.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from pose.checkpoints.initial_weights import load_initial_weights, with_network
from pose.config.load import make_config
from tests.helpers.command import Outcome

Cli = Callable[..., Outcome]


@pytest.fixture
def saved(tiny_config: dict[str, Any], tmp_path: Path) -> Path:
    config = make_config(tiny_config)
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, config.model.build(num_keypoints=17), config=config, epoch=1, metrics={})
    return path


def alone(tiny_config: dict[str, Any], init: str | Path, **more: Any) -> Any:
    return make_config({**tiny_config, "model": {"init": str(init), **more}})


def test_init_alone_brings_the_network(tiny_config: dict[str, Any], saved: Path) -> None:
    theirs = load_checkpoint(saved).config.model
    config, line = with_network(alone(tiny_config, saved))
    assert config.model == theirs.model_copy(update={"init": str(saved)})
    assert line == f"the network is that of {saved}: mobilenet_v2 x0.1 with dyrelu_c, input [64, 64]"
    config, _ = with_network(alone(tiny_config, saved, input_size=[96, 64], sigma=1.5))
    assert (config.model.input_size, config.model.sigma, config.model.backbone) == ((96, 64), 1.5, theirs.backbone)
    # What names a network is taken as it stands, and so is what comes out: a resumed run asks no file.
    for same in (
        alone(tiny_config, saved, width=0.35),
        alone(tiny_config, "x.pth"),
        make_config(tiny_config),
        config,
    ):
        assert with_network(make_config(same.model_dump(mode="json"))) == (same, "")
    with pytest.raises(FileNotFoundError, match="no checkpoint nowhere"):
        with_network(alone(tiny_config, "nowhere"))


def test_demo_alone(tiny_config: dict[str, Any], tmp_path: Path, pose_cli: Cli) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({**tiny_config, "model": {"init": "demo"}}))
    outcome = pose_cli("summary", tmp_path / "c.yaml", "--json")
    assert outcome.code == 0, outcome.err
    expected = json.loads(pose_cli("summary", "demo", "--json").out)
    assert json.loads(outcome.out) == {**expected, "model": str(tmp_path / "c.yaml")}


def test_a_network_that_the_weights_do_not_fill_takes_no_memory(tiny_config: dict[str, Any], saved: Path) -> None:
    with safe_open(saved, framework="pt") as file:
        header = json.loads(file.metadata()["pose"])
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    large = {"name": "dyrelu_c", "reduction": 1, "num_pieces": 16, "alpha": None}
    head = {"channels": [4096] * 4, "hidden": [4096] * 4, "activation": large}
    header["config"]["model"].update(width=4, activation=large, head=head)  # 100 GB and more
    save_file(weights, saved, {"pose": json.dumps(header)})
    with pytest.raises(ValueError, match="holds the weights of another model"):
        with_network(alone(tiny_config, saved))


def test_another_network_is_named_beside_this_one(tiny_config: dict[str, Any], saved: Path) -> None:
    section = alone(tiny_config, saved, backbone="mobilenet_v3_small", activation="relu").model
    with pytest.raises(ValueError, match="another network") as error:
        load_initial_weights(section.build(num_keypoints=17), saved, section=section)
    for words in (
        "(mobilenet_v2 x0.1 with dyrelu_c)",
        "this config's (mobilenet_v3_small x1 with relu)",
        "or leave model.backbone, width, activation and head out",
    ):
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (lambda weights: weights, ""),
        (lambda weights: {"state_dict": weights, "epoch": 3}, "; the weights are wrapped: under 'state_dict'"),
        (
            lambda weights: {"model": {f"module.{key}": value for key, value in weights.items()}},
            "under 'model', their names begin with 'module.', which is left out",
        ),
        (
            lambda weights: {f"_orig_mod.module.{key}": value for key, value in weights.items()},
            "begin with '_orig_mod.', which is left out, their names begin with 'module.', which is left out",
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".pt", ".ckpt"])
def test_wrapped_weights_are_unwrapped(
    tiny_config: dict[str, Any], saved: Path, wrap: Any, words: str, suffix: str
) -> None:
    theirs = load_checkpoint(saved).weights
    path = saved.with_suffix(suffix)
    torch.save(wrap(theirs), path)
    model = make_config(tiny_config).model.build(num_keypoints=17)
    line = load_initial_weights(model, path)
    assert line.startswith(f"{len(theirs)} of {len(theirs)} tensors taken from {path}; 0 start fresh")
    assert line.endswith(words)
    assert all(torch.equal(value, theirs[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["conv_stem.weight", "bn1.weight", "blocks.0.0.conv_dw.weight"], "weights of timm's ("),
        (["conv1.weight", "stage2.0.branches.0.0.conv1.weight"], "weights of HRNet's or MMPose's"),
        (["model.0.conv.weight", "model.1.conv.weight"], "weights of Ultralytics'"),
        (["mobilenet_v2.conv_stem.first_conv.convolution.weight"], "weights of Hugging Face's transformers'"),
        (["features.10.conv.0.0.weight", "features.0.0.weight"], "the torchvision weights hold 2 tensors under"),
    ],
)
def test_weights_of_others_are_named(
    tiny_config: dict[str, Any], tmp_path: Path, names: list[str], words: str
) -> None:
    weights = {name: torch.zeros(4, 3, 3, 3) for name in names}
    torch.save(weights, tmp_path / "w.pth")
    save_file(weights, tmp_path / "w.safetensors")
    model = make_config(tiny_config).model.build(num_keypoints=17)
    for file in ("w.pth", "w.safetensors"):
        with pytest.raises(ValueError, match="torchvision") as error:
            load_initial_weights(model, tmp_path / file)
        assert words in str(error.value)


def test_an_exported_file_that_claims_a_larger_network_takes_no_memory(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from pose.cli.networks import exported_network
    from pose.export.metadata import header_of, put_header
    from pose.export.network import build_graph
    from pose.inference.onnx_predictor import FORMAT

    checkpoint = load_checkpoint("demo")
    size = checkpoint.pose_config.model.input_size
    graph = build_graph(checkpoint.build(), skeleton=checkpoint.skeleton, input_size=size, stride=4, flip_test=False)
    header = header_of(checkpoint, format=FORMAT, in_graph=True, flip_test=False, int8=False)
    header["config"]["model"]["head"] |= {"channels": [4096] * 4, "hidden": [4096] * 4}
    put_header(graph, header, "")
    onnx.save(graph, tmp_path / "m.onnx")
    network = exported_network(tmp_path / "m.onnx", device="cpu", flip_test=False)
    _, model = network.open(network.config)
    assert all(parameter.is_meta for parameter in model.parameters())
