"""Train a network: read `train` from top to bottom. What depends on the task is in `pose.training.tasks`.

Everything random is a function of (seed, epoch, sample), so a run that was stopped and resumed ends with the same
weights, to the bit, as one that never stopped. Where several processes train together, each runs all of this, on its
share of each batch; they agree on every number, and the main one alone writes and prints.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from pose.checkpoint import load_initial_weights, save_checkpoint
from pose.config.keypoints import Config
from pose.config.load import AnyConfig
from pose.config.skeleton import with_skeleton
from pose.data.loader import WINDOW, EpochSampler
from pose.runtime.console import Progress, duration
from pose.runtime.distributed import World
from pose.runtime.files import write_atomic, write_json
from pose.runtime.stop import Stopped, StopRequest
from pose.runtime.versions import versions
from pose.training.bad_batches import BadBatches, check_finite
from pose.training.error_messages import explained
from pose.training.learner import Learner
from pose.training.logs import MetricsFile, TensorBoard, peak_memory_mb
from pose.training.optim import warmup
from pose.training.resume import load_latest, save_resume
from pose.training.runs import Heartbeat, lock_run
from pose.training.state import TrainState
from pose.training.tasks import Task


def train(
    config: AnyConfig,
    run: Path,
    *,
    make_task: Callable[[Any], Task],
    device: torch.device,
    workers: int,
    console: Console,
    resume: bool = False,
    world: World = World(),
) -> dict[str, float]:
    """Train until `train.epochs`, leaving everything in the folder `run`.

    Args:
        make_task: reads the data of a config; raises FileNotFoundError or ValueError where it is missing or wrong.
        run: gets config.yaml, versions.json, metrics.csv, batch0.jpg, best.safetensors, last.safetensors,
            resume.pt, resume.previous.pt, state.json, .lock and tb/.
        workers: loader processes; 0 loads in this one.
        console: quiet in all but the main process.
        resume: continue the run that is in `run`, from its beginning if it was killed before the first checkpoint.
        world: the processes that train together, all of which call this.
    Returns:
        The metrics of the last evaluation.
    Raises:
        Stopped: by SIGINT or SIGTERM; the state is saved.
        Ended: another process failed.
        FileNotFoundError, ValueError, OSError: data, config, disk, memory, or another process that trains in `run`;
            what was saved before stays.
    """
    torch.manual_seed(config.train.seed)
    if isinstance(config, Config):
        config = with_skeleton(config)
    kept, config = config, _scaled(config, world)  # what the run folder says does not depend on the processes
    task = make_task(config)
    batch_size = config.train.batch_size
    sampler = EpochSampler(task.num_samples, seed=config.train.seed, groups=task.groups, window=WINDOW * batch_size)
    steps_per_epoch = -(-task.num_samples // batch_size)
    loader = task.make_loader(sampler, workers=workers, pin_memory=device.type == "cuda", shard=world.shard)

    model = task.build_model()
    # A new run's folder is made further below, when nothing can be wrong any more.
    lock = lock_run(run) if resume and world.is_main else None
    saved, notice = world.from_main(lambda: load_latest(run)) if resume else (None, "")
    if notice:
        warnings.warn(notice, stacklevel=2)
    if config.model.init and saved is None:
        skeleton = config.data.resolve_skeleton() if isinstance(config, Config) else None
        console.print(load_initial_weights(model, config.model.init, skeleton=skeleton), highlight=False)
    learner = Learner(model, config.train, device=device, world=world)
    optimizer = task.make_optimizer(model)

    position = TrainState(batch_size=batch_size)
    if saved is not None:
        position = _restore(run, saved, learner, optimizer, batch_size)
        if position.epoch >= config.train.epochs:
            console.print(
                f"{run} is complete: {position.epoch} epochs. To go on, raise train.epochs in {run / 'config.yaml'}.",
                highlight=False,
            )
            return position.metrics
    main = world.is_main
    if main and lock is None:
        lock = lock_run(run)
        write_atomic(run / "config.yaml", kept.to_yaml().encode())
    if main:
        write_json(run / "versions.json", versions())
    metrics_file = MetricsFile(
        run / "metrics.csv" if main else None, metrics=task.metrics, keep_epochs=position.epoch
    )
    board = TensorBoard(run / "tb" if main else None, purge_step=position.epoch + 1 if resume else None)
    console.print(
        f"{task.describe_data()}, {sum(p.numel() for p in model.parameters()):,} parameters, on {device}"
        + (f", {world.size} processes" if world.size > 1 else ""),
        highlight=False,
    )

    bad = BadBatches(
        run,
        model,
        limit=config.train.max_skipped_batches,
        skipped=position.skipped,
        identify=task.identify,
        world=world,
    )
    next_save = time.monotonic() + 60 * config.train.checkpoint_minutes
    heart = Heartbeat(run, lock, progress=lambda: _progress(position, config.train.epochs, steps_per_epoch, task))

    def save() -> None:
        nonlocal next_save
        if not main:
            return
        state = {"position": asdict(position), **learner.state_dict()}
        save_resume(run, {**state, "optimizer": optimizer.state_dict()})
        next_save = time.monotonic() + 60 * config.train.checkpoint_minutes
        heart.beat(now=True)

    def save_weights(name: str, epoch: int) -> None:
        if main:
            metrics, classes = position.metrics, task.classes
            save_checkpoint(run / name, learner.averaged, config=kept, epoch=epoch, metrics=metrics, classes=classes)

    def learning_rate(epoch: int, step: int) -> float:
        at = epoch + step / steps_per_epoch
        return task.learning_rate(at) * warmup(at + 1 / steps_per_epoch, epochs=config.train.warmup_epochs)

    total, done = config.train.epochs * steps_per_epoch, position.epoch * steps_per_epoch + position.step
    loss = math.nan
    with (
        StopRequest() as stop,
        heart,
        Progress(console, total, done=done) as progress,
        world.fail_together(),
        explained(run),
    ):

        def on_batch(count: int) -> None:
            heart.beat()
            stop.check()

        while position.epoch < config.train.epochs:
            epoch = position.epoch
            lr = learning_rate(epoch, 0)
            model.train()
            sampler.set_epoch(epoch, start=position.taken)
            clock = asked = time.perf_counter()
            for loaded in loader:
                turn = world.sync_batch(
                    loaded.batch, unreadable=loaded.unreadable, taken=loaded.taken, signal=stop.received
                )
                if turn.signal is not None:
                    save()
                    world.barrier()  # so that torchrun ends nobody who still writes
                    raise Stopped(turn.signal)
                batch, count = turn.batch, sum(turn.sizes)
                if epoch == 0 and position.step == 0 and batch is not None and main:
                    board.add_picture("first batch", task.draw_first_batch(run / "batch0.jpg", batch), epoch=0)
                position.waiting += time.perf_counter() - asked
                for line in turn.unreadable:
                    console.print(f"skipped: {line}", highlight=False)
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(epoch, position.step)
                seed = (config.train.seed, epoch, position.step)
                if batch is not None:
                    with bad.watch(batch, epoch=epoch, step=position.step):
                        loss = _step(learner, optimizer, task, batch.to(device, non_blocking=True), seed, turn.sizes)
                        position.loss_sum += loss * count
                        position.used += count
                position.step += 1
                position.taken += turn.taken
                position.unreadable += len(turn.unreadable)
                position.skipped = bad.skipped
                now = time.perf_counter()
                position.seconds, clock = position.seconds + now - clock, now
                progress.update(
                    f"epoch {epoch + 1}/{config.train.epochs}  loss {loss:.5f}  lr {lr:.0e}  "
                    f"{position.used / position.seconds:.0f} images/s  "
                    f"data wait {position.waiting / position.seconds:.0%}"
                )
                heart.beat()
                if time.monotonic() >= next_save:
                    save()
                asked = time.perf_counter()

            if not position.used:
                raise ValueError(f"epoch {epoch + 1} had no image that could be used; see the messages above")
            row: dict[str, Any] = {"epoch": epoch + 1, "lr": lr, "loss": position.loss_sum / position.used}
            seconds = max(position.seconds, 1e-9)
            row |= {"images_per_s": round(position.used / seconds, 1), "memory_mb": peak_memory_mb(device)}
            row |= {"data_wait": round(position.waiting / seconds, 3)}
            row |= {"unreadable": position.unreadable, "skipped_batches": position.skipped}
            save()  # before the evaluation, which can take long
            line = f"epoch {epoch + 1}/{config.train.epochs}  loss {row['loss']:.5f}  lr {lr:.0e}"
            if (epoch + 1) % config.eval.every == 0 or epoch + 1 == config.train.epochs:
                progress.update(f"{line}  evaluating", steps=0)
                position.metrics, summary = task.evaluate(
                    learner.averaged, device=device, workers=workers, on_batch=on_batch, world=world
                )
                if board.on and (sheet := task.draw_evaluation(learner.averaged, device=device)) is not None:
                    board.add_picture("evaluation", sheet, epoch=epoch + 1)
                row |= position.metrics
                line += f"  {summary}"
                if position.metrics.get(task.metrics[0], -1.0) > position.best:
                    position.best = position.metrics[task.metrics[0]]
                    save_weights("best.safetensors", epoch + 1)
            row["seconds"] = round(position.seconds + time.perf_counter() - clock, 1)
            position.next_epoch()
            save_weights("last.safetensors", epoch + 1)
            metrics_file.add(row)
            board.add(row)
            save()
            if row["unreadable"] or bad.skipped:
                line += f"  unreadable {row['unreadable']}, batches skipped so far {bad.skipped}"
            console.print(f"{line}  {duration(row['seconds'])}", highlight=False)
    return position.metrics


def _scaled(config: AnyConfig, world: World) -> AnyConfig:
    """With `batch_per_process`, the batch size and learning rate of all processes together."""
    train = config.train
    if not train.batch_per_process:
        return config
    both = {"batch_size": train.batch_size * world.size, "lr": train.lr * world.size}
    return config.model_copy(update={"train": train.model_copy(update=both)})


def _step(
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    task: Task,
    batch: Any,
    seed: tuple[int, int, int],
    sizes: Sequence[int] = (),
) -> float:
    """Forward and backward of the batch's parts, then one update; returns the loss of the batch of all processes.

    Args:
        batch, sizes: as for `Learner.split`.
    Raises:
        NotFinite: loss or gradient; only buffers have changed then.
    """
    optimizer.zero_grad(set_to_none=True)
    world, parts, total = learner.world, learner.split(batch, sizes), 0.0
    for number, (part, share) in enumerate(parts):
        # From 1, as no sample has this; N processes draw as one does for the N parts that they have.
        rng = np.random.default_rng((*seed, 1 + world.rank * len(parts) + number))
        torch.manual_seed(int(rng.integers(2**63)))  # for dropout and RReLU, on any device
        with learner.joining(last=number + 1 == len(parts)):
            loss = task.loss(learner.forward, part, rng)
            weight = share * world.size  # gradients become the mean over the processes, and so does the loss below
            loss = loss if weight == 1 else loss * weight
            learner.backward(loss)
        total += loss.item()
    total = world.mean(total)
    check_finite("the loss", total)
    learner.update(optimizer, share=sum(share for _, share in parts))
    return total


def _progress(position: TrainState, epochs: int, steps: int, task: Task) -> dict[str, Any]:
    """For state.json."""
    best = position.best if position.best >= 0 else None
    where = {"epoch": position.epoch, "epochs": epochs, "step": position.step, "steps": steps}
    return {**where, "best": best, "metric": task.metrics[0], "skipped_batches": position.skipped}


def _restore(
    run: Path, state: dict[str, Any], learner: Learner, optimizer: torch.optim.Optimizer, batch_size: int
) -> TrainState:
    try:
        learner.load_state_dict(state)
        optimizer.load_state_dict(state["optimizer"])
        position = TrainState.from_dict(state["position"])
        if position.taken and position.batch_size not in (0, batch_size):
            raise ValueError(
                f"it is within an epoch of batches of {position.batch_size}, and they would go on with {batch_size}: "
                "train.batch_per_process needs as many processes as before until the epoch's end"
            )
        position.batch_size = batch_size
        return position
    except Exception as error:  # a forged state can make torch fail in any way
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"the checkpoint in {run} does not fit the config beside it ({reason}); was config.yaml changed?"
        ) from None
