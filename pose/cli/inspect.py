"""`pose inspect`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from pose.cli.options import CHECKPOINT, Device, Overrides, check_writable, prepare_figures
from pose.runtime.outputs import holds_json_of, refuse_foreign

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pose.checkpoints.checkpoint import Checkpoint
    from pose.config.load import AnyConfig

BATCH_SIZE = 16


def inspect(
    checkpoint: Annotated[Path, typer.Argument(help=CHECKPOINT)],
    *,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="Folder for the figures and inspect.json.")],
    data: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it at run time)
        typer.Option(
            help="The dataset's folder (data.root); of one that is not generated the files in it are named by "
            "KEY=VALUE, as for eval. Default: that of the checkpoint's config."
        ),
    ] = None,
    images: Annotated[int, typer.Option(min=2, help="How many validation images, or people, to look at.")] = 64,
    device: Device = "auto",
) -> None:
    """Show whether a network's DY-ReLUs are dynamic.

    Figure 3 of the paper, and numbers for each layer.
    """
    import numpy as np
    import torch

    from pose.checkpoints.checkpoint import load_checkpoint
    from pose.config.keypoints import Config
    from pose.config.load import make_config
    from pose.paper.dynamics import every_other_block, inspect_dynamics
    from pose.paper.dynamics_plots import load_pyplot, plot_attention, plot_inputs_outputs, plot_spread
    from pose.runtime.console import make_console
    from pose.runtime.device import pick_device
    from pose.runtime.files import write_json

    load_pyplot()  # fail before the work
    loaded = load_checkpoint(checkpoint)
    changes = [*([] if data is None else [f"data.root={str(data)!r}"]), *(overrides or [])]
    config = make_config(loaded.config.model_dump(mode="json"), changes, source=f"the config inside {loaded.path}")
    chosen = pick_device(device)
    check_writable(out)
    names = [f"{name}{suffix}" for name in ("inputs_outputs", "spread", "attention") for suffix in (".png", ".pdf")]
    refuse_foreign(
        [out / name for name in (*names, "inspect.json")],
        ours=holds_json_of(out / "inspect.json", checkpoint=..., images=..., layers=...),
        writer="`pose inspect`",
    )
    prepare_figures(
        config, make_console(), to_train=False, trusted=any(change.startswith("data.root=") for change in changes)
    )
    model = loaded.build(chosen) if isinstance(config, Config) else loaded.build_classifier(chosen)
    batches = list(validation_crops(loaded, config, count=images, device=chosen))
    layers = inspect_dynamics(model, batches)

    out.mkdir(parents=True, exist_ok=True)
    plot_inputs_outputs(every_other_block(layers), out / "inputs_outputs")
    plot_spread(layers, out / "spread")
    pictures = torch.cat(batches)[:8].permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)
    has_attention = plot_attention(layers, pictures, out / "attention")
    rows = [layer.numbers() for layer in layers]
    write_json(
        out / "inspect.json", {"checkpoint": str(loaded.path), "images": sum(map(len, batches)), "layers": rows}
    )
    _print_table(rows)
    figures = ["inputs_outputs", "spread", *(["attention"] if has_attention else [])]
    print(f"figures: {', '.join(f'{out / name}.png' for name in figures)}")


def _print_table(rows: list[dict[str, Any]]) -> None:
    width = max(len(row["layer"]) for row in rows)
    print(f"{'layer':{width}}  a over images  over channels  b over images  over channels  dynamic")
    for row in rows:
        print(
            f"{row['layer']:{width}}  {row['slope_spread_images']:13.3f}  {row['slope_spread_channels']:13.3f}  "
            f"{row['intercept_spread_images']:13.3f}  {row['intercept_spread_channels']:13.3f}  "
            f"{row['dynamic_share']:7.1%}"
        )
    print("over images, channels: standard deviations of slopes a and intercepts b; over images, static ones have 0")
    print("dynamic: the share of the output's variance that the channels' mean coefficients do not explain")


def validation_crops(loaded: Checkpoint, config: AnyConfig, *, count: int, device: torch.device) -> Iterator[Tensor]:
    """Cut plain crops of the validation split, spread over all of it: (B, 3, H, W) uint8."""
    import numpy as np

    from pose.classification.dataset import ImageFolderDataset, collate_images, find_images
    from pose.config.keypoints import Config
    from pose.data.dataset import PeopleDataset, collate
    from pose.data.loader import EpochSampler, make_loader
    from pose.evaluation.splits import validation_set
    from pose.inference.memory import fitting_batch_size

    def spread(length: int) -> list[int]:
        return [int(i) for i in np.unique(np.linspace(0, length - 1, min(count, length)).round())]

    size = config.model.input_size
    batch_size = fitting_batch_size(BATCH_SIZE, size, device=device)
    if isinstance(config, Config):
        val = validation_set(config.data)
        if val.coco.annotations is not None and val.boxes != "gt":
            val = validation_set(config.data, boxes="gt")  # people rather than a detector's mistakes
        people = val.people
        chosen = [people[i] for i in spread(len(people))]
        unbiased = config.model.make_codec().unbiased
        average = config.data.downscale == "average"
        skeleton = config.data.resolve_skeleton()
        dataset = PeopleDataset(chosen, skeleton, input_size=size, unbiased=unbiased, average=average)
        sampler = EpochSampler(len(chosen), seed=0, shuffle=False)
        loader = make_loader(dataset, batch_size=batch_size, workers=0, sampler=sampler, collate=collate)
    else:
        found = find_images(Path(config.data.root, config.data.val), loaded.classes or ())
        images = ImageFolderDataset([found[i] for i in spread(len(found))], input_size=size, crop=config.eval.crop)
        sampler = EpochSampler(len(images), seed=0, shuffle=False)
        loader = make_loader(images, batch_size=batch_size, workers=0, sampler=sampler, collate=collate_images)
    for batch in loader:
        yield batch.images.to(device)
