"""What `pose eval` adds to the ten numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from pose.config.keypoints import Config
    from pose.evaluation.run import Evaluation
    from pose.evaluation.splits import ValidationSet


def write_analysis(result: Evaluation, val: ValidationSet, config: Config, model: nn.Module, folder: Path) -> str:
    """Put analysis.json beside metrics.json; gives the short table, or nothing without annotations.

    Args:
        config, model: those of the checkpoint, of which the file says how large it is.
    """
    from pose.evaluation.analysis.analyse import analyse
    from pose.evaluation.analysis.table import analysis_table
    from pose.paper.counts import count
    from pose.runtime.files import write_json
    from pose.runtime.versions import versions

    if result.metrics is None:
        (folder / "analysis.json").unlink(missing_ok=True)  # of an earlier evaluation: not of these results
        return ""
    analysis = analyse(
        val.coco, result.results, config.data.resolve_skeleton(), image_ids=val.image_ids, person_ids=val.person_ids
    )
    total, _ = count(model, config.model.input_size)
    analysis["model"] = {"params": total.params, "madds": total.madds, "madds_dyrelu": total.madds_dyrelu}
    analysis["versions"] = versions()
    write_json(folder / "analysis.json", analysis, indent=None)
    return analysis_table(analysis)
