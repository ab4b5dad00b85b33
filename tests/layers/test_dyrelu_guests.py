"""DyReLU with what people hang onto layers or put in their place: each must have its effect, as in the plain path."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.nn.utils import parametrizations, prune
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from pose.layers import dyrelu_fused, dyrelu_guard
from pose.layers.dyrelu import DyReLU
from tests.helpers.dyrelu import CHANNELS, assert_as_plain, assert_same, lively_input, lively_layer, step
from tests.helpers.processes import Fleet

needs_kernel = pytest.mark.skipif(dyrelu_fused.CPU_KERNEL is None, reason="the CPU kernel was not compiled")
PARTS = ("fc1", "fc2", "attention")


@pytest.fixture
def kernel_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one with each call of a kernel."""
    calls: list[str] = []
    kernel = dyrelu_fused.kernel

    def count(*args: Any) -> Any:
        calls.append("kernel")
        return kernel(*args)

    monkeypatch.setattr(dyrelu_fused, "kernel", count)
    return calls


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    started = Fleet()
    yield started
    started.close()


# --- nothing hung onto it ---


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x,
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "permuted": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "every second": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
    "expanded": lambda x: x[:1].expand(3, -1, -1, -1),
}


@needs_kernel
@pytest.mark.parametrize("variant", ["B", "C"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_ordinary_layers_are_fused(variant: Any, layout: str, kernel_calls: list[str]) -> None:
    assert_as_plain(lively_layer(variant), LAYOUTS[layout](lively_input()))
    assert kernel_calls == ["kernel"]


def test_what_is_ordinary_is_learned_from_real_tensors() -> None:
    """Also where the first layer runs under a mode that makes fake ones."""
    expected = dyrelu_guard._plain_keys(True)
    dyrelu_guard._plain_keys.cache_clear()
    with FakeTensorMode():
        assert dyrelu_guard._plain_keys(True) == expected


@needs_kernel
def test_copies_are_fused(kernel_calls: list[str]) -> None:
    layer, x = lively_layer(), lively_input()
    expected = step(layer, layer, x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert all(torch.equal(a, b) for a, b in zip(step(twin, twin, x), expected, strict=True))
    assert len(kernel_calls) == 3


@needs_kernel
def test_fused_with_frozen_weights_and_in_inference_mode(kernel_calls: list[str]) -> None:
    layer, x = lively_layer(), lively_input()
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), layer.plain(x))
    assert_as_plain(layer.requires_grad_(False), x)
    with torch.device("cpu"):  # what torch.set_default_device enters
        layer(x)
    assert len(kernel_calls) == 3


# --- weights that are not what they seem ---


def transpose_weights(layer: DyReLU) -> None:
    for linear in (layer.fc1, layer.fc2):
        linear.weight = nn.Parameter(linear.weight.detach().T.contiguous().T)


def transpose_data(layer: DyReLU) -> None:
    layer.fc2.weight.data = layer.fc2.weight.detach().T.contiguous().T


def drop_biases(layer: DyReLU) -> None:
    layer.fc1.bias = layer.fc2.bias = None


def expand_bias(layer: DyReLU) -> None:
    layer.fc2.bias = nn.Parameter(torch.full((1,), 0.3).expand(4 * CHANNELS))


def stride_attention(layer: DyReLU) -> None:
    layer.attention.weight = nn.Parameter(layer.attention.weight.detach().repeat_interleave(2, dim=1)[:, ::2])


def learn_alpha(layer: DyReLU) -> None:
    alpha = layer.alpha
    del layer.alpha
    layer.alpha = nn.Parameter(alpha)


def learn_gamma(layer: DyReLU) -> None:
    del layer.gamma
    layer.gamma = nn.Parameter(torch.tensor(0.4))  # type: ignore[assignment]


def negate_in_passing(layer: DyReLU) -> None:
    layer.fc1.weight = nn.Parameter(torch._neg_view(-layer.fc1.weight.detach()))


@pytest.mark.parametrize(
    "change",
    [
        *(transpose_weights, transpose_data, drop_biases, expand_bias, stride_attention),
        *(learn_alpha, learn_gamma, negate_in_passing),
    ],
)
def test_odd_weights(change: Callable[[DyReLU], None], kernel_calls: list[str]) -> None:
    layer = lively_layer()
    change(layer)
    assert_as_plain(layer, lively_input())
    assert not kernel_calls


def test_a_buffer_with_a_gradient_gets_it() -> None:
    layer = lively_layer()
    layer.alpha.requires_grad_()
    layer(lively_input()).square().sum().backward()
    assert layer.alpha.grad is not None


def test_settings_may_be_changed(kernel_calls: list[str]) -> None:
    """As where the attention's temperature is annealed."""
    layer = lively_layer()
    layer.tau, layer.gamma = 2, 1.0
    assert_as_plain(layer, lively_input())
    assert len(kernel_calls) == (dyrelu_fused.CPU_KERNEL is not None)


def test_fc2_in_half_precision_fails_as_in_the_plain_path() -> None:
    layer = lively_layer()
    layer.fc2.bfloat16()
    with pytest.raises(RuntimeError) as ours:
        layer(lively_input())
    with pytest.raises(RuntimeError) as theirs:
        layer.plain(lively_input())
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(("part", "rows"), [("fc1", 3), ("fc2", 2 * CHANNELS)])
def test_layers_that_do_not_fit_fail_as_in_the_plain_path(part: str, rows: int) -> None:
    layer = lively_layer()
    setattr(layer, part, nn.Linear(getattr(layer, part).in_features, rows))
    with pytest.raises(RuntimeError):
        layer(lively_input())
    with pytest.raises(RuntimeError):
        layer.plain(lively_input())


@needs_kernel
def test_freed_weights_are_refused() -> None:
    layer = lively_layer()
    layer.fc1.weight.untyped_storage().resize_(0)
    with pytest.raises(ValueError, match="no memory"):
        layer(lively_input())


# --- parametrizations, pruning, LoRA, hooks ---


@pytest.mark.parametrize(
    ("part", "parametrize"),
    [
        *((part, parametrizations.orthogonal) for part in ("fc1", "fc2")),
        *((part, parametrizations.weight_norm) for part in PARTS),
        *((part, parametrizations.spectral_norm) for part in PARTS),
    ],
)
def test_parametrizations(part: str, parametrize: Callable[[nn.Module], nn.Module], kernel_calls: list[str]) -> None:
    layer = lively_layer()
    parametrize(getattr(layer, part))
    layer.eval()  # spectral_norm moves on with each call in training
    assert_as_plain(layer, lively_input())
    assert not kernel_calls


@pytest.mark.filterwarnings("ignore::FutureWarning")  # weight_norm as a hook has a successor
@pytest.mark.parametrize("norm", [nn.utils.weight_norm, nn.utils.spectral_norm])
@pytest.mark.parametrize("part", PARTS)
def test_norms_that_are_hooks(norm: Callable[[nn.Module], nn.Module], part: str) -> None:
    layer, x = lively_layer().eval(), lively_input()
    norm(getattr(layer, part)).eval()
    before = step(layer, layer, x)
    with torch.no_grad():
        next(p for n, p in layer.named_parameters() if n.startswith(part) and n.endswith(("_g", "_orig"))).mul_(2)
    after = step(layer, layer, x)
    assert norm is nn.utils.spectral_norm or not torch.allclose(before[0], after[0])
    assert_same(after, step(layer.plain, layer, x))


@pytest.mark.parametrize("part", PARTS)
def test_pruning_follows_the_weight(part: str) -> None:
    """Pruning computes the weight in a hook before each call, from one that an optimizer may have moved."""
    layer, x = lively_layer(), lively_input()
    prune.l1_unstructured(getattr(layer, part), "weight", amount=0.5)
    layer(x)
    with torch.no_grad():
        getattr(layer, part).weight_orig.mul_(2)
    ours = step(layer, layer, x)
    prune.remove(getattr(layer, part), "weight")
    assert torch.allclose(ours[0], layer.plain(x), rtol=1e-4, atol=1e-5)
    assert torch.allclose(ours[0], layer(x), rtol=1e-4, atol=1e-5)


class LowRank(nn.Module):
    """LoRA by hand: a layer and a term of low rank; it has no `weight` of its own."""

    def __init__(self, layer: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        rows, columns = layer.weight.shape[:2]
        self.down, self.up = nn.Parameter(torch.randn(1, columns)), nn.Parameter(torch.randn(rows, 1))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            return self.layer(x) + x @ self.down.T @ self.up.T
        return self.layer(x) + torch.einsum("nchw,rc,or->nohw", x, self.down, self.up)


@pytest.mark.parametrize("part", PARTS)
def test_lora(part: str) -> None:
    layer, x = lively_layer(), lively_input()
    before = layer(x)
    setattr(layer, part, LowRank(getattr(layer, part)))
    assert not torch.allclose(layer(x), before)
    assert_as_plain(layer, x)


def test_lora_by_peft() -> None:
    peft = pytest.importorskip("peft")
    network, x = nn.Sequential(lively_layer()), lively_input()
    before = network(x)
    adapted = peft.get_peft_model(network, peft.LoraConfig(target_modules=list(PARTS), r=2, init_lora_weights=False))
    y = adapted(x)
    assert not torch.allclose(y, before)
    torch.testing.assert_close(adapted.merge_and_unload()(x), y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "register",
    [
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
    ],
)
def test_hooks_are_called(part: str, register: str) -> None:
    layer, calls = lively_layer(), []
    handle = getattr(getattr(layer, part), register)(lambda *_: calls.append(part))
    layer(lively_input().requires_grad_()).sum().backward()
    assert calls == [part]
    handle.remove()
    layer(lively_input()).sum().backward()
    assert calls == [part]


def test_hooks_on_all_modules_are_called() -> None:
    layer, seen = lively_layer(), []
    handle = nn.modules.module.register_module_forward_hook(lambda module, *_: seen.append(type(module)))
    try:
        layer(lively_input())
    finally:
        handle.remove()
    assert seen == [nn.Linear, nn.Linear, DyReLU]


@pytest.mark.parametrize("kind", [TorchFunctionMode, TorchDispatchMode])
def test_modes_see_the_operators(kind: Any) -> None:
    layer, x, seen = lively_layer(), lively_input(), []

    class Watch(kind):
        def _see(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(str(function))
            return function(*args, **(kwargs or {}))

        __torch_function__ = __torch_dispatch__ = _see

    with Watch():
        layer(x)
    assert any("softmax" in name for name in seen)


class Marked(Tensor):
    """A kind of tensor, as torchvision's images are."""


def test_other_kinds_of_tensors_stay_what_they_are(kernel_calls: list[str]) -> None:
    layer, x = lively_layer(), lively_input()
    y = layer(x.as_subclass(Marked))
    assert type(y) is Marked
    torch.testing.assert_close(y.as_subclass(Tensor), layer.plain(x))
    assert not kernel_calls


class Doubled(nn.Parameter):
    """A weight that counts twice, by PyTorch's hook for functions alone."""

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        y = super().__torch_function__(function, types, args, kwargs or {})
        return 2 * y.as_subclass(Tensor) if function is nn.functional.linear else y


def test_other_kinds_of_weights_do_what_they_do() -> None:
    layer, x = lively_layer(), lively_input()
    nn.init.zeros_(layer.fc2.bias)
    twice = copy.deepcopy(layer)
    twice.fc2.weight = nn.Parameter(2 * layer.fc2.weight.detach())
    layer.fc2.weight = Doubled(layer.fc2.weight.detach())
    torch.testing.assert_close(layer(x).as_subclass(Tensor), twice.plain(x))


def test_an_overridden_method_is_called() -> None:
    class Halved(DyReLU):
        def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
            a, b = super().coefficients(x)
            return a / 2, b / 2

    layer, x = lively_layer("B"), lively_input()
    halved = Halved(CHANNELS, "B", reduction=2, alpha=(1.0, 0.2), beta=(0.1, -0.1))
    halved.load_state_dict(layer.state_dict())
    torch.testing.assert_close(halved(x), layer.plain(x) / 2)
    constant = torch.zeros(3, 2, CHANNELS)
    layer.coefficients = lambda x: (constant, constant)  # type: ignore[method-assign]
    assert not layer(x).any()


def test_reduced_forms_keep_their_definition() -> None:
    layer, x = DyReLU(CHANNELS, "C", zero_piece=True, num_pieces=3), lively_input()
    assert layer(x).min() == 0
    assert torch.equal(layer(x), layer.plain(x))


# --- weights elsewhere, and several processes ---


def offload(module: nn.Module) -> None:
    """As accelerate does: weights on meta, which a `forward` of the module's own brings in and takes away."""
    real = {name: weight.detach().clone() for name, weight in module.named_parameters(recurse=False)}
    inner = module.forward

    def place(tensors: dict[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            setattr(module, name, nn.Parameter(tensor))

    def forward(x: Tensor) -> Tensor:
        place(real)
        y = inner(x)
        place({name: tensor.to("meta") for name, tensor in real.items()})
        return y

    place({name: tensor.to("meta") for name, tensor in real.items()})
    module.forward = forward  # type: ignore[method-assign]


def test_offloaded_weights() -> None:
    layer, x = lively_layer(), lively_input()
    expected = layer.plain(x)
    for part in PARTS:
        offload(getattr(layer, part))
    with torch.no_grad():
        torch.testing.assert_close(layer(x), expected)


def test_offloading_by_accelerate() -> None:
    accelerate = pytest.importorskip("accelerate")
    layer, x = lively_layer(), lively_input()
    expected = layer.plain(x)
    accelerate.cpu_offload(layer, execution_device=torch.device("cpu"), offload_buffers=True)
    assert layer.fc1.weight.is_meta
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ddp", "fsdp", "fsdp_parts", "fsdp_fc2"])
def test_two_processes(fleet: Fleet, tmp_path: Path, how: str) -> None:
    ends = fleet.run(2, "tests.helpers.layer_jobs:train_dyrelu", tmp_path, how=how)
    assert ends.codes == [0, 0], ends.err
    assert ends.out == ["equal\n", "equal\n"]
