"""The YAML files in configs/: each loads, and those of Table 10 say what the table says and train."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import torch

from pose.codecs.heatmap import encode
from pose.config.keypoints import AugmentConfig, Config
from pose.config.load import load_config
from pose.config.zoo import MODELS, list_models, model_config
from pose.keypoints.skeletons import COCO17
from pose.training.losses import heatmap_mse

CONFIGS = Path(__file__).parents[2] / "configs"
KEYPOINTS = sorted(path for folder in ("coco", "figures") for path in (CONFIGS / folder).glob("*.yaml"))


@pytest.fixture(autouse=True)
def sample_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POSE_COCO_SAMPLE", str(tmp_path))


def test_names_are_those_of_the_models() -> None:
    table = {path.stem for path in (CONFIGS / "coco").glob("mobilenet_*.yaml")}
    assert table == set(list_models())


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda p: p.relative_to(CONFIGS).as_posix())
def test_each_file_loads(path: Path) -> None:
    load_config(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", KEYPOINTS, ids=lambda p: p.relative_to(CONFIGS).as_posix())
def test_each_file_is_short_and_survives_writing(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    assert isinstance(config, Config)
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert load_config(tmp_path / "config.yaml") == config
    assert len(path.read_text().splitlines()) < 35
    with torch.device("meta"):
        config.model.build(num_keypoints=config.data.resolve_skeleton().num_keypoints)


def test_stages_of_the_demo_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each config of tools/demo_model.sh loads with its changes, and starts from the stage before."""
    root = CONFIGS.parent
    monkeypatch.chdir(root)
    script = (root / "tools/demo_model.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    stages = [shlex.split(line)[1:] for line in script.splitlines() if line.startswith("stage ")]
    assert [number for number, *_ in stages] == ["1", "2", "3", "4", "5"]
    sizes = []
    for number, path, *overrides in stages:
        config = load_config(Path(path), overrides)
        assert isinstance(config, Config)
        assert config.model.init == (None if number == "1" else f"runs/demo_model_{int(number) - 1}")
        assert config.eval.every == config.train.epochs, "so that the best checkpoint is the last"
        sizes.append(config.model.input_size)
    assert sizes == [(192, 128), (128, 96), (128, 96), (224, 160), (224, 160)]


@pytest.mark.parametrize("name", list_models())
def test_the_recipe_of_table_10(name: str) -> None:
    path = CONFIGS / "coco" / f"{name}.yaml"
    config = load_config(path)
    assert config.model == model_config(name)
    assert config.model.input_size == (256, 192)
    assert config.data.resolve_skeleton() is COCO17
    assert config.augment == AugmentConfig(half_body=0.3, scale=0.35, rotation=45, rotation_prob=0.6, flip=0.5)
    assert config.augment.rotation_mode == "uniform"
    train = config.train
    assert (train.epochs, train.batch_size, train.lr) == (210, 128, 1e-3)
    assert (train.milestones, train.lr_factor) == ([170, 200], 0.1)
    assert config.eval.flip_test
    assert config.data.val.boxes.endswith("COCO_val2017_detections_AP_H_56_person.json")
    assert config.data.train.limit is config.data.val.limit is None
    head = path.read_text().splitlines()[0]
    assert f"AP {MODELS[name].ap}, {MODELS[name].madds} MAdds" in head


@pytest.mark.slow
@pytest.mark.parametrize("name", list_models())
def test_one_training_step_of_table_10(name: str) -> None:
    """With the loss of the protocol; every convolution moves, and in a second step what starts behind a zero."""
    config = load_config(CONFIGS / "coco" / f"{name}.yaml")
    torch.manual_seed(0)
    model = config.model.build(num_keypoints=17).train()
    before = {key: value.clone() for key, value in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), lr=config.train.lr)
    targets, weights = encode(torch.rand(2, 17, 2) * 16, torch.ones(2, 17), heatmap_size=(16, 16))
    heatmaps = model(torch.randn(2, 3, 64, 64))
    assert heatmaps.shape == targets.shape
    loss = heatmap_mse(heatmaps, targets, weights)
    assert loss.isfinite()
    # The last layer starts at N(0, 0.001): before the first step the model predicts next to nothing.
    assert loss.item() == pytest.approx(0.5 * targets.square().mean().item(), rel=0.2)
    loss.backward()
    optimizer.step()

    def unmoved() -> set[str]:
        return {key for key, value in model.named_parameters() if torch.equal(value, before[key])}

    # Of a hyper function fc2 starts at zero, so that fc1 has no gradient yet; the few hidden units of a narrow one
    # may all be off for these two images.
    assert {key.split(".")[-2] for key in unmoved()} <= {"fc1", "fc2"}
    optimizer.zero_grad()
    heatmap_mse(model(torch.randn(2, 3, 64, 64)), targets, weights).backward()
    optimizer.step()
    assert len(unmoved()) < 0.02 * len(before)
    assert all(value.isfinite().all() for value in model.parameters())


def test_sample_fit_evaluates_on_what_it_learns() -> None:
    config = load_config(CONFIGS / "coco" / "sample_fit.yaml")
    assert config.augment is None
    val = config.data.val.model_dump(exclude={"boxes"})
    assert val == config.data.train.model_dump()
    assert (config.data.train.limit, config.data.train.min_keypoints, config.data.train.min_area) == (32, 8, 4000)
    assert config.data.val.boxes == "gt"
