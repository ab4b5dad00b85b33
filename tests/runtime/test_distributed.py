"""Two and three processes on the CPU against one: the same gradients and numbers, one set of files, one message."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from pose.checkpoints.checkpoint import load_checkpoint
from pose.classification.dataset import ImageBatch, find_images
from pose.classification.task import evaluate_images
from pose.config.classification import ClassificationConfig
from pose.config.load import make_config
from pose.config.sections import TrainConfig
from pose.runtime.distributed import SyncedBatch, World, join_world, lost_contact
from pose.runtime.stop import Stopped
from pose.training.learner import Learner
from pose.training.resume import load_resume
from pose.training.setup import for_all_processes
from tests.helpers.command import call_pose
from tests.helpers.jobs import evaluate_both, gradients_of_an_epoch
from tests.helpers.processes import Ends, Fleet
from tests.helpers.tiny import make_tiny_config

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
TIMES = ("images_per_s", "data_wait", "seconds", "memory_mb", "time")


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    started = Fleet()
    yield started
    started.close()


@pytest.fixture(scope="module")
def settings(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten people in batches of 4, 4 and 2, so of three processes one has nobody in the last; two epochs."""
    config = make_tiny_config(tiny_dataset)
    config["train"] |= {"epochs": 2, "milestones": []}
    path = tmp_path_factory.mktemp("settings") / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def pair(fleet: Fleet, settings: Path) -> Path:
    """The folder of a run by two processes that nothing disturbed, `run`, and what they said."""
    folder = settings.parent / "pair"
    ends = train(fleet, 2, folder, settings, "--out", folder / "run")
    assert ends.codes == [0, 0], ends.err
    return folder


def train(fleet: Fleet, count: int, folder: Path, *arguments: object, **event: Any) -> Ends:
    words = ["train", *map(str, arguments), "--workers", "0", "--device", "cpu"]
    return fleet.run(count, "tests.helpers.jobs:command", folder, arguments=words, **event)


def table(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


def errors(ends: Ends) -> list[str]:
    return [line for text in ends.err for line in text.splitlines() if line.startswith("error: ")]


# --- numbers ---


@pytest.mark.parametrize("count", [2, 3])
def test_gradients_equal_one_process(fleet: Fleet, tiny_config: dict[str, Any], tmp_path: Path, count: int) -> None:
    """With frozen norms, as others see which samples share a process; also for the process that has none of two."""
    tiny_config["train"]["accumulate"] = 2 if count == 2 else 1
    ends = fleet.run(count, "tests.helpers.jobs:save_gradients", tmp_path, config=tiny_config, frozen=True)
    assert ends.codes == [0] * count, ends.err
    alone = gradients_of_an_epoch(tiny_config, World(), frozen=True)
    found = [torch.load(tmp_path / f"gradients{rank}.pt") for rank in range(count)]
    for step, (loss, gradients, _) in enumerate(alone):
        largest = max(gradient.abs().max() for gradient in gradients)  # some are zero but for rounding
        for other, others, _ in (of_rank[step] for of_rank in found):
            assert other == pytest.approx(loss, rel=1e-6)
            assert len(gradients) == len(others) > 50
            for ours, theirs, first in zip(gradients, others, found[0][step][1], strict=True):
                assert torch.equal(theirs, first)
                assert (ours - theirs).abs().max() <= 1e-5 * ours.abs().max() + 1e-12 * largest


def test_norms_see_shares_as_they_see_parts(fleet: Fleet, tiny_config: dict[str, Any], tmp_path: Path) -> None:
    """Norms in training: processes are to a batch what `accumulate` is in one process.

    And the running means are those of all shares: before the weights differ, the first norm's is the whole batch's.
    """
    ends = fleet.run(3, "tests.helpers.jobs:save_gradients", tmp_path, config=tiny_config, frozen=False)
    assert ends.codes == [0] * 3, ends.err
    whole = gradients_of_an_epoch(tiny_config, World(), frozen=False)
    tiny_config["train"]["accumulate"] = 3
    alone = gradients_of_an_epoch(tiny_config, World(), frozen=False)
    found = [torch.load(tmp_path / f"gradients{rank}.pt") for rank in range(3)]
    for (loss, gradients, _), (other, others, _) in zip(alone, found[0], strict=True):
        assert other == pytest.approx(loss, rel=1e-6)
        largest = max(gradient.abs().max() for gradient in gradients)
        for ours, theirs in zip(gradients, others, strict=True):
            assert (ours - theirs).abs().max() <= 1e-5 * ours.abs().max() + 1e-12 * largest
    for of_rank in found:
        torch.testing.assert_close(of_rank[0][2], whole[0][2], rtol=1e-9, atol=1e-9)
        assert torch.equal(of_rank[-1][2], found[0][-1][2])
    assert not torch.allclose(alone[0][2], whole[0][2], rtol=1e-3)


@pytest.mark.parametrize("count", [2, 3])
def test_evaluation_gives_the_numbers_of_one_process(
    fleet: Fleet, tiny_config: dict[str, Any], tmp_path: Path, count: int
) -> None:
    tiny_config["data"]["val"]["boxes"] = "boxes.json"
    tiny_config["eval"]["batch_size"] = 3  # four batches, the last of one
    ends = fleet.run(count, "tests.helpers.jobs:save_evaluation", tmp_path, config=tiny_config)
    assert ends.codes == [0] * count, ends.err
    alone = evaluate_both(tiny_config, World())
    assert alone["image_ids"].tolist() == list(range(1, 11))
    for rank in range(count):
        found = torch.load(tmp_path / f"evaluation{rank}.pt")
        assert found["metrics"] == alone["metrics"]
        for key in ("keypoints_img", "keypoint_scores", "image_ids"):
            assert torch.equal(found[key], alone[key])


# --- runs ---


def test_a_run_is_that_of_one_process(pair: Path, settings: Path) -> None:
    """Of one that has the same shares as parts; files and words are the main process's alone."""
    alone = settings.parent / "alone"
    outcome = call_pose("train", settings, "train.accumulate=2", "--out", alone, "--workers", 0)
    assert outcome.code == 0, outcome.err
    ours, theirs = load_checkpoint(pair / "run/last.safetensors"), load_checkpoint(alone / "last.safetensors")
    for key in theirs.weights:
        if "running" in key or not theirs.weights[key].is_floating_point():
            continue
        torch.testing.assert_close(ours.weights[key], theirs.weights[key], rtol=1e-3, atol=1e-4)
    for row, other in zip(table(pair / "run"), table(alone), strict=True):
        assert float(row["loss"]) == pytest.approx(float(other["loss"]), rel=1e-4)
    assert {path.name for path in (pair / "run").iterdir()} == {path.name for path in alone.iterdir()}
    assert json.loads((pair / "run/state.json").read_text())["state"] == "done"
    assert [(pair / f"{name}1").read_text() for name in ("out", "err")] == ["", ""]
    assert "on cpu, 2 processes" in (pair / "err0").read_text()
    assert (pair / "err0").read_text().count("warning") == 1  # both splits are one file, said once


def test_a_classifier_too(fleet: Fleet, tmp_path: Path) -> None:
    """Dropout, RReLU and mixup draw as in one process with as many parts; images are generated once."""
    config = {
        "task": "classification",
        "data": {"root": str(tmp_path / "shapes"), "shapes": {"train": 20, "val": 10}},
        "model": {"width": 0.1, "activation": "rrelu", "dropout": 0.3, "input_size": [64, 64]},
        "train": {"epochs": 2, "batch_size": 8, "lr": 0.01, "mixup": 0.2},
        "eval": {"batch_size": 3},
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(config))
    ends = train(fleet, 2, tmp_path, tmp_path / "tiny.yaml", "--out", tmp_path / "pair")
    assert ends.codes == [0, 0], ends.err
    outcome = call_pose(
        "train", tmp_path / "tiny.yaml", "train.accumulate=2", "--out", tmp_path / "run", "--workers", 0
    )
    assert outcome.code == 0, outcome.err
    ours, theirs = (load_checkpoint(tmp_path / name / "last.safetensors") for name in ("pair", "run"))
    for key in theirs.weights:
        if "running" not in key and theirs.weights[key].is_floating_point():
            torch.testing.assert_close(ours.weights[key], theirs.weights[key], rtol=1e-3, atol=1e-5)
    settings, classes = make_config(config), ours.classes
    assert isinstance(settings, ClassificationConfig)
    assert classes is not None
    images = find_images(tmp_path / "shapes" / "val", classes)
    result = evaluate_images(ours.build_classifier(), images, classes=classes, config=settings, device=CPU)
    assert ours.metrics == result.metrics
    assert result.metrics["val_loss"] < 10  # a number


def test_a_signal_to_one_stops_all_and_resuming_is_exact(
    fleet: Fleet, pair: Path, settings: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    ends = train(fleet, 2, tmp_path, settings, "--out", run, step=2, rank=1, what="SIGTERM")
    assert ends.codes == [143, 143], ends.err
    assert ends.err[1] == ""
    assert ends.err[0].endswith(f"stopped by SIGTERM; everything is saved. Go on with: pose train --resume {run}\n")
    state = load_resume(run / "resume.pt")
    assert (state["position"]["step"], state["position"]["taken"]) == (2, 8)
    assert json.loads((run / "state.json").read_text())["state"] == "stopped"
    ends = train(fleet, 2, tmp_path, "--resume", run)
    assert ends.codes == [0, 0], ends.err
    ours, theirs = (load_checkpoint(place / "last.safetensors").weights for place in (run, pair / "run"))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert table(run) == table(pair / "run")


def test_a_signal_in_an_evaluation(fleet: Fleet, settings: Path, tmp_path: Path) -> None:
    """The one that got it does not wait for the others, which learn of it when they miss that one."""
    ends = train(fleet, 2, tmp_path, settings, "--out", tmp_path / "run", rank=1, what="SIGTERM")
    assert ends.codes == [143, 143], ends.err
    assert "".join(ends.err).count("stopped by SIGTERM; everything is saved") == 1
    state = json.loads((tmp_path / "run/state.json").read_text())
    assert (state["state"], state["message"]) == ("stopped", "stopped by SIGTERM")
    assert load_resume(tmp_path / "run/resume.pt")["position"]["taken"] == 10  # an epoch's end, before its evaluation


def test_another_number_of_processes_goes_on(fleet: Fleet, settings: Path, tmp_path: Path) -> None:
    """Two, then three, then one: the batches stay the same. Not if their size depends on the processes."""
    run, scaled = tmp_path / "run", tmp_path / "scaled"
    ends = train(fleet, 2, tmp_path, settings, "--out", run, step=1, what="SIGINT")
    assert ends.codes == [130, 130], ends.err
    ends = train(fleet, 3, tmp_path, "--resume", run, step=1, rank=2, what="SIGINT")
    assert ends.codes == [130] * 3, ends.err
    assert load_resume(run / "resume.pt")["position"]["taken"] == 8
    assert call_pose("train", "--resume", run, "--workers", 0).code == 0
    assert [row["epoch"] for row in table(run)] == ["1", "2"]

    arguments = ["train.batch_per_process=true", "train.batch_size=2", "--out", scaled]
    ends = train(fleet, 2, tmp_path, settings, *arguments, step=1, what="SIGINT")
    assert ends.codes == [130, 130], ends.err
    assert load_resume(scaled / "resume.pt")["position"]["taken"] == 4
    assert "batch_size: 2" in (scaled / "config.yaml").read_text()
    outcome = call_pose("train", "--resume", scaled, "--workers", 0)
    assert outcome.code == 2
    assert "it is within an epoch of batches of 4, and they would go on with 2" in outcome.err


# --- failures ---


@pytest.mark.parametrize("count", [2, 3])
def test_a_killed_process_ends_the_others(fleet: Fleet, settings: Path, tmp_path: Path, count: int) -> None:
    run = tmp_path / "run"
    ends = train(
        fleet, count, tmp_path, settings, "train.checkpoint_minutes=0", "--out", run, step=3, rank=1, what="SIGKILL"
    )
    assert ends.codes == [2, -signal.SIGKILL, 2][:count], ends.err
    message = "another process of this training is gone without a message: it was killed, or its machine is down"
    after = f"; the last checkpoint is {run / 'resume.pt'}. Go on with: pose train --resume {run}"
    assert errors(ends) == [f"error: {message}{after}"]
    assert "Traceback" not in "".join(ends.err)
    state = json.loads((run / "state.json").read_text())
    assert (state["state"], message in state["message"]) == ("failed", True)
    assert load_resume(run / "resume.pt")["position"]["step"] == 2


def test_a_failing_process_ends_all_with_its_message(fleet: Fleet, tiny_dataset: Path, tmp_path: Path) -> None:
    """And where unreadable images are skipped, all processes count them."""
    config = make_tiny_config(tiny_dataset)
    config["data"]["root"] = str(tmp_path / "data")
    config["train"] |= {"epochs": 1, "milestones": []}
    (tmp_path / "data/images").mkdir(parents=True)
    for path in (*tiny_dataset.glob("*.json"), *tiny_dataset.glob("images/*")):
        (tmp_path / "data" / path.relative_to(tiny_dataset)).write_bytes(path.read_bytes())
    broken = tmp_path / "data/images/000007.png"
    broken.write_bytes(b"no image")
    config["data"]["val"]["limit"] = 3
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(config))
    ends = train(fleet, 2, tmp_path / "first", tmp_path / "broken.yaml", "--out", tmp_path / "run")
    assert ends.codes == [2, 2], ends.err
    (message,) = errors(ends)
    assert "000007.png: broken, or not an image" in message
    assert "Traceback" not in "".join(ends.err)
    assert "000007.png" in json.loads((tmp_path / "run/state.json").read_text())["message"]

    skipping = [tmp_path / "broken.yaml", "data.skip_unreadable=true", "--out", tmp_path / "skipping"]
    ends = train(fleet, 2, tmp_path / "second", *skipping)
    assert ends.codes == [0, 0], ends.err
    assert table(tmp_path / "skipping")[0]["unreadable"] == "1"
    assert "".join(ends.err).count("skipped: cannot read") == 1


def test_a_wrong_config_is_one_message(fleet: Fleet, settings: Path, tmp_path: Path) -> None:
    for given, wanted in (
        (["train.batch_siz=3"], "did you mean 'batch_size'"),
        (["train.batch_size=1"], "a batch of 1 cannot be shared by 2 processes"),
        (["train.sync_batch_norm=true"], "train.sync_batch_norm needs CUDA devices"),
    ):
        ends = train(fleet, 2, tmp_path, settings, *given, "--out", tmp_path / "run")
        assert ends.codes == [2, 2], ends.err
        assert len(errors(ends)) == 1
        assert wanted in "".join(ends.err)
        assert not (tmp_path / "run").exists()


def test_a_bad_batch_of_one_is_skipped_by_all(fleet: Fleet, settings: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = [settings, "train.epochs=1", "train.max_skipped_batches=1", "--out", run]
    ends = train(fleet, 2, tmp_path, *arguments, step=2, rank=1, what="nan")
    assert ends.codes == [0, 0], ends.err
    (entry,) = json.loads((run / "bad_batches.json").read_text())
    assert (entry["step"], entry["reason"], len(set(entry["image_ids"]))) == (2, "the loss is nan", 4)
    assert table(run)[0]["skipped_batches"] == "1"
    state = load_resume(run / "resume.pt")
    counts = {int(value) for key, value in state["model"].items() if key.endswith("num_batches_tracked")}
    assert counts == {2}


# --- torchrun itself ---


@pytest.mark.timeout(300)
def test_torchrun(settings: Path, tmp_path: Path) -> None:
    """A signal to torchrun, which passes it on; the loader processes too live until the state is saved."""
    run = tmp_path / "run"
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", f"--log-dir={tmp_path / 'logs'}"]
    words += ["-m", "pose", "train", str(settings)]
    process = subprocess.Popen(
        [sys.executable, *words, "train.epochs=100000", "eval.every=100000", "--out", run, "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "120"},
    )
    assert process.stderr is not None
    said = ""
    try:
        for line in process.stderr:
            said += line
            if line.startswith("epoch 1/"):
                process.send_signal(signal.SIGTERM)
                break
        said += process.stderr.read()
    finally:
        process.terminate()
    assert process.wait(60) == 1, said  # torchrun's own code
    assert said.count(f"stopped by SIGTERM; everything is saved. Go on with: pose train --resume {run}\n") == 1
    assert "error: " not in said
    assert json.loads((run / "state.json").read_text())["state"] == "stopped"
    assert load_resume(run / "resume.pt")["position"]["epoch"] >= 1


# --- one process ---


def test_a_world_of_one_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    world, model = World(), torch.nn.Linear(2, 2)
    assert (world.gather(3), world.from_main(lambda: 4), world.mean(0.1)) == ([3], 4, 0.1)
    assert world.wrap(model) is model
    assert world.shard_batches("abc", 2) == ["a", "b", "c"]
    assert world.gather_outputs([1, 2]) == [1, 2]
    synced = world.sync_batch(None, unreadable=("a line",), taken=2, signal=15)
    assert synced == SyncedBatch(None, (0,), ("a line",), 2, 15)
    with pytest.raises(Stopped), world.fail_together():
        raise Stopped(15)
    with join_world("cpu") as (joined, device):
        assert (joined.size, device) == (1, CPU)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(ValueError, match=r"but RANK, .* not set: start several processes by torchrun"),
        join_world("cpu"),
    ):
        pass


def test_batches_are_sharded() -> None:
    worlds = [World(rank, 3) for rank in range(3)]
    shards = [world.shard_batches(range(10), 2) for world in worlds]
    assert shards == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5]]


def test_batch_and_rate_of_a_process() -> None:
    split = {"images": "x", "annotations": "y"}
    config = make_config({"data": {"root": ".", "train": split, "val": split}, "train": {"batch_size": 8, "lr": 0.5}})
    assert for_all_processes(config, World(0, 3)) is config
    scaled = for_all_processes(
        config.model_copy(update={"train": TrainConfig(batch_size=8, lr=0.5, batch_per_process=True)}), World(0, 3)
    )
    assert (scaled.train.batch_size, scaled.train.lr) == (24, 1.5)


def test_parts_are_as_many_in_each_process() -> None:
    learner = Learner(torch.nn.Conv2d(3, 1, 1), TrainConfig(accumulate=3), device=CPU)
    sizes = (4, 3, 2)
    batch = ImageBatch(torch.arange(4.0), torch.arange(4), torch.arange(4))
    parts = learner.split(batch, sizes)
    assert [part.index.tolist() for part, _ in parts] == [[0, 1], [2, 3]]
    assert [share for _, share in parts] == [2 / 9, 2 / 9]
    one = ImageBatch(torch.arange(1.0), torch.arange(1), torch.arange(1))
    assert learner.split(one, (0, 5))[0][1] == 0.0


def test_errors_that_say_another_is_gone() -> None:
    gloo = "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:59102"
    assert "gone" in (lost_contact(RuntimeError(gloo)) or "")
    assert "gone" in (lost_contact(torch.distributed.DistBackendError("NCCL error")) or "")
    assert lost_contact(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
