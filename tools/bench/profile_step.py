"""Where the time of a training step and of inference goes: DY-ReLU plain (before), and as it runs (after).

    OMP_NUM_THREADS=1 python tools/bench/profile_step.py [--quick]

After, DY-ReLU is fused, and for inference batch norms are folded; so are those of the network with ReLU6.
Times are the operators' own, by PyTorch's profiler, whose bookkeeping adds some to each; groups are by name.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from models import DYRELU, RELU6, build, images, plain_copy
from torch.profiler import ProfilerActivity, profile
from training_step import BATCH, make_step

from pose.models.folding import fold_batch_norms

GROUPS = ("convolution", "batch norm", "activation", "loss", "optimizer", "other")
STEPS = 5


def group_of(names: Sequence[str]) -> str:
    """The group of an operator, by its name and those of what called it, innermost first.

    The plain DY-ReLU is made of operators that others use too, so its modules mark themselves ("DyReLU").
    """
    for name in names:
        if "DyReLU" in name or "pose_dyrelu" in name or "pose::dyrelu" in name:
            return "activation"
        if "Optimizer" in name:
            return "optimizer"
        if name == "loss":
            return name
    for name in names:
        lower = name.lower()
        if "batch_norm" in lower or "batchnorm" in lower:
            return "batch norm"
        if "conv" in lower:
            return "convolution"
        if any(word in lower for word in ("relu", "hardtanh", "threshold", "clamp")):
            return "activation"
    return "other"


def measure(function: Callable[[], object], *, steps: int) -> dict[str, float]:
    """Milliseconds a call by group."""
    function()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(steps):
            function()
    events = list(profiled.events())
    # A backward operator belongs where its forward one did, which has the same sequence number; so do operators
    # that ran just before it and have no gradient.
    forward = {e.sequence_nr: e for e in events if e.sequence_nr >= 0 and "Backward" not in e.name}
    milliseconds = dict.fromkeys(GROUPS, 0.0)
    for event in events:
        names = []
        for parent in _chain(event):
            names.append(parent.name)
            if "Backward" in parent.name:
                names += [origin.name for origin in _chain(forward.get(parent.sequence_nr))]
        milliseconds[group_of(names)] += event.self_cpu_time_total / 1e3 / steps
    return milliseconds


def _chain(event: Any) -> Iterator[Any]:
    """An event of the profiler, what called it, and so on."""
    while event is not None:
        yield event
        event = event.cpu_parent


def mark(model: torch.nn.Module) -> torch.nn.Module:
    """The model, its DY-ReLUs showing in profiles by their name."""
    for layer in model.modules():
        if type(layer).__name__ == "DyReLU":
            layer.forward = torch.profiler.record_function("DyReLU")(layer.forward)
    return model


def tables(quick: bool) -> str:
    """A Markdown table for the training step and one for inference."""
    batch, steps = (2, 1) if quick else (BATCH, STEPS)
    texts = []
    for what, count in ((f"training step, batch {batch}", batch), ("inference, batch 1", 1)):
        training = what.startswith("training")
        relu6, dyrelu = (build(name).train(training) for name in (RELU6, DYRELU))
        plain = plain_copy(dyrelu)
        if not training:
            relu6, dyrelu = fold_batch_norms(relu6), fold_batch_norms(dyrelu)
        columns = {}
        for name, model in {"ReLU6": relu6, "plain (before)": mark(plain), "ours (after)": mark(dyrelu)}.items():
            run = make_step(model, batch=count, quick=quick) if training else _inference(model, count, quick=quick)
            columns[name] = measure(run, steps=steps)
        lines = [f"| {what}, ms | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
        for group in (*GROUPS, "all"):
            values = [sum(c.values()) if group == "all" else c[group] for c in columns.values()]
            lines.append(f"| {group} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
        texts.append("\n".join(lines))
    return "\n\n".join(texts)


def _inference(model: torch.nn.Module, count: int, *, quick: bool) -> Callable[[], object]:
    crops = images(count, quick=quick)

    def infer() -> object:
        with torch.inference_mode():
            return model(crops)

    return infer


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="small images, one step: only to see that it runs")
    print(tables(parser.parse_args(argv).quick))


if __name__ == "__main__":
    main()
