"""`pose eval` of a file of `pose export`: the network runs in onnxruntime, PyTorch loads the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pose.cli.analysis import write_analysis
from pose.cli.options import check_writable, pick_workers, prepare_figures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console
    from torch import Tensor


def evaluate_onnx(
    path: Path,
    overrides: Sequence[str],
    *,
    boxes: str | None,
    only_images_with_boxes: bool,
    flip_test: bool,
    out: Path | None,
    device: str,
    workers: int | None,
    console: Console,
) -> None:
    """Evaluate, write the files of an evaluation, and print."""
    from pose.cli.evaluate import print_result
    from pose.config.keypoints import Config
    from pose.config.load import make_config
    from pose.evaluation.run import find_people, score
    from pose.evaluation.splits import validation_set
    from pose.inference.onnx_predictor import OnnxModel
    from pose.runtime.console import Progress

    model = OnnxModel.open(path)
    model.check_options(device=device, flip_test=flip_test)
    changes = [*overrides, f"eval.flip_test={str(model.flip_test).lower()}"]
    own = make_config(model.header["config"], source=f"the config inside {path}")
    settings = make_config(model.header["config"], changes, source=f"the config inside {path}")
    if not isinstance(own, Config) or not isinstance(settings, Config):
        raise ValueError(f"{path} has the config of a classifier inside; `pose export` writes pose networks")
    if settings.model != own.model:
        raise ValueError("the model is the file's; overrides of model.* are for `pose train`")
    prepare_figures(settings, console, to_train=False, trusted=any(c.startswith("data.root=") for c in changes))
    val = validation_set(settings.data, boxes=boxes, only_images_with_boxes=only_images_with_boxes)
    folder = out or path.parent / f"eval-{path.stem}-{Path(val.boxes).stem}"
    check_writable(folder)

    def find(images: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        keypoints, scores, *_ = model.run(images.permute(0, 2, 3, 1).contiguous().numpy())
        return keypoints, scores

    with Progress(console, len(val.people)) as progress:
        predictions = find_people(
            find,
            val.people,
            skeleton=model.skeleton,
            input_size=model.input_size,
            batch_size=settings.eval.batch_size,
            workers=pick_workers(workers if workers is not None else settings.train.workers, None),
            on_batch=lambda count: progress.update("people", steps=count),
        )
    result = score(predictions, val, model.skeleton)
    details = {
        "checkpoint": str(path),
        "epoch": model.header.get("epoch"),
        "flip_test": model.flip_test,
        "int8": model.int8,
        "only_images_with_boxes": only_images_with_boxes,
    }
    result.write(folder, config=settings, details=details)
    network = own.model.build(num_keypoints=model.skeleton.num_keypoints)  # to count, not to run
    print_result(result, write_analysis(result, val, own, network, folder), folder)
