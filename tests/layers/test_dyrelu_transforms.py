"""DyReLU under what PyTorch does to functions: differentiate, batch, trace, compile and export them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jvp, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from pose.layers import dyrelu_fused
from pose.layers.dyrelu import DyReLU, Variant
from tests.helpers.dyrelu import CHANNELS, assert_as_plain, assert_same, lively_input, lively_layer, plain_copy, step

needs_kernel = pytest.mark.skipif(dyrelu_fused.CPU_KERNEL is None, reason="the CPU kernel was not compiled")
both = pytest.mark.parametrize("variant", ["B", "C"])
Function = Callable[[Tensor], Tensor]


@pytest.fixture(autouse=True)
def forget_compiled() -> None:
    torch._dynamo.reset()


# --- derivatives ---


TRANSFORMS: dict[str, Callable[[Function, Tensor], Any]] = {
    "grad": lambda f, x: grad(lambda v: f(v).square().sum())(x),
    "jvp": lambda f, x: torch.stack(jvp(f, (x,), (x.cos(),))),
    "vmap": lambda f, x: vmap(lambda image: f(image[None])[0])(x),
    "vmap of batches": lambda f, x: vmap(f)(torch.stack([x, x + 1])),
    "hessian": lambda f, x: hessian(lambda v: f(v).square().sum())(x[:1, :, :2, :1]),
    "jacobian in one batch": lambda f, x: torch.autograd.functional.jacobian(f, x[:1], vectorize=True),
}


@both
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(variant: Variant, name: str) -> None:
    layer, x = lively_layer(variant), lively_input()
    torch.testing.assert_close(TRANSFORMS[name](layer, x), TRANSFORMS[name](layer.plain, x), rtol=1e-4, atol=1e-5)


def test_functional_call_uses_and_differentiates_the_given_weights() -> None:
    layer, x = lively_layer(), lively_input()
    plain = plain_copy(layer)
    weights = {name: (weight * 1.5).detach().requires_grad_() for name, weight in layer.named_parameters()}

    def gradients(module: nn.Module) -> tuple[Tensor, ...]:
        return torch.autograd.grad(functional_call(module, weights, x).square().sum(), list(weights.values()))

    assert_same(list(gradients(layer)), list(gradients(plain)))
    each = vmap(grad(lambda w, image: functional_call(layer, w, image[None]).square().sum()), (None, 0))(weights, x)
    for name, gradient in zip(weights, gradients(layer), strict=True):
        torch.testing.assert_close(each[name].sum(0), gradient, rtol=1e-4, atol=1e-5)


@both
def test_dual_numbers_keep_their_tangent(variant: Variant) -> None:
    layer, x = lively_layer(variant), lively_input()

    def tangent(function: Function) -> Tensor | None:
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(function(forward_ad.make_dual(x, x.cos()))).tangent

    torch.testing.assert_close(tangent(layer), tangent(layer.plain))


@pytest.mark.slow
@both
def test_gradcheck(variant: Variant) -> None:
    layer = lively_layer(variant).double()
    x = lively_input(2)[:, :, :2, :2].double().requires_grad_()
    assert torch.autograd.gradcheck(layer, (x,), check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(layer, (x,))


@needs_kernel
@both
def test_double_backward(variant: Variant) -> None:
    """As a gradient penalty takes it: the gradient of a gradient, for x and for each weight."""
    layer = lively_layer(variant)
    double = copy.deepcopy(layer).double()

    def penalty(function: Function, module: DyReLU, x: Tensor) -> list[Tensor]:
        module.zero_grad()
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(function(x).square().sum(), x, create_graph=True)
        slope.square().sum().backward()
        assert x.grad is not None
        return [slope.detach(), x.grad, *(weight.grad for weight in module.parameters() if weight.grad is not None)]

    ours = penalty(layer, layer, lively_input())
    theirs = penalty(double.plain, double, lively_input().double())
    assert len(ours) == len(theirs) == (7 if variant == "C" else 6)
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max() <= 1e-4 * other.abs().max()


@needs_kernel
def test_double_backward_through_weights_that_were_stepped() -> None:
    """As MAML takes it: weights of an inner step, which depend on the outer ones."""
    layer = lively_layer()

    def outer(module: nn.Module) -> list[Tensor]:
        weights = {name: weight.detach().clone().requires_grad_() for name, weight in module.named_parameters()}
        inner = functional_call(module, weights, lively_input()).square().mean()
        slopes = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
        stepped = {n: w - 0.1 * s for (n, w), s in zip(weights.items(), slopes, strict=True)}
        loss = functional_call(module, stepped, lively_input() + 1).square().mean()
        return list(torch.autograd.grad(loss, list(weights.values())))

    assert_same(outer(layer), outer(plain_copy(layer)))


GRADIENTS: dict[str, Callable[[Tensor], Tensor]] = {
    "expanded": lambda y: torch.ones(()).expand(y.shape),
    "transposed": lambda y: y.detach().transpose(2, 3).contiguous().transpose(2, 3),
    "negated in passing": lambda y: torch._neg_view(y.detach()),
    "zero without memory": lambda y: torch._efficientzerotensor(y.shape),
}


@both
@pytest.mark.parametrize("kind", GRADIENTS)
def test_kinds_of_gradients(variant: Variant, kind: str) -> None:
    layer, x = lively_layer(variant), lively_input().requires_grad_()
    ours, theirs = layer(x), layer.plain(x)
    inputs = [x, *layer.parameters()]
    assert_same(
        list(torch.autograd.grad(ours, inputs, GRADIENTS[kind](ours))),
        list(torch.autograd.grad(theirs, inputs, GRADIENTS[kind](theirs))),
    )


def test_a_tangent_that_comes_with_the_gradient() -> None:
    layer = lively_layer()

    def tangent(function: Function) -> Tensor | None:
        x = lively_input().requires_grad_()
        y = function(x)
        with forward_ad.dual_level():
            dy = forward_ad.make_dual(torch.ones_like(y), y.detach().cos())
            return forward_ad.unpack_dual(torch.autograd.grad(y, x, dy)[0]).tangent

    torch.testing.assert_close(tangent(layer), tangent(layer.plain))


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_activation_checkpoints(use_reentrant: bool) -> None:
    layer = lively_layer()
    assert_as_plain(layer, lively_input(), function=lambda x: checkpoint(layer, x, use_reentrant=use_reentrant))


def turned(tensor: Tensor) -> Tensor:
    return tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor


def turned_weight(tensor: Tensor) -> Tensor:
    return turned(tensor) if tensor.shape == (4 * CHANNELS, 4) else tensor


@pytest.mark.parametrize("unpack", [Tensor.clone, turned, turned_weight])
def test_hooks_on_saved_tensors(unpack: Callable[[Tensor], Tensor]) -> None:
    """They may give back tensors that lie in memory in another way than those that were saved."""
    layer = lively_layer()

    def function(x: Tensor) -> Tensor:
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, unpack):
            return layer(x)

    assert_as_plain(layer, lively_input(), function=function)


def test_autocast() -> None:
    layer, x = lively_layer(), lively_input().bfloat16()
    exact = step(layer.plain, layer, x.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = step(layer, layer, x)
    assert ours[0].dtype == ours[1].dtype == torch.bfloat16
    torch.testing.assert_close(ours[0].float(), exact[0], rtol=0.01, atol=0.01)
    for one, other in zip(ours[2:], exact[2:], strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.05 * other.abs().max().item())


def test_empty_batch() -> None:
    layer = lively_layer()
    x = lively_input()[:0].requires_grad_()
    layer(x).sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape


# --- no numbers behind the tensors ---


def test_meta_tensors() -> None:
    y = lively_layer().to("meta")(lively_input().to("meta"))
    assert y.is_meta
    assert y.shape == lively_input().shape


def test_weights_on_meta_are_refused() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        lively_layer().to("meta")(lively_input())
    with torch.no_grad(), pytest.raises(RuntimeError, match="meta"):
        lively_layer().to("meta")(lively_input())


@pytest.mark.parametrize("gradients", [True, False])
def test_fake_tensors(gradients: bool) -> None:
    with torch.set_grad_enabled(gradients):
        with FakeTensorMode() as mode:
            y = DyReLU(CHANNELS, "C")(mode.from_tensor(lively_input()))
        assert isinstance(y, torch._subclasses.FakeTensor)
        # The mode is left, the tensor is fake still.
        fake = FakeTensorMode(allow_non_fake_inputs=True).from_tensor(lively_input())
        y = lively_layer()(fake)
    assert isinstance(y, torch._subclasses.FakeTensor)
    assert y.shape == lively_input().shape


@pytest.mark.parametrize("gradients", [True, False])
def test_make_fx(gradients: bool) -> None:
    layer, x = lively_layer(), lively_input()
    with torch.set_grad_enabled(gradients):
        graph = make_fx(layer)(x + 1)
    torch.testing.assert_close(graph(x), layer.plain(x))


def test_flops_are_counted() -> None:
    layer, x = lively_layer(), lively_input()
    counts = []
    for function in (layer, torch.compile(layer, backend="aot_eager"), layer.plain):
        function(x)
        with FlopCounterMode(display=False) as counter:
            function(x).sum().backward()
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] == counts[2] > 0


# --- graphs ---


def test_jit() -> None:
    layer, x = lively_layer(), lively_input()
    traced = torch.jit.trace(layer, x + 1)
    torch.testing.assert_close(traced(x), layer.plain(x))
    with pytest.raises(RuntimeError, match=r"DyReLU cannot be compiled by torch\.jit\.script.*torch\.jit\.trace"):
        torch.jit.script(nn.Sequential(layer))


@pytest.mark.slow
@pytest.mark.parametrize("strict", [True, False])
def test_export_with_any_batch(strict: bool) -> None:
    layer, x = lively_layer(), lively_input()
    batch = torch.export.Dim("batch")
    program = torch.export.export(layer, (x,), dynamic_shapes=({0: batch},), strict=strict)
    assert not any("pose" in str(node.target) for node in program.graph.nodes)
    for images in (2, 7):
        torch.testing.assert_close(program.module()(lively_input(images)), layer.plain(lively_input(images)))


COMPILED: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x,
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
    "every second": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
}


@pytest.mark.slow
@needs_kernel
@both
@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("layout", COMPILED)
def test_compile(variant: Variant, layout: str, dynamic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = lively_layer(variant), COMPILED[layout](lively_input())
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True, dynamic=dynamic)
    calls, forward = [], dyrelu_fused.forward
    monkeypatch.setattr(dyrelu_fused, "forward", lambda *args: calls.append("kernel") or forward(*args))
    assert_as_plain(layer, x, function=compiled)
    assert calls == ["kernel"]


@pytest.mark.slow
@needs_kernel
@both
@pytest.mark.parametrize("layout", COMPILED)
def test_compilers_are_told_the_strides_that_come(variant: Variant, layout: str) -> None:
    layer, x = lively_layer(variant), COMPILED[layout](lively_input())
    projection = layer.attention.weight if variant == "C" else None
    w1, b1, w2, b2 = layer.fc1.weight, layer.fc1.bias, layer.fc2.weight, layer.fc2.bias
    settings = (1.0, 0.5, 1 / 3, 10.0)
    fake = FakeTensorMode()

    def call(operator: Any, *args: Any) -> list[Tensor]:
        faked = [fake.from_tensor(arg) if isinstance(arg, Tensor) else arg for arg in args]
        with torch.no_grad():
            real, told = operator(*args, *settings), operator(*faked, *settings)
        assert [t.stride() for t in told] == [t.stride() for t in real]
        return real

    _, *kept = call(torch.ops.pose.dyrelu, x, w1, b1, w2, b2, projection, layer.alpha, layer.beta)
    call(torch.ops.pose.dyrelu_backward, x.cos(), x, w1, w2, projection, layer.alpha, layer.beta, *kept)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["fc1", "fc2", "attention"])
def test_compile_sees_hooks(part: str) -> None:
    layer, x = lively_layer(), lively_input()
    getattr(layer, part).register_forward_hook(lambda module, args, output: output + 1)
    assert_as_plain(layer, x, function=torch.compile(layer, backend="aot_eager", fullgraph=True))


def test_compiled_transform() -> None:
    layer, x = lively_layer(), lively_input()
    compiled = torch.compile(grad(lambda v: layer(v).square().sum()), backend="aot_eager")
    torch.testing.assert_close(compiled(x), grad(lambda v: layer.plain(v).square().sum())(x))


@needs_kernel
def test_the_operator_refuses_what_it_cannot_read() -> None:
    layer, x = lively_layer(), lively_input()
    weights = (layer.fc1.weight, layer.fc1.bias, layer.fc2.weight, layer.fc2.bias, None, layer.alpha, layer.beta)
    settings = (1.0, 0.5, 1 / 3, 10.0)
    torch.ops.pose.dyrelu(x, *weights, *settings)
    for odd in (weights[0].T, weights[0].double(), weights[0][:, ::2], weights[0].bfloat16()):
        with pytest.raises(ValueError, match="fp32 tensors whose numbers lie one after another"):
            torch.ops.pose.dyrelu(x, odd, *weights[1:], *settings)
