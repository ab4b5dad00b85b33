"""`pose tables`."""

from __future__ import annotations

from typing import Annotated, Optional

import typer


def tables(
    names: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer reads it at run time)
        typer.Argument(metavar="TABLE", help="Which: imagenet, 3, 4, 6 to 12. Default: all."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown (docs/paper_tables.md).")] = False,
) -> None:
    """Print the paper's tables beside our counts.

    Parameters and multiply-adds, and how to train each row. Table 12 is every pair of variants in backbone and head.
    """
    from pose.paper.tables import make_tables

    print(make_tables(names or [], markdown=markdown), end="")
