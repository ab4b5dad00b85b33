"""An analysis as a few lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pose.evaluation.analysis.errors import KINDS


def analysis_table(analysis: dict[str, Any]) -> str:
    """The short table that `pose eval` prints; the pairs of a skeleton take one line, left and right together."""
    counts, people = analysis["errors"]["counts"], analysis["people"]
    total = sum(counts.values())
    gained = analysis["errors"]["ap_gained_if_corrected"]
    ignored = people["detections_ignored"]
    lines = [
        f"{people['found']} of {people['annotated']} people found (OKS 0.1 and more); "
        f"{people['detections_of_nobody']} of {people['detections']} detections are of nobody"
        + (f", {ignored} of crowds or others who do not count" if ignored else ""),
        "keypoints of the people found: "
        + ", ".join(
            f"{_percent(counts[kind], total)} {kind}"
            + (f" (AP +{gained[kind]:.3f} without)" if gained.get(kind) is not None else "")
            for kind in KINDS
            if total
        )
        + ("" if total else "none"),
        f"{'keypoint':<16} {'AP':>6} {'PCK.1':>6} " + " ".join(f"{kind:>9}" for kind in KINDS),
    ]
    for name, parts in _pairs(analysis):
        kinds = {kind: sum(p["errors"][kind] for p in parts) for kind in KINDS}
        cells = [f"{_percent(kinds[kind], sum(kinds.values())):>9}" for kind in KINDS]
        lines.append(f"{name:<16.16} {_mean([p['ap'] for p in parts])} {_pck(parts)} " + " ".join(cells))
    return "\n".join(lines)


def _pairs(analysis: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Keypoints by name, left and right as one."""
    by_name = {k["name"]: k for k in analysis["keypoints"]}
    other = dict(analysis["skeleton"]["flip_pairs"])
    for name, keypoint in by_name.items():
        if name in other:
            right = other[name]
            common = name.replace("left_", "").replace("left", "").strip("_ ")
            yield (common if common and common in right else f"{name}, {right}"), [keypoint, by_name[right]]
        elif name not in other.values():
            yield name, [keypoint]


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _mean(values: list[float | None]) -> str:
    known = [v for v in values if v is not None]
    return f"{sum(known) / len(known):6.3f}" if known else f"{'-':>6}"


def _pck(parts: list[dict[str, Any]]) -> str:
    """The second threshold's, weighted by labels."""
    labeled = sum(p["labelled"] for p in parts)
    return f"{sum((p['pck'][1] or 0) * p['labelled'] for p in parts) / labeled:6.3f}" if labeled else f"{'-':>6}"
