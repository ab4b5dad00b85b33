"""The training loss: mean squared error of heatmaps, by keypoint weight."""

from __future__ import annotations

from torch import Tensor


def heatmap_mse(pred: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Half the mean squared error, 0.5 * mean((w * (pred - target))^2), in float32.

    Keypoints of weight 0 add nothing to the sum but stay in the mean, so the loss is comparable with HRNet's.

    Shapes: B batch, K keypoints, H x W heatmap.

    Args:
        pred: (B, K, H, W), any float dtype; half precision is converted before the difference is taken.
        target: (B, K, H, W).
        weights: (B, K).
    Returns:
        () float32.
    Raises:
        ValueError: shapes do not fit.
    Source: HRNet, `lib/core/loss.py`, JointsMSELoss with target weights.
    """
    if pred.shape != target.shape or weights.shape != pred.shape[:2]:
        raise ValueError(
            f"heatmap_mse needs pred and target (B, K, H, W) and weights (B, K), got "
            f"{tuple(pred.shape)}, {tuple(target.shape)} and {tuple(weights.shape)}"
        )
    error = (pred.float() - target.float()) * weights.float()[..., None, None]
    return 0.5 * error.square().mean()
