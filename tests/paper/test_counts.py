"""Parameters and multiply-adds against torch's own counter and formulas by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pose.config.zoo import create_model, list_models
from pose.layers.dyrelu import DyReLU
from pose.paper.counts import count

SIZE = (64, 32)
STATIC = [name for name in list_models() if "dyrelu" not in name]
DYNAMIC = [name for name in list_models() if "dyrelu" in name]


def torchs_madds(model: nn.Module) -> int:
    """Torch counts two operations for a multiply-add, of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, 3, *SIZE))
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", STATIC)
def test_static_networks_against_torchs_counter(name: str) -> None:
    model = create_model(name)
    total, stages = count(model, SIZE)
    assert total.madds == torchs_madds(model)
    assert total.madds_dyrelu == 0
    assert total.params == sum(p.numel() for p in model.parameters())
    assert total.output == (17, 16, 8)
    for field in ("params", "madds", "madds_dyrelu"):
        assert sum(getattr(stage, field) for stage in stages) == getattr(total, field)


@pytest.mark.slow
@pytest.mark.parametrize("name", DYNAMIC)
def test_dynamic_networks_by_formula(name: str) -> None:
    """Table 10's DY-ReLU rows: C with R = 8 and K = 2; C -> C/8 -> 4C, one product with C for each place."""
    model = create_model(name).eval()
    shapes: list[tuple[int, int]] = []
    for module in model.modules():
        if isinstance(module, DyReLU):
            module.register_forward_hook(lambda m, x, y: shapes.append((y.shape[1], y.shape[2] * y.shape[3])))
    total, stages = count(model, SIZE)
    want = sum(c * max(1, c // 8) + max(1, c // 8) * 4 * c + c * places + 4 * c * places for c, places in shapes)
    assert total.madds_dyrelu == want
    assert total.params == sum(p.numel() for p in model.parameters())
    for field in ("params", "madds", "madds_dyrelu"):
        assert sum(getattr(stage, field) for stage in stages) == getattr(total, field)
    if name.startswith("mobilenet_v2"):  # the convolutions are those of the static network
        assert total.madds == count(create_model(name.replace("dyrelu", "relu")), SIZE)[0].madds


@pytest.mark.parametrize(
    ("variant", "pieces", "fc_outputs", "attention"),
    [("A", 2, 4, 0), ("B", 2, 64, 0), ("C", 2, 64, 16 * 128), ("B", 3, 96, 0), ("A", 1, 2, 0)],
)
def test_one_dyrelu(variant: str, pieces: int, fc_outputs: int, attention: int) -> None:
    model = nn.Sequential(nn.Conv2d(3, 16, 3, stride=4, padding=1), DyReLU(16, variant, num_pieces=pieces))
    total, (conv, dynamic) = count(model, SIZE)
    assert conv.madds == total.madds == 16 * 3 * 9 * (16 * 8)
    assert (conv.madds_dyrelu, dynamic.madds) == (0, 0)
    assert dynamic.madds_dyrelu == 16 * 2 + 2 * fc_outputs + attention + 2 * pieces * 16 * 128
    assert dynamic.params == (16 * 2 + 2) + (2 * fc_outputs + fc_outputs) + (16 if attention else 0)
    assert (conv.name, conv.output, conv.params) == ("0", (16, 16, 8), 16 * 27 + 16)


class Grouped(nn.Module):
    """What formulas get wrong: groups, a bias, a transposed order of calls, and a fully connected layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 5)
        self.depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8)
        self.stem = nn.Conv2d(3, 8, (3, 1), padding=(1, 0), bias=False)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(self.stem(x)))
        return self.fc(y.mean((2, 3)))[..., None, None]


def test_groups_and_linear_layers() -> None:
    places = SIZE[0] * SIZE[1]
    total, stages = count(Grouped(), SIZE)
    assert {s.name: s.madds for s in stages} == {
        "fc": 40,
        "depthwise": 8 * 25 * places,
        "stem": 8 * 3 * 3 * places,
        "norm": 0,
    }
    assert total.madds == torchs_madds(Grouped())
    assert {s.name: s.params for s in stages} == {"fc": 45, "depthwise": 208, "stem": 72, "norm": 16}


def test_counting_leaves_the_network_as_it_was() -> None:
    model = Grouped().train()
    mean = model.norm.running_mean.clone()
    count(model, SIZE)
    assert model.training
    assert model.norm.training
    assert torch.equal(model.norm.running_mean, mean)
    assert not any(module._forward_hooks for module in model.modules())
    assert all(p.grad is None for p in model.parameters())
