"""`pose summary`."""

from __future__ import annotations

from typing import Annotated

import typer

from pose.cli.options import Overrides


def summary(
    model: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG|MODEL",
            help="A YAML file, a checkpoint or run folder, or a name such as mobilenet_v2_x1.0_dyrelu.",
        ),
    ],
    overrides: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Count a network's parameters and multiply-adds.

    By stage, and the paper's figure where there is one.
    """
    from pose.paper.summary import print_summary

    print_summary(model, list(overrides or []), as_json=json)
