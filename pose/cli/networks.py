"""Pose networks as `pose eval` sees them: those of checkpoints run in PyTorch, exported ones in onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pose.cli.options import name_in_run
from pose.runtime.errors import CheckpointError, ConfigError
from pose.runtime.text import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from pose.checkpoints.checkpoint import Checkpoint
    from pose.config.keypoints import Config
    from pose.evaluation.run import CropPredictor


@dataclass(frozen=True, eq=False)
class Network:
    """A pose network in a file, with the library that runs it.

    Attributes:
        path: of the file.
        config: of its training, from inside the file.
        epoch: number of epochs trained.
        changes: overrides of the config that follow from the file or from how it is run.
        device: that it runs on; None for the CPU where there is no choice.
        results: where the results go by default, but for the name of the boxes.
        open: from the settings of the evaluation to what predicts crops, and to the network in PyTorch, whose layers
            can be counted.
        details: more about it for metrics.json.
    """

    path: Path
    config: Config
    epoch: int | None
    changes: list[str]
    device: torch.device | None
    results: Path
    open: Callable[[Config], tuple[CropPredictor, nn.Module]]
    details: dict[str, Any] = field(default_factory=dict)


def trained_network(
    checkpoint: Checkpoint, device: torch.device, *, flip_test: bool, codec: str | None = None
) -> Network:
    """The network of a checkpoint, run by PyTorch.

    Args:
        codec: name of the one that decodes; None for that of its training.
    Raises:
        ConfigError: no such codec, or one that counts the pixels of crops in another way.
    """
    from pose.checkpoints.checkpoint import DEMO_MODEL
    from pose.evaluation.run import crop_predictor
    from pose.models.folding import fold_batch_norms

    def open_network(settings: Config) -> tuple[CropPredictor, nn.Module]:
        model = checkpoint.build(device)
        predict_crops = crop_predictor(
            fold_batch_norms(model),
            skeleton=settings.data.resolve_skeleton(),
            device=device,
            codec=settings.model.make_codec(),
            flip_test=settings.eval.flip_test,
        )
        return predict_crops, model

    config, details = checkpoint.pose_config, {}
    # Nothing is written into the package.
    is_demo = checkpoint.path == DEMO_MODEL
    results = Path("demo-eval") if is_demo else checkpoint.path.with_name(f"eval{name_in_run(checkpoint.path)}")
    if codec is not None:
        config, details = decoded_by(codec, config, path=checkpoint.path), {"codec": codec}
        results = results.with_name(f"{results.name}-{codec}")
    return Network(
        path=checkpoint.path,
        config=config,
        epoch=checkpoint.epoch,
        changes=[] if flip_test else ["eval.flip_test=false"],
        device=device,
        results=results,
        open=open_network,
        details=details,
    )


def decoded_by(codec: str, config: Config, *, path: Path) -> Config:
    """The config of a network whose heatmaps another codec is to decode.

    Raises:
        ConfigError: no such codec, or one that counts the pixels of crops in another way.
    """
    from pose.codecs.codec import CODECS

    if codec not in CODECS:
        raise ConfigError(f"--codec {codec} is unknown; {did_you_mean(codec, list(CODECS))}")
    own = config.model.codec
    fitting = [name for name in CODECS if CODECS[name].unbiased == CODECS[own].unbiased]
    if codec not in fitting:
        raise ConfigError(
            f"{path} was trained with the codec {own}, which cuts other crops than {codec} does; --codec may be "
            f"{' or '.join(fitting)}"
        )
    return config.model_copy(update={"model": config.model.model_copy(update={"codec": codec})})


def exported_network(path: Path, *, device: str, flip_test: bool) -> Network:
    """The network of a file of `pose export`, run by onnxruntime."""
    from pose.checkpoints.checkpoint import with_paths_of_run
    from pose.config.keypoints import Config
    from pose.config.load import make_config
    from pose.inference.onnx_predictor import OnnxModel
    from pose.runtime.device import without_memory

    exported = OnnxModel.open(path)
    exported.check_options(device=device, flip_test=flip_test)
    config = make_config(exported.header["config"], source=f"the config inside {path}")
    config = with_paths_of_run(config, path.parent)
    if not isinstance(config, Config):
        raise CheckpointError(f"{path} has the config of a classifier inside; `pose export` writes pose networks")

    def predict_crops(images: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        keypoints, scores, *_ = exported.run(images.permute(0, 2, 3, 1).contiguous().numpy())
        return keypoints, scores

    def open_network(settings: Config) -> tuple[CropPredictor, nn.Module]:
        with without_memory():  # it is only counted, and the file may claim more than the memory holds
            return predict_crops, config.model.build(num_keypoints=exported.skeleton.num_keypoints)

    return Network(
        path=path,
        config=config,
        epoch=exported.header.get("epoch"),
        changes=[f"eval.flip_test={str(exported.flip_test).lower()}"],
        device=None,
        results=path.parent / f"eval-{path.stem}",
        open=open_network,
        details={"int8": exported.int8},
    )
