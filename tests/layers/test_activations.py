"""Activation: every name at every site, and the start of the two forms of DY-ReLU."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pose.layers.activations import ACTIVATIONS, STATIC, Activation, Site
from pose.layers.dyrelu import DyReLU
from pose.layers.inverted_residual import InvertedResidual, make_divisible

SITES: tuple[Site, ...] = ("a1", "a2", "a3", "outer")
DYNAMIC = ("dyrelu_a", "dyrelu_b", "dyrelu_c")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """On a busy machine, threads that wait for one another make small tensors a hundred times slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def at(activation: Activation, site: Site, channels: int = 8) -> nn.Module:
    return activation.at(site, channels, default=nn.Identity if site == "a3" else STATIC["relu"])


def block(activation: Activation, *, residual: bool = True, squeeze_excite: bool = False) -> InvertedResidual:
    return InvertedResidual(
        8,
        24,
        8 if residual else 16,
        kernel=3,
        stride=1 if residual else 2,
        activation=activation,
        default=STATIC["relu6"],
        squeeze_excite=squeeze_excite,
    )


@pytest.mark.parametrize(
    ("name", "function"), [("relu", F.relu), ("relu6", F.relu6), ("hswish", F.hardswish)], ids=lambda v: str(v)[:8]
)
def test_static_names(name: str, function: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(2, 8, 5, 5) * 5
    for site in SITES:
        module = Activation(name).at(site, 8, default=nn.Identity if site == "a3" else nn.Tanh)
        expected = x if site == "a3" else function(x)  # "linear bottleneck": static functions stay away from a3
        assert torch.equal(module(x.clone()), expected)


def test_default_is_the_networks_own() -> None:
    for site in SITES:
        assert isinstance(Activation().at(site, 8, default=nn.Tanh), nn.Tanh)


@pytest.mark.parametrize("name", DYNAMIC)
@pytest.mark.parametrize("form", ["trainable", "literal"])
def test_settings_reach_the_layer(name: str, form: str) -> None:
    activation = Activation(
        name, form=form, reduction=4, num_pieces=3, alpha=(1, 0.5, 0), beta=(0, 0.1, 0.2), lambda_a=2.0, lambda_b=0.7,
        gamma=0.5, tau=3.0,
    )  # fmt: skip
    for site in SITES:
        layer = at(activation, site, 16)
        assert isinstance(layer, DyReLU)
        assert (layer.variant, layer.channels, layer.num_pieces) == (name[-1].upper(), 16, 3)
        assert (layer.fc1.out_features, layer.gamma, layer.tau) == (4, 0.5, 3.0)
        assert (layer.lambda_a, layer.lambda_b) == (2.0, 0.7)
        torch.testing.assert_close(layer.alpha, torch.tensor([1, 0.5, 0]))
        torch.testing.assert_close(layer.beta, torch.tensor([0, 0.1, 0.2]))


@pytest.mark.parametrize("name", DYNAMIC)
@pytest.mark.parametrize("sites", [(), ("a1",), ("a2", "a3"), ("a1", "a2", "a3")])
def test_sites_choose_where_it_is_dynamic(name: str, sites: tuple[str, ...]) -> None:
    for site in SITES:
        dynamic = isinstance(at(Activation(name, sites=sites), site), DyReLU)
        assert dynamic == (site == "outer" or site in sites)


@pytest.mark.parametrize("name", DYNAMIC)
@pytest.mark.parametrize("pieces", [2, 3])
def test_trainable_form_starts_as_the_networks_own_function(name: str, pieces: int) -> None:
    x = torch.randn(2, 8, 7, 5) * 3
    for site in SITES:
        y = at(Activation(name, num_pieces=pieces), site)(x)
        expected = x if site == "a3" else F.relu(x)
        if name == "dyrelu_c":  # the attention starts uniform, at gamma
            torch.testing.assert_close(y, expected / 3, rtol=1e-6, atol=1e-6)
        else:
            assert torch.equal(y, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", DYNAMIC)
@pytest.mark.parametrize("pieces", [2, 3])
@pytest.mark.parametrize("site", ["a1", "a3"])
def test_pieces_of_the_trainable_form_part(name: str, pieces: int, site: Site) -> None:
    """Pieces that start equal would get equal gradients and stay one piece: K would be of no use."""
    torch.manual_seed(0)
    layer = at(Activation(name, num_pieces=pieces), site, 16)
    assert isinstance(layer, DyReLU)
    x = torch.randn(4, 16, 6, 6)
    # The absolute value of x needs two pieces; its square can use a third.
    target = x.abs() if pieces == 2 else x.square()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        (layer(x) - target).square().mean().backward()
        optimizer.step()
    a, _ = layer.coefficients(x)
    for i, j in itertools.combinations(range(pieces), 2):
        assert (a[:, i] - a[:, j]).abs().max() > 0.05


@pytest.mark.parametrize("name", DYNAMIC)
def test_literal_form_is_the_papers(name: str) -> None:
    """alpha = (1, 0), beta = 0, lambda = (1, 0.5) at every site, and no weight starts at zero."""
    for site in SITES:
        layer = at(Activation(name, form="literal"), site)
        assert isinstance(layer, DyReLU)
        assert layer.alpha.tolist() == [1, 0]
        assert layer.beta.tolist() == [0, 0]
        assert (layer.lambda_a, layer.lambda_b, layer.gamma, layer.tau) == (1.0, 0.5, 1 / 3, 10.0)
        assert all((weight != 0).all() for weight in layer.parameters())


@pytest.mark.parametrize("name", ["dyrelu_a", "dyrelu_b"])  # C scales by gamma, as the paper has it
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("train", [True, False])
def test_a_block_starts_as_the_static_block(name: str, residual: bool, train: bool) -> None:
    torch.manual_seed(0)
    static = block(Activation("relu"), residual=residual).train(train)
    for module in static.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    dynamic = block(Activation(name), residual=residual).train(train)
    result = dynamic.load_state_dict(static.state_dict(), strict=False)
    assert not result.unexpected_keys
    assert all("fc" in key or "attention" in key for key in result.missing_keys)
    x = torch.randn(3, 8, 9, 7)
    torch.testing.assert_close(dynamic(x), static(x), rtol=1e-5, atol=1e-5)


def test_block_equals_its_layers_applied_by_hand() -> None:
    torch.manual_seed(0)
    module = block(Activation("relu6")).double().eval()
    x = torch.randn(2, 8, 7, 9, dtype=torch.float64)
    (c1, n1, _), (c2, n2, _), (c3, n3, _) = module.layers
    y = F.relu6(n1(F.conv2d(x, c1.weight)))
    y = F.relu6(n2(F.conv2d(y, c2.weight, padding=1, groups=24)))
    y = n3(F.conv2d(y, c3.weight))
    torch.testing.assert_close(module(x), x + y, rtol=0, atol=1e-12)


def test_third_activation_stands_before_the_addition() -> None:
    """A block whose projection is zero gives x + f(0): with the activation after the addition it would be f(x)."""
    module = block(Activation("dyrelu_b")).eval()
    nn.init.zeros_(module.layers[-1][0].weight)
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(module(x), x)


def test_block_without_expansion_has_no_first_site() -> None:
    module = InvertedResidual(8, 8, 16, kernel=3, activation=Activation("dyrelu_b"), default=nn.ReLU)
    assert sum(isinstance(m, DyReLU) for m in module.modules()) == 2
    assert sum(isinstance(m, nn.Conv2d) for m in module.modules()) == 2


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_squeeze_excite_goes_with_a_dynamic_activation(name: str) -> None:
    names = [type(m).__name__ for m in block(Activation(name), squeeze_excite=True).modules()]
    assert ("SqueezeExcitation" in names) == (name not in DYNAMIC)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("size", [(7, 5), (8, 6), (1, 1)])
def test_stride_rounds_up(kernel: int, size: tuple[int, int]) -> None:
    module = InvertedResidual(4, 8, 4, kernel=kernel, stride=2, activation=Activation(), default=nn.ReLU)
    expected = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    assert module.eval()(torch.randn(1, 4, *size)).shape == (1, 4, *expected)


def test_make_divisible() -> None:
    """32 * 0.35 = 11.2 rounds to 8, which is more than 10 % less, so 16; the others are plain rounding."""
    assert [make_divisible(v) for v in (11.2, 24 * 0.75, 16 * 0.5, 3, 100, 320 * 0.35)] == [16, 24, 8, 8, 104, 112]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Activation("dyrelo_b"),
            r"unknown activation 'dyrelo_b'; did you mean 'dyrelu_b'\?",
        ),
        (lambda: Activation("xyz"), "unknown activation 'xyz'; valid: default"),
        (
            lambda: Activation("dyrelu_b", form="litteral"),
            "unknown activation form 'litteral'; did you mean 'literal'",
        ),
        (lambda: Activation("dyrelu_b", sites=("a1", "a4")), "unknown activation site 'a4'; .*[vV]alid: a1, a2, a3$"),
        (lambda: Activation("dyrelu_b", sites=("outer",)), "unknown activation site 'outer'"),
        (lambda: at(Activation("dyrelu_b", alpha=(1.0,)), "a1"), "alpha needs 2 values"),
        (lambda: at(Activation("dyrelu_c", beta=(1.0,)), "a1"), "beta needs 2 values"),
    ],
)
def test_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
