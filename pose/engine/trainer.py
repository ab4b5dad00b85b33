"""Train a network: read `train` from top to bottom. What depends on the task is in `pose.engine.tasks`.

Everything random is a function of (seed, epoch, sample), so a run that was stopped and resumed ends with the same
weights, to the bit, as one that never stopped.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from pose.config import AnyConfig, Config
from pose.data.loaders import WINDOW, EpochSampler
from pose.engine.checkpoint import (
    FORMAT,
    load_initial_weights,
    load_resume,
    save_checkpoint,
    save_resume,
)
from pose.engine.loggers import MetricsFile, Progress, TensorBoard, duration, versions
from pose.engine.skeletons import with_skeleton
from pose.engine.stop import StopRequest
from pose.engine.tasks import Task, make_task
from pose.files import write_atomic, write_json


@dataclass
class Position:
    """How far a run is; all that resuming needs beside weights and optimiser.

    Attributes:
        epoch: current epoch, from 0.
        step: steps done in it.
        loss_sum: sum of the epoch's losses, by sample.
        best: the task's first metric, of all evaluations; -1 before the first.
        metrics: of the last evaluation.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best: float = -1.0
    metrics: dict[str, float] = field(default_factory=dict)


def train(
    config: AnyConfig, run: Path, *, device: torch.device, workers: int, console: Console, resume: bool = False
) -> dict[str, float]:
    """Train until `train.epochs`, leaving everything in the folder `run`.

    Args:
        run: gets config.yaml, versions.json, metrics.csv, batch0.jpg, best.safetensors, last.safetensors,
            resume.pt and tb/.
        workers: loader processes; 0 loads in this one.
        resume: continue the run that is in `run`.
    Returns:
        The metrics of the last evaluation.
    Raises:
        Stopped: by SIGINT or SIGTERM; the state is saved.
        FileNotFoundError, ValueError, OSError: data, config, or disk; what was saved before stays.
    """
    torch.manual_seed(config.train.seed)
    if isinstance(config, Config):
        config = with_skeleton(config)
    task = make_task(config)
    batch_size = config.train.batch_size
    sampler = EpochSampler(task.num_samples, seed=config.train.seed, groups=task.groups, window=WINDOW * batch_size)
    steps_per_epoch = -(-task.num_samples // batch_size)
    loader = task.make_loader(sampler, workers=workers, pin_memory=device.type == "cuda")

    model = task.build_model()
    if config.model.init and not resume:
        skeleton = config.data.resolve_skeleton() if isinstance(config, Config) else None
        console.print(load_initial_weights(model, config.model.init, skeleton=skeleton), highlight=False)
    model.to(device).to(memory_format=torch.channels_last)  # as batches are: 1.3 times faster on CPUs
    optimizer = task.make_optimizer(model)

    position = Position()
    if resume:
        position = _restore(run / "resume.pt", model, optimizer)
        if position.epoch >= config.train.epochs:
            console.print(
                f"{run} is complete: {position.epoch} epochs. To go on, raise train.epochs in {run / 'config.yaml'}.",
                highlight=False,
            )
            return position.metrics
    else:
        write_atomic(run / "config.yaml", config.to_yaml().encode())
    write_json(run / "versions.json", versions())
    metrics_file = MetricsFile(run / "metrics.csv", metrics=task.metrics, keep_epochs=position.epoch)
    board = TensorBoard(run / "tb", purge_step=position.epoch + 1 if resume else None)
    console.print(
        f"{task.describe_data()}, {sum(p.numel() for p in model.parameters()):,} parameters, on {device}",
        highlight=False,
    )

    def save() -> None:
        state = {"format": FORMAT, "position": asdict(position), "model": model.state_dict()}
        save_resume(run / "resume.pt", {**state, "optimizer": optimizer.state_dict()})

    def save_weights(name: str, epoch: int) -> None:
        metrics, classes = position.metrics, task.classes
        save_checkpoint(run / name, model, config=config, epoch=epoch, metrics=metrics, classes=classes)

    total, done = config.train.epochs * steps_per_epoch, position.epoch * steps_per_epoch + position.step
    with StopRequest() as stop, Progress(console, total, done=done) as progress:
        while position.epoch < config.train.epochs:
            epoch = position.epoch
            lr = task.learning_rate(epoch)
            model.train()
            sampler.set_epoch(epoch, start=min(position.step * batch_size, task.num_samples))
            started = waited = time.perf_counter()
            waiting, seen = 0.0, 0
            for batch in loader:
                if epoch == 0 and position.step == 0:
                    task.draw_first_batch(run / "batch0.jpg", batch)
                waiting += time.perf_counter() - waited
                for group in optimizer.param_groups:
                    group["lr"] = task.learning_rate(epoch + position.step / steps_per_epoch)
                rng = np.random.default_rng((config.train.seed, epoch, position.step, 1))  # 1: no sample has this
                loss = _step(model, optimizer, task, batch.to(device, non_blocking=True), rng)
                if not math.isfinite(loss):
                    raise ValueError(
                        f"the loss is {loss} in epoch {epoch + 1}, step {position.step + 1} "
                        f"({task.describe_batch(batch)}); try a lower train.lr. The last whole state is in "
                        f"{run / 'resume.pt'}"
                    )
                position.step += 1
                position.loss_sum += loss * len(batch.index)
                seen += len(batch.index)
                waited = time.perf_counter()
                elapsed = waited - started
                progress.update(
                    f"epoch {epoch + 1}/{config.train.epochs}  loss {loss:.5f}  lr {lr:.0e}  "
                    f"{seen / elapsed:.0f} images/s  data wait {waiting / elapsed:.0%}"
                )
                if stop.received is not None:  # asked once: a signal between two questions would stop without saving
                    save()
                    stop.check()

            row: dict[str, Any] = {"epoch": epoch + 1, "lr": lr, "loss": position.loss_sum / task.num_samples}
            elapsed = max(time.perf_counter() - started, 1e-9)
            row |= {"images_per_s": round(seen / elapsed, 1), "data_wait": round(waiting / elapsed, 3)}
            save()  # before the evaluation, which can take long
            line = f"epoch {epoch + 1}/{config.train.epochs}  loss {row['loss']:.5f}  lr {lr:.0e}"
            if (epoch + 1) % config.eval.every == 0 or epoch + 1 == config.train.epochs:
                progress.update(f"{line}  evaluating", steps=0)
                position.metrics, summary = task.evaluate(
                    model, device=device, workers=workers, on_batch=lambda count: stop.check()
                )
                row |= position.metrics
                line += f"  {summary}"
                if position.metrics.get(task.metrics[0], -1.0) > position.best:
                    position.best = position.metrics[task.metrics[0]]
                    save_weights("best.safetensors", epoch + 1)
            row["seconds"] = round(time.perf_counter() - started, 1)
            position.epoch, position.step, position.loss_sum = epoch + 1, 0, 0.0
            save_weights("last.safetensors", epoch + 1)
            metrics_file.add(row)
            board.add(row)
            save()
            console.print(f"{line}  {duration(row['seconds'])}", highlight=False)
    board.close()
    return position.metrics


def _step(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, task: Task, batch: Any, rng: np.random.Generator
) -> float:
    """Forward, backward, update; returns the loss."""
    torch.manual_seed(int(rng.integers(2**63)))  # for dropout and RReLU, on any device
    loss = task.loss(model, batch, rng)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def _restore(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Position:
    state = load_resume(path)
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return Position(**state["position"])
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"{path} does not fit the config beside it ({str(error).splitlines()[0]}); was config.yaml changed?"
        ) from None
