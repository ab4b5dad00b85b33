"""Precision, parts of a batch, clipping, averaged weights, warm-up and compiling, each against its definition."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pose.checkpoints.checkpoint import load_checkpoint
from pose.classification.dataset import ImageBatch
from pose.codecs.heatmap import encode
from pose.config.keypoints import Config
from pose.config.load import make_config
from pose.config.sections import TrainConfig
from pose.data.loader import EpochSampler
from pose.data.transforms import normalize
from pose.evaluation.run import evaluate
from pose.evaluation.splits import validation_set
from pose.layers.dyrelu import DyReLU
from pose.runtime.stop import Stopped
from pose.runtime.streams import Stream, stream
from pose.training.keypoints import KeypointTask
from pose.training.learner import Learner, gradient_norm
from pose.training.losses import heatmap_mse
from pose.training.optim import warmup
from pose.training.resume import load_resume
from tests.helpers.running import Double, run_training, stop_in_step
from tests.helpers.tiny import make_tiny_config

CPU = torch.device("cpu")


def make_learner(model: nn.Module, **settings: Any) -> Learner:
    return Learner(model, TrainConfig(**settings), device=CPU)


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), DyReLU(8, "C"), nn.Conv2d(8, 2, 1))


def images_of(count: int) -> Tensor:
    images = torch.randn(count, 3, 8, 6, generator=torch.Generator().manual_seed(1))
    return images.contiguous(memory_format=torch.channels_last)


def step_on_people(config: Config, **settings: Any) -> tuple[float, dict[str, Tensor]]:
    """One step of the ten tiny people with norms frozen: the loss, and the gradients it left."""
    task = KeypointTask(config)
    batch = next(iter(task.make_loader(EpochSampler(10, seed=0), workers=0, pin_memory=False))).batch
    torch.manual_seed(0)
    model: nn.Module = task.build_model()
    nn.init.normal_(list(model.parameters())[-2])  # it starts near zero: little would reach the layers before it
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # so that after one forward pass a frozen norm does norm
    model = Double(model).train()
    model(normalize(batch.images))
    model.eval()
    learner = make_learner(model, **settings)
    loss = learner.step(torch.optim.SGD(model.parameters(), lr=0.1), task.loss, batch, seed=(0, 0, 0))
    return loss, {key: weight.grad for key, weight in model.named_parameters() if weight.grad is not None}


@pytest.fixture
def config(tiny_config: dict[str, Any]) -> Config:
    """The ten people in one batch."""
    made = make_config(tiny_config, ["train.batch_size=10"])
    assert isinstance(made, Config)
    return made


# --- parts of a batch ---


def test_parts_cover_the_batch_with_their_shares() -> None:
    learner = make_learner(small_network(), accumulate=3)
    batch = ImageBatch(torch.arange(10.0), torch.arange(10) + 10, torch.arange(10) + 20)
    parts = learner.split(batch)
    assert [share for _, share in parts] == [0.4, 0.3, 0.3]
    assert [part.index.tolist() for part, _ in parts] == [[20, 21, 22, 23], [24, 25, 26], [27, 28, 29]]
    assert torch.equal(torch.cat([part.labels for part, _ in parts]), batch.labels)
    last = ImageBatch(batch.images[:2], batch.labels[:2], batch.index[:2])
    assert [part.index.tolist() for part, _ in learner.split(last)] == [[20], [21]]


@pytest.mark.slow
@pytest.mark.parametrize("parts", [3, 10])
def test_parts_equal_the_large_batch(config: Config, parts: int) -> None:
    loss, gradients = step_on_people(config)
    loss_of_parts, gradients_of_parts = step_on_people(config, accumulate=parts)
    assert loss_of_parts == pytest.approx(loss, rel=1e-6)
    assert gradients.keys() == gradients_of_parts.keys()
    for key, gradient in gradients.items():
        error = (gradients_of_parts[key] - gradient).abs().max().item()
        assert error <= 1e-5 * gradient.abs().max().item(), key


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_targets_have_the_configured_width(tiny_config: dict[str, Any], sigma: float) -> None:
    config = make_config(tiny_config, [f"model.sigma={sigma}", "train.batch_size=10"])
    assert isinstance(config, Config)
    task = KeypointTask(config)
    batch = next(iter(task.make_loader(EpochSampler(10, seed=0), workers=0, pin_memory=False))).batch
    blank = torch.zeros(10, 17, 16, 16)
    targets, weights = encode(batch.keypoints_crop / 4, batch.weights, heatmap_size=(16, 16), sigma=sigma)
    loss = task.loss(lambda images: blank, batch, np.random.default_rng(0))
    torch.testing.assert_close(loss, heatmap_mse(blank, targets, weights))


def test_each_part_draws_from_its_own_generator(config: Config) -> None:
    draws = []

    class Recorder(KeypointTask):
        def loss(self, forward: Callable[[Tensor], Tensor], batch: Any, rng: np.random.Generator) -> Tensor:
            draws.append((torch.initial_seed(), rng.random()))
            return super().loss(forward, batch, rng)

    task = Recorder(config)
    batch = next(iter(task.make_loader(EpochSampler(10, seed=0), workers=0, pin_memory=False))).batch
    model = task.build_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    make_learner(model, accumulate=2).step(optimizer, task.loss, batch, seed=(5, 6, 7))
    generators = [stream(Stream.STEP, 5, 6, 7, part) for part in range(2)]
    assert draws == [(int(rng.integers(2**63)), rng.random()) for rng in generators]


# --- precision ---


def test_bf16_is_in_the_forward_only() -> None:
    targets, weights = torch.zeros(4, 2, 8, 6), torch.ones(4, 2)
    losses, gradients = [], []
    for precision in ("fp32", "bf16"):
        model = small_network()
        learner = make_learner(model, precision=precision)
        heatmaps = learner.forward(images_of(4))
        assert not torch.is_autocast_enabled("cpu")
        assert heatmaps.dtype == {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
        loss = heatmap_mse(heatmaps, targets, weights)
        learner.backward(loss)
        assert loss.dtype == torch.float32
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
        losses.append(loss.item())
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert losses[0] != losses[1] == pytest.approx(losses[0], rel=0.01)
    assert gradients[0].dtype == gradients[1].dtype == torch.float32
    assert nn.functional.cosine_similarity(*gradients, dim=0) > 0.999


def test_fp16_needs_a_gpu(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"fp16 needs a CUDA device, and this run is on cpu; set it to bf16 or fp32"):
        run_training(make_config(tiny_config, ["train.precision=fp16"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_scaled_gradients_are_clipped_at_their_own_size() -> None:
    """A scaler as of fp16, on the CPU: by powers of two, so that nothing may differ."""
    states = []
    for scaled in (False, True):
        model = small_network()
        learner = make_learner(model, clip_grad_norm=0.01)
        if scaled:
            learner.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        for _ in range(3):
            optimizer.zero_grad()
            learner.backward(learner.forward(images_of(4)).square().mean())
            learner.update(optimizer)
            norm = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).norm()
            assert norm.item() == pytest.approx(0.01, rel=1e-3)
        states.append(learner.state_dict())
    plain, scaled_state = states
    assert all(torch.equal(plain["model"][key], scaled_state["model"][key]) for key in plain["model"])
    assert scaled_state["scaler"]["scale"] == 2048.0  # grown after two steps
    again = make_learner(small_network())
    again.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
    again.load_state_dict(scaled_state)
    assert again.scaler.state_dict() == scaled_state["scaler"]


def test_no_clipping_below_the_limit() -> None:
    gradients = []
    for limit in (None, 1e6):
        model = small_network()
        learner = make_learner(model, clip_grad_norm=limit)
        learner.backward(learner.forward(images_of(4)).square().mean())
        learner.update(torch.optim.SGD(model.parameters(), lr=1.0))
        gradients.append(model[0].weight.grad)  # type: ignore[index, union-attr]
    assert torch.equal(*gradients)


def test_the_norm_is_that_of_clipping_and_leaves_the_gradients_alone() -> None:
    model = small_network()
    learner = make_learner(model)
    learner.backward(learner.forward(images_of(4)).square().mean())
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    versions = [gradient._version for gradient in gradients]  # grows by one at each change in place
    norm = gradient_norm(model)
    assert [gradient._version for gradient in gradients] == versions
    assert torch.equal(norm, nn.utils.clip_grad_norm_(model.parameters(), torch.inf))
    gradients[0].fill_(torch.nan)
    assert gradient_norm(model).isnan()


# --- averaged weights ---


def test_the_average_is_exponential_buffers_included() -> None:
    model = small_network()
    learner = make_learner(model, ema=0.7)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    expected: dict[str, Tensor] = {}
    for step in range(4):
        optimizer.zero_grad()
        learner.backward(learner.forward(images_of(4) + step).square().mean())
        learner.update(optimizer)
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                expected[key] = 0.7 * expected[key] + 0.3 * value if step else value.clone()
    averaged = learner.averaged.state_dict()
    assert averaged.keys() == model.state_dict().keys()
    assert {"1.running_mean", "1.running_var"} < expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(averaged[key], value, rtol=1e-5, atol=1e-6)
    assert not torch.equal(averaged["0.weight"], model.state_dict()["0.weight"])


def test_the_average_rests_in_steps_that_the_scaler_skips() -> None:
    """A scaler as of fp16, on the CPU; the second of three steps has an infinite gradient."""
    model = small_network()
    learner = make_learner(model, ema=0.7)
    learner.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    counts, averages = [], []
    for factor in (1.0, torch.inf, 1.0):
        optimizer.zero_grad()
        learner.backward(learner.forward(images_of(4)).square().mean() * factor)
        before = [weight.clone() for weight in model.parameters()]
        learner.update(optimizer)
        stayed = all(map(torch.equal, before, model.parameters()))
        assert stayed == (factor == torch.inf)
        assert learner.ema is not None
        counts.append(int(learner.ema.n_averaged))
        averages.append({key: value.clone() for key, value in learner.averaged.state_dict().items()})
    assert counts == [1, 1, 2]
    first, skipped, third = averages
    assert all(torch.equal(first[key], skipped[key]) for key in first)  # buffers included
    assert not torch.equal(skipped["0.weight"], third["0.weight"])


@pytest.mark.slow
def test_the_average_is_evaluated_and_saved(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    overrides = ["train.epochs=2", "train.milestones=[]", "train.ema=0.8", "train.precision=bf16"]
    config = make_config(tiny_config, overrides)
    assert isinstance(config, Config)
    seen: list[tuple[str, Tensor]] = []
    original = KeypointTask.evaluate

    def spy(self: KeypointTask, model: nn.Module, **options: Any) -> tuple[dict[str, float], str]:
        hook = model.register_forward_hook(lambda module, args, output: seen.append((str(output.dtype), output)))
        result = original(self, model, **options)
        hook.remove()
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeypointTask, "evaluate", spy)
        run_training(config, tmp_path / "run")
    state = load_resume(tmp_path / "run" / "resume.pt")
    last = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert all(torch.equal(value, state["ema"][f"module.{key}"]) for key, value in last.weights.items())
    assert any(not torch.equal(value, state["model"][key]) for key, value in last.weights.items())
    # Evaluated as the file's weights are: in fp32, whatever the precision of training.
    outputs: list[Tensor] = []
    model = last.build()
    model.register_forward_hook(lambda module, args, output: outputs.append(output))
    evaluate(model, validation_set(config.data), config, device=CPU, workers=0)
    assert {dtype for dtype, _ in seen} == {"torch.float32"}
    assert all(torch.equal(ours, theirs) for (_, ours), theirs in zip(seen, outputs, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("steps", [4, 6])
def test_resume_equals_never_having_stopped(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """With all that has a state or depends on the step; stopped in an epoch and at the end of one."""
    overrides = ["train.ema=0.9", "train.accumulate=2", "train.clip_grad_norm=0.05", "train.warmup_epochs=1.5"]
    config = make_config(tiny_config, overrides)  # 3 steps an epoch
    run_training(config, tmp_path / "whole")
    with monkeypatch.context() as patched:
        stop_in_step(patched, steps)
        with pytest.raises(Stopped):
            run_training(config, tmp_path / "halved")
    run_training(config, tmp_path / "halved", resume=True)
    ours, theirs = (load_resume(tmp_path / name / "resume.pt") for name in ("halved", "whole"))
    for part in ("model", "ema"):
        assert all(torch.equal(ours[part][key], theirs[part][key]) for key in theirs[part])
    last = (load_checkpoint(tmp_path / name / "last.safetensors") for name in ("halved", "whole"))
    halved, whole = (checkpoint.weights for checkpoint in last)
    assert all(torch.equal(halved[key], whole[key]) for key in whole)
    position, expected = ({k: v for k, v in state["position"].items() if k != "elapsed"} for state in (ours, theirs))
    assert position == expected


@pytest.mark.slow
def test_averaging_switched_between_runs_is_noticed(tmp_path: Path, tiny_dataset: Path) -> None:
    for before, after in (("null", "0.9"), ("0.9", "null")):
        run = tmp_path / before
        overrides = ["train.epochs=1", "train.milestones=[]"]
        run_training(make_config(make_tiny_config(tiny_dataset), [*overrides, f"train.ema={before}"]), run)
        with pytest.raises(ValueError, match=r"does not fit the config beside it \(it has (a|no) state 'ema'"):
            run_training(make_config(make_tiny_config(tiny_dataset), [f"train.ema={after}"]), run, resume=True)


# --- warm-up ---


def test_warm_up() -> None:
    assert [warmup(epoch, epochs=2.0) for epoch in (0.5, 1.0, 2.0, 9.0)] == [0.25, 0.5, 1.0, 1.0]
    assert warmup(0.0, epochs=0.0) == 1.0


@pytest.mark.slow
def test_warm_up_rises_by_step_and_meets_the_schedule(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = []

    def recorded(self: Learner, optimizer: torch.optim.Optimizer, *args: Any, **options: Any) -> float:
        rates.append(optimizer.param_groups[0]["lr"])
        return 0.0

    monkeypatch.setattr(Learner, "step", recorded)
    run_training(make_config(tiny_config, ["train.warmup_epochs=1.3333333333333333"]), tmp_path / "run")
    # Three steps an epoch, so four of warm-up; the milestone is at epoch 2.
    assert rates == pytest.approx([2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4])
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        assert [float(row["lr"]) for row in csv.DictReader(file)] == pytest.approx([2.5e-4, 1e-3, 1e-4])


# --- layout and compiling ---


@pytest.mark.parametrize("channels_last", [True, False])
def test_layout_of_weights_and_images(channels_last: bool) -> None:
    learner = make_learner(small_network(), channels_last=channels_last)
    inputs: list[Tensor] = []
    learner.model.register_forward_hook(lambda module, args, output: inputs.append(args[0]))
    expected = small_network()(images_of(2))
    torch.testing.assert_close(learner.forward(images_of(2)), expected, rtol=1e-4, atol=1e-5)
    weight = learner.model[0].weight  # type: ignore[index]
    for tensor in (inputs[0], weight):
        assert tensor.is_contiguous(memory_format=torch.channels_last) == channels_last
        assert tensor.is_contiguous() != channels_last


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="torch.compile needs a C++ compiler")
def test_compiled_equals_eager() -> None:
    results = []
    for compiled in (False, True):
        model = small_network()
        learner = make_learner(model, compile=compiled, ema=0.5)
        y = learner.forward(images_of(4))
        learner.backward(y.square().mean())
        learner.update(torch.optim.SGD(model.parameters(), lr=0.1))
        state = {**learner.state_dict()["model"], **learner.averaged.state_dict()}
        assert state.keys() == small_network().state_dict().keys()
        results.append((y, [p.grad for p in model.parameters()], state))
    torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-5)


def test_a_failing_compiler_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **options: Any) -> Any:
        raise OSError("no compiler here\nand more lines")

    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model, **options: real(model, backend=broken, **options))
    learner = make_learner(small_network(), compile=True)
    with pytest.raises(ValueError, match="no compiler here") as caught:
        learner.forward(images_of(1))
    assert "set train.compile: false" in str(caught.value)
    assert "\n" not in str(caught.value)
