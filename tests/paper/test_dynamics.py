"""Is it dynamic? Numbers of networks whose coefficients are known, and the figures and tables of the command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from pose.checkpoints.checkpoint import save_checkpoint
from pose.config.keypoints import Config
from pose.config.load import make_config
from pose.layers.activations import Activation
from pose.layers.dyrelu import DyReLU
from pose.models.mobilenet_v2 import MobileNetV2
from pose.models.resnet import ResNet
from pose.paper.dynamics import MAP_IMAGES, POINTS_PER_IMAGE, every_other_block, inspect_dynamics
from pose.paper.dynamics_plots import plot_attention, plot_inputs_outputs, plot_spread, short_name


def batches(count: int = 2, size: int = 64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(256, (4, 3, size, size), dtype=torch.uint8, generator=generator) for _ in range(count)]


class Single(nn.Module):
    """One DY-ReLU on the images' three channels."""

    def __init__(self, layer: DyReLU) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


@pytest.mark.parametrize("variant", ["A", "B", "C"])
def test_a_layer_that_starts_static_is_static(variant: str) -> None:
    """Zeros in the last FC: the same coefficients for all images, and all output explained by the input."""
    [layer] = inspect_dynamics(Single(DyReLU(3, variant, zero_init=True)).eval(), batches())  # type: ignore[arg-type]
    assert layer.slopes.shape == (8, 2, 1 if variant == "A" else 3)
    assert layer.spread_over_images() == {"a": 0.0, "b": 0.0}
    assert layer.dynamic_share() == pytest.approx(0, abs=1e-9)
    assert layer.x.shape == layer.y.shape == (8 * POINTS_PER_IMAGE,)
    scale = 1 / 3 if variant == "C" else 1
    np.testing.assert_allclose(layer.y, np.maximum(layer.x, 0) * scale, rtol=1e-5, atol=1e-6)
    assert layer.mean_attention == pytest.approx(scale)
    assert (layer.attention is not None) == (variant == "C")


def test_coefficients_that_differ_by_channel_only_are_static() -> None:
    layer = DyReLU(3, "B", zero_init=True)
    with torch.no_grad():
        layer.fc2.bias.copy_(torch.linspace(-3, 3, 12))
    [seen] = inspect_dynamics(Single(layer).eval(), batches())
    assert seen.spread_over_images()["a"] == pytest.approx(0, abs=1e-6)
    assert seen.spread_over_channels()["a"] > 0.1
    assert seen.dynamic_share() == pytest.approx(0, abs=1e-6)


def test_the_spread_by_hand() -> None:
    torch.manual_seed(0)
    layer = DyReLU(3, "B")
    for weight in layer.parameters():
        nn.init.normal_(weight, std=2)
    dark, bright = torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.full((1, 3, 8, 8), 255, dtype=torch.uint8)
    [seen] = inspect_dynamics(Single(layer).eval(), [dark, bright])
    a = seen.slopes
    assert np.abs(a[0] - a[1]).max() > 0.01
    # Of two values the deviation is half their distance.
    assert seen.spread_over_images()["a"] == pytest.approx(float(np.abs(a[0] - a[1]).mean() / 2), rel=1e-5)
    mean = a.mean(axis=0)
    assert seen.spread_over_channels()["a"] == pytest.approx(float(mean.std(axis=1).mean()), rel=1e-5)
    assert seen.dynamic_share() > 0


@pytest.mark.slow
def test_layers_and_blocks_of_a_network() -> None:
    torch.manual_seed(0)
    network = MobileNetV2(0.35, activation=Activation("dyrelu_c", form="literal")).eval()
    layers = inspect_dynamics(network, batches())
    assert len(layers) == 52
    depthwise = [layer for layer in layers if layer.depthwise]
    assert len(depthwise) == 17  # one a block
    assert [layer.name for layer in every_other_block(layers)] == [layer.name for layer in depthwise[::2]]
    assert all(layer.attention is not None and len(layer.attention) == MAP_IMAGES for layer in layers)
    again = inspect_dynamics(network, batches())
    assert all(np.array_equal(ours.x, theirs.x) for ours, theirs in zip(layers, again, strict=True))
    assert not any(module._forward_hooks for module in network.modules())


def test_points_are_pairs_of_input_and_output() -> None:
    """Each y is its channel's function of its x, with its image's coefficients."""
    torch.manual_seed(0)
    [seen] = inspect_dynamics(Single(DyReLU(3, "B")).eval(), batches())
    image = np.repeat(np.arange(8), POINTS_PER_IMAGE)
    a, b = seen.slopes[image, :, seen.channels], seen.intercepts[image, :, seen.channels]
    np.testing.assert_allclose(seen.y, (a * seen.x[:, None] + b).max(axis=1), rtol=1e-4, atol=1e-5)


def test_networks_without_depthwise_convolutions_show_every_other_layer() -> None:
    layers = inspect_dynamics(ResNet(10, activation=Activation("dyrelu_b")).eval(), batches(1))
    assert len(every_other_block(layers)) == 5


def test_static_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="has no DY-ReLU"):
        inspect_dynamics(MobileNetV2(0.35), batches())


@pytest.mark.slow
def test_figures_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    torch.manual_seed(0)
    layers = inspect_dynamics(MobileNetV2(0.35, activation=Activation("dyrelu_c", form="literal")).eval(), batches())
    images = batches()[0].permute(0, 2, 3, 1).numpy()
    plot_inputs_outputs(every_other_block(layers), tmp_path / "a")
    plot_spread(layers, tmp_path / "b")
    assert plot_attention(layers, images, tmp_path / "c")
    for name in "abc":
        picture = cv2.imread(str(tmp_path / f"{name}.png"))
        assert picture is not None
        assert picture.std() > 5
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    static = inspect_dynamics(Single(DyReLU(3, "B")).eval(), batches())
    assert not plot_attention(static, images, tmp_path / "d")
    assert not (tmp_path / "d.png").exists()


def test_short_names() -> None:
    assert short_name("backbone.blocks.3.layers.1.2") == "backbone 3.1"
    assert short_name("head.blocks.1.layers.0.2") == "head 1.0"
    assert short_name("backbone.stem.2") == "backbone stem 2"


@pytest.mark.slow
def test_the_command_on_a_pose_network(tiny_run: Path, tmp_path: Path, pose_cli: Callable[..., Any]) -> None:
    pytest.importorskip("matplotlib")
    outcome = pose_cli("inspect", tiny_run, "--out", tmp_path / "out", "--images", 6, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    document = json.loads((tmp_path / "out" / "inspect.json").read_text())
    assert document["images"] == 6
    assert len(document["layers"]) == len(outcome.out.splitlines()) - 4
    assert {"layer", "slope_spread_images", "dynamic_share"} <= set(document["layers"][0])
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"inspect.json"} | {
        f"{n}.{s}" for n in ("inputs_outputs", "spread", "attention") for s in ("png", "pdf")
    }


@pytest.mark.slow
def test_the_demo_model_on_data_of_ones_own(tiny_dataset: Path, tmp_path: Path, pose_cli: Callable[..., Any]) -> None:
    """Which no figures.json says to be generated."""
    pytest.importorskip("matplotlib")
    files = ["data.figures=null", "data.val.annotations=people.json", "data.val.images=images", "data.val.boxes=gt"]
    arguments = ("inspect", "demo", *files, "--data", tiny_dataset, "--out", tmp_path / "out", "--images", 2)
    outcome = pose_cli(*arguments, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert json.loads((tmp_path / "out" / "inspect.json").read_text())["images"] == 2


@pytest.mark.slow
def test_data_from_elsewhere(tiny_run: Path, tmp_path: Path, pose_cli: Callable[..., Any]) -> None:
    outcome = pose_cli("inspect", tiny_run, "--data", tmp_path / "none", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert outcome.err.count("error:") == 1
    assert str(tmp_path / "none") in outcome.err


def test_a_static_network_and_no_matplotlib(
    tiny_config: dict[str, Any], tmp_path: Path, pose_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for section in (tiny_config["model"], tiny_config["model"]["head"]):
        section["activation"] = "relu"
    config = make_config(tiny_config)
    assert isinstance(config, Config)
    network = config.model.build(num_keypoints=17)
    save_checkpoint(tmp_path / "static.safetensors", network, config=config, epoch=1, metrics={})
    (tmp_path / "config.yaml").write_text(config.to_yaml())  # which says where the data are
    outcome = pose_cli("inspect", tmp_path / "static.safetensors", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert outcome.err == "error: the network has no DY-ReLU, so there is nothing dynamic to look at\n"
    assert not (tmp_path / "out").exists()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = pose_cli("inspect", tmp_path / "static.safetensors", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "pip install matplotlib" in outcome.err
