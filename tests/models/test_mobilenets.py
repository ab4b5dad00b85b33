"""MobileNetV2 and V3 against torchvision's, and where DY-ReLU goes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
import torchvision
from torch import nn

from pose.layers.activations import Activation
from pose.layers.dyrelu import DyReLU
from pose.layers.squeeze_excitation import SqueezeExcitation
from pose.models.mobilenet_v2 import MobileNetV2
from pose.models.mobilenet_v3 import MobileNetV3
from pose.models.weights import convert_torchvision

Make = Callable[..., MobileNetV2 | MobileNetV3]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """On a busy machine, threads that wait for one another make small tensors a hundred times slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def v2(width: float = 1.0, activation: Activation = Activation()) -> MobileNetV2:
    return MobileNetV2(width, activation=activation)


def v3_large(width: float = 1.0, activation: Activation = Activation()) -> MobileNetV3:
    return MobileNetV3("large", width=width, activation=activation)


def v3_small(width: float = 1.0, activation: Activation = Activation()) -> MobileNetV3:
    return MobileNetV3("small", width=width, activation=activation)


PAIRS = [
    (v2, torchvision.models.mobilenet_v2),
    (v3_large, torchvision.models.mobilenet_v3_large),
    (v3_small, torchvision.models.mobilenet_v3_small),
]
# The smallest of each of the two, and both sides of 1.
WIDTHS = [0.35, 0.75, 1.0, 1.4]


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def of_type(module: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(m, kind) for m in module.modules())


def randomise(module: nn.Module) -> None:
    """Weights and statistics of which none is the default, so that a mix-up shows."""
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.normal_(m.bias, std=0.3)
            assert m.running_mean is not None
            assert m.running_var is not None
            nn.init.normal_(m.running_mean, std=0.3)
            nn.init.uniform_(m.running_var, 0.5, 1.5)
        elif isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight)
            if m.bias is not None:
                nn.init.normal_(m.bias)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_parameter_counts_equal_torchvision(ours: Make, theirs: Callable[..., nn.Module], width: float) -> None:
    with torch.device("meta"):
        assert count(ours(width)) == count(theirs(width_mult=width).features)


@pytest.mark.slow
@pytest.mark.parametrize("width", [0.35, 0.75, 1.0])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_outputs_equal_torchvision(ours: Make, theirs: Callable[..., nn.Module], width: float) -> None:
    torch.manual_seed(0)
    expected_network = theirs(width_mult=width)
    randomise(expected_network)
    network = ours(width)
    network.load_state_dict(convert_torchvision(expected_network.state_dict(), network))
    network, features = network.double().eval(), expected_network.features.double().eval()
    x = torch.randn(2, 3, 32, 96, dtype=torch.float64)
    with torch.no_grad():
        y, expected = network(x), features(x)
    assert y.shape == (2, network.out_channels, 1, 3)
    assert expected.std() > 0.1
    torch.testing.assert_close(y, expected, rtol=1e-9, atol=1e-9)


def test_out_channels() -> None:
    """What the head sees (paper.md): 1280 at both widths of V2, 960, 576."""
    with torch.device("meta"):
        networks = [v2(), v2(0.5), v2(1.4), v3_large(), v3_small()]
    assert [network.out_channels for network in networks] == [1280, 1280, 1792, 960, 576]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["a", "b", "c"])
@pytest.mark.parametrize(("make", "expected"), [(v2, 52), (v3_large, 46), (v3_small, 34)])
def test_every_convolution_with_a_norm_gets_a_dyrelu(make: Make, expected: int, variant: str) -> None:
    """Stem and last, 3 a block, 2 where there is no expansion; nothing of the network's own is left."""
    with torch.device("meta"):
        network = make(activation=Activation(f"dyrelu_{variant}"))
    assert of_type(network, DyReLU) == of_type(network, nn.BatchNorm2d) == expected
    kinds = {type(m).__name__ for m in network.modules()}
    assert not kinds & {"ReLU", "ReLU6", "Hardswish", "SqueezeExcitation", "Hardsigmoid"}


@pytest.mark.parametrize(
    ("sites", "v2_count", "v3_count"),
    [((), 2, 2), (("a1",), 18, 12), (("a2",), 19, 13), (("a3",), 19, 13), (("a1", "a2"), 35, 23)],
)
def test_sites(sites: tuple[str, ...], v2_count: int, v3_count: int) -> None:
    activation = Activation("dyrelu_b", sites=sites)
    with torch.device("meta"):
        assert of_type(v2(activation=activation), DyReLU) == v2_count
        assert of_type(v3_small(activation=activation), DyReLU) == v3_count


def test_own_activations_of_v3() -> None:
    """Large: 6 blocks with ReLU (a1 and a2, the first without a1); Small: 3. h-swish in the others, stem and last."""
    with torch.device("meta"):
        large, small = v3_large(), v3_small()
    assert (of_type(large, nn.Hardswish), of_type(small, nn.Hardswish)) == (2 + 2 * 9, 2 + 2 * 8)
    squeezes = SqueezeExcitation
    assert (of_type(large, squeezes), of_type(small, squeezes)) == (8, 9)
    relu_of_squeezes = (8, 9)
    assert of_type(large, nn.ReLU) - relu_of_squeezes[0] == 2 * 6 - 1
    assert of_type(small, nn.ReLU) - relu_of_squeezes[1] == 2 * 3 - 1


def test_static_names_replace_the_networks_own() -> None:
    with torch.device("meta"):
        network = v2(activation=Activation("hswish"))
    assert of_type(network, nn.Hardswish) == 35  # 52 convolutions but the 17 projections
    assert of_type(network, nn.ReLU6) == 0


@pytest.mark.parametrize("name", ["default", "dyrelu_c"])
def test_no_activation_spoils_the_backward_pass(name: str) -> None:
    """In-place activations must not overwrite what the residual additions or norms saved."""
    network = v3_small(0.35, activation=Activation(name))
    x = torch.randn(2, 3, 64, 64, requires_grad=True)
    network(x).square().mean().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.abs().max() > 0


def test_gradients_of_the_static_network_equal_torchvision() -> None:
    torch.manual_seed(0)
    expected_network = torchvision.models.mobilenet_v3_small(width_mult=0.35)
    randomise(expected_network)
    network = v3_small(0.35)
    network.load_state_dict(convert_torchvision(expected_network.state_dict(), network))
    network, features = network.double().eval(), expected_network.features.double().eval()
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    network(x).square().mean().backward()
    features(x).square().mean().backward()
    for ours, theirs in zip(network.parameters(), features.parameters(), strict=True):
        assert ours.grad is not None
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-8, atol=1e-10)


def test_wrong_sizes_and_widths() -> None:
    with pytest.raises(ValueError, match="'large' or 'small', got 'medium'"):
        MobileNetV3("medium")
    with pytest.raises(ValueError, match=r"MobileNetV2's width is a positive multiplier such as 0\.5, got 0"):
        MobileNetV2(0)
    with pytest.raises(ValueError, match=r"MobileNetV3's width is a positive multiplier such as 1\.0, got -1"):
        MobileNetV3("small", width=-1)


def test_convert_refuses_other_networks() -> None:
    with torch.device("meta"):
        weights = torchvision.models.mobilenet_v2().state_dict()
        with pytest.raises(ValueError, match=r"hold 312 tensors under features\., this backbone has 240"):
            convert_torchvision(weights, v3_small())
        with pytest.raises(ValueError, match="with its default activation"):
            convert_torchvision(weights, v2(activation=Activation("dyrelu_b")))
        with pytest.raises(ValueError, match=r"features\.0\.0\.weight is \(32, 3, 3, 3\).* is \(16, 3, 3, 3\)"):
            convert_torchvision(weights, v2(0.5))
        with pytest.raises(ValueError, match="hold 0 tensors"):
            convert_torchvision({}, v2())


def test_squeeze_excitation_is_torchvisions() -> None:
    torch.manual_seed(0)
    ours = SqueezeExcitation(8, 3, gate=nn.Hardsigmoid)
    theirs = torchvision.ops.SqueezeExcitation(8, 3, scale_activation=nn.Hardsigmoid)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 8, 5, 4)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
