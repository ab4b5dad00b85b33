"""What a training is made of: data, network, optimizer, schedule and state, of a config or of a run that goes on.

Nothing is written here, as data and config can still turn out to be wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pose.checkpoints.initial_weights import load_initial_weights, with_network
from pose.config.keypoints import Config
from pose.config.load import AnyConfig
from pose.config.skeleton import with_skeleton
from pose.data.loader import WINDOW, EpochSampler
from pose.runtime.distributed import World
from pose.runtime.errors import CheckpointError, ConfigError, DataError
from pose.training.learner import Learner
from pose.training.resume import load_latest, restore
from pose.training.schedule import Schedule
from pose.training.state import TrainState
from pose.training.tasks import Task


@dataclass(frozen=True)
class Setup:
    """All that is trained with.

    Attributes:
        given: the config for the run folder, which does not depend on the number of processes.
        config: the same for all processes together.
    """

    given: AnyConfig
    config: AnyConfig
    task: Task
    sampler: EpochSampler
    loader: Any
    steps_per_epoch: int
    learner: Learner
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    state: TrainState


def set_up(
    given: AnyConfig,
    folder: Path,
    *,
    make_task: Callable[[Any], Task],
    device: torch.device,
    workers: int,
    world: World,
    resume: bool,
    say: Callable[[str], None],
) -> Setup:
    """Read the data, and make network, optimizer and state, or take up those of the run's last checkpoint.

    Args:
        say: prints a line for people.
        others: see `pose.training.trainer.Trainer`.
    Raises:
        FileNotFoundError, ValueError: data, config or checkpoint are missing or wrong, or do not fit each other.
    """
    if isinstance(given, Config):
        given = with_skeleton(given)
    given, line = with_network(given)
    if line:
        say(line)
    config = for_all_processes(given, world)
    train = config.train
    if train.compile and device.type == "cpu":
        raise ConfigError(
            "train.compile=true on a CPU: of mobilenet_v2_x0.5_dyrelu the first step was not done after eight "
            "minutes of compiling, and there the compiled network is no faster; set train.compile: false, or train "
            "on a GPU"
        )
    torch.manual_seed(train.seed)
    task = read_data(config, folder, make_task=make_task, resume=resume)
    window = WINDOW * train.batch_size
    sampler = EpochSampler(task.num_samples, seed=train.seed, groups=task.groups, window=window)
    steps_per_epoch = -(-task.num_samples // train.batch_size)
    loader = task.make_loader(sampler, workers=workers, pin_memory=device.type == "cuda", shard=world.shard)
    model = task.build_model()
    saved, notice = world.from_main(lambda: load_latest(folder)) if resume else (None, "")
    if notice:
        warnings.warn(notice, stacklevel=3)
    if config.model.init and saved is None:
        skeleton = config.data.resolve_skeleton() if isinstance(config, Config) else None
        init = config.model.init
        say(load_initial_weights(model, init, skeleton=skeleton, classes=task.classes, section=config.model))
    learner = Learner(model, train, device=device, world=world)
    optimizer = task.make_optimizer(model)
    schedule = Schedule(train, steps_per_epoch, task.learning_rate, task.metrics[0])
    state = TrainState(batch_size=train.batch_size)
    if saved is not None:
        state = restore(folder, saved, learner, optimizer, batch_size=train.batch_size)
    check_labels(state, task, folder)
    state.checksum = task.checksum
    return Setup(given, config, task, sampler, loader, steps_per_epoch, learner, optimizer, schedule, state)


def check_labels(state: TrainState, task: Task, folder: Path) -> None:
    """Warn if the labels are not those that the run of a state was begun with.

    Raises:
        CheckpointError: there are fewer samples than the state has taken of its epoch.
    """
    if state.taken > task.num_samples:
        raise CheckpointError(
            f"{folder} was stopped after {state.taken} samples of an epoch, and its data has only "
            f"{task.num_samples} now; put back the data that it was trained on, or start another run with "
            f"model.init={folder}"
        )
    if state.checksum not in (0, task.checksum):
        warnings.warn(
            f"the annotations are not those that the run in {folder} was begun with: what it learned and its best "
            f"score are of others. To begin with these start another run with model.init={folder}",
            stacklevel=4,
        )


def read_data(config: AnyConfig, folder: Path, *, make_task: Callable[[Any], Task], resume: bool) -> Task:
    """Make the task of a config. Data with other keypoints than those of a run that goes on need another run."""
    try:
        return make_task(config)
    except ValueError as error:
        problem, advice, _ = str(error).partition("; set data.skeleton")
        if not (resume and advice):
            raise
        raise DataError(
            f"{problem}, for which the run in {folder} was begun; start a new run with model.init={folder}"
        ) from None


def for_all_processes(config: AnyConfig, world: World) -> AnyConfig:
    """The config with the batch size and learning rate of all processes together, if it has those of one process."""
    train = config.train
    if not train.batch_per_process:
        return config
    both = {"batch_size": train.batch_size * world.size, "lr": train.lr * world.size}
    return config.model_copy(update={"train": train.model_copy(update=both)})
