"""Networks in which every part matters, where fresh ones hide mistakes behind zeros."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose.layers.dyrelu import DyReLU


@torch.no_grad()
def randomise(network: nn.Module, images: Tensor | None = None, *, strength: float = 0.5, seed: int = 0) -> nn.Module:
    """Random batch norms, residuals and attentions; in evaluation mode.

    Args:
        images: what the batch norms take their statistics from. Without statistics that fit, attentions of 1/3
            multiply the signal away, and what deep networks give depends on biases alone.
        strength: of DY-ReLU's residuals. Much of it in a deep network makes rounding grow from layer to layer.
    """
    rng = torch.Generator().manual_seed(seed)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in network.modules():
        if isinstance(module, DyReLU):
            for weight in module.fc2.parameters():
                nn.init.normal_(weight, std=strength, generator=rng)
            if module.variant == "C":
                nn.init.normal_(module.attention.weight, std=2 * strength, generator=rng)
        elif isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.5, 0.5, generator=rng)
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=rng)
        nn.init.normal_(norm.bias, std=0.3, generator=rng)
    if images is None:
        for norm in norms:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            nn.init.normal_(norm.running_mean, std=0.3, generator=rng)
            nn.init.uniform_(norm.running_var, 0.5, 1.5, generator=rng)
        return network.eval()
    network.eval()
    hooks = [norm.register_forward_pre_hook(_fit) for norm in norms]
    network(images)
    for hook in hooks:
        hook.remove()
    return network


def _fit(norm: nn.Module, inputs: tuple[Tensor]) -> None:
    """Take statistics from what comes in; channels that hardly vary are not blown up."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    variance = inputs[0].var(dim=(0, 2, 3))
    norm.running_mean.copy_(inputs[0].mean(dim=(0, 2, 3)))
    norm.running_var.copy_(variance.clamp(min=0.2 * float(variance.mean())))


def assert_alive(heatmaps: Tensor) -> None:
    """What a network gives depends on its input: samples differ as pixels do."""
    assert heatmaps.std(dim=0).mean() > 0.05 * heatmaps.std()
