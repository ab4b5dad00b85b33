"""The package's model, decoded otherwise than it comes."""

from __future__ import annotations

from pathlib import Path

from pose.checkpoints.checkpoint import load_checkpoint, save_checkpoint


def save_demo(path: Path, *, codec: str) -> Path:
    """Write the demo model's weights as a checkpoint of another codec; its path."""
    demo = load_checkpoint("demo")
    section = demo.pose_config.model.model_copy(update={"codec": codec})
    config = demo.pose_config.model_copy(update={"model": section})
    save_checkpoint(path, demo.build(), config=config, epoch=demo.epoch, metrics={})
    return path
