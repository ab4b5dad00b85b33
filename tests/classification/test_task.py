"""`task: classification` in the one trainer, its recipes, its evaluation, and weights that move between tasks."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torchvision
import yaml

import pose.classification.task as classification_module
from pose.checkpoints.checkpoint import load_checkpoint
from pose.checkpoints.initial_weights import load_initial_weights
from pose.classification.dataset import LabeledImage, find_images
from pose.classification.task import ClassificationTask, evaluate_images
from pose.cli.train import make_task
from pose.config.classification import ClassificationConfig
from pose.config.load import load_config, make_config
from pose.data.loader import EpochSampler
from pose.inference import memory
from pose.runtime.stop import Stopped
from tests.helpers.running import run_training, stop_in_step

CPU = torch.device("cpu")
IMAGENET = Path(__file__).parents[2] / "configs" / "imagenet"
COLORS = {"blue": (200, 60, 30), "green": (40, 180, 60), "red": (30, 40, 190)}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of colors: eight training and four validation images of each."""
    root = tmp_path_factory.mktemp("colors")
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 4)):
        for name, color in COLORS.items():
            (root / split / name).mkdir(parents=True)
            for index in range(count):
                image = np.clip(rng.normal(color, 25, (36, 40, 3)), 0, 255).astype(np.uint8)
                cv2.imwrite(str(root / split / name / f"{index}.png"), image)
    return root


@pytest.fixture
def data(tree: Path) -> dict[str, Any]:
    """A config that trains in seconds and draws at random wherever it can: dropout, RReLU, mixup, augmentation."""
    return {
        "task": "classification",
        "data": {"root": str(tree)},
        "model": {"width": 0.1, "activation": "rrelu", "dropout": 0.3, "input_size": [32, 32]},
        "train": {"epochs": 3, "batch_size": 7, "lr": 0.05, "mixup": 0.2, "seed": 2},
        "eval": {"every": 2},
    }


def config_of(data: dict[str, Any], *overrides: str) -> ClassificationConfig:
    config = make_config(data, overrides)
    assert isinstance(config, ClassificationConfig)
    return config


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        columns = ("epoch", "lr", "loss", "top1", "top5", "val_loss")
        return [{key: row[key] for key in columns} for row in csv.DictReader(file)]


# --- the run ---


@pytest.mark.slow
def test_a_run_leaves_everything(data: dict[str, Any], tmp_path: Path) -> None:
    config = config_of(data)
    metrics = run_training(config, tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    wanted = {"config.yaml", "versions.json", "metrics.csv", "batch0.jpg", "best.safetensors", "last.safetensors"}
    assert wanted | {"resume.pt", "resume.previous.pt", "state.json", ".lock", "tb"} == names
    assert load_config(tmp_path / "run" / "config.yaml") == config
    assert list(metrics) == ["top1", "top5", "val_loss"]
    assert metrics["top5"] == 1.0  # of three classes
    assert [bool(row["top1"]) for row in rows(tmp_path / "run")] == [False, True, True]
    last = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert (last.epoch, last.metrics, last.config) == (3, metrics, config)
    assert last.classes == ("blue", "green", "red")
    assert cv2.imread(str(tmp_path / "run" / "batch0.jpg")) is not None


@pytest.mark.slow
def test_it_learns(data: dict[str, Any], tmp_path: Path) -> None:
    """To tell three colors apart, where guessing gives a third."""
    data["model"] |= {"activation": "relu", "dropout": 0.0}
    # At this rate six seeds of six learn it; at 0.05 four did, and which depended on the processor's rounding.
    data["train"] |= {"lr": 0.005, "epochs": 20, "batch_size": 8, "mixup": 0.0, "label_smoothing": 0.0}
    metrics = run_training(config_of(data, "augment.colour_jitter=0.0", "eval.every=20"), tmp_path / "run")
    losses = [float(row["loss"]) for row in rows(tmp_path / "run")]
    assert losses[-1] < 0.5 * losses[0]
    assert metrics["top1"] > 0.5


@pytest.mark.parametrize("key", ["lr", "weight_decay"])
def test_numbers_too_large_for_torch_are_refused(data: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match=rf"train\.{key}: expected 10000 or less, got 1e\+300"):
        config_of(data, f"train.{key}=1e300")


@pytest.mark.slow
@pytest.mark.parametrize("steps", [2, 4, 9])
def test_resume_equals_never_having_stopped(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """With dropout, RReLU, mixup and augmentation, all of which draw; stopped within epochs and at an end."""
    config = config_of(data)  # 4 steps an epoch
    run_training(config, tmp_path / "whole")
    with monkeypatch.context() as patched:
        stop_in_step(patched, steps)
        with pytest.raises(Stopped):
            run_training(config, tmp_path / "halved")
    torch.manual_seed(99)  # what was drawn since must not matter
    run_training(config, tmp_path / "halved", resume=True)
    for name in ("last.safetensors", "best.safetensors"):
        ours, theirs = load_checkpoint(tmp_path / "halved" / name), load_checkpoint(tmp_path / "whole" / name)
        assert all(torch.equal(ours.weights[key], theirs.weights[key]) for key in theirs.weights)
        assert (ours.epoch, ours.metrics) == (theirs.epoch, theirs.metrics)
    assert rows(tmp_path / "halved") == rows(tmp_path / "whole")


def test_the_last_layer_of_other_classes_is_not_taken(data: dict[str, Any], tmp_path: Path) -> None:
    """Though there are as many."""
    run_training(config_of(data, "train.epochs=1"), tmp_path / "run")
    model = ClassificationTask(config_of(data)).build_model()
    own = tuple(sorted(COLORS))
    assert load_initial_weights(model, tmp_path / "run", classes=own).endswith("0 start fresh")
    line = load_initial_weights(model, tmp_path / "run", classes=("a", "b", "c"))
    assert "2 start fresh" in line
    assert line.endswith("the last layer starts fresh: the 3 classes there are others")


def test_classes_that_change_their_names_are_other_labels(data: dict[str, Any], tmp_path: Path) -> None:
    """Though as many images are of each."""
    root = Path(shutil.copytree(data["data"]["root"], tmp_path / "colors"))
    before = ClassificationTask(config_of(data)).checksum
    assert ClassificationTask(config_of(data, f"data.root={root}")).checksum == before
    for split in ("train", "val"):
        (root / split / "red").rename(root / split / "rose")
    assert ClassificationTask(config_of(data, f"data.root={root}")).checksum != before


@pytest.mark.slow
def test_workers_change_nothing(data: dict[str, Any], tmp_path: Path) -> None:
    for workers in (0, 2):
        run_training(config_of(data, "train.epochs=2"), tmp_path / str(workers), workers=workers)
    ours, theirs = (load_checkpoint(tmp_path / name / "last.safetensors").weights for name in ("0", "2"))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_loss_that_is_not_finite_names_the_images(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classification_module, "mixed_cross_entropy", lambda x, *_, **__: x.sum() * float("nan"))
    with pytest.raises(ValueError, match=r"loss is nan in epoch 1, step 1 \(images \[.*\.png"):
        run_training(config_of(data), tmp_path / "run")


# --- recipes ---


def recipe(name: str, tree: Path) -> ClassificationTask:
    config = load_config(IMAGENET / f"{name}.yaml", [f"data.root={tree}"])
    task = make_task(config)
    assert isinstance(task, ClassificationTask)
    return task


@pytest.mark.parametrize(
    ("name", "curve"),
    [
        ("mobilenet_v2_x1.0_dyrelu", {0: 0.05, 75: 0.05 * 0.853553, 150: 0.025, 225: 0.05 * 0.146447, 300: 0.0}),
        ("mobilenet_v3_large_relu", {0: 0.1, 100: 0.075, 150: 0.05, 200: 0.025, 299: 0.1 * 2.7415e-5}),
        ("resnet50_dyrelu", {0: 0.1, 29.9: 0.1, 30: 0.01, 59.9: 0.01, 60: 0.001, 89: 0.001}),
    ],
)
def test_learning_rates(name: str, curve: dict[float, float], tree: Path) -> None:
    task = recipe(name, tree)
    for epoch, lr in curve.items():
        assert task.learning_rate(epoch) == pytest.approx(lr, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "weight_decay", "dropout", "smoothing", "mixes", "jitters", "epochs"),
    [
        ("mobilenet_v2_x0.35", 2e-5, 0.1, 0.1, False, True, 300),
        ("mobilenet_v2_x0.5", 3e-5, 0.2, 0.1, False, True, 300),
        ("mobilenet_v2_x0.75", 3e-5, 0.2, 0.1, False, True, 300),
        ("mobilenet_v2_x1.0", 3e-5, 0.2, 0.1, True, True, 300),
        ("mobilenet_v3_large", 3e-5, 0.2, 0.1, True, True, 300),
        ("mobilenet_v3_small", 3e-5, 0.1, 0.1, False, False, 300),
        ("resnet10", 1e-4, 0.0, 0.0, False, False, 90),
        ("resnet18", 1e-4, 0.1, 0.1, False, False, 90),
        ("resnet34", 1e-4, 0.1, 0.1, False, False, 90),
        ("resnet50", 1e-4, 0.1, 0.1, False, False, 90),
    ],
)
@pytest.mark.parametrize("kind", ["relu", "dyrelu"])
def test_recipes_are_the_papers(
    name: str,
    weight_decay: float,
    dropout: float,
    smoothing: float,
    mixes: bool,
    jitters: bool,
    epochs: int,
    kind: str,
) -> None:
    config = load_config(IMAGENET / f"{name}_{kind}.yaml")
    assert isinstance(config, ClassificationConfig)
    assert config.augment is not None
    settings = config.train
    assert (settings.weight_decay, config.model.dropout, settings.label_smoothing) == (
        weight_decay,
        dropout,
        smoothing,
    )
    assert (settings.mixup > 0, config.augment.colour_jitter > 0, settings.epochs) == (mixes, jitters, epochs)
    assert (settings.batch_size, settings.momentum) == (256, 0.9)
    assert config.model.activation.name == {"relu": "default", "dyrelu": "dyrelu_b"}[kind]


def test_the_optimizer_is_the_recipes(tree: Path) -> None:
    task = recipe("resnet10_relu", tree)
    group = task.make_optimizer(torch.nn.Linear(2, 2)).param_groups[0]
    assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0.9, 1e-4, False)


def test_mixup_mixes_images_and_labels_alike(data: dict[str, Any]) -> None:
    """Against the loss of the same mixture made by hand, with the generator's own draws."""
    data["model"] |= {"activation": "relu", "dropout": 0.0}
    config = config_of(data, "train.mixup=0.5")
    task = ClassificationTask(config)
    model = task.build_model().eval()
    batch = next(iter(task.make_loader(EpochSampler(24, seed=0), workers=0, pin_memory=False))).batch
    rng = np.random.default_rng(4)
    share, order = rng.beta(0.5, 0.5), rng.permutation(7)
    mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    images = (batch.images.float() / 255 - mean) / std
    logits = model(share * images + (1 - share) * images[order])
    targets = torch.nn.functional.one_hot(batch.labels, 3).float()
    targets = 0.9 * (share * targets + (1 - share) * targets[order]) + 0.1 / 3
    expected = -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(task.loss(model, batch, np.random.default_rng(4)), expected)


# --- evaluation ---


class FromGreen(torch.nn.Module):
    """Logits for ten classes whose order is known: class c gets -|c - 3| everywhere."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -(torch.arange(10.0) - 3).abs().expand(len(x), 10) - 0.01 * torch.arange(10.0)


def test_top_1_and_top_5_by_hand(tree: Path, data: dict[str, Any]) -> None:
    """The model always answers 3, 2, 4, 1, 5: right for class 3 at once, for classes 1 to 5 among five."""
    images = find_images(tree / "val", tuple(COLORS))
    labels = [3, 3, 2, 9, 0, 1, 5, 6, 7, 8, 4, 3]
    relabeled = [LabeledImage(image.path, label) for image, label in zip(images, labels, strict=True)]
    names = [f"class{c}" for c in range(10)]
    result = evaluate_images(FromGreen(), relabeled, classes=names, config=config_of(data), device=CPU)
    assert result.metrics["top1"] == pytest.approx(3 / 12)
    assert result.metrics["top5"] == pytest.approx(7 / 12)
    logits = FromGreen()(torch.zeros(1, 1))[0].log_softmax(0)
    expected = -sum(float(logits[p.label]) for p in relabeled) / 12
    assert result.metrics["val_loss"] == pytest.approx(expected, rel=1e-5)
    assert result.results[2] == {
        "image": str(relabeled[2].path),
        "class": "class2",
        "best": ["class3", "class2", "class4", "class1", "class5"],
    }
    assert result.line() == "top-1 25.0%, top-5 58.3% (12 images)"


# --- the commands ---


@pytest.fixture(scope="module")
def run(tree: Path, tmp_path_factory: pytest.TempPathFactory, pose_cli: Callable[..., Any]) -> Path:
    """A run of the command; to be read only."""
    folder = tmp_path_factory.mktemp("classifier")
    text = {
        "task": "classification",
        "data": {"root": str(tree)},
        "model": {"width": 0.1, "activation": "dyrelu_c", "input_size": [64, 64]},
        "train": {"epochs": 2, "batch_size": 8},
    }
    (folder / "colors.yaml").write_text(yaml.safe_dump(text))
    outcome = pose_cli("train", folder / "colors.yaml", "--out", folder / "run", "--workers", 0, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert "24 images of 3 classes to train on, 12 to evaluate" in outcome.err
    assert outcome.out.startswith("best top-1 ")
    return folder / "run"


def test_eval_prints_and_writes(run: Path, pose_cli: Callable[..., Any], tmp_path: Path) -> None:
    outcome = pose_cli("eval", run, "--out", tmp_path / "eval", "--workers", 0, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    metrics = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert outcome.out.startswith(f"top-1 {metrics['top1']:.1%}, top-5 100.0% (12 images)")
    results = json.loads((tmp_path / "eval" / "results.json").read_text())
    right = sum(r["class"] == r["best"][0] for r in results)
    assert metrics["top1"] == pytest.approx(right / 12)
    best = load_checkpoint(run)
    assert metrics["top1"] == best.metrics["top1"]
    assert (tmp_path / "eval" / "config.yaml").is_file()


def test_batches_fit_into_the_memory(
    run: Path, pose_cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: 2 * 5 * memory.BYTES_PER_PIXEL * 64 * 64)
    outcome = pose_cli("eval", run, "--out", tmp_path / "eval", "--workers", 0, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert "warning: batches of 5 instead of 12: a crop of 64 x 64 (height x width) pixels takes" in outcome.err
    assert (
        json.loads((tmp_path / "eval" / "metrics.json").read_text())["top1"] == load_checkpoint(run).metrics["top1"]
    )


def test_resume_by_the_command(run: Path, pose_cli: Callable[..., Any]) -> None:
    outcome = pose_cli("train", "--resume", run, "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert "is complete: 2 epochs" in outcome.err


def test_generated_shapes_are_made_at_the_start(pose_cli: Callable[..., Any], tmp_path: Path) -> None:
    config = Path(__file__).parents[2] / "configs" / "shapes" / "mobilenet_v2_x0.35_dyrelu.yaml"
    outcome = pose_cli(
        *("train", config, f"data.root={tmp_path / 'data'}", "data.shapes={train: 20, val: 10}", "model.width=0.1"),
        *("train.epochs=1", "model.input_size=[32, 32]", "--out", tmp_path / "run", "--workers", 0),
    )
    assert outcome.code == 0, outcome.err
    assert "20 images of 10 classes" in outcome.err


# --- weights that move ---


def pose_config(**model: Any) -> Any:
    split = {"images": "", "annotations": ""}
    head = {"channels": [8] * 4, "hidden": [16] * 4}
    return make_config({"data": {"train": split, "val": split}, "model": {"width": 0.1, "head": head, **model}})


def test_a_classifier_starts_a_pose_backbone(run: Path) -> None:
    """All of the backbone is taken; the head starts fresh, the classifier is left over, and the line says so."""
    config = pose_config(activation="dyrelu_c")
    model = config.model.build(num_keypoints=4)
    line = load_initial_weights(model, run)
    weights = load_checkpoint(run).weights
    own = model.state_dict()
    backbone = [key for key in own if key.startswith("backbone.")]
    assert all(torch.equal(own[key], weights[key]) for key in backbone)
    assert f"{len(backbone)} of {len(own)} tensors taken from " in line
    assert f"{len(own) - len(backbone)} start fresh: head." in line
    assert set(line.rsplit("; 2 not used: ")[1].split(", ")) == {"classifier.1.weight", "classifier.1.bias"}


@pytest.mark.slow
def test_torchvisions_weights_start_static_networks(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    classifier = config_of({"task": "classification", "model": {"backbone": "resnet18"}}).model.build(
        num_classes=1000
    )
    line = load_initial_weights(classifier, tmp_path / "resnet18.pth")
    assert line.startswith("122 of 122 tensors taken from ")
    x = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(classifier.eval()(x), theirs.eval()(x), rtol=1e-5, atol=1e-5)
    network = pose_config(backbone="resnet18", width=1.0).model.build(num_keypoints=4)
    line = load_initial_weights(network, tmp_path / "resnet18.pth")
    assert line.startswith("120 of ")
    assert torch.equal(network.backbone.stem[0].weight, theirs.conv1.weight)


def test_weights_of_another_architecture(run: Path, tmp_path: Path, pose_cli: Callable[..., Any]) -> None:
    with pytest.raises(
        ValueError,
        match=r"another network \(mobilenet_v2 x0.1 with dyrelu_c\): \d+ of \d+ convolutions",
    ):
        load_initial_weights(pose_config(width=0.5).model.build(num_keypoints=4), run)
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(ValueError, match=r"the torchvision weights hold 120 tensors, this backbone has"):
        load_initial_weights(pose_config().model.build(num_keypoints=4), tmp_path / "resnet18.pth")
    (tmp_path / "junk.pth").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"junk\.pth is no file of weights, or a damaged one"):
        load_initial_weights(pose_config().model.build(num_keypoints=4), tmp_path / "junk.pth")
    with pytest.raises(FileNotFoundError, match=r"no weights .*gone\.pth"):
        load_initial_weights(pose_config().model.build(num_keypoints=4), tmp_path / "gone.pth")


# --- bad input: exit code 2, one message, no traceback ---


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.activation=dyrelo_b", "unknown activation 'dyrelo_b'; did you mean 'dyrelu_b'"),
        ("model.activation.sites=[a4]", "unknown activation site 'a4'"),
        ("model.activation.sites=[]", "sites names no place; give some of a1, a2, a3"),
        ("model.backbone=resnet20", "unknown backbone 'resnet20'; did you mean"),
        ("model.backbone=resnet18", "resnet18 comes at width 1 only, got 0.1"),
        ("train.milestones=[30]", "milestones are for schedule: step"),
        ("train.schedule=step", "milestones are for schedule: step, which needs some"),
        ("train.schedule=linear", "train.schedule: expected 'cosine' or 'step'"),
        ("train.lrr=1", "train.lrr: no such key; did you mean 'lr'?"),
        ("data.root=/nowhere", "no folder /nowhere/train; expected one folder of images a class"),
        ("data.train=train/red", "train/red has no classes"),
        ("data.val=elsewhere", "no folder"),
        ("model.init=/nowhere", "no checkpoint /nowhere"),
    ],
)
def test_bad_configs(
    data: dict[str, Any], tmp_path: Path, pose_cli: Callable[..., Any], override: str, message: str
) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(data))
    outcome = pose_cli("train", tmp_path / "c.yaml", override, "--out", tmp_path / "run", "--workers", 0)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.count("error:") == 1
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("workers", [0, 2])
def test_a_corrupt_image_is_named(
    data: dict[str, Any], tmp_path: Path, pose_cli: Callable[..., Any], workers: int
) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in ("a", "b"):
            (tmp_path / "tree" / split / name).mkdir(parents=True)
            for index in range(3):
                image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                cv2.imwrite(str(tmp_path / "tree" / split / name / f"{index}.jpg"), image)
    (tmp_path / "tree" / "train" / "b" / "1.jpg").write_bytes(b"no image")
    data["data"]["root"] = str(tmp_path / "tree")
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(data))
    outcome = pose_cli("train", tmp_path / "c.yaml", "--out", tmp_path / "run", "--workers", workers)
    assert outcome.code == 2
    assert "b/1.jpg: broken, or not an image; replace the file" in outcome.err
    assert outcome.err.count("error:") == 1
    assert "Traceback" not in outcome.err


def test_a_classifier_is_no_pose_network(run: Path, tmp_path: Path, pose_cli: Callable[..., Any]) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((8, 8, 3), np.uint8))
    outcome = pose_cli("predict", run, tmp_path / "x.png", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "holds a classifier, not a pose network" in outcome.err
    outcome = pose_cli("eval", run, "--boxes", "gt")
    assert outcome.code == 2
    assert "holds a classifier: it has no boxes, no flip test and no codec" in outcome.err


def test_eval_on_other_classes(run: Path, tmp_path: Path, pose_cli: Callable[..., Any]) -> None:
    for name in ("blue", "yellow"):
        (tmp_path / "val" / name).mkdir(parents=True)
    outcome = pose_cli("eval", run, f"data.root={tmp_path}", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "has other classes than the network: missing green, red, unknown yellow" in outcome.err
