"""The activations that DY-ReLU is compared with, and its forms with fewer coefficients, against references."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pose.layers.activations import ACTIVATIONS, RELATED, STATIC, Activation, Site
from pose.layers.conv import ConvNormAct
from pose.layers.dyrelu import DyReLU
from pose.layers.inverted_residual import InvertedResidual
from pose.layers.related import Maxout, SEReLU
from pose.models.mobilenet_v2 import MobileNetV2

SITES: tuple[Site, ...] = ("a1", "a2", "a3", "outer", "sum")


def randomise(module: nn.Module) -> None:
    for weight in module.parameters():
        nn.init.normal_(weight)


def at(activation: Activation, site: Site, channels: int = 8) -> nn.Module:
    return activation.at(site, channels, default=nn.Identity if site == "a3" else STATIC["relu"])


# --- Maxout ---


@pytest.mark.parametrize("pieces", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 6], ids=["dense", "depthwise"])
def test_maxout_is_the_largest_of_k_convolutions(pieces: int, groups: int) -> None:
    """Against K separate convolutions and norms, with the weights of each taken out of the one."""
    torch.manual_seed(0)
    module = ConvNormAct(6, 6, kernel=3, groups=groups, activation=Maxout(pieces)).double().eval()
    conv, norm, _ = module
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    for tensor in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(tensor)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    x = torch.randn(2, 6, 5, 7, dtype=torch.float64)
    outputs = []
    for k in range(pieces):
        rows = [c * pieces + k for c in range(6)]
        y = F.conv2d(x, conv.weight[rows], padding=1, groups=groups)
        outputs.append(
            F.batch_norm(y, norm.running_mean[rows], norm.running_var[rows], norm.weight[rows], norm.bias[rows])
        )
    assert module(x).shape == (2, 6, 5, 7)
    torch.testing.assert_close(module(x), torch.stack(outputs).amax(dim=0))


def test_maxout_multiplies_the_convolutions_it_replaces() -> None:
    """K times their weights and norms at a1 and a2; the third convolution stays."""
    block = InvertedResidual(4, 12, 4, kernel=3, activation=Activation("maxout", num_pieces=3), default=nn.ReLU)
    widths = [m.weight.shape[0] for m in block.modules() if isinstance(m, nn.Conv2d)]
    assert widths == [36, 36, 4]
    assert block(torch.randn(2, 4, 6, 6)).shape == (2, 4, 6, 6)


def test_maxout_needs_a_piece() -> None:
    with pytest.raises(ValueError, match="num_pieces must be at least 1, got 0"):
        Maxout(0)


# --- SE, RReLU, LeakyReLU, PReLU ---


def test_se_relu_by_hand() -> None:
    """Table 1's SE (K = 1, b = 0, 0 <= a <= 1) followed by a ReLU, element by element."""
    torch.manual_seed(0)
    module = SEReLU(4, reduction=2)
    randomise(module)
    x = torch.randn(2, 4, 3, 5)
    w1, b1, w2, b2 = (p.detach().reshape(p.shape[0], -1) for p in module.parameters())
    expected = torch.empty_like(x)
    for n in range(2):
        means = [float(x[n, c].mean()) for c in range(4)]
        hidden = [max(0.0, sum(float(w1[h, c]) * means[c] for c in range(4)) + float(b1[h])) for h in range(2)]
        for c in range(4):
            z = sum(float(w2[c, h]) * hidden[h] for h in range(2)) + float(b2[c])
            scale = 1 / (1 + torch.tensor(-z).exp())
            assert 0 <= scale <= 1
            expected[n, c] = (scale * x[n, c]).clamp(min=0)
    torch.testing.assert_close(module(x), expected)


def test_se_stands_behind_the_depthwise_convolution_only() -> None:
    choice = Activation("se_relu", reduction=4)
    assert [type(at(choice, site, 16)).__name__ for site in SITES] == ["ReLU", "SEReLU", "Identity", "ReLU", "SEReLU"]
    module = at(choice, "a2", 16)
    assert sum(p.numel() for p in module.parameters()) == 2 * 16 * 4 + 16 + 4


def test_rrelu_draws_slopes_in_training_and_takes_their_mean_in_evaluation() -> None:
    module = at(Activation("rrelu"), "a1")
    x = -torch.rand(4, 8, 20, 20) - 0.1
    torch.manual_seed(0)
    slopes = module.train()(x.clone()) / x
    assert 1 / 8 <= slopes.min() < 0.13
    assert 0.33 < slopes.max() <= 1 / 3 + 1e-6
    # A uniform distribution's mean and deviation.
    assert slopes.mean().item() == pytest.approx((1 / 8 + 1 / 3) / 2, abs=0.003)
    assert slopes.std().item() == pytest.approx((1 / 3 - 1 / 8) / 12**0.5, rel=0.05)
    torch.testing.assert_close(module.eval()(x.clone()), x * (1 / 8 + 1 / 3) / 2)
    assert torch.equal(module(x.abs()), x.abs())


@pytest.mark.parametrize(
    ("name", "slopes"), [("leaky_relu", [0.01] * 8), ("prelu", [i / 10 for i in range(8)]), ("prelu_shared", [0.3])]
)
def test_fixed_and_learned_slopes(name: str, slopes: list[float]) -> None:
    module = at(Activation(name), "outer")
    if name != "leaky_relu":
        assert module.weight.shape == (len(slopes),)
        module.weight.data = torch.tensor(slopes)
    x = torch.randn(2, 8, 4, 4)
    expected = torch.where(x > 0, x, x * torch.tensor(slopes)[:, None, None])
    torch.testing.assert_close(module(x.clone()), expected)


@pytest.mark.parametrize("name", [*STATIC, *RELATED])
def test_all_but_dyrelu_leave_the_third_site_linear(name: str) -> None:
    assert isinstance(at(Activation(name), "a3"), nn.Identity)


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_name_trains_a_network(name: str) -> None:
    torch.manual_seed(0)
    network = MobileNetV2(0.35, activation=Activation(name)).train()
    network(torch.randn(2, 3, 32, 32)).square().mean().backward()
    for key, weight in network.named_parameters():
        assert weight.grad is not None, key
        assert weight.grad.isfinite().all(), key


# --- DY-ReLU with fewer coefficients ---


def reference(layer: DyReLU, x: Tensor) -> Tensor:
    """One element at a time: max_k (a x + b), or 0 if that is a piece, times pi."""
    w1, b1, w2, b2 = layer.fc1.weight, layer.fc1.bias, layer.fc2.weight, layer.fc2.bias
    pieces = layer.num_pieces
    y = torch.empty_like(x)
    pi = layer.spatial_attention(x) if layer.variant == "C" else torch.ones_like(x[:, :1])
    for n, c in itertools.product(range(x.shape[0]), range(x.shape[1])):
        hidden = torch.relu(w1 @ x[n].mean(dim=(1, 2)) + b1)
        residuals = 2 * torch.sigmoid(w2 @ hidden + b2) - 1
        per_piece = 1 if layer.variant == "A" else x.shape[1]
        own = 0 if layer.variant == "A" else c
        values = []
        for k in range(pieces):
            a = layer.alpha[k] + layer.lambda_a * residuals[k * per_piece + own]
            b = torch.zeros(())
            if layer.intercept:
                b = layer.beta[k] + layer.lambda_b * residuals[(pieces + k) * per_piece + own]
            values.append(a * x[n, c] + b)
        if layer.zero_piece:
            values.append(torch.zeros_like(x[n, c]))
        y[n, c] = torch.stack(values).amax(dim=0) * pi[n, 0]
    return y


@pytest.mark.parametrize("variant", ["A", "B", "C"])
@pytest.mark.parametrize("pieces", [2, 3])
@pytest.mark.parametrize(("intercept", "zero_piece"), [(False, False), (True, True), (False, True)])
def test_reduced_forms_equal_a_loop(variant: str, pieces: int, intercept: bool, zero_piece: bool) -> None:
    torch.manual_seed(0)
    options = {"intercept": intercept, "zero_piece": zero_piece, "num_pieces": pieces, "reduction": 2}
    layer = DyReLU(6, variant, **options, lambda_a=1.5)  # type: ignore[arg-type]
    randomise(layer)
    x = torch.randn(2, 6, 4, 5)
    torch.testing.assert_close(layer(x), reference(layer, x))
    # The hyper function computes what varies, and nothing else.
    outputs = (pieces - zero_piece) * (1 + intercept) * (1 if variant == "A" else 6)
    assert layer.fc2.out_features == outputs


@pytest.mark.parametrize(("intercept", "zero_piece"), [(False, False), (True, True), (False, True)])
@pytest.mark.parametrize("pieces", [2, 3])
def test_reduced_forms_start_as_the_networks_function(intercept: bool, zero_piece: bool, pieces: int) -> None:
    """ReLU, and the identity at a3; a zero piece makes that a ReLU, and without intercepts equal slopes lie apart."""
    x = torch.randn(2, 8, 5, 5)
    choice = Activation("dyrelu_b", intercept=intercept, zero_piece=zero_piece, num_pieces=pieces)
    for site in SITES:
        layer = at(choice, site)
        assert isinstance(layer, DyReLU)
        expected = x if site == "a3" and not zero_piece else F.relu(x)
        torch.testing.assert_close(layer(x), expected, rtol=0, atol=0.021 * float(x.abs().max()))
        assert len(set(zip(layer.alpha.tolist(), layer.beta.tolist(), strict=True))) == layer.num_pieces


def test_the_full_form_stays_the_plain_layer() -> None:
    assert type(at(Activation("dyrelu_b"), "a1")) is DyReLU


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DyReLU(4, zero_piece=True, num_pieces=1), "counts it and must be at least 2, got 1"),
        (lambda: DyReLU(4, intercept=False, beta=(0.1, 0)), r"beta must be left out or 0, got \[0\.1, 0\]"),
        (lambda: DyReLU(4, zero_piece=True, alpha=(1, 0)), r"alpha needs 1 values"),
    ],
)
def test_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
