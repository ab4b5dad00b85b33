"""Train a network. `Trainer.run` is the whole of it; what depends on the task is in `pose.training.tasks`.

Everything random is a function of (seed, epoch, sample), so a run that was stopped and resumed ends with the same
weights, to the bit, as one that never stopped. Where several processes train together, each runs all of this on its
share of each batch. They agree on every number, and the main process alone writes and prints.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from pose.checkpoints.checkpoint import save_checkpoint
from pose.config.load import AnyConfig, load_config
from pose.runtime.console import Progress, duration
from pose.runtime.distributed import SyncedBatch, World
from pose.runtime.errors import DataError
from pose.runtime.files import write_atomic, write_json
from pose.runtime.stop import Stopped, StopRequest
from pose.runtime.text import as_message
from pose.runtime.versions import versions
from pose.training.bad_batches import BadBatches
from pose.training.error_messages import explained
from pose.training.logs import TensorBoard, peak_memory_mb
from pose.training.metrics_file import MetricsFile
from pose.training.resume import save_resume
from pose.training.run_lock import RunLock, claim_run, lock_run, refuse_folders
from pose.training.runs import Heartbeat
from pose.training.setup import set_up
from pose.training.tasks import Task


class Trainer:
    """Trains one network and leaves everything in a run folder: `Trainer(config, folder, ...).run()`.

    Args:
        folder: of the run. It gets config.yaml, versions.json, metrics.csv, batch0.jpg, best.safetensors,
            last.safetensors, resume.pt, resume.previous.pt, state.json, .lock and tb/.
        make_task: reads the data of a config; raises FileNotFoundError or ValueError where it is missing or wrong.
        workers: loader processes; 0 loads in this one.
        console: quiet in all but the main process.
        resume: continue the run that is in `folder`, from its beginning if it was killed before the first checkpoint.
        lock: on the folder, of the main process; by default it is taken when `run` begins.
        world: the processes that train together, each of which has such a trainer.
    """

    def __init__(
        self,
        config: AnyConfig,
        folder: Path,
        *,
        make_task: Callable[[Any], Task],
        device: torch.device,
        workers: int,
        console: Console,
        resume: bool = False,
        lock: RunLock | None = None,
        world: World = World(),
    ) -> None:
        self.given = config
        self.folder, self.make_task, self.console, self.resume = folder, make_task, console, resume
        self.device, self.workers, self.lock, self.world = device, workers, lock, world

    def run(self) -> dict[str, float]:
        """Train until the schedule ends; to be called once.

        Returns:
            The metrics of the last evaluation.
        Raises:
            Stopped: by SIGINT, SIGTERM or SIGHUP; the state is saved.
            Ended: another process failed.
            FileNotFoundError, ValueError, OSError: data, config, disk, memory, another process that trains in the
                folder, or a folder that was deleted or moved; what was saved before stays.
        """
        if self.world.is_main and self.lock is None:  # before minutes of data, in which another one could start
            self.lock = lock_run(self.folder) if self.resume else claim_run(self.folder)
        with self.lock or contextlib.nullcontext():
            return self._run()

    def _run(self) -> dict[str, float]:
        self.setup()
        state = self.state
        if why := self.schedule.ended(state):
            self.say(
                f"{self.folder} is complete: {why}. To go on, raise that, e.g. pose train --resume "
                f"{self.folder} {self.schedule.to_go_on(state)}"
            )
            return state.metrics
        self.open_folder()
        with self.stop, self.heart, self.progress, self.world.fail_together(), explained(self.folder):
            while not self.schedule.ended(state):
                self.train_epoch()
                self.finish_epoch()
            if state.epoch < self.config.train.epochs:
                self.say(f"training ends: {self.schedule.ended(state)}")
        return state.metrics

    def setup(self) -> None:
        """Make all that `pose.training.setup.set_up` makes. Nothing is written yet."""
        made = set_up(
            self.given,
            self.folder,
            make_task=self.make_task,
            device=self.device,
            workers=self.workers,
            world=self.world,
            resume=self.resume,
            say=self.say,
        )
        self.given, self.config, self.task = made.given, made.config, made.task
        self.sampler, self.loader, self.steps_per_epoch = made.sampler, made.loader, made.steps_per_epoch
        self.learner, self.optimizer = made.learner, made.optimizer
        self.schedule, self.state = made.schedule, made.state

    def open_folder(self) -> None:
        """Write what is known before the first step, and say what will be trained."""
        folder, task, train, state, model = self.folder, self.task, self.config.train, self.state, self.learner.model
        main = self.world.is_main
        if main:
            refuse_folders(folder)
        # One that was changed by hand keeps its comments, unless this run was given changes.
        if main and not (self.resume and load_config(folder / "config.yaml") == self.given):
            write_atomic(folder / "config.yaml", self.given.to_yaml().encode())
        if main:
            write_json(folder / "versions.json", versions())
        table, events = (folder / "metrics.csv", folder / "tb") if main else (None, None)
        self.metrics = MetricsFile(table, metrics=task.metrics, keep_epochs=state.epoch)
        self.board = TensorBoard(events, purge_step=state.epoch + 1 if self.resume else None)
        parameters = sum(p.numel() for p in model.parameters())
        processes = f", {self.world.size} processes" if self.world.size > 1 else ""
        self.say(f"{task.describe_data()}, {parameters:,} parameters, on {self.device}{processes}")
        limit, skipped = train.max_skipped_batches, state.skipped
        self.bad = BadBatches(folder, model, limit=limit, skipped=skipped, identify=task.identify, world=self.world)
        self.next_save = time.monotonic() + 60 * train.checkpoint_minutes
        # Not a method of this object: a circle of references would keep network and loader after the end.
        numbers = partial(state.numbers, epochs=train.epochs, steps=self.steps_per_epoch, metric=task.metrics[0])
        self.heart = Heartbeat(folder, self.lock, progress=numbers)
        self.stop = StopRequest()
        total, done = train.epochs * self.steps_per_epoch, state.epoch * self.steps_per_epoch + state.step
        if train.minutes is not None:
            total, done = round(60 * train.minutes), round(state.elapsed)
        self.progress = Progress(self.console, total, done=done)
        self.loss = math.nan  # of the last batch, for the progress line

    def train_epoch(self) -> None:
        """Take the steps of the current epoch that are not done yet."""
        state = self.state
        self.learner.model.train()
        self.sampler.set_epoch(state.epoch, start=state.taken)
        self.clock = asked = time.perf_counter()
        if self.schedule.out_of_time(state):
            return  # of a run that was stopped in its last evaluation
        for loaded in self.loader:
            synced = self.world.sync_batch(
                loaded.batch, unreadable=loaded.unreadable, taken=loaded.taken, signal=self.stop.received
            )
            if synced.signal is not None:
                self.save()
                self.world.barrier()  # so that torchrun ends nobody who still writes
                raise Stopped(synced.signal)
            state.waiting += max(0.0, time.perf_counter() - asked)  # clocks of some virtual machines step back
            self.train_step(synced)
            self.heart.beat()
            if time.monotonic() >= self.next_save:
                self.save()
            if self.schedule.out_of_time(state):
                return
            asked = time.perf_counter()

    def train_step(self, synced: SyncedBatch) -> None:
        """Update the network by one batch, or skip it if its loss or gradient is not finite; then count it."""
        state, train, batch, count = self.state, self.config.train, synced.batch, sum(synced.sizes)
        for line in synced.unreadable:
            self.say(f"skipped: {line}")
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate(state, step=state.step)
        if batch is not None:
            if state.epoch == 0 and state.step == 0 and self.world.is_main:
                self.board.add_image(
                    "first batch", self.task.draw_first_batch(self.folder / "batch0.jpg", batch), epoch=0
                )
            seed = (train.seed, state.epoch, state.step)
            with self.bad.watch(batch, epoch=state.epoch, step=state.step):
                on_device = batch.to(self.device, non_blocking=True)
                self.loss = self.learner.step(
                    self.optimizer, self.task.loss, on_device, seed=seed, sizes=synced.sizes
                )
                state.loss_sum += self.loss * count
                state.used += count
        state.step += 1
        state.taken += synced.taken
        state.unreadable += len(synced.unreadable)
        state.skipped = self.bad.skipped
        now = time.perf_counter()
        passed, self.clock = max(0.0, now - self.clock), now
        state.seconds += passed
        self.count_time(passed)
        self.progress.update(
            f"epoch {state.epoch + 1}/{train.epochs}  loss {self.loss:.5f}  "
            f"lr {self.schedule.learning_rate(state, step=0):.0e}  {state.used / state.seconds:.0f} images/s  "
            f"data wait {state.waiting / state.seconds:.0%}",
            steps=1 if train.minutes is None else round(state.elapsed) - self.progress.done,
        )

    def count_time(self, seconds: float) -> None:
        """Add to the time of the run, which is the same in all processes where something depends on it."""
        self.state.elapsed += seconds
        if self.config.train.minutes is not None:
            self.state.elapsed = self.world.from_main(lambda: self.state.elapsed)

    def finish_epoch(self) -> None:
        """Evaluate if it is time to, write the weights and the epoch's numbers, and go on to the next epoch."""
        state, epochs = self.state, self.config.train.epochs
        epoch, lr = state.epoch + 1, self.schedule.learning_rate(state, step=0)
        if not state.used:
            raise DataError(f"epoch {epoch} had no image that could be used; see the messages above")
        row: dict[str, Any] = {"epoch": epoch, "lr": lr, "loss": state.loss_sum / state.used}
        seconds = max(state.seconds, 1e-9)
        row |= {"images_per_s": round(state.used / seconds, 1), "memory_mb": peak_memory_mb(self.device)}
        row |= {"data_wait": round(state.waiting / seconds, 3)}
        row |= {"unreadable": state.unreadable, "skipped_batches": state.skipped}
        self.save()  # before the evaluation, which can take long
        line = f"epoch {epoch}/{epochs}  loss {row['loss']:.5f}  lr {lr:.0e}"
        if epoch % self.config.eval.every == 0 or epoch == epochs or self.schedule.out_of_time(state):
            self.progress.update(f"{line}  evaluating", steps=0)
            line += f"  {self.evaluate(epoch)}"
            row |= state.metrics
            self.count_time(time.perf_counter() - self.clock)
        row["seconds"] = round(state.seconds + time.perf_counter() - self.clock, 1)
        state.next_epoch()
        self.save_weights("last.safetensors", epoch)
        self.metrics.add(row)
        self.board.add(row)
        self.save()
        if row["unreadable"] or state.skipped:
            line += f"  unreadable {row['unreadable']}, batches skipped so far {state.skipped}"
        self.say(f"{line}  {duration(row['seconds'])}")

    def evaluate(self, epoch: int) -> str:
        """Put the numbers of an evaluation into the state, and keep the weights if they are the best so far.

        Returns:
            A line for people.
        """
        state, network = self.state, self.learner.averaged

        def on_batch(count: int) -> None:
            self.heart.beat()
            self.stop.check()

        state.metrics, summary = self.task.evaluate(
            network, device=self.device, workers=self.workers, on_batch=on_batch, world=self.world
        )
        if self.board.on and (sheet := self.task.draw_evaluation(network, device=self.device)) is not None:
            self.board.add_image("evaluation", sheet, epoch=epoch)
        if self.schedule.judge(state, state.metrics.get(self.task.metrics[0], -1.0)):
            self.save_weights("best.safetensors", epoch)
        return summary

    def save(self) -> None:
        """Write what resuming needs."""
        if not self.world.is_main:
            return
        state = {"position": asdict(self.state), **self.learner.state_dict()}
        save_resume(self.folder, {**state, "optimizer": self.optimizer.state_dict()})
        self.next_save = time.monotonic() + 60 * self.config.train.checkpoint_minutes
        self.heart.beat(now=True)

    def save_weights(self, name: str, epoch: int) -> None:
        """Write the weights to use, after this number of epochs, with all that is needed to use them."""
        if self.world.is_main:
            path, metrics, classes = self.folder / name, self.state.metrics, self.task.classes
            save_checkpoint(
                path, self.learner.averaged, config=self.given, epoch=epoch, metrics=metrics, classes=classes
            )

    def say(self, line: str) -> None:
        """Print a line for people."""
        self.console.print(as_message(line), highlight=False)
