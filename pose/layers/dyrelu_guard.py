"""Whether a fused path may stand in for a plain one: only where both provably give the same.

A kernel reads memory and calls no operator of PyTorch. So it may only be given tensors that are nothing but their
memory, in place of modules that do nothing but their own work, while nothing watches or rewrites operators. Wherever
that is in doubt the answer is no, and the plain path, which does whatever PyTorch does, runs instead. Weights, hooks
and modes change between calls without notice, so all of this is looked at in each call; it takes a few microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import torch
from torch import Tensor, nn
from torch._C import _dispatch_keys
from torch.autograd import forward_ad
from torch.nn.modules import module as global_hooks
from torch.overrides import _get_current_function_mode_stack
from torch.utils._device import DeviceContext
from torch.utils._python_dispatch import _disable_current_modes

_KINDS = frozenset((Tensor, nn.Parameter))


def is_unwatched() -> bool:
    """Whether no transform, mode, tracer, exporter or hook on all modules is active: each of them would miss the
    plain path's operators. A compiler that reads this code is none of them, as it is given an operator to see."""
    if torch._C._functorch.maybe_current_level() is not None or forward_ad._current_level >= 0:
        return False
    if torch.compiler.is_compiling():
        # The flag itself, as torch.compile of PyTorch 2.11 takes `is_exporting()` for true whatever it compiles.
        return not getattr(torch.compiler, "_is_exporting_flag", False)
    return not (
        torch._C._len_torch_dispatch_stack()
        or (torch._C._len_torch_function_stack() and _is_function_mode_active())
        or torch.jit.is_tracing()
        or global_hooks._global_forward_hooks
        or global_hooks._global_forward_pre_hooks
        or global_hooks._global_backward_hooks
        or global_hooks._global_backward_pre_hooks
    )


def _is_function_mode_active() -> bool:
    # A default device only says where new tensors are made, and kernels make theirs where x is.
    return not all(isinstance(mode, DeviceContext) for mode in _get_current_function_mode_stack())


def bare_weights(module: nn.Module | None, kind: type[nn.Module]) -> Mapping[str, Tensor | None] | None:
    """A module's own parameters, if calling it does what its class does and no more: it is exactly of this class
    (parametrizations and FSDP make another one), and has neither hooks nor a `forward` of its own. Else None."""
    if type(module) is not kind or (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in module.__dict__
    ):
        return None
    return module._parameters  # `module.weight` would take many times longer


def are_plain(expected: Iterable[tuple[Tensor | None, tuple[int, ...]]], like: Tensor) -> bool:
    """Whether each tensor is nothing but fp32 numbers of its shape, one after another in memory, where `like` is."""
    compiling, device, plain = torch.compiler.is_compiling(), like.device, torch.float32
    keys = frozenset() if compiling else _plain_keys(like.is_cpu)
    # The keys of a CPU are its own; a GPU's are those of all GPUs.
    anywhere = like.is_cpu and not compiling
    for tensor, shape in expected:
        if (
            tensor is None
            or type(tensor) not in _KINDS
            or tensor.dtype is not plain
            or tensor.shape != shape
            or not (_is_strided(tensor) if compiling else _dispatch_keys(tensor).raw_repr() in keys)
            or not (anywhere or tensor.device == device)
            or not tensor.is_contiguous()
        ):
            return False
    return True


def is_memory(tensor: Tensor) -> bool:
    """Whether a tensor on a CPU or a GPU is its memory and nothing else: exactly of PyTorch's class, and not fake,
    sparse, quantized, nested, without storage, negated when read, or wrapped by a transform."""
    if type(tensor) not in _KINDS:
        return False
    if torch.compiler.is_compiling():
        return _is_strided(tensor)
    return _dispatch_keys(tensor).raw_repr() in _plain_keys(tensor.is_cpu)


def _is_strided(tensor: Tensor) -> bool:
    """What a compiler can tell, which sees neither dispatch keys nor, in its tensors, anything but plain ones."""
    return tensor.layout is torch.strided


@cache
def _plain_keys(on_cpu: bool) -> frozenset[int]:
    """Dispatch keys of an ordinary tensor, made outside and inside of inference mode."""
    found = []
    for inference in (False, True):
        with _disable_current_modes(), torch.inference_mode(inference):
            found.append(_dispatch_keys(torch.empty(0, device="cpu" if on_cpu else "cuda")).raw_repr())
    return frozenset(found)
