"""What the tests of several processes run in each of them; see `processes.py`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import pose.training.keypoints as keypoints_module
from pose.config.keypoints import Config
from pose.config.load import make_config
from pose.data.loader import EpochSampler
from pose.data.transforms import normalize
from pose.evaluation.run import predict_set, score
from pose.evaluation.splits import validation_set
from pose.runtime.distributed import World, join_world
from pose.training.keypoints import KeypointTask
from pose.training.learner import Learner
from pose.training.trainer import Trainer
from tests.helpers.running import Double

CPU = torch.device("cpu")


def gradients_of_an_epoch(
    config: dict[str, Any], world: World, *, frozen: bool
) -> list[tuple[float, list[Tensor], Tensor]]:
    """Loss, gradients, and the first norm's running mean after each step of an epoch of SGD, in fp64.

    Args:
        frozen: norms have fixed means and variances, so that samples do not see each other. Else the weights do not
            move: norms over one or two samples make much of any rounding in them.
    """
    settings = make_config(config)
    assert isinstance(settings, Config)
    task = KeypointTask(settings)
    sampler = EpochSampler(task.num_samples, seed=3)
    torch.manual_seed(0)
    model: nn.Module = task.build_model()
    nn.init.normal_(list(model.parameters())[-2])  # it starts near zero: little would reach the layers before it
    model = Double(model).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # so that after one forward pass a frozen norm does norm
    model(normalize(next(iter(task.make_loader(sampler, workers=0, pin_memory=False))).batch.images))
    model.train(not frozen)
    learner = Learner(model, settings.train, device=CPU, world=world)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=1e-7 if frozen else 0.0
    )  # more would diverge, which makes much of any rounding
    found = []
    for step, loaded in enumerate(task.make_loader(sampler, workers=0, pin_memory=False, shard=world.shard)):
        synced = world.sync_batch(loaded.batch, unreadable=loaded.unreadable, taken=loaded.taken, signal=None)
        loss = learner.step(optimizer, task.loss, synced.batch, seed=(0, 0, step), sizes=synced.sizes)
        gradients = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
        found.append((loss, gradients, next(model.buffers()).clone()))
    return found


def save_gradients(folder: Path, *, config: dict[str, Any], frozen: bool) -> None:
    with join_world("cpu") as (world, _):
        torch.save(gradients_of_an_epoch(config, world, frozen=frozen), folder / f"gradients{world.rank}.pt")


def evaluate_both(config: dict[str, Any], world: World) -> dict[str, Any]:
    """An evaluation of a network with random weights: what it found in each box, and its numbers."""
    settings = make_config(config)
    assert isinstance(settings, Config)
    torch.manual_seed(0)
    model = KeypointTask(settings).build_model().eval()
    nn.init.normal_(list(model.parameters())[-2])
    val = validation_set(settings.data)
    found = predict_set(model, val, settings, device=CPU, world=world)
    result = score(found, val, settings.data.resolve_skeleton())
    arrays = {key: torch.from_numpy(getattr(found, key)) for key in ("keypoints_img", "keypoint_scores", "image_ids")}
    return {**arrays, "metrics": result.metrics}


def save_evaluation(folder: Path, *, config: dict[str, Any]) -> None:
    with join_world("cpu") as (world, _):
        torch.save(evaluate_both(config, world), folder / f"evaluation{world.rank}.pt")


def command(folder: Path, *, arguments: list[str], step: int = 0, rank: int = 0, what: str = "nothing") -> None:
    """The command `pose`; in its `step`-th training step the process `rank` does or meets something.

    In step 0 it gets a signal in the first batch of an evaluation.
    """
    real, count = Trainer.train_step, 0

    def counted(*args: Any) -> None:
        nonlocal count
        count += 1
        if count == step and os.environ["RANK"] == str(rank):
            if what.startswith("SIG"):
                os.kill(os.getpid(), signal.Signals[what])
            else:
                assert what == "nan"
                with torch.no_grad():
                    keypoints_module.heatmap_mse = lambda *a: loss_of(*a) * torch.nan
                try:
                    real(*args)
                finally:
                    keypoints_module.heatmap_mse = loss_of
                return
        real(*args)

    def evaluated(*args: Any, on_batch: Callable[[int], None], **options: Any) -> Any:
        def signaled(count: int) -> None:
            if os.environ["RANK"] == str(rank):
                os.kill(os.getpid(), signal.Signals[what])
            on_batch(count)

        return evaluate(*args, on_batch=signaled, **options)

    loss_of, evaluate = keypoints_module.heatmap_mse, KeypointTask.evaluate
    Trainer.train_step = counted  # type: ignore[method-assign]
    if step == 0 and what.startswith("SIG"):
        KeypointTask.evaluate = evaluated
    sys.argv = ["pose", *arguments]
    from pose.cli.main import main

    main()
