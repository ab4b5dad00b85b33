"""Each kind of part that docs/architecture.md says how to add: a toy, put into the very places that the page names.

Lines of dictionaries are added by `monkeypatch`; what the page asks to change inside a function is replaced.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import torch
import typer
import yaml
from torch import Tensor, nn

import pose
from pose.checkpoints.checkpoint import load_checkpoint
from pose.cli import main as cli_main
from pose.codecs import heatmap
from pose.config.keypoints import AugmentConfig
from pose.data.annotations import Annotation
from pose.data.coco import CocoFile, load_coco
from pose.data.dataset import PeopleDataset
from pose.data.image_entries import ImageInfo
from pose.data.people import ground_truth_people
from pose.data.transforms import Augment, Draw
from pose.evaluation import splits
from pose.images.read import read_image
from pose.keypoints.geometry import apply_affine, crop_affine, grow_box
from pose.keypoints.skeletons import COCO17, Skeleton
from pose.layers import activations
from pose.layers.activations import STATIC, Activation
from pose.layers.conv import ConvNormAct
from pose.models import factory
from pose.models.pose_net import STRIDE, PoseNet
from pose.synthetic.dataset import generate
from tests.helpers.command import Outcome
from tests.helpers.demo import save_demo

Cli = Callable[..., Outcome]


@pytest.fixture
def train(tiny_config: dict[str, Any], tmp_path: Path, pose_cli: Cli) -> Callable[..., Path]:
    """`train(**{"model.backbone": "toy"})` trains the tiny config with overrides for an epoch: the run folder."""

    def run(**overrides: Any) -> Path:
        (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_config))
        changes = {"train.epochs": 1, "train.milestones": []} | overrides
        words = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
        outcome = pose_cli("train", tmp_path / "tiny.yaml", *words, "--out", tmp_path / "run", "--workers", 0)
        assert outcome.code == 0, outcome.err
        return tmp_path / "run"

    return run


def export(run: Path, pose_cli: Cli) -> str:
    """Export a run; the command compares the graph with PyTorch, and says so."""
    outcome = pose_cli("export", run, "--onnx", run / "model.onnx")
    assert outcome.code == 0, outcome.err
    return outcome.out


class ToyBackbone(nn.Module):
    """Five convolutions of stride 2."""

    def __init__(self, width: float, *, activation: Activation) -> None:
        super().__init__()
        self.out_channels = max(8, int(64 * width))
        layers, channels = [], 3
        for _ in range(5):
            act = activation.at("outer", self.out_channels, default=STATIC["relu"])
            layers.append(ConvNormAct(channels, self.out_channels, kernel=3, stride=2, activation=act))
            channels = self.out_channels
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


@pytest.mark.slow
def test_a_backbone(train: Callable[..., Path], pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = pytest.importorskip("pose.export.layers")
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(factory.BACKBONES, "toy", lambda width, activation: ToyBackbone(width, activation=activation))
    monkeypatch.setitem(layers.EMITTERS, ToyBackbone, lambda g, m, x: layers.emit(g, m.layers, x))
    run = train(**{"model.backbone": "toy"})
    assert "keypoints by at most" in export(run, pose_cli)
    outcome = pose_cli("eval", run, "--boxes", "gt", "--workers", 0)
    assert outcome.code == 0, outcome.err
    outcome = pose_cli("summary", run)
    assert "backbone.layers.4" in outcome.out


class ToyActivation(nn.Module):
    """x times a gate that is learned for each channel: sigmoid(g) x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate.sigmoid()


@pytest.mark.slow
def test_an_activation(train: Callable[..., Path], pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = pytest.importorskip("pose.export.layers")
    pytest.importorskip("onnxruntime")

    def emit_toy(g: Any, module: ToyActivation, x: Any) -> Any:
        x = layers.unflatten(g, x)
        gate = g.constant(module.gate.sigmoid().detach().numpy(), name="gate")
        return replace(x, name=g.op("Mul", x.name, gate))

    monkeypatch.setitem(activations.RELATED, "toy", lambda channels, _: ToyActivation(channels))
    # Made of the dictionaries when the file is read, which is after a line was added to one of them.
    monkeypatch.setattr(activations, "ACTIVATIONS", (*activations.ACTIVATIONS, "toy"))
    monkeypatch.setitem(layers.EMITTERS, ToyActivation, emit_toy)
    run = train(**{"model.activation": "toy", "model.head.activation": "toy"})
    assert "keypoints by at most" in export(run, pose_cli)


@pytest.mark.slow
def test_an_export_emitter(train: Callable[..., Path], pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, the module is refused by its name; a wrong one is found before a file is written."""
    layers = pytest.importorskip("pose.export.layers")
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(factory.BACKBONES, "toy", lambda width, activation: ToyBackbone(width, activation=activation))
    run = train(**{"model.backbone": "toy"})
    outcome = pose_cli("export", run, "--onnx", run / "model.onnx")
    assert (outcome.code, "ToyBackbone cannot be exported" in outcome.err) == (2, True)

    def wrong(g: Any, module: PoseNet, x: Any) -> Any:
        y = layers.emit(g, module.head, layers.emit(g, module.backbone, x))
        return replace(y, name=g.op("Mul", y.name, g.constant(1.5)))

    right = layers.EMITTERS[PoseNet]
    monkeypatch.setitem(layers.EMITTERS, ToyBackbone, lambda g, m, x: layers.emit(g, m.layers, x))
    monkeypatch.setitem(layers.EMITTERS, PoseNet, wrong)
    outcome = pose_cli("export", run, "--onnx", run / "model.onnx")
    assert (outcome.code, "the exported graph is not the network" in outcome.err) == (2, True)
    assert not (run / "model.onnx").exists()
    monkeypatch.setitem(layers.EMITTERS, PoseNet, right)
    assert "keypoints by at most" in export(run, pose_cli)


def toy_decode(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """The pixel of the peak, not moved towards its neighbor."""
    scores, index = heatmaps.float().flatten(2).max(-1)
    xy = torch.stack([index % heatmaps.shape[-1], index // heatmaps.shape[-1]], -1).float()
    return torch.where(scores[..., None] > 0, xy, 0.0), scores


def toy_emit_decode(g: Any, heatmaps: str, size: Any, stride: int) -> None:
    """The same in ONNX."""
    flat = g.reshape(heatmaps, 0, size.channels, -1)
    index = g.op("ArgMax", flat, axis=2, keepdims=1)
    scores = g.op("GatherElements", flat, index, axis=2)
    width = g.constant([size.width])
    peak = g.op("Concat", g.op("Mod", index, width), g.op("Div", index, width), axis=2)
    points = g.op("Mul", g.op("Cast", peak, to=1), g.constant(float(stride)))
    g.rename(g.op("Where", g.op("Greater", scores, g.constant(0.0)), points, g.constant(0.0)), "keypoints")
    g.rename(g.reshape(scores, 0, size.channels), "scores")


@pytest.mark.slow
def test_a_codec(tmp_path: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of `decode` reaches predictions, and an export that lacks it is refused."""
    network = pytest.importorskip("pose.export.network")
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(heatmap, "decode", toy_decode)
    generate(tmp_path / "people", level="easy", train=1, val=1)
    image = read_image(next((tmp_path / "people/images/val").glob("*.jpg")))
    quarter = save_demo(tmp_path / "quarter.safetensors", codec="quarter")
    predictor = pose.load(quarter, "cpu")
    center, size = grow_box([0, 0, image.shape[1], image.shape[0]], predictor.input_size)
    to_crop = crop_affine(center, float(size[1]), predictor.input_size)
    found = predictor(image, boxes=[[0, 0, image.shape[1], image.shape[0]]])
    in_crop = apply_affine(found.keypoints[0], to_crop) / STRIDE
    np.testing.assert_allclose(in_crop, in_crop.round(), atol=1e-3)
    assert len(np.unique(in_crop.round(), axis=0)) > 5
    path = tmp_path / "demo.onnx"
    outcome = pose_cli("export", quarter, "--onnx", path)
    assert (outcome.code, "the exported graph is not the network" in outcome.err) == (2, True)
    monkeypatch.setattr(network, "emit_decode", toy_emit_decode)
    outcome = pose_cli("export", quarter, "--onnx", path)
    assert (outcome.code, "keypoints by at most 0.0000 pixels" in outcome.out) == (0, True)


def read_csv(
    path: Path | str, skeleton: Skeleton, *, category: str | None = None, need_annotations: bool = True
) -> CocoFile:
    """A line for each person: the image and its size, the box, then x, y, visibility of each keypoint."""
    images: dict[int, ImageInfo] = {}
    people = []
    with Path(path).open(newline="") as file:
        for number, (name, height, width, *numbers) in enumerate(csv.reader(file), start=1):
            x, y, w, h, *flat = map(float, numbers)
            keypoints = np.array(flat, dtype=np.float32).reshape(skeleton.num_keypoints, 3)
            images[number] = ImageInfo(number, name, (int(height), int(width)))
            labeled = int((keypoints[:, 2] > 0).sum())
            people.append(Annotation(number, number, (x, y, w, h), w * h, keypoints, labeled, False))
    return CocoFile(Path(path), images, tuple(people), (1,))


@pytest.mark.slow
def test_a_dataset_format(
    train: Callable[..., Path], tiny_dataset: Path, tmp_path: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    coco = load_coco(tiny_dataset / "people.json", COCO17)
    table = tmp_path / "people.csv"
    with table.open("w", newline="") as file:
        for a in coco.annotations or ():
            image = coco.images[a.image_id]
            csv.writer(file).writerow([image.file_name, *image.image_size, *a.box_xywh, *a.keypoints_img.ravel()])
    by_json = train()
    monkeypatch.setattr(splits, "load_coco", read_csv)
    (by_json.parent / "json").mkdir()
    by_json = by_json.rename(by_json.parent / "json" / "run")
    by_csv = train(**{"data.train.annotations": str(table), "data.val.annotations": str(table)})
    for name in ("best.safetensors", "last.safetensors"):
        assert load_checkpoint(by_csv / name).metrics == load_checkpoint(by_json / name).metrics
    mine, other = (load_checkpoint(run / "last.safetensors").weights for run in (by_csv, by_json))
    assert all(torch.equal(mine[key], other[key]) for key in other)
    outcome = pose_cli("eval", by_csv, "--boxes", "gt", "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert "10 people" in outcome.out


@dataclass(frozen=True)
class ToyDraw(Draw):
    """With a shift of the crop to the right, a share of its width."""

    shift: float = 0.0

    def affine(self, *given: Any, input_size: tuple[int, int], **options: Any) -> Any:
        affine = super().affine(*given, input_size=input_size, **options).copy()
        affine[0, 2] += self.shift * input_size[1]
        return affine


@dataclass(frozen=True)
class ToyAugment(Augment):
    """With shifts from half of `shift` to all of it."""

    shift: float = 0.0

    def draw(self, *given: Any, rng: np.random.Generator, **options: Any) -> ToyDraw:
        plain = super().draw(*given, rng=rng, **options)
        return ToyDraw(**asdict(plain), shift=self.shift * rng.uniform(0.5, 1))


class ToyAugmentConfig(AugmentConfig):
    shift: float = 0.0


def test_a_transform(tiny_dataset: Path) -> None:
    """A part of the affine moves pixels and keypoints alike, and draws from the sample's own generator."""
    people = ground_truth_people(load_coco(tiny_dataset / "people.json", COCO17), tiny_dataset / "images")

    def sample(**config: Any) -> Any:
        section = ToyAugmentConfig(half_body=0, scale=0, rotation=0, flip=0, **config)
        augment = ToyAugment(**section.model_dump(exclude={"extra"}))
        return PeopleDataset(people, COCO17, input_size=(64, 64), augment=augment)[1, 0]

    plain, shifted = sample(), sample(shift=0.2)
    moved = shifted.keypoints_crop - plain.keypoints_crop
    assert 0.1 * 64 <= moved[0, 0] <= 0.2 * 64
    np.testing.assert_allclose(moved, np.broadcast_to([moved[0, 0], 0], moved.shape), atol=1e-4)
    whole = round(float(moved[0, 0]))
    difference = shifted.image[:, whole:].astype(int) - plain.image[:, : 64 - whole]
    unshifted = shifted.image.astype(int) - plain.image
    assert np.abs(difference).mean() < 0.5 * np.abs(unshifted).mean()
    np.testing.assert_array_equal(sample(shift=0.2).image, shifted.image)


def toy(number: Annotated[int, typer.Argument(help="To be doubled.")]) -> None:
    """Double a number."""
    if number < 0:
        raise ValueError(f"got {number}; expected 0 or more")
    print(2 * number)


def test_a_command(pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_main.app, "registered_commands", [*cli_main.app.registered_commands])
    cli_main.app.command()(toy)
    assert pose_cli("toy", 3) == Outcome(0, "6\n", "")
    assert pose_cli("toy", "--", -3) == Outcome(2, "", "error: got -3; expected 0 or more\n")
    assert "Double a number." in pose_cli("--help").out
    assert "To be doubled." in pose_cli("toy", "--help").out
