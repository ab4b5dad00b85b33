"""The report for people to read."""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pose.check.checker import Checked
from pose.check.findings import Finding, Findings
from pose.check.fix import Repair
from pose.runtime.text import visible

STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
SHOWN = 3
BAR = 24


def print_split(console: Console, checked: Checked) -> None:
    """Print what a split holds: numbers, and three charts of text."""
    split, counts = checked.split, checked.counts
    where = f"{split.path}{f', images in {split.images_dir}' if split.images_dir else ''}"
    console.print(Text(visible(split.name), style="bold"), Text(visible(where)), soft_wrap=True)
    people = f"{_count(counts['people'], 'person', 'people')} with keypoints"
    console.print(
        f"  {_count(counts['images'], 'image')}, {_count(counts['annotations'], 'annotation')}; "
        f"{people} in {_count(counts['images_with_people'], 'image')}; "
        f"skeleton {visible(split.skeleton.name)}, {_count(split.skeleton.num_keypoints, 'keypoint')}",
        soft_wrap=True,
        highlight=False,
    )
    boxes = counts.get("detections")
    if boxes:
        recall = "" if boxes["recall"] is None else f"; {boxes['recall']:.0%} of the people have one (IoU 0.5)"
        console.print(
            f"  {_count(boxes['boxes'], 'detection')} on {_count(boxes['images'], 'image')}{recall}",
            soft_wrap=True,
            highlight=False,
        )
    if counts["people"]:
        console.print()
        console.print(_keypoint_table(counts["keypoints"], counts["people"]))
        console.print()
        pair = Table.grid(padding=(0, 4, 0, 0))
        pair.add_row(
            _histogram("box size, px", "people", counts["box_sizes"]),
            _histogram("people in image", "images", counts["people_per_image"]),
        )
        console.print(pair)
    console.print()


def print_findings(console: Console, found: Findings, *, several: bool) -> None:
    """Print the findings by level.

    Args:
        several: whether to say of which split each is.
    """
    for finding in found.all():
        _print_finding(console, finding, where=f"{finding.split}: " if several else "")
    if found.all():
        console.print()
    numbers = [_count(found.count(level), level) for level in ("error", "warning", "note")]
    console.print(f"{numbers[0]}, {numbers[1]}, {numbers[2]}", highlight=False)


def print_repair(console: Console, repair: Repair, left: Findings, out: str) -> None:
    """Print what `--fix` changed, and what it left."""
    console.print(Text("repaired", style="bold"), Text(visible(out)), soft_wrap=True)
    if not repair.changes:
        console.print("  nothing needed a repair that is safe; the file is a copy", highlight=False)
    for what, names in repair.changes.items():
        different = list(dict.fromkeys(names))
        shown = ", ".join(map(str, different[:SHOWN])) + ", ..." * (len(different) > SHOWN)
        _lines(console, f"{what}: {len(names)} ({shown})", indent=2)
    rest = [f for f in left.all() if f.what.level != "note"]
    if rest:
        console.print("left as they are, for you to decide", style="bold", highlight=False)
    for finding in rest:
        _print_finding(console, finding, where="")
    console.print()


def _print_finding(console: Console, finding: Finding, *, where: str) -> None:
    what = finding.what
    line = Text(f"{what.level:8}", style=STYLES[what.level])
    line.append(f"{where}{finding.kind}", style="bold")
    line.append(f" ({finding.count})" if finding.about != "file" else "")
    line.append(f"  {what.title}")
    console.print(line, soft_wrap=True)
    shown = [f"{name}{f' ({detail})' if detail else ''}" for name, detail in finding.examples[:SHOWN]]
    more = f", and {finding.count - len(shown)} more" if finding.count > len(shown) else ""
    _lines(console, f"{finding.about} {', '.join(shown)}{more}", indent=8)
    if what.breaks != "-":
        _lines(console, what.breaks, indent=8)
    if what.mend != "-":
        by_fix = "" if not (what.fix and finding.mendable) else " (--fix)."
        if by_fix and finding.mendable < finding.count:
            by_fix = f" (--fix mends {finding.mendable})."
        _lines(console, f"-> {what.mend.removesuffix('.') + by_fix if by_fix else what.mend}", indent=8)


def _lines(console: Console, text: str, *, indent: int) -> None:
    for line in textwrap.wrap(
        visible(text), max(40, console.width - indent), break_long_words=False, break_on_hyphens=False
    ):
        console.print(Text(" " * indent + line), soft_wrap=True)


def _keypoint_table(keypoints: dict[str, dict[str, int]], people: int) -> Table:
    table = _table("keypoint", "visible", "hidden", "unlabeled", f"labeled, of {people}")
    for name, numbers in keypoints.items():
        labeled = numbers["visible"] + numbers["hidden"]
        values = [str(numbers[key]) for key in ("visible", "hidden", "unlabeled")]
        table.add_row(Text(f"  {visible(name)}"), *values, f"{labeled / people:4.0%} {_bar(labeled / people)}")
    return table


def _histogram(what: str, of: str, numbers: dict[str, int]) -> Table:
    table = _table(what, of, "")
    largest = max(numbers.values(), default=0) or 1
    for label, number in numbers.items():
        table.add_row(f"  {label}", str(number), _bar(number / largest))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(f"  {first}", no_wrap=True)
    for name in others[:-1]:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(others[-1], no_wrap=True)
    return table


def _bar(share: float) -> str:
    return "█" * round(BAR * share) or ("▏" if share > 0 else "")


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
