"""`pose tables`: the paper's tables with our counts beside the printed ones."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from pose.config.classification import ClassificationConfig
from pose.config.keypoints import Config
from pose.config.load import make_config
from pose.config.zoo import model_config
from pose.keypoints.skeletons import COCO17
from pose.paper.counts import Counts, count
from pose.paper.published import TABLES, Row, Table

CONVENTION = """\
Counted by `pose tables`, as are the differences; scores are the paper's, "?" marks what our copy of the paper lacks.

- params: every learnable number, norms and biases included, with the classifier (1000 classes) or the pose head.
- MAdds: multiply-adds of convolutions and fully connected layers for one image (224 x 224, or 256 x 192), biases
  left out; for DY-ReLU also its two FCs, its 1 x 1 convolution (C) and one multiply-add for each coefficient of each
  element (2K).
- Each row runs as `pose train CONFIG [KEY=VALUE ...]` with what stands in its last column."""
DEVIATIONS = """\
Where the paper's numbers follow no rule that we know:

- Parameters with DY-ReLU: the text's rule (R = 8 at every activation, FCs with biases) gives ours. Coefficients
  computed from the block's input, with a hidden width of a quarter of its channels, would give 7.67M for MobileNetV2
  x1.0 (7.5M printed), 5.09M for x0.75 (5.0M) and 3.14M for x0.5 (3.1M), but 2.31M for x0.35 (2.7M).
- MAdds with DY-ReLU: ours lie up to 13 % above the printed ones (K = 3: 16 %) in MobileNetV2. From K = 2 to 3 the
  paper adds two for each element behind the first two convolutions of a block, and none behind the third.
- MobileNetV3-Small: 2.9M params and 66M MAdds are not those of torchvision's network, which is ours.
- Parameters of ResNet-18, 34 and 50 agree with the paper without the classifier's 0.51M, 0.51M and 2.05M; ResNet-10's
  (4.91M without it, 5.42M with) do not agree either way.
- ResNet-50's 3.8G MAdds belong to the original network, with the stride in the first 1 x 1 convolution; ours, as
  torchvision's, has it in the 3 x 3 one.
- SE + ReLU: the text does not say where SE stands. Ours is MobileNetV3's: after the depthwise convolution, R = 4.
- Maxout and the related activations replace the network's own; the third convolution of a block stays linear, as it
  is without DY-ReLU.
- The pose head is reconstructed from Table 10's MAdds."""


def row_config(row: Row) -> Config | ClassificationConfig:
    """Make the config of a row, without data."""
    folder, stem = row.config.removesuffix(".yaml").split("/")
    overrides = [f"model.{text}" for text in row.overrides]
    if folder == "coco":
        nothing = {"images": "", "annotations": ""}
        section = {"model": model_config(stem).model_dump(), "data": {"train": nothing, "val": nothing}}
        return make_config({"task": "keypoints", **section}, overrides)
    network, kind = stem.rsplit("_", 1)
    backbone, _, width = network.partition("_x")
    activation = {"name": "default" if kind == "relu" else "dyrelu_b"}
    model = {"backbone": backbone, "width": float(width or 1), "activation": activation}
    return make_config({"task": "classification", "model": model}, overrides)


def count_row(row: Row) -> Counts:
    config = row_config(row)
    if isinstance(config, Config):
        model: nn.Module = config.model.build(num_keypoints=COCO17.num_keypoints)
    else:
        model = config.model.build(num_classes=1000)
    return count(model, config.model.input_size)[0]


def make_tables(names: Sequence[str], *, markdown: bool) -> str:
    """Write the text of `pose tables`.

    Args:
        names: which tables; all if empty.
    Raises:
        ValueError: no such table.
    """
    known = [table.name for table in TABLES]
    for name in names:
        if name not in known:
            raise ValueError(f"no table '{name}'; the tables with models are {', '.join(known)}")
    chosen = [table for table in TABLES if not names or table.name in names]
    parts = ["# The paper's tables, and ours" if markdown else "", CONVENTION]
    parts += [_render(table, markdown=markdown) for table in chosen]
    parts.append(DEVIATIONS)
    return "\n\n".join(part for part in parts if part) + "\n"


def _render(table: Table, *, markdown: bool) -> str:
    title = f"Table {table.name}: {table.title}" if table.name.isdigit() else table.title
    header = ["", "params", "ours", "diff", "MAdds", "ours", "diff", table.score, "run"]
    cells = [header, *(_cells(row) for row in table.rows)]
    if markdown:
        lines = [f"| {' | '.join(line)} |" for line in cells]
        lines.insert(1, "|" + "---|" + "---:|" * 6 + "---|---|")
        lines[2:] = [f"| {' | '.join([*line[:-1], f'`{line[-1]}`'])} |" for line in cells[1:]]
        return "\n".join([f"## {title}", "", *lines])
    widths = [max(len(line[i]) for line in cells) for i in range(len(header))]
    lines = [
        "  ".join(
            text.rjust(width) if 1 <= i <= 6 else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return "\n".join([title, *lines])


def _cells(row: Row) -> list[str]:
    counts = count_row(row)
    madds = counts.madds + counts.madds_dyrelu
    return [
        row.label,
        row.params or "?",
        f"{counts.params / 1e6:.2f}M",
        _difference(row.params, counts.params),
        row.madds or "?",
        f"{madds / 1e6:.1f}M",
        _difference(row.madds, madds),
        row.score or "?",
        row.command,
    ]


def _difference(printed: str | None, ours: int) -> str:
    if printed is None:
        return ""
    value = float(printed[:-1]) * {"M": 1e6, "G": 1e9}[printed[-1]]
    return f"{ours / value - 1:+.1%}"
