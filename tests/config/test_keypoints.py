"""Reading a run's YAML: values, overrides, variables, and errors that name all that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError

from pose.config.classification import ClassificationConfig
from pose.config.keypoints import ActivationConfig, Config, ModelConfig
from pose.config.load import load_config, make_config
from pose.keypoints.skeletons import COCO17
from pose.runtime.errors import ConfigError

BASE = """
data:
  train: {images: images/train2017, annotations: annotations/person_keypoints_train2017.json}
  val: {images: images/val2017, annotations: annotations/person_keypoints_val2017.json}
"""
HAND = """
data:
  skeleton:
    name: hand
    keypoint_names: [wrist, left_tip, right_tip]
    flip_pairs: [[left_tip, right_tip]]
    edges: [[wrist, left_tip], [wrist, right_tip]]
    oks_sigmas: [0.1, 0.05, 0.05]
    upper_body: [left_tip]
  train: {images: a, annotations: b.json, limit: 32}
  val: {images: a, annotations: b.json, boxes: c.json}
augment: null
"""
CONFIGS = sorted((Path(__file__).parents[2] / "configs").rglob("*.yaml"))


def load(tmp_path: Path, text: str, *overrides: str) -> Config:
    file = tmp_path / "run.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(file, overrides)


def error_of(tmp_path: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        load(tmp_path, text, *overrides)
    assert not isinstance(caught.value, ValidationError)
    return str(caught.value)


def test_defaults_are_the_papers(tmp_path: Path) -> None:
    config = load(tmp_path, BASE)
    assert config.model.input_size == (256, 192)
    train, augment = config.train, config.augment
    assert (train.epochs, train.lr, train.milestones, train.lr_factor) == (210, 1e-3, [170, 200], 0.1)
    assert augment is not None
    assert (augment.rotation, augment.scale, augment.flip, augment.half_body) == (45.0, 0.35, 0.5, 0.3)
    assert config.eval.flip_test
    assert config.data.resolve_skeleton() is COCO17
    assert config.data.val.boxes == "gt"


def test_values_are_read(tmp_path: Path) -> None:
    model = "model: {backbone: mobilenet_v3_small, width: 0.5, activation: dyrelu_c, input_size: [128, 96]}\n"
    config = load(tmp_path, f"{BASE}{model}train: {{lr: 1e-3}}\n")
    assert config.model == ModelConfig(
        backbone="mobilenet_v3_small", width=0.5, activation=ActivationConfig(name="dyrelu_c"), input_size=(128, 96)
    )
    assert config.train.lr == 0.001


@pytest.mark.parametrize("text", [BASE, HAND], ids=["base", "hand"])
def test_round_trip(tmp_path: Path, text: str) -> None:
    overrides = ("train.lr=3.3e-5", "model.activation=dyrelu_c", "model.activation.alpha=[1, 0.5]", "data.root=/ä b")
    config = load(tmp_path, text, *overrides)
    again = load(tmp_path, config.to_yaml())
    assert again == config
    assert again.to_yaml() == config.to_yaml()


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_the_projects_own_configs_load(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_COCO_SAMPLE", "/sample")
    assert isinstance(load_config(file), Config | ClassificationConfig)


def test_frozen(tmp_path: Path) -> None:
    config = load(tmp_path, BASE)
    with pytest.raises(ValidationError, match="frozen"):
        config.train.lr = 1.0  # type: ignore[misc]


# --- wrong keys and values ---


def test_all_wrong_keys_at_once(tmp_path: Path) -> None:
    text = BASE + "modle: {}\ntrain: {learning_rate: 1, epoch: 3, batch_size: 0, seed: x}\neval: {flip: true}\n"
    message = error_of(tmp_path, text, "model.head.kernal=3")
    assert "run.yaml has 7 wrong entries:" in message
    lines = {line.strip() for line in message.splitlines()[1:]}
    assert lines == {
        "modle: no such key; did you mean 'model'?",
        "train.learning_rate: no such key; valid: epochs, minutes, patience, plateau, batch_size, lr, milestones, "
        "lr_factor, warmup_epochs, accumulate, precision, clip_grad_norm, ema, sync_batch_norm, batch_per_process, "
        "compile, channels_last, seed, workers, checkpoint_minutes, max_skipped_batches",
        "train.epoch: no such key; did you mean 'epochs'?",
        "train.batch_size: expected 1 or more, got 0",
        "train.seed: expected a whole number, got 'x'",
        "eval.flip: no such key; did you mean 'flip_test'?",
        "model.head.kernal: no such key; did you mean 'kernel'?",
    }


@pytest.mark.parametrize("key", ["Data", "STR", "str", "SkeletonConfig"])
def test_wrong_keys_that_look_like_types(tmp_path: Path, key: str) -> None:
    assert f"\n  {key}: no such key; " in error_of(tmp_path, BASE + f"{key}: 1\n")
    assert f"\n  train.{key}: no such key; " in error_of(tmp_path, BASE, f"train.{key}=1")
    assert f"\n  data.skeleton.{key}: no such key; " in error_of(tmp_path, HAND, f"data.skeleton.{key}=1")


def test_missing_keys(tmp_path: Path) -> None:
    message = error_of(tmp_path, "data: {train: {images: a}}\n")
    assert "data.train.annotations: missing" in message
    assert "data.val: missing" in message
    assert "data: missing" in error_of(tmp_path, "train: {}\n")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.category=[]", "data.category: expected at least 1 entry, got 0"),
        ("model.input_size=[256, 190]", "multiples of 32 such as [256, 192], got [256, 190]"),
        ("model.input_size=[256]", "model.input_size: entry 2 is missing, got [256]"),
        ("model.width=0", "model.width: expected more than 0, got 0"),
        ("train.lr=.nan", "train.lr: expected a finite number, got nan"),
        ("train.lr=.inf", "train.lr: expected a finite number, got inf"),
        ("train.lr=1e300", "train.lr: expected 10000 or less, got 1e+300"),
        ("model.activation.lambda_a=.inf", "model.activation.lambda_a: expected a finite number"),
        ("train.milestones=[200, 170]", "milestones are epochs in rising order, got [200, 170]"),
        ("train.milestones=[170, 170]", "milestones are epochs in rising order"),
        ("augment.flip=1.5", "augment.flip: expected 1 or less, got 1.5"),
        ("augment.rotation_mode=hrent", "augment.rotation_mode: expected 'uniform' or 'hrnet', got 'hrent'"),
        ("task=classify", "task: expected 'keypoints' or 'classification', got 'classify'"),
        ("model.activation=dyrelo_b", "unknown activation 'dyrelo_b'; did you mean 'dyrelu_b'?"),
        ("model.head.activation.form=litteral", "model.head.activation: unknown activation form 'litteral'; did you"),
        ("model.activation.sites=[a4]", "unknown activation site 'a4'"),
        ("data.skeleton=coco71", "skeleton 'coco71' is unknown; did you mean 'coco17'?"),
        ("model=3", "model: expected keys with values such as backbone, width, activation, got 3"),
        ("1=2", "1: no such key; valid: task, data, model"),
        (
            "model.backbone=mobilenet_v4",
            "model: unknown backbone 'mobilenet_v4'; did you mean 'mobilenet_v2'?",
        ),
        ("model={backbone: resnet18, width: 0.5}", "model: resnet18 comes at width 1 only, got 0.5"),
        ("model.head.kernel=4", "model.head: kernel must be odd, such as 3 or 5, got 4"),
        ("model.activation={name: dyrelu_c, alpha: [1, 0, 0]}", "DyReLU's alpha needs 2 values (num_pieces), got 3"),
        ("model.activation={name: dyrelu_b, num_pieces: 1, zero_piece: true}", "num_pieces counts it and must be at"),
        ("model.width=1e9", "model.width: expected 4 or less, got 1000000000.0"),
        ("model.input_size=[3200000, 3200000]", "model.input_size.0: expected 2048 or less, got 3200000"),
        ("model.head.channels=[1000000, 1, 1, 1]", "model.head.channels.0: expected 4096 or less"),
        ("model.head.channels=[1, 1, 1, 1, 1]", "model.head.channels: expected at most 4 entries, got 5"),
        ("data.figures.train=1000000000000", "data.figures.train: expected 1000000 or less"),
        ("train.seed=-1", "train.seed: expected 0 or more, got -1"),
        (f"train.epochs={10**30}", "train.epochs: expected 2147483647 or less"),
        (
            "data.skeleton=3",
            "data.skeleton: expected a name such as coco17, or keys with values such as name, keypoint",
        ),
        ("data.root=1e5", "data.root: expected text, got 100000.0"),
        ("eval.flip_test=maybe", "eval.flip_test: expected true or false, got 'maybe'"),
        ("train.milestones=5", "train.milestones: expected a list, got 5"),
    ],
)
def test_wrong_values(tmp_path: Path, override: str, message: str) -> None:
    assert message in error_of(tmp_path, BASE, override)


def test_keys_that_are_no_strings(tmp_path: Path) -> None:
    """YAML 1.1 reads `on` as true."""
    assert "expected text as a key, got True" in error_of(tmp_path, BASE + "on: 1\n")


@pytest.mark.parametrize("key", ["limit=5", "min_keypoints=3", "min_area=9"])
def test_filters_need_ground_truth_boxes(tmp_path: Path, key: str) -> None:
    load(tmp_path, BASE, f"data.val.{key}")
    message = error_of(tmp_path, BASE, f"data.val.{key}", "data.val.boxes=detections.json")
    assert "they need boxes: gt" in message


# --- skeletons ---


def test_inline_skeleton(tmp_path: Path) -> None:
    skeleton = load(tmp_path, HAND).data.resolve_skeleton()
    assert skeleton.name == "hand"
    assert skeleton.keypoint_names == ("wrist", "left_tip", "right_tip")
    assert skeleton.flip_pairs == ((1, 2),)
    assert skeleton.edges == ((0, 1), (0, 2))
    assert skeleton.oks_sigmas == (0.1, 0.05, 0.05)
    assert skeleton.upper_body == (1,)


@pytest.mark.parametrize(
    ("override", "lines"),
    [
        ("keypoint_nams=[a]", ["data.skeleton.keypoint_nams: no such key; did you mean 'keypoint_names'?"]),
        ("keypoint_names=[]", ["data.skeleton.keypoint_names: expected at least 1 entry, got 0"]),
        ("flip_pairs=[[left_tip, right_tp]]", ["data: skeleton 'hand': flip_pairs names 'right_tp'", "'right_tip'?"]),
        ("flip_pairs=[[left_tip]]", ["data.skeleton.flip_pairs.0: entry 2 is missing, got ['left_tip']"]),
        ("oks_sigmas=[0.1]", ["data: skeleton 'hand' needs one positive OKS sigma for each of its 3 keypoints"]),
        ("upper_body=[tip]", ["data: skeleton 'hand': upper_body names 'tip'"]),
    ],
)
def test_wrong_inline_skeletons(tmp_path: Path, override: str, lines: list[str]) -> None:
    message = error_of(tmp_path, HAND, f"data.skeleton.{override}")
    assert "has 1 wrong entry:" in message
    assert all(line in message for line in lines)


# --- overrides ---


def test_overrides(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        BASE + "model: {activation: dyrelu_b}\n",
        "train.lr=1e-3",
        "train.milestones=[1, 2]",
        "model.activation.num_pieces=3",
        "model.head.activation=dyrelu_a",
        "model.head.activation.reduction=4",
        "augment=null",
        "data.root=/a=b",
        "train.epochs=1",
        "train.epochs=2",
    )
    assert config.train.lr == 0.001
    assert config.train.milestones == [1, 2]
    assert config.model.activation == ActivationConfig(name="dyrelu_b", num_pieces=3)
    assert config.model.head.activation == ActivationConfig(name="dyrelu_a", reduction=4)
    assert config.augment is None
    assert config.data.root == "/a=b"
    assert config.train.epochs == 2


def test_overrides_do_not_change_what_they_are_given(tmp_path: Path) -> None:
    split = {"images": "a", "annotations": "b"}
    data: dict[str, Any] = {"data": {"train": split, "val": split}, "train": {"lr": 0.1}}
    assert make_config(data, ["train.lr=0.5", "data.train.limit=3"]).train.lr == 0.5
    assert data == {"data": {"train": split, "val": split}, "train": {"lr": 0.1}}
    assert split == {"images": "a", "annotations": "b"}


@pytest.mark.parametrize("override", ["train.lr", "=3", "train..lr=3", ".lr=3", "train.=3", "--train.lr=3", ""])
def test_bad_override_syntax(tmp_path: Path, override: str) -> None:
    message = error_of(tmp_path, BASE, override)
    assert message == f"an override looks like train.lr=0.001, got '{override}'"


@pytest.mark.parametrize("override", ["train.lr=[1", "data.root=2024-13-45"])
def test_bad_override_values(tmp_path: Path, override: str) -> None:
    assert f"the value of override '{override}' is not valid YAML" in error_of(tmp_path, BASE, override)


def test_override_below_a_value(tmp_path: Path) -> None:
    message = error_of(tmp_path, BASE + "train: {lr: 1}\n", "train.lr.x=3")
    assert message == "override 'train.lr.x=3': lr is a value, not a section"


# --- variables ---


def test_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_A", "/data")
    monkeypatch.setenv("POSE_B", "sub")
    config = load(tmp_path, BASE, "data.root=${POSE_A}/${POSE_B}", "data.val.boxes=$POSE_A")
    assert config.data.root == "/data/sub"
    assert config.data.val.boxes == "$POSE_A"  # only ${...}
    config = load(tmp_path, BASE, "augment.extra=[{name: X, path: '${POSE_A}'}]")
    assert config.augment is not None
    assert config.augment.extra == [{"name": "X", "path": "/data"}]


@pytest.mark.parametrize("value", [None, ""])
def test_unset_and_empty_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("POSE_A", raising=False)
    if value is not None:
        monkeypatch.setenv("POSE_A", value)
    message = error_of(tmp_path, BASE, "data.root=${POSE_A}/x")
    assert "run.yaml uses ${POSE_A}, which is not set; run: export POSE_A=" in message


def test_values_of_variables_are_not_expanded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_A", "${POSE_B}")
    assert load(tmp_path, BASE, "data.root=${POSE_A}").data.root == "${POSE_B}"


def test_names_of_skeletons_are_not_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pose new` and training write those of annotations into a config, and annotations are anybody's."""
    monkeypatch.setenv("POSE_A", "secret")
    skeleton = {"name": "${POSE_A}", "keypoint_names": ["~", "${POSE_A}"]}
    content = yaml.safe_load(BASE)
    content["data"]["skeleton"] = skeleton
    config = load(tmp_path, yaml.safe_dump(content), "augment.half_body=0")
    assert config.data.resolve_skeleton().name == "${POSE_A}"
    assert config.data.resolve_skeleton().keypoint_names == ("~", "${POSE_A}")


def test_only_the_users_own_values_are_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A config out of a file of weights is anybody's: what it says may not read the environment."""
    monkeypatch.setenv("POSE_A", "secret")
    split = {"images": "${POSE_A}", "annotations": "a.json"}
    data = {"data": {"root": "${POSE_A}", "train": split, "val": split}}
    config = make_config(data, ["data.val.images=${POSE_A}/val"])
    assert (config.data.root, config.data.train.images, config.data.val.images) == (
        "${POSE_A}",
        "${POSE_A}",
        "secret/val",
    )
    monkeypatch.delenv("POSE_A")
    with pytest.raises(ConfigError, match=r"override 'data.root=.*' uses .*, which is not set"):
        make_config(data, ["data.root=${POSE_A}"])


# --- files that are no config ---


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no config file .*nope\.yaml; the ones that come with the project"):
        load_config(tmp_path / "nope.yaml")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds an empty file; expected keys such as data:"),
        ("# only a comment\n", "holds an empty file"),
        ("- a\n", "holds a list; expected keys"),
        ("text\n", "holds a str; expected keys"),
        ("a: b: c\n", "is not valid YAML: mapping values are not allowed here"),
        ("a: !!python/object:os.system {}\n", "is not valid YAML: could not determine a constructor"),
        ("a: 2024-13-45\n", "is not valid YAML: month must be in 1..12"),
        ("a: " + "[" * 3000, "is not valid YAML"),
    ],
    ids=lambda text: text[:12],
)
def test_not_a_config(tmp_path: Path, text: str, message: str) -> None:
    assert message in error_of(tmp_path, text)


def test_not_text(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ValueError, match="expected a YAML text file"):
        load_config(file)
    with pytest.raises(ValueError, match=r"cannot read config .*Is a directory"):
        load_config(tmp_path)


def test_aliases_may_be_used(tmp_path: Path) -> None:
    config = load(tmp_path, "data:\n  train: &split {images: a, annotations: b}\n  val: *split\n")
    assert config.data.val.images == "a"


@pytest.mark.timeout(120)  # walked through, they take for ever
@pytest.mark.parametrize("place", ["{0}: {1}", "augment: {{extra: [{{{0}: {1}}}]}}"])
def test_aliases_that_multiply_are_refused(tmp_path: Path, place: str) -> None:
    """Ten lists of ten times the one before: ten billion entries in 400 bytes."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    message = error_of(tmp_path, "\n".join(levels) + "\n" + place.format("last", "*a9") + BASE)
    assert "more than 100000 entries; write it without nested aliases" in message


def test_aliases_of_themselves_are_refused(tmp_path: Path) -> None:
    assert "nested aliases" in error_of(tmp_path, "a: &a [*a]\n" + BASE)


def test_a_key_twice_names_its_lines(tmp_path: Path) -> None:
    message = error_of(tmp_path, BASE + "train:\n  lr: 1\n  epochs: 3\n  lr: 2\n")
    assert message.endswith("run.yaml is not valid YAML: key 'lr' stands twice, in lines 6 and 8; keep one of them")
    assert "key 'a' stands twice, in line 1; keep one" in error_of(tmp_path, BASE, "augment.extra=[{a: 1, a: 2}]")


def test_numbers_for_albumentations_are_numbers(tmp_path: Path) -> None:
    config = load(tmp_path, BASE + "augment: {extra: [{name: GaussNoise, p: 1e-1}]}\n")
    assert config.augment is not None
    assert config.augment.extra == [{"name": "GaussNoise", "p": 0.1}]
    assert load(tmp_path, config.to_yaml()) == config


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    deep = "[" * 60 + "]" * 60
    assert "is nested deeper than 50 levels" in error_of(tmp_path, BASE + f"augment: {{extra: {deep}}}\n")


def test_reading_a_config_draws_no_random_numbers(tmp_path: Path) -> None:
    """It tries the activation on the meta device."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    load(tmp_path, BASE + "model: {activation: dyrelu_c}\n")
    assert torch.equal(torch.rand(3), expected)
