"""The paper's tables: every row is a network that trains, what is printed is counted, and the page is its output."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from pose.config.keypoints import Config
from pose.config.load import load_config
from pose.layers.dyrelu import DyReLU
from pose.layers.related import Maxout, SEReLU
from pose.paper.published import IMAGENET, TABLES, Row
from pose.paper.tables import count_row, make_tables, row_config

ROOT = Path(__file__).parents[2]
ROWS = {f"{table.name}: {row.label}": row for table in TABLES for row in table.rows}
# Torchvision's own numbers, from its model pages.
TORCHVISION = {
    **{"mobilenet_v2_x1.0": 3_504_872, "mobilenet_v3_large": 5_483_032, "mobilenet_v3_small": 2_542_856},
    **{"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032},
}


def unique_rows() -> dict[str, Row]:
    """Without those that return in several tables."""
    return {row.command: row for row in ROWS.values()}


@pytest.fixture(scope="module")
def markdown() -> str:
    return make_tables([], markdown=True)


def test_the_tables_are_there() -> None:
    sizes = {table.name: len(table.rows) for table in TABLES}
    assert sizes == {"imagenet": 20, "3": 4, "4": 8, "6": 10, "7": 7, "8": 12, "9": 15, "10": 8, "11": 10, "12": 16}
    assert len(ROWS) == sum(sizes.values())


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_what_their_command_trains(name: str) -> None:
    """The file of the row with its overrides has the same `model` section as the row that is counted, bar dropout."""
    row = ROWS[name]
    file = load_config(ROOT / "configs" / row.config, [f"model.{text}" for text in row.overrides])
    ours = row_config(row)
    assert file.task == ours.task
    assert file.model.model_dump(exclude={"dropout"}) == ours.model.model_dump(exclude={"dropout"})


@pytest.mark.slow
@pytest.mark.parametrize("command", unique_rows())
def test_every_row_takes_a_training_step(command: str) -> None:
    torch.manual_seed(0)
    config = row_config(unique_rows()[command])
    images = torch.randn(2, 3, 64, 32)
    if isinstance(config, Config):
        network: torch.nn.Module = config.model.build(num_keypoints=17)
        loss = network.train()(images).square().mean()
    else:
        network = config.model.build(num_classes=10)
        loss = functional.cross_entropy(network.train()(images), torch.tensor([1, 7]))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    loss.backward()
    for key, weight in network.named_parameters():
        assert weight.grad is not None, key
        assert weight.grad.isfinite().all(), key
    optimizer.step()
    assert all(weight.isfinite().all() for weight in network.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("stem", TORCHVISION)
def test_relu_rows_have_torchvisions_parameters(stem: str) -> None:
    assert count_row(ROWS[f"imagenet: {stem} ReLU"]).params == TORCHVISION[stem]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stem", "madds"),
    [
        *(("mobilenet_v2_x1.0", 300.8), ("mobilenet_v2_x0.5", 97.1), ("mobilenet_v3_large", 216.6)),
        *(("mobilenet_v3_small", 56.5), ("resnet18", 1814.1), ("resnet34", 3663.8), ("resnet50", 4089.2)),
    ],
)
def test_relu_rows_have_the_published_multiply_adds(stem: str, madds: float) -> None:
    counts = count_row(ROWS[f"imagenet: {stem} ReLU"])
    assert counts.madds / 1e6 == pytest.approx(madds, abs=0.1)
    assert counts.madds_dyrelu == 0


@pytest.mark.slow
def test_what_a_row_varies_is_what_is_built() -> None:
    def kinds(name: str, kind: type) -> list[Any]:
        config = row_config(ROWS[name])
        assert not isinstance(config, Config)
        with torch.device("meta"):
            return [m for m in config.model.build(num_classes=10).modules() if isinstance(m, kind)]

    assert {m.variant for m in kinds("3: C", DyReLU)} == {"C"}
    assert {m.num_pieces for m in kinds("6: Maxout (K = 3)", Maxout)} == {3}
    assert len(kinds("6: SE + ReLU", SEReLU)) == 17
    assert {m.lambda_a for m in kinds("9: lambda_a = 3", DyReLU)} == {3.0}
    assert len(kinds("8: A1A3", DyReLU)) == 52 - 17
    assert {tuple(m.beta.shape) for m in kinds("7: max(a x, 0)", DyReLU)} == {(1,)}
    assert all(m.fc1.out_features == max(1, m.channels // 64) for m in kinds("8: R = 64", DyReLU))


def test_fewer_coefficients_cost_less() -> None:
    """Table 7: the outputs of the second FC and the multiply-adds of an element go with the coefficients."""
    names = ("max(a x, 0)", "max(a x + b, 0)", "K = 2", "K = 3 without b")
    one, two, four, three = (count_row(ROWS[f"7: {name}"]) for name in names)
    per_coefficient = two.params - one.params
    assert (four.params - two.params, three.params - one.params) == (2 * per_coefficient, 2 * per_coefficient)
    madds = two.madds_dyrelu - one.madds_dyrelu
    assert four.madds_dyrelu - two.madds_dyrelu == 2 * madds


@pytest.mark.slow
def test_rows_without_a_printed_number_say_so(markdown: str) -> None:
    assert "| SE + ReLU | ? |" in markdown
    for stem, (relu, _) in IMAGENET.items():
        assert f"| {stem} ReLU | {relu[0] or '?'} | " in markdown


@pytest.mark.slow
def test_differences_are_those_of_the_numbers(markdown: str) -> None:
    line = next(line for line in markdown.splitlines() if line.startswith("| resnet18 DY-ReLU-B |"))
    _, params, ours, difference, madds, our_madds, madds_difference, score, command = re.split(r" ?\| ?", line)[1:-1]
    assert (params, madds, score) == ("12.8M", "1.86G", "71.8 / 90.6")
    assert difference == f"{float(ours[:-1]) / 12.8 - 1:+.1%}"
    assert madds_difference == f"{float(our_madds[:-1]) / 1860 - 1:+.1%}"
    assert command == "`configs/imagenet/resnet18_dyrelu.yaml`"


@pytest.mark.slow
def test_the_page_is_the_output(markdown: str) -> None:
    """Made by `pose tables --markdown > docs/paper_tables.md`."""
    assert (ROOT / "docs" / "paper_tables.md").read_text(encoding="utf-8") == markdown


@pytest.mark.slow
def test_the_command(pose_cli: Callable[..., Any]) -> None:
    outcome = pose_cli("tables", "12")
    assert outcome.code == 0
    pairs = [line for line in outcome.out.splitlines() if " / " in line and "configs/coco/" in line]
    assert len(pairs) == 16
    assert len({line.split("configs/")[1] for line in pairs}) == 16
    outcome = pose_cli("tables", "5")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == ("error: no table '5'; the tables with models are imagenet, 3, 4, 6, 7, 8, 9, 10, 11, 12\n")


def test_summary_counts_classifiers(pose_cli: Callable[..., Any]) -> None:
    """`pose summary` of a classification config, for ImageNet's thousand classes."""
    outcome = pose_cli("summary", ROOT / "configs" / "imagenet" / "resnet18_relu.yaml", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["params"] == TORCHVISION["resnet18"]
