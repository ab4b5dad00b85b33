"""The fused operator against the plain one, which test_dyrelu.py holds against naive loops."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, library, nn

from pose.layers import dyrelu_fused
from pose.layers.dyrelu import DyReLU, Variant
from pose.runtime.native import LEVELS

needs_kernel = pytest.mark.skipif(dyrelu_fused.CPU_KERNEL is None, reason="the CPU kernel was not compiled")
# Several blocks of positions, tails of vectors, groups of images, channels that no vector's length divides.
SHAPES = [(2, 96, 64, 48), (3, 20, 7, 5), (1, 8, 1, 1), (5, 33, 70, 61), (9, 64, 4, 4), (2, 3, 3, 50)]


def each_level() -> Iterator[str]:
    """Name of each level of the kernel that this processor has, while the kernel keeps to it."""
    assert dyrelu_fused.CPU_KERNEL is not None
    for index, name in enumerate(LEVELS):
        if dyrelu_fused.CPU_KERNEL.pose_limit(index) == index:
            yield name


@pytest.fixture(autouse=True)
def all_levels() -> Iterator[None]:
    yield
    if dyrelu_fused.CPU_KERNEL is not None:
        dyrelu_fused.CPU_KERNEL.pose_limit(len(LEVELS) - 1)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def layer(channels: int, variant: Variant, *, gamma: float = 1 / 3, reduction: int = 4) -> DyReLU:
    torch.manual_seed(0)
    module = DyReLU(channels, variant, gamma=gamma, reduction=reduction, alpha=(1.0, 0.2), beta=(0.1, -0.1))
    for weight in module.fc2.parameters():
        weight.data *= 3
    if variant == "C":
        nn.init.normal_(module.attention.weight, std=1.5)
    return module


def values_and_gradients(function: nn.Module, module: DyReLU, x: Tensor, dy: Tensor) -> list[Tensor]:
    x = x.detach().requires_grad_()
    module.zero_grad()
    y = function(x)
    y.backward(dy)
    assert x.grad is not None
    return [y.detach(), x.grad, *(p.grad for p in module.parameters() if p.grad is not None)]


@pytest.mark.slow
@needs_kernel
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("variant", ["B", "C"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_equals_the_plain_path(shape: tuple[int, ...], variant: Variant, channels_last: bool) -> None:
    module = layer(shape[1], variant)
    x, dy = torch.randn(2, *shape)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    assert dyrelu_fused.is_supported(x)
    # fp64, so that only the kernel's own rounding shows: sums of up to 4,270 terms in fp32.
    double = copy.deepcopy(module).double()
    plain = values_and_gradients(double.plain, double, x.double(), dy.double())
    assert len(plain) == (7 if variant == "C" else 6)
    for level in each_level():
        fused = values_and_gradients(module, module, x, dy)
        for ours, theirs in zip(fused, plain, strict=True):
            assert (ours - theirs).abs().max() <= 2e-5 * theirs.abs().max(), level
        if channels_last and min(shape[1:]) > 1:
            assert fused[0].is_contiguous(memory_format=torch.channels_last)


@needs_kernel
@pytest.mark.parametrize("variant", ["B", "C"])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_that_are_none(variant: Variant, channels_last: bool, dtype: torch.dtype) -> None:
    """NaN, infinities, -0.0, subnormal numbers and ties, one kind in each image, at channels that fill no vector."""
    module = layer(21, variant)
    module.alpha.fill_(0.5), module.beta.fill_(0.0)
    module.fc2.weight.data[21:42] = module.fc2.weight.data[:21]  # both pieces of equal slope: ties where b are too
    module.fc2.bias.data[21:42] = module.fc2.bias.data[:21]
    x = torch.randn(6, 21, 5, 7)
    x[0, 3, 1, 1], x[1, 20, 4, 6], x[2, 0, 0, 0] = torch.nan, torch.inf, -torch.inf
    x[3] = -0.0
    x[4] *= 1e-39
    x = x.to(dtype).contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    expected = module.plain(x.float())
    for level in each_level():
        y = module(x)
        rtol = 2e-5 if dtype == torch.float32 else 2**-8
        assert torch.allclose(y.float(), expected, rtol=rtol, atol=1e-6, equal_nan=True), level


@needs_kernel
@pytest.mark.parametrize("row", [0, 21, 42, 63])
@pytest.mark.parametrize("images", [1, 9])
def test_nan_of_one_piece_shows(row: int, images: int) -> None:
    """As an infinite input, or a broken weight, makes it: of a slope or an intercept of one piece alone."""
    module = layer(21, "B")
    module.fc2.bias.data[row + 2] = torch.nan
    x = torch.randn(images, 21, 5, 7)
    for level in each_level():
        assert torch.equal(module(x).isnan(), module.plain(x).isnan()), level
        assert module(x)[:, 2].isnan().all()


@needs_kernel
@pytest.mark.parametrize("shape", [(2, 3, 3, 50), (9, 20, 7, 5), (1, 33, 48, 50)])
@pytest.mark.parametrize("variant", ["B", "C"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_bf16_is_rounded_once(shape: tuple[int, ...], variant: Variant, channels_last: bool) -> None:
    """Values and dx are those in fp32 to a unit in the last place of bf16, and the weights' gradients are in fp32."""
    module = layer(shape[1], variant)
    x, dy = torch.randn(2, *shape).bfloat16()
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    wide = values_and_gradients(module, module, x.float(), dy.float())
    for level in each_level():
        y, dx, *weights = values_and_gradients(module, module, x, dy)
        assert y.dtype is dx.dtype is torch.bfloat16
        for ours, theirs in zip((y, dx), wide, strict=False):
            assert ((ours.float() - theirs).abs() <= 2**-8 * theirs.abs() + 1e-6).all(), level
            assert (ours != theirs.bfloat16()).float().mean() < 1e-3, level
        for ours, theirs in zip(weights, wide[2:], strict=True):
            assert ours.dtype is torch.float32
            assert (ours - theirs).abs().max() <= 2e-5 * theirs.abs().max(), level


@needs_kernel
@pytest.mark.parametrize("channels_last", [False, True])
def test_rounding_to_bf16_is_pytorchs(channels_last: bool) -> None:
    """All finite bf16 times 1, and times what puts them halfway and beyond."""
    module = layer(512, "B", reduction=64)
    for weight in module.parameters():
        nn.init.zeros_(weight)
    values = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(torch.bfloat16).nan_to_num(0, 0, 0)
    x = torch.stack([values.view(128, 512), torch.zeros(128, 512)], -1).unsqueeze(-1).bfloat16()
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    module.beta.fill_(0.0)
    for slope in (1.0, 1 + 2**-8):
        module.alpha.fill_(slope)
        for level in each_level():
            assert torch.equal(module(x), (x.float() * slope).bfloat16()), level


@needs_kernel
def test_attention_at_its_limit_passes_no_gradient() -> None:
    """gamma and the weights are such that the minimum with 1 is reached at some places and not at others."""
    module = layer(8, "C", gamma=1.0)
    nn.init.normal_(module.attention.weight, std=6)
    x, dy = torch.randn(2, 2, 8, 9, 7)
    pi = module.spatial_attention(x)
    assert 0.1 < (pi == 1).float().mean() < 0.9
    fused = values_and_gradients(module, module, x, dy)
    for ours, theirs in zip(fused, values_and_gradients(module.plain, module, x, dy), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@needs_kernel
@pytest.mark.parametrize("images", [1, 2, 7])
@pytest.mark.parametrize("channels_last", [False, True])
def test_threads_change_no_bit(images: int, channels_last: bool) -> None:
    module = layer(24, "C")
    x, dy = torch.randn(2, images, 24, 70, 61)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    results = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        results.append(values_and_gradients(module, module, x, dy))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@needs_kernel
@pytest.mark.parametrize("variant", ["B", "C"])
def test_strided_input_and_gradient(variant: Variant) -> None:
    module = layer(6, variant)
    x = torch.randn(2, 6, 9, 20)[..., ::2]
    dy = torch.randn(2, 6, 10, 9).transpose(2, 3)
    fused = values_and_gradients(module, module, x, dy)
    for ours, theirs in zip(fused, values_and_gradients(module.plain, module, x, dy), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@needs_kernel
@pytest.mark.parametrize("variant", ["B", "C"])
def test_without_gradient_it_gives_the_same(variant: Variant) -> None:
    module = layer(16, variant)
    x = torch.randn(3, 16, 12, 10)
    with_gradient = module(x)
    with torch.no_grad():
        assert torch.equal(module(x), with_gradient)


@needs_kernel
@pytest.mark.parametrize("variant", ["B", "C"])
def test_keeps_little_more_than_its_input(variant: Variant) -> None:
    """Bytes kept for the backward pass, beside weights: at most 1.1 times those of the input."""
    module = DyReLU(144, variant)
    x = torch.randn(2, 144, 32, 24, requires_grad=True)
    weights = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = module(x)
    assert x.untyped_storage().data_ptr() in kept
    assert sum(kept.values()) <= 1.1 * x.untyped_storage().nbytes()
    y.sum().backward()


@pytest.mark.slow
@needs_kernel
def test_operators_are_well_formed() -> None:
    """torch's own check of schema, fake tensors and autograd registration."""
    module = layer(8, "C")
    x = torch.randn(2, 8, 6, 5, requires_grad=True)
    args = (
        *(x, module.fc1.weight, module.fc1.bias, module.fc2.weight, module.fc2.bias),
        *(module.attention.weight.view(-1).detach().requires_grad_(), module.alpha, module.beta),
        *(1.0, 0.5, 1 / 3, 10.0),
    )
    library.opcheck(torch.ops.pose.dyrelu.default, args)


@needs_kernel
def test_compile_sees_one_operator() -> None:
    module = layer(8, "C")
    x = torch.randn(2, 8, 6, 5)
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _: list[Tensor]) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    compiled = torch.compile(module, backend=backend, fullgraph=True)
    torch.testing.assert_close(compiled(x), module(x))
    assert any("pose.dyrelu" in str(node.target) for node in graphs[0].graph.nodes)


@pytest.mark.slow
@needs_kernel
@pytest.mark.parametrize("variant", ["B", "C"])
def test_compiled_values_and_gradients_are_equal(variant: Variant) -> None:
    """Through forward and backward graph as a compiler traces them, with fake tensors ("aot_eager": no compiler)."""
    module = layer(8, variant)
    x, dy = torch.randn(2, 2, 8, 6, 5)
    eager = values_and_gradients(module, module, x, dy)
    compiled = values_and_gradients(torch.compile(module, backend="aot_eager", fullgraph=True), module, x, dy)
    assert len(compiled) == len(eager)
    for ours, theirs in zip(compiled, eager, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
def test_exporters_see_plain_operators() -> None:
    module = layer(8, "C")
    exported = torch.export.export(module, (torch.randn(2, 8, 6, 5),))
    assert not any("pose" in str(node.target) for node in exported.graph.nodes)
    traced = torch.jit.trace(module, torch.randn(2, 8, 6, 5), check_trace=False)
    assert "pose::" not in str(traced.inlined_graph)


@pytest.mark.parametrize("x", [torch.randn(2, 8, 3, 3, dtype=torch.float64), torch.randn(0, 8, 3, 3)])
def test_takes_the_plain_path_for_the_rest(x: Tensor) -> None:
    assert not dyrelu_fused.is_supported(x)
    module = layer(8, "B").to(x.dtype)
    assert module(x).shape == x.shape


def test_works_without_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = layer(8, "C"), torch.randn(2, 8, 3, 3)
    expected = module.plain(x)
    monkeypatch.setattr(dyrelu_fused, "CPU_KERNEL", None)
    assert torch.equal(module(x), expected)


@needs_kernel
@pytest.mark.parametrize("variant", ["B", "C"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_widened_for_the_kernel(variant: Variant, dtype: torch.dtype) -> None:
    """As under autocast: fp32 weights, a half input; the result is the fp32 one, rounded once."""
    torch.manual_seed(0)
    layer = DyReLU(8, variant)
    x, exact = (torch.randn(2, 8, 6, 5).to(dtype).requires_grad_() for _ in range(2))
    exact.data = x.data.clone()
    with torch.autocast("cpu", dtype=dtype):
        y = layer(x)
    wide = layer(exact.float())
    assert y.dtype == dtype
    assert torch.equal(y, wide.to(dtype))
    gradient = torch.randn_like(y)
    y.backward(gradient)
    wide.backward(gradient.float())
    assert torch.equal(x.grad, exact.grad)  # type: ignore[arg-type]


def test_half_weights_take_the_plain_path() -> None:
    """The kernel would read them as fp32."""
    layer = DyReLU(8, "C").bfloat16()
    x = torch.randn(2, 8, 6, 5).bfloat16()
    assert torch.equal(layer(x), layer.plain(x))
