"""`pose eval`: one way from the validation data to the numbers, whatever runs the network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from pose.cli.options import (
    CHECKPOINT_OR_ONNX,
    BatchSize,
    Device,
    Overrides,
    Workers,
    evaluation_folder,
    evaluation_workers,
    name_in_run,
    prepare_figures,
)
from pose.runtime.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from rich.console import Console
    from torch import nn

    from pose.checkpoints.checkpoint import Checkpoint
    from pose.cli.networks import Network
    from pose.config.classification import ClassificationConfig
    from pose.config.keypoints import Config
    from pose.config.load import AnyConfig
    from pose.evaluation.coco import Predictions
    from pose.evaluation.run import CropPredictor, Evaluation
    from pose.evaluation.splits import ValidationSet


# Overrides that tell no two evaluations apart: what they name is in the mark already, or changes no number.
_NO_SETTINGS = ("data.root=", "data.val.annotations=", "data.val.boxes=", "eval.batch_size=", "train.")


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help=CHECKPOINT_OR_ONNX)],
    overrides: Overrides = None,
    boxes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="gt|FILE", help="Annotated boxes or a detections JSON. Default: the checkpoint's config."
        ),
    ] = None,
    only_images_with_boxes: Annotated[
        bool, typer.Option("--only-images-with-boxes", help="Leave out images without any box.")
    ] = False,
    flip_test: Annotated[
        bool,
        typer.Option(
            "--flip-test/--no-flip-test",
            help="Average with the mirrored crop. An .onnx file does as it was exported.",
        ),
    ] = True,
    codec: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="quarter|dark|udp|udp_dark",
            help="Decode heatmaps in another way than the training's that fits it: see docs/codecs.md.",
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="Folder for the numbers and results. Default: eval-<boxes> beside the checkpoint, "
            "eval-<name>-<boxes> of another than a run's best one; of demo, demo-eval-<boxes>. With --codec its name "
            "stands before the boxes'."
        ),
    ] = None,
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: Workers = None,
) -> None:
    """Evaluate a model on its validation data.

    COCO's ten numbers and an analysis, of a classifier top-1 and top-5, go to stdout and into a folder.
    """
    from pose.checkpoints.checkpoint import load_checkpoint
    from pose.cli.networks import exported_network, trained_network
    from pose.config.classification import ClassificationConfig
    from pose.inference.load import is_onnx
    from pose.runtime.device import pick_device

    changes = list(overrides or [])
    if batch_size is not None:
        changes.append(f"eval.batch_size={batch_size}")
    if is_onnx(checkpoint):
        if codec is not None:
            raise ConfigError(f"{checkpoint} decodes by itself, as it was exported; --codec is for checkpoints")
        network = exported_network(checkpoint, device=device, flip_test=flip_test)
    else:
        loaded, chosen = load_checkpoint(checkpoint), pick_device(device)
        if isinstance(loaded.config, ClassificationConfig):
            if boxes is not None or only_images_with_boxes or not flip_test or codec is not None:
                raise ValueError(f"{loaded.path} holds a classifier: it has no boxes, no flip test and no codec")
            _evaluate_classifier(loaded, loaded.config, changes, out=out, device=chosen, workers=workers)
            return
        network = trained_network(loaded, chosen, flip_test=flip_test, codec=codec)
    _evaluate_keypoints(
        network, changes, boxes=boxes, only_images_with_boxes=only_images_with_boxes, out=out, workers=workers
    )


def _settings(config: AnyConfig, changes: list[str], *, path: Path, console: Console) -> AnyConfig:
    """The config of a file with the user's changes; generated data that it names is made if it is not there."""
    from pose.config.load import make_config

    settings = make_config(config.model_dump(mode="json"), changes, source=f"the config inside {path}")
    if settings.model != config.model:
        raise ConfigError(f"the model is that of {path}; overrides of model.* are for `pose train`")
    prepare_figures(settings, console, to_train=False, trusted=any(c.startswith("data.root=") for c in changes))
    return settings


def _settings_of(changes: list[str], *, annotations: str) -> list[str]:
    """The overrides by which an evaluation may have other numbers, for `evaluation_mark`.

    Args:
        annotations: of the config; if they are not below data.root, that says where the images are alone.
    """
    told = _NO_SETTINGS[1:] if os.path.isabs(annotations) else _NO_SETTINGS
    last = {change.partition("=")[0]: change for change in changes}  # of one key, which counts
    return sorted(change for change in last.values() if not change.startswith(told))


def _evaluate_keypoints(
    network: Network,
    changes: list[str],
    *,
    boxes: str | None,
    only_images_with_boxes: bool,
    out: Path | None,
    workers: int | None,
) -> None:
    """COCO's numbers and the analysis to stdout, and the files of an evaluation into a folder."""
    from pose.config.keypoints import Config
    from pose.evaluation.coco_backends import check_backend
    from pose.evaluation.run import score
    from pose.evaluation.splits import validation_set
    from pose.inference.memory import fitting_batch_size
    from pose.runtime.console import make_console
    from pose.runtime.files import sha256

    console = make_console()
    chosen = ["data.val.boxes=gt"] if boxes == "gt" else []  # limits of the config are for these
    changes = [*changes, *chosen, *network.changes]
    settings = _settings(network.config, changes, path=network.path, console=console)
    assert isinstance(settings, Config)
    check_backend(settings.eval.backend)  # before the minutes that predictions take
    weights = sha256(network.path)  # that of now: a training may write others meanwhile
    skeleton = settings.data.resolve_skeleton()
    most = settings.eval.max_detections
    val = validation_set(
        settings.data, boxes=boxes, only_images_with_boxes=only_images_with_boxes, max_detections=most
    )
    console.print(str(val.usage), highlight=False)
    wanted = min(settings.eval.batch_size, max(1, len(val.people)))
    batch_size = fitting_batch_size(wanted, settings.model.input_size, device=network.device)
    with evaluation_folder(
        out,
        default=network.results.with_name(f"{network.results.name}-{Path(val.boxes).stem}"),
        checkpoint=network.path,
        data=Path(settings.data.root, settings.data.val.annotations),
        boxes=val.boxes,
        settings=_settings_of(changes, annotations=settings.data.val.annotations)
        + ["--only-images-with-boxes"] * only_images_with_boxes,
    ) as (folder, mark):
        predict_crops, model = network.open(settings)
        predictions = _predict(
            predict_crops, val, settings, network.device, batch_size=batch_size, workers=workers, console=console
        )
        result = score(predictions, val, skeleton, backend=settings.eval.backend, max_detections=most)
        details = {
            "checkpoint": str(network.path),
            "weights_sha256": weights,
            "epoch": network.epoch,
            "flip_test": settings.eval.flip_test,
            **network.details,
            "only_images_with_boxes": only_images_with_boxes,
        }
        result.write(folder, config=settings, details=details, mark=mark)
        _print_result(result, _write_analysis(result, val, settings, model, folder), folder)


def _predict(
    predict_crops: CropPredictor,
    val: ValidationSet,
    settings: Config,
    device: torch.device | None,
    *,
    batch_size: int,
    workers: int | None,
    console: Console,
) -> Predictions:
    """The keypoints of everybody, with a progress bar."""
    from pose.evaluation.run import predict_people
    from pose.runtime.console import Progress

    with Progress(console, len(val.people)) as progress:
        return predict_people(
            predict_crops,
            val.people,
            skeleton=settings.data.resolve_skeleton(),
            input_size=settings.model.input_size,
            average=settings.data.downscale == "average",
            unbiased=settings.model.make_codec().unbiased,
            batch_size=batch_size,
            workers=evaluation_workers(workers, settings.train.workers, device),
            pin_memory=device is not None and device.type == "cuda",
            on_batch=lambda count: progress.update("people", steps=count),
        )


def _write_analysis(result: Evaluation, val: ValidationSet, config: Config, model: nn.Module, folder: Path) -> str:
    """Put analysis.json beside metrics.json.

    Returns:
        The analysis as a short table; empty without annotations.
    """
    from pose.evaluation.analysis.analyze import analyze
    from pose.evaluation.analysis.table import analysis_table
    from pose.paper.counts import count
    from pose.runtime.files import write_json
    from pose.runtime.versions import versions

    if result.metrics is None:
        (folder / "analysis.json").unlink(missing_ok=True)  # of an earlier evaluation: not of these results
        return ""
    analysis = analyze(
        val.coco,
        result.results,
        config.data.resolve_skeleton(),
        image_ids=val.image_ids,
        person_ids=val.person_ids,
        max_detections=config.eval.max_detections,
    )
    total, _ = count(model, config.model.input_size)
    analysis["model"] = {"params": total.params, "madds": total.madds, "madds_dyrelu": total.madds_dyrelu}
    analysis["versions"] = versions()
    write_json(folder / "analysis.json", analysis, indent=None)
    return analysis_table(analysis)


def _print_result(result: Evaluation, analysis: str, folder: Path) -> None:
    from pose.training.keypoints import metrics_table, summary_line

    print(summary_line(result))
    if result.metrics:
        print(metrics_table(result.metrics))
        print(analysis)
        print(f"metrics and results: {folder}")
    else:
        print(f"no annotations, so no numbers; results: {folder / 'results.json'}")


def _evaluate_classifier(
    checkpoint: Checkpoint,
    config: ClassificationConfig,
    changes: list[str],
    *,
    out: Path | None,
    device: torch.device,
    workers: int | None,
) -> None:
    """Top-1 and top-5 to stdout, and all predictions into a folder (by default eval-<split> beside the weights)."""
    from pose.classification.dataset import find_images
    from pose.classification.task import evaluate_images
    from pose.config.classification import ClassificationConfig
    from pose.inference.memory import fitting_batch_size
    from pose.runtime.console import Progress, make_console
    from pose.runtime.files import sha256

    console = make_console()
    settings = _settings(config, changes, path=checkpoint.path, console=console)
    assert isinstance(settings, ClassificationConfig)
    classes, weights = checkpoint.classes or (), sha256(checkpoint.path)
    images = find_images(Path(settings.data.root, settings.data.val), classes)
    wanted = min(settings.eval.batch_size, max(1, len(images)))
    batch_size = fitting_batch_size(wanted, settings.model.input_size, device=device, mirrored=False)
    with evaluation_folder(
        out,
        default=checkpoint.path.parent / f"eval{name_in_run(checkpoint.path)}-{Path(settings.data.val).name}",
        checkpoint=checkpoint.path,
        data=Path(settings.data.root, settings.data.val),
        boxes="",
        settings=_settings_of(changes, annotations=settings.data.val),
    ) as (folder, mark):
        model = checkpoint.build_classifier(device)
        with Progress(console, len(images)) as progress:
            result = evaluate_images(
                model,
                images,
                classes=classes,
                config=settings,
                device=device,
                batch_size=batch_size,
                workers=evaluation_workers(workers, settings.train.workers, device),
                on_batch=lambda count: progress.update("images", steps=count),
            )
        details = {"checkpoint": str(checkpoint.path), "weights_sha256": weights, "epoch": checkpoint.epoch}
        result.write(folder, config=settings, details=details, mark=mark)
        print(result.line())
        print(f"metrics and results: {folder}")
