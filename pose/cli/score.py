"""`pose score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from pose.keypoints.skeletons import Skeleton


def score(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="A COCO results JSON of any program, published ones too.")
    ],
    annotations: Annotated[Path, typer.Argument(metavar="ANNOTATIONS", help="The COCO JSON with the truth.")],
    skeleton: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="coco17 or another known skeleton, whose sigmas AP depends on. Default: by the annotations' names.",
        ),
    ] = "from_annotations",
    max_detections: Annotated[
        int, typer.Option(min=1, metavar="N", help="People of an image whose answers count, the best ones.")
    ] = 20,
    backend: Annotated[str, typer.Option(metavar="pycocotools|hotcoco", help="What counts.")] = "pycocotools",
    out: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it at run time)
        typer.Option(metavar="FILE", help="Write the numbers and the analysis as JSON; it must not be there."),
    ] = None,
) -> None:
    """Score a results file without a model.

    Prints COCO's ten numbers and what the errors are. `pose eval` writes such a file (results.json). Images without
    results count as images without people found.
    """
    from pose.data.coco import load_coco
    from pose.evaluation.analysis.analyze import analyze
    from pose.evaluation.analysis.table import analysis_table
    from pose.evaluation.coco import evaluate_coco
    from pose.evaluation.coco_backends import check_backend
    from pose.evaluation.results_file import read_results
    from pose.runtime.console import make_console
    from pose.runtime.errors import DataError
    from pose.runtime.files import write_json
    from pose.runtime.text import plural
    from pose.training.keypoints import metrics_table

    check_backend(backend)
    if out is not None and out.exists():
        raise DataError(f"{out} exists already; give another name")
    known = _resolve_skeleton(skeleton, annotations)
    coco = load_coco(annotations, known)
    found = read_results(results, coco, num_keypoints=known.num_keypoints)
    console = make_console()
    console.print(str(found.usage), highlight=False)
    empty = len(coco.images) - len({record["image_id"] for record in found.records})
    if empty:
        console.print(
            f"{empty} of {plural(len(coco.images), 'image has', 'images have')} no results", highlight=False
        )
    metrics = evaluate_coco(coco, found.records, known, backend=backend, max_detections=max_detections)
    analysis = analyze(coco, found.records, known, max_detections=max_detections)
    print(f"AP {metrics['AP']:.3f} ({plural(len(coco.images), 'image')}, skeleton {known.name})")
    print(metrics_table(metrics))
    print(analysis_table(analysis))
    if out is not None:
        write_json(out, {"metrics": metrics, "usage": found.usage.to_dict(), "analysis": analysis})
        print(f"numbers: {out}")


def _resolve_skeleton(name: str, annotations: Path) -> Skeleton:
    """The skeleton that a config with this name, or from_annotations, has for these annotations."""
    from pose.config.keypoints import Config
    from pose.config.load import make_config
    from pose.config.skeleton import with_skeleton

    file = {"images": ".", "annotations": str(annotations.absolute())}
    data = {"root": ".", "skeleton": name, "train": file, "val": file}
    # Nothing is trained or mirrored, so there is nothing to say about that.
    content = {"task": "keypoints", "data": data, "augment": None, "eval": {"flip_test": False}}
    config = make_config(content, [], source="--skeleton")
    assert isinstance(config, Config)
    return with_skeleton(config).data.resolve_skeleton()
