"""DyReLU against a per-element loop, the paper's special cases, and finite differences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pose.layers.dyrelu import DyReLU

VARIANTS = ("A", "B", "C")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """On a busy machine, threads that wait for one another make small tensors a hundred times slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def naive_dyrelu(
    layer: DyReLU,
    x: Tensor,
    *,
    alpha: tuple[float, ...],
    beta: tuple[float, ...],
    lambda_a: float,
    lambda_b: float,
    gamma: float,
    tau: float,
) -> Tensor:
    """Equations 1-4 of the paper with Python floats, one element at a time; (N, C, H, W) -> the same."""
    n, channels, height, width = x.shape
    pieces = len(alpha)
    w1, b1, w2, b2 = (p.tolist() for p in (layer.fc1.weight, layer.fc1.bias, layer.fc2.weight, layer.fc2.bias))
    values = x.tolist()
    out = torch.empty_like(x)
    for i in range(n):
        mean = [sum(sum(row) for row in values[i][c]) / (height * width) for c in range(channels)]
        hidden = [
            max(0.0, sum(w * m for w, m in zip(row, mean, strict=True)) + b) for row, b in zip(w1, b1, strict=True)
        ]
        raw = [sum(w * h for w, h in zip(row, hidden, strict=True)) + b for row, b in zip(w2, b2, strict=True)]
        residual = [2 / (1 + math.exp(-value)) - 1 for value in raw]
        pi = [[1.0] * width for _ in range(height)]
        if layer.variant == "C":
            wz = layer.attention.weight.flatten().tolist()
            z = [
                [sum(wz[c] * values[i][c][h][w] for c in range(channels)) / tau for w in range(width)]
                for h in range(height)
            ]
            total = sum(math.exp(value) for row in z for value in row)
            pi = [[min(gamma * height * width * math.exp(value) / total, 1.0) for value in row] for row in z]
        for c in range(channels):
            per_piece, offset = (1, 0) if layer.variant == "A" else (channels, c)
            a = [alpha[k] + lambda_a * residual[k * per_piece + offset] for k in range(pieces)]
            b = [beta[k] + lambda_b * residual[(pieces + k) * per_piece + offset] for k in range(pieces)]
            for h in range(height):
                for w in range(width):
                    element = values[i][c][h][w]
                    # C scales the coefficients, not the maximum (section 3.3).
                    out[i, c, h, w] = max(pi[h][w] * a[k] * element + pi[h][w] * b[k] for k in range(pieces))
    return out


def make(variant: str, channels: int = 8, *, seed: int = 0, **kwargs: Any) -> DyReLU:
    """A layer in float64 whose weights are large enough for coefficients over their whole range."""
    torch.manual_seed(seed)
    layer = DyReLU(channels, variant, **{"reduction": 2, **kwargs}).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for weight in layer.parameters():
            weight.normal_(std=1.5)
    return layer


def fix_residuals(layer: DyReLU, residuals: Tensor) -> None:
    """Make the hyper function return `residuals` (2K * C of them) for every input."""
    with torch.no_grad():
        layer.fc2.weight.zero_()
        layer.fc2.bias.copy_(torch.log((1 + residuals) / (1 - residuals)))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": (0.75,), "beta": (0.125,)},
        {"alpha": (1.0, 0.0), "beta": (0.0, 0.0)},
        {"alpha": (1.0, 0.25, -0.5), "beta": (0.5, -0.25, 0.0), "lambda_a": 2.0, "lambda_b": 0.25},
        {"alpha": (1.0, 0.0), "beta": (0.0, 0.0), "gamma": 0.8, "tau": 1.5},
    ],
    ids=["K1", "K2", "K3", "sharp-attention"],
)
def test_equals_naive_loop(variant: str, settings: dict[str, Any]) -> None:
    settings = {"lambda_a": 1.0, "lambda_b": 0.5, "gamma": 1 / 3, "tau": 10.0, **settings}
    layer = make(variant, 6, num_pieces=len(settings["alpha"]), **settings)
    x = torch.randn(3, 6, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(layer(x), naive_dyrelu(layer, x, **settings), rtol=0, atol=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("shape", [(1, 4, 1, 1), (1, 4, 3, 1), (2, 4, 1, 9)])
def test_small_maps_equal_naive_loop(variant: str, shape: tuple[int, ...]) -> None:
    settings = {
        "alpha": (1.0, 0.0),
        "beta": (0.0, 0.0),
        "lambda_a": 1.0,
        "lambda_b": 0.5,
        "gamma": 1 / 3,
        "tau": 10.0,
    }
    layer = make(variant, 4)
    x = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(layer(x), naive_dyrelu(layer, x, **settings), rtol=0, atol=1e-12)


@pytest.mark.parametrize("variant", ["A", "B"])
def test_two_dimensional_input_is_a_1x1_map(variant: str) -> None:
    layer = make(variant)
    x = torch.randn(5, 8, dtype=torch.float64)
    torch.testing.assert_close(layer(x), layer(x[..., None, None])[..., 0, 0], rtol=0, atol=1e-14)


def test_hidden_width_and_parameter_count() -> None:
    for channels, reduction, hidden in ((64, 8, 8), (64, 64, 1), (3, 8, 1), (20, 8, 2)):
        layer = DyReLU(channels, "C", reduction=reduction, num_pieces=3)
        count = (channels + 1) * hidden + (hidden + 1) * 2 * 3 * channels + channels
        assert sum(p.numel() for p in layer.parameters()) == count
    assert DyReLU(64, "A").fc2.out_features == 4


@pytest.mark.parametrize("variant", ["A", "B"])
def test_second_fc_lists_all_slopes_then_all_intercepts(variant: str) -> None:
    """Eq 2: a^1 of all channels, ..., a^K, then b^1, ..., b^K."""
    channels, pieces = 5, 3
    per_piece = 1 if variant == "A" else channels
    layer = make(variant, channels, num_pieces=pieces, alpha=(0, 0, 0), lambda_a=2.0, lambda_b=0.5)
    residuals = torch.linspace(-0.9, 0.9, 2 * pieces * per_piece, dtype=torch.float64)
    fix_residuals(layer, residuals)
    a, b = layer.coefficients(torch.randn(2, channels, 3, 3, dtype=torch.float64))
    assert a.shape == b.shape == (2, pieces, per_piece)
    for k in range(pieces):
        for c in range(per_piece):
            assert a[1, k, c].item() == pytest.approx(2.0 * residuals[k * per_piece + c].item(), abs=1e-12)
            expected = 0.5 * residuals[(pieces + k) * per_piece + c].item()
            assert b[1, k, c].item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_gradients_equal_finite_differences(variant: str, pieces: int) -> None:
    layer = make(variant, 4, num_pieces=pieces, gamma=0.9, tau=2.0, seed=pieces)
    names, weights = zip(*layer.named_parameters(), strict=True)
    x = torch.randn(2, 4, 3, 2, dtype=torch.float64, requires_grad=True)

    def function(x: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x,))

    assert torch.autograd.gradcheck(function, (x, *weights))


# --- special cases (Table 1) ---


@pytest.mark.parametrize("variant", ["A", "B"])
def test_zero_residuals_are_relu(variant: str) -> None:
    layer = DyReLU(8, variant, zero_init=True)  # type: ignore[arg-type]
    x = torch.randn(2, 8, 5, 4) * 10
    assert torch.equal(layer(x), F.relu(x))


def test_zero_residuals_of_c_are_relu_times_attention() -> None:
    layer = DyReLU(8, "C", zero_init=True)
    nn.init.normal_(layer.attention.weight)
    x = torch.randn(2, 8, 5, 4) * 10
    pi = layer.spatial_attention(x)
    assert pi.std() > 0.05
    torch.testing.assert_close(layer(x), F.relu(x) * pi, rtol=1e-5, atol=0)  # the softmax is computed twice


def test_leaky_relu() -> None:
    layer = DyReLU(8, "B", alpha=(1.0, 0.01), zero_init=True)
    x = torch.randn(2, 8, 5, 4)
    assert torch.equal(layer(x), F.leaky_relu(x, 0.01))


def test_prelu_with_a_learned_slope_for_each_channel() -> None:
    slopes = torch.tensor([0.25, -0.5, 0.9, 0.0], dtype=torch.float64)
    layer = make("B", 4)
    fix_residuals(layer, torch.cat([torch.zeros(4), slopes, torch.zeros(8)]).double())
    x = torch.randn(2, 4, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(layer(x), F.prelu(x, slopes), rtol=0, atol=1e-14)


def test_squeeze_and_excitation() -> None:
    """K = 1, b = 0, 0 <= a <= 1: alpha = lambda_a = 1/2 turns 2 sigmoid - 1 back into a sigmoid."""
    layer = make("B", num_pieces=1, alpha=(0.5,), lambda_a=0.5, lambda_b=0.0)
    x = torch.randn(3, 8, 5, 4, dtype=torch.float64)
    squeezed = F.relu(F.linear(x.mean((2, 3)), layer.fc1.weight, layer.fc1.bias))
    gate = torch.sigmoid(F.linear(squeezed, layer.fc2.weight[:8], layer.fc2.bias[:8]))
    torch.testing.assert_close(layer(x), x * gate[..., None, None], rtol=0, atol=1e-14)


def test_xor_by_one_linear_layer() -> None:
    """Eq 3: z = x1 - x2, K = 1, a(z) = z and b = 0 give z^2, which is XOR of two bits."""
    linear = nn.Linear(2, 1, bias=False).double()
    layer = DyReLU(1, "B", num_pieces=1, alpha=(0.0,), lambda_a=1 / math.tanh(0.5), lambda_b=0.0).double()
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, -1.0]]))
        layer.fc1.weight.fill_(1.0)  # relu(z + 1) = z + 1 for the z that occur: -1, 0, 1
        layer.fc1.bias.fill_(1.0)
        layer.fc2.weight.copy_(torch.tensor([[1.0], [0.0]]))
        layer.fc2.bias.copy_(torch.tensor([-1.0, 0.0]))  # 2 sigmoid(z) - 1 = tanh(z / 2)
        bits = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
        y = layer(linear(bits))
    torch.testing.assert_close(y[:, 0], torch.tensor([0, 1, 1, 0], dtype=torch.float64), rtol=0, atol=1e-6)


# --- attention ---


@pytest.mark.parametrize("size", [(1, 1), (8, 6), (7, 5), (16, 12)])
@pytest.mark.parametrize("gamma", [1 / 3, 0.5])
def test_gamma_follows_the_size_of_the_map(size: tuple[int, int], gamma: float) -> None:
    layer = make("C", gamma=gamma)
    nn.init.zeros_(layer.attention.weight)
    pi = layer.spatial_attention(torch.randn(2, 8, *size, dtype=torch.float64))
    assert pi.shape == (2, 1, *size)
    torch.testing.assert_close(pi, torch.full_like(pi, gamma), rtol=0, atol=1e-12)


def test_attention_is_a_softmax_over_the_map_clipped_at_one() -> None:
    layer = make("C", tau=1.0)
    x = torch.randn(2, 8, 9, 7, dtype=torch.float64)
    z = F.conv2d(x, layer.attention.weight)
    unclipped = 9 * 7 / 3 * torch.softmax(z.flatten(1), dim=1).view(2, 1, 9, 7)
    assert (unclipped > 1).any()
    pi = layer.spatial_attention(x)
    torch.testing.assert_close(pi, unclipped.clamp(max=1), rtol=0, atol=1e-12)
    assert pi.max() == 1
    assert pi.min() > 0


def test_c_scales_whole_coefficients() -> None:
    """Intercepts are scaled as well: where x = 0 the output is pi * max_k b^k."""
    layer = make("C", tau=1.0)
    x = torch.randn(2, 8, 4, 5, dtype=torch.float64)
    x[:, :, 1, 2] = 0
    _, b = layer.coefficients(x)
    expected = layer.spatial_attention(x)[:, :, 1, 2] * b.amax(dim=1)
    torch.testing.assert_close(layer(x)[:, :, 1, 2], expected, rtol=0, atol=1e-14)


# --- dtypes and layouts ---


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(variant: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(8, 8, 1), DyReLU(8, variant, reduction=2))  # type: ignore[arg-type]
    x = torch.randn(2, 8, 6, 5)
    exact = network(x)
    exact.square().mean().backward()
    exact_grads = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    network.zero_grad()
    with torch.autocast("cpu", dtype=dtype):
        y = network(x)
        a, b = network[1].coefficients(x.to(dtype))
        pi = network[1].spatial_attention(x.to(dtype)) if variant == "C" else a
    assert y.dtype == dtype
    assert a.dtype == b.dtype == pi.dtype == torch.float32
    # The hyper function itself runs in fp32, not only its result.
    for inside, outside in zip((a, b), network[1].coefficients(x.to(dtype)), strict=True):
        torch.testing.assert_close(inside, outside, rtol=0, atol=1e-6)
    torch.testing.assert_close(y.float(), exact, rtol=0.03, atol=0.03)
    y.float().square().mean().backward()
    for weight, grad in zip(network.parameters(), exact_grads, strict=True):
        assert weight.grad is not None
        torch.testing.assert_close(weight.grad, grad, rtol=0.05, atol=0.05 * grad.abs().max().item())


@pytest.mark.parametrize("variant", VARIANTS)
def test_autocast_keeps_the_dtype_of_its_input(variant: str) -> None:
    layer = DyReLU(8, variant)  # type: ignore[arg-type]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.randn(1, 8, 3, 3)).dtype == torch.float32


@pytest.mark.parametrize("variant", VARIANTS)
def test_channels_last(variant: str) -> None:
    layer = make(variant)
    x = torch.randn(2, 8, 5, 7, dtype=torch.float64)
    y = layer(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(y, layer(x), rtol=0, atol=1e-13)
    assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("variant", VARIANTS)
def test_samples_of_a_batch_do_not_mix(variant: str) -> None:
    layer = make(variant)
    x = torch.randn(4, 8, 3, 5, dtype=torch.float64)
    apart = torch.cat([layer(sample[None]) for sample in x])
    torch.testing.assert_close(layer(x), apart, rtol=0, atol=1e-13)


@pytest.mark.parametrize("variant", VARIANTS)
def test_input_is_not_changed(variant: str) -> None:
    x = torch.randn(2, 8, 3, 5, dtype=torch.float64)
    before = x.clone()
    make(variant)(x)
    assert torch.equal(x, before)


def test_state_dict_holds_only_weights() -> None:
    hyper = {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
    assert set(DyReLU(8, "B").state_dict()) == hyper
    assert set(DyReLU(8, "C").state_dict()) == {*hyper, "attention.weight"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_zero_init_still_trains_every_weight(variant: str) -> None:
    """fc1 gets its gradient through fc2, so it starts with the second step."""
    torch.manual_seed(0)
    layer = DyReLU(8, variant, reduction=1, zero_init=True)  # type: ignore[arg-type]
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    x = torch.randn(4, 8, 6, 6)
    moved: set[str] = set()
    for _ in range(2):
        optimizer.zero_grad()
        (layer(x) - torch.randn(4, 8, 6, 6)).square().mean().backward()
        moved |= {name for name, p in layer.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
        optimizer.step()
    assert moved == {name for name, _ in layer.named_parameters()}


# --- errors ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "D"}, "'A', 'B' or 'C', got 'D'"),
        ({"num_pieces": 0}, "num_pieces must be at least 1, got 0"),
        ({"channels": 0}, "channels must be at least 1, got 0"),
        ({"reduction": 0}, "reduction must be at least 1, got 0"),
        ({"alpha": (1.0,)}, r"alpha needs 2 values \(num_pieces\), got 1"),
        ({"num_pieces": 3, "beta": (0.0, 0.0)}, r"beta needs 3 values \(num_pieces\), got 2"),
        ({"gamma": 0.0}, "gamma and tau must be positive"),
        ({"tau": -1.0}, "gamma and tau must be positive"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DyReLU(**{"channels": 8, **arguments})


@pytest.mark.parametrize(
    ("variant", "shape", "message"),
    [
        ("B", (2, 9, 4, 4), r"made for 8 channels, got shape \(2, 9, 4, 4\)"),
        ("A", (2, 9), r"made for 8 channels, got shape \(2, 9\)"),
        ("C", (2, 8), r"DyReLU-C takes \(N, C, H, W\), got a tensor of shape \(2, 8\)"),
        ("B", (8, 4, 4), r"takes \(N, C, H, W\) or \(N, C\), got a tensor of shape \(8, 4, 4\)"),
        ("C", (1, 8, 2, 4, 4), "got a tensor of shape"),
    ],
)
def test_wrong_inputs(variant: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DyReLU(8, variant)(torch.zeros(shape))  # type: ignore[arg-type]
