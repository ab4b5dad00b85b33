"""Train a pose network: read `train` from top to bottom.

Everything random is a function of (seed, epoch, sample), so a run that was stopped and resumed ends with the same
weights, to the bit, as one that never stopped.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from pose.codec import encode
from pose.config import Config
from pose.data.loaders import Batch, EpochSampler, PeopleDataset, make_loader
from pose.data.transforms import Augment, normalize
from pose.engine.checkpoint import (
    FORMAT,
    load_initial_weights,
    load_resume,
    save_checkpoint,
    save_resume,
)
from pose.engine.evaluator import Evaluation, evaluate
from pose.engine.loggers import MetricsFile, Progress, TensorBoard, duration, versions
from pose.engine.optim import learning_rate
from pose.engine.splits import training_people, validation_set
from pose.engine.stop import StopRequest
from pose.files import write_atomic, write_json
from pose.losses import heatmap_mse
from pose.models.factory import build_model
from pose.models.pose_net import STRIDE
from pose.skeleton import Skeleton
from pose.visualize import draw_batch, write_image


@dataclass
class Position:
    """How far a run is; all that resuming needs beside weights and optimiser.

    Attributes:
        epoch: current epoch, from 0.
        step: steps done in it.
        loss_sum: sum of the epoch's losses, by sample.
        best_ap: of all evaluations; -1 before the first.
        metrics: of the last evaluation.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best_ap: float = -1.0
    metrics: dict[str, float] = field(default_factory=dict)


def train(
    config: Config, run: Path, *, device: torch.device, workers: int, console: Console, resume: bool = False
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
    skeleton = config.data.resolve_skeleton()
    people = training_people(config.data)
    val = validation_set(config.data)

    augment = config.augment
    dataset = PeopleDataset(
        people,
        skeleton,
        input_size=config.model.input_size,
        augment=Augment(**augment.model_dump(exclude={"extra"})) if augment else None,
        extra=augment.extra if augment else (),
        seed=config.train.seed,
    )
    sampler = EpochSampler(len(people), seed=config.train.seed)
    batch_size = config.train.batch_size
    steps_per_epoch = -(-len(people) // batch_size)
    loader = make_loader(
        dataset, batch_size=batch_size, workers=workers, sampler=sampler, pin_memory=device.type == "cuda"
    )

    model = build_model(config.model, num_keypoints=skeleton.num_keypoints)
    if config.model.init and not resume:
        console.print(load_initial_weights(model, config.model.init), highlight=False)
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.train.lr)

    position = Position()
    if resume:
        position = _restore(run / "resume.pt", model, optimizer)
        if position.epoch >= config.train.epochs:
            console.print(
                f"{run} is complete: {position.epoch} epochs. To go on, raise train.epochs.", highlight=False
            )
            return position.metrics
    else:
        write_atomic(run / "config.yaml", config.to_yaml().encode())
    write_json(run / "versions.json", versions())
    metrics_file = MetricsFile(run / "metrics.csv", keep_epochs=position.epoch)
    board = TensorBoard(run / "tb", purge_step=position.epoch + 1 if resume else None)
    console.print(
        f"{len(people)} people to train on, {len(val.people)} boxes ({val.boxes}) in {len(val.image_ids)} images to "
        f"evaluate, {sum(p.numel() for p in model.parameters()):,} parameters, on {device}",
        highlight=False,
    )

    def save() -> None:
        state = {"format": FORMAT, "position": asdict(position), "model": model.state_dict()}
        save_resume(run / "resume.pt", {**state, "optimizer": optimizer.state_dict(), "rng": torch.get_rng_state()})

    total, done = config.train.epochs * steps_per_epoch, position.epoch * steps_per_epoch + position.step
    with StopRequest() as stop, Progress(console, total, done=done) as progress:
        while position.epoch < config.train.epochs:
            epoch = position.epoch
            lr = learning_rate(
                epoch, base=config.train.lr, milestones=config.train.milestones, factor=config.train.lr_factor
            )
            for group in optimizer.param_groups:
                group["lr"] = lr

            model.train()
            sampler.set_epoch(epoch, start=min(position.step * batch_size, len(people)))
            started = waited = time.perf_counter()
            waiting, seen = 0.0, 0
            for batch in loader:
                if epoch == 0 and position.step == 0:
                    _draw_first_batch(run / "batch0.jpg", batch, skeleton)
                waiting += time.perf_counter() - waited
                loss = _step(model, optimizer, batch.to(device, non_blocking=True), config)
                if not math.isfinite(loss):
                    images = sorted({people[i].image_id for i in batch.index.tolist()})
                    raise ValueError(
                        f"the loss is {loss} in epoch {epoch + 1}, step {position.step + 1} (image ids "
                        f"{images[:8]}); try a lower train.lr. The last whole state is in {run / 'resume.pt'}"
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
                if stop.received is not None:
                    save()
                stop.check()

            row: dict[str, Any] = {"epoch": epoch + 1, "lr": lr, "loss": position.loss_sum / len(people)}
            elapsed = max(time.perf_counter() - started, 1e-9)
            row |= {"images_per_s": round(seen / elapsed, 1), "data_wait": round(waiting / elapsed, 3)}
            save()  # before the evaluation, which can take long
            line = f"epoch {epoch + 1}/{config.train.epochs}  loss {row['loss']:.5f}  lr {lr:.0e}"
            if (epoch + 1) % config.eval.every == 0 or epoch + 1 == config.train.epochs:
                progress.update(f"{line}  evaluating", steps=0)
                result = evaluate(
                    model, val, config, device=device, workers=workers, on_batch=lambda count: stop.check()
                )
                position.metrics = result.metrics or {}
                row |= position.metrics
                line += f"  {summary_line(result)}"
                if position.metrics.get("AP", -1.0) > position.best_ap:
                    position.best_ap = position.metrics["AP"]
                    save_checkpoint(
                        run / "best.safetensors", model, config=config, epoch=epoch + 1, metrics=position.metrics
                    )
            row["seconds"] = round(time.perf_counter() - started, 1)
            position.epoch, position.step, position.loss_sum = epoch + 1, 0, 0.0
            save_checkpoint(run / "last.safetensors", model, config=config, epoch=epoch + 1, metrics=position.metrics)
            metrics_file.add(row)
            board.add(row)
            save()
            console.print(f"{line}  {duration(row['seconds'])}", highlight=False)
    board.close()
    return position.metrics


def summary_line(result: Evaluation) -> str:
    """The main number and what it depends on, in a line."""
    what = f"boxes {result.boxes}, {result.images} images, {result.people} people"
    return f"AP {result.metrics['AP']:.3f} ({what})" if result.metrics else f"no annotations ({what})"


def _step(model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, config: Config) -> float:
    """Forward, backward, update; returns the loss."""
    height, width = config.model.input_size
    targets, weights = encode(
        batch.keypoints_crop / STRIDE, batch.weights, heatmap_size=(height // STRIDE, width // STRIDE)
    )
    heatmaps = model(normalize(batch.images))
    loss = heatmap_mse(heatmaps, targets, weights)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def _restore(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Position:
    state = load_resume(path)
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"])
        return Position(**state["position"])
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"{path} does not fit the config beside it ({str(error).splitlines()[0]}); was config.yaml changed?"
        ) from None


def _draw_first_batch(path: Path, batch: Batch, skeleton: Skeleton) -> None:
    images = batch.images[:32].permute(0, 2, 3, 1).numpy()
    sheet = draw_batch(images, batch.keypoints_crop[:32].numpy(), batch.weights[:32].numpy(), skeleton=skeleton)
    write_image(path, sheet)
