"""Every model of Table 10 builds and trains; names and weights that do not fit are refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from pose.config.keypoints import ActivationConfig, HeadConfig, ModelConfig
from pose.config.zoo import MODELS, create_model, list_models, model_config
from pose.layers.dyrelu import DyReLU
from pose.models.pose_net import PoseNet
from pose.models.weights import load_weights


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """On a busy machine, threads that wait for one another make small tensors a hundred times slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small_model(num_keypoints: int = 17, activation: str = "default") -> PoseNet:
    config = ModelConfig(
        backbone="mobilenet_v3_small",
        width=0.35,
        activation=ActivationConfig(name=activation),
        head=HeadConfig(channels=(8, 8, 8, 8), hidden=(8, 16, 16, 16)),
    )
    return config.build(num_keypoints=num_keypoints)


def test_list_models() -> None:
    assert list_models() == list(MODELS)
    assert len(MODELS) == 8


@pytest.mark.slow
@pytest.mark.parametrize("name", list_models())
def test_one_training_step(name: str) -> None:
    torch.manual_seed(0)
    network = create_model(name).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    images, targets = torch.randn(2, 3, 64, 64), torch.rand(2, 17, 16, 16)
    heatmaps = network(images)
    assert heatmaps.shape == targets.shape
    loss = (heatmaps - targets).square().mean()
    loss.backward()
    assert loss.isfinite()
    for key, weight in network.named_parameters():
        assert weight.grad is not None, key
        assert weight.grad.isfinite().all(), key
    optimizer.step()
    assert all(weight.isfinite().all() for weight in network.parameters())
    with torch.no_grad():
        assert (network(images) - targets).square().mean() < loss


@pytest.mark.parametrize("activation", ["dyrelu_a", "dyrelu_b", "dyrelu_c"])
def test_literal_form_trains_too(activation: str) -> None:
    torch.manual_seed(0)
    choice = ActivationConfig(name=activation, form="literal", num_pieces=3)
    config = ModelConfig(
        width=0.35, activation=choice, head=HeadConfig(activation=choice, channels=(8,) * 4, hidden=(16,) * 4)
    )
    network = config.build(num_keypoints=3)
    network(torch.randn(2, 3, 32, 64)).square().mean().backward()
    for key, weight in network.named_parameters():
        assert weight.grad is not None, key
        assert weight.grad.isfinite().all(), key


@pytest.mark.parametrize(
    ("name", "params"),
    [("mobilenet_v2_x1.0_dyrelu", 12.2), ("mobilenet_v3_small_dyrelu", 4.78)],
)
def test_parameters_with_dyrelu(name: str, params: float) -> None:
    """The counts of paper.md by the rule of the paper's text (its table prints 9.0M and 4.8M)."""
    with torch.device("meta"):
        network = create_model(name)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(params, rel=0.005)


@pytest.mark.parametrize("name", list_models())
def test_names_say_what_is_built(name: str) -> None:
    with torch.device("meta"):
        network = create_model(name, num_keypoints=5)
    variants = {m.variant for m in network.modules() if isinstance(m, DyReLU)}
    assert variants == ({"C"} if "dyrelu" in name else set())
    dynamic = sum(isinstance(m, DyReLU) for m in network.modules())
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert dynamic == (norms if "dyrelu" in name else 0)
    assert network.head.heatmaps.out_channels == 5
    config = model_config(name)
    assert name.startswith(config.backbone)
    assert config.width == (0.5 if "x0.5" in name else 1.0)


def test_backbone_and_head_may_differ() -> None:
    """As in Table 12."""
    config = ModelConfig(
        width=0.5,
        activation=ActivationConfig(name="dyrelu_a"),
        head=HeadConfig(activation=ActivationConfig(name="relu")),
    )
    with torch.device("meta"):
        network = config.build(num_keypoints=17)
    assert any(isinstance(m, DyReLU) for m in network.backbone.modules())
    assert not any(isinstance(m, DyReLU) for m in network.head.modules())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "mobilenet_v2_x1.0_dyrelo",
            "unknown model 'mobilenet_v2_x1.0_dyrelo'; did you mean 'mobilenet_v2_x1.0_dyrelu'",
        ),
        ("zzz", "unknown model 'zzz'; valid: mobilenet_v2_x1.0_relu, "),
        ("", "unknown model ''; valid: "),
    ],
)
def test_unknown_models(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_model(name)


def test_unknown_backbone() -> None:
    with pytest.raises(ValueError, match="unknown backbone 'mobilenetv2'; did you mean 'mobilenet_v2'"):
        ModelConfig(backbone="mobilenetv2").build(num_keypoints=17)


def test_load_weights() -> None:
    torch.manual_seed(0)
    source, target = small_model().eval(), small_model().eval()
    x = torch.randn(1, 3, 32, 32)
    assert not torch.equal(source(x), target(x))
    load_weights(target, dict(source.state_dict()), source="x.safetensors")
    assert torch.equal(source(x), target(x))


def test_load_weights_lists_what_is_wrong() -> None:
    target = small_model()
    total = len(target.state_dict())
    weights: dict[str, object] = dict(small_model(num_keypoints=5).state_dict())
    with pytest.raises(ValueError, match=r"x\.pt holds the weights of another model") as caught:
        load_weights(target, weights, source="x.pt")
    message = str(caught.value)
    assert f"{total - 2} of {total} tensors match; 2 of another shape: " in message
    assert "head.heatmaps.weight is (5, 8, 1, 1), expected (17, 8, 1, 1)" in message

    weights = {key: value for key, value in target.state_dict().items() if key != "head.heatmaps.bias"}
    weights |= {f"other{i}": torch.zeros(1) for i in range(5)}
    with pytest.raises(ValueError, match=r"1 missing: head\.heatmaps\.bias; 5 unexpected: other0, .*other3 \.\.\.$"):
        load_weights(target, weights, source="x.pt")


def test_load_weights_changes_nothing_when_it_refuses() -> None:
    target = small_model()
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(ValueError, match="another model"):
        load_weights(target, dict(small_model(num_keypoints=5).state_dict()), source="x.pt")
    assert all(torch.equal(value, before[key]) for key, value in target.state_dict().items())


@pytest.mark.parametrize("weights", [{}, {"state_dict": {}}, {"epoch": 3}])
def test_load_weights_of_something_else(weights: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"0 of \d+ tensors match; \d+ missing"):
        load_weights(small_model(), weights, source="x.pt")


def test_static_weights_do_not_fit_a_dynamic_model() -> None:
    with pytest.raises(ValueError, match="missing"):
        load_weights(small_model(activation="dyrelu_c"), dict(small_model().state_dict()), source="x.pt")
