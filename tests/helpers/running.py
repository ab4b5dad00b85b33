"""What tests of trainings share: to run one, to send it a signal in a step, and a network in fp64."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from pose.cli.train import make_task
from pose.config.load import AnyConfig
from pose.training.trainer import Trainer


class Double(nn.Module):
    """A network in fp64, so that only the order of the loss's own sums shows."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.double()

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images.double())


def run_training(config: AnyConfig, run: Path, **options: Any) -> dict[str, float]:
    """On the CPU, without a word."""
    device, console = torch.device("cpu"), Console(quiet=True)
    options = {"workers": 0, **options}
    return Trainer(config, run, make_task=make_task, device=device, console=console, **options).run()


def stop_in_step(monkeypatch: pytest.MonkeyPatch, number: int, signum: signal.Signals = signal.SIGINT) -> None:
    """Send this process a signal during a training step, counted from 1."""
    step, count = Trainer.train_step, 0

    def counted(*args: Any) -> None:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signum)
        step(*args)

    monkeypatch.setattr(Trainer, "train_step", counted)
