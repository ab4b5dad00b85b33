"""`pose summary`: a network's size, stage by stage, beside the paper's figure."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from torch import nn

from pose.checkpoints.checkpoint import load_checkpoint
from pose.checkpoints.initial_weights import with_network
from pose.config.classification import ClassifierConfig
from pose.config.keypoints import Config, ModelConfig, SkeletonConfig
from pose.config.load import AnyConfig, load_config
from pose.config.skeleton import with_skeleton
from pose.config.zoo import model_config
from pose.keypoints.skeletons import COCO17
from pose.paper.counts import Counts, count
from pose.paper.published import TABLES, Row, Table
from pose.paper.tables import row_config
from pose.runtime.device import without_memory

MAIN_TABLES = ("imagenet", "10")
IMAGENET_CLASSES = 1000  # a classifier's number of classes is its data's, which counting does not read


def print_summary(model: str, overrides: list[str], *, as_json: bool) -> None:
    """Print a network's size to stdout.

    Args:
        model: a YAML file, a checkpoint or run folder, or a name in `pose.config.zoo.MODELS`.
    Raises:
        FileNotFoundError, ValueError: no such file or name, or overrides of something else than a YAML file.
    """
    is_config = model.endswith((".yaml", ".yml"))
    if overrides and not is_config:
        raise ValueError(f"overrides change a config file; give a .yaml file instead of {model}")
    section: ModelConfig | ClassifierConfig
    if is_config:
        config, _ = with_network(load_config(model, overrides))
        section, network = config.model, _build(config)
    elif Path(model).exists() or model == "demo":
        checkpoint = load_checkpoint(model)
        section = checkpoint.config.model
        # By the checkpoint, which knows from its tensors that the network fits into memory.
        network = checkpoint.build() if isinstance(section, ModelConfig) else checkpoint.build_classifier()
    else:
        section = model_config(model)
        network = section.build(num_keypoints=COCO17.num_keypoints)
    total, stages = count(network, section.input_size)
    paper, table = _paper_row(section) or (None, None)
    if as_json:
        document = {
            "model": model,
            "input_size": list(section.input_size),
            "params": total.params,
            "madds": total.madds,
            "madds_dyrelu": total.madds_dyrelu,
            "paper": None if paper is None else {"params": paper.params, "madds": paper.madds},
            "stages": [asdict(stage) for stage in stages],
        }
        print(json.dumps(document, indent=2))
        return
    width = max(len(stage.name) for stage in stages)
    print(f"{model}, input {section.input_size[0]} x {section.input_size[1]} (height x width)")
    print(f"{'stage':{width}}  {'output':>13}  {'params':>10}  {'MAdds':>13}  {'of DY-ReLU':>11}")
    for stage in [*stages, total]:
        print(_line(stage, width))
    both = total.madds + total.madds_dyrelu
    print(f"ours:  {total.params / 1e6:.2f}M params, {both / 1e6:.2f}M MAdds with DY-ReLU's")
    if paper is not None and table is not None:
        where = f"Table {table.name}" if table.name.isdigit() else table.title
        print(f"paper: {paper.params or '?'} params, {paper.madds or '?'} MAdds ({where})")


def _paper_row(section: ModelConfig | ClassifierConfig) -> tuple[Row, Table] | None:
    """Find the row of the paper that prints the size of this network, and its table: main tables before ablations."""
    wanted = _network(section)
    for table in sorted(TABLES, key=lambda table: table.name not in MAIN_TABLES):
        for row in table.rows:
            if (row.params or row.madds) and _network(row_config(row).model) == wanted:
                return row, table
    return None


def _network(section: ModelConfig | ClassifierConfig) -> ModelConfig | ClassifierConfig:
    """Copy the section without what changes no size."""
    same: dict[str, object] = {"init": None} if isinstance(section, ModelConfig) else {"init": None, "dropout": 0.0}
    return section.model_copy(update=same)


def _build(config: AnyConfig) -> nn.Module:
    """Build the network without its numbers, which may fill more than the memory.

    Annotations are read only where the config does not say how many keypoints there are.
    """
    if not isinstance(config, Config):
        with without_memory():
            return config.model.build(num_classes=IMAGENET_CLASSES)
    section = config.data.skeleton
    if not (isinstance(section, SkeletonConfig) and section.keypoint_names):
        config = with_skeleton(config)
    with without_memory():
        return config.model.build(num_keypoints=config.data.resolve_skeleton().num_keypoints)


def _line(counts: Counts, width: int) -> str:
    output = " x ".join(map(str, counts.output))
    return (
        f"{counts.name:{width}}  {output:>13}  {counts.params:>10,}  {counts.madds:>13,}  {counts.madds_dyrelu:>11,}"
    )
